import Base
import CSystem
import Testing

@testable import Keyspace

@Suite struct ActiveExpiryTests {
    /// Slices until nothing is due; answers keys removed and the longest slice.
    private func drain(_ expiry: inout ActiveExpiry, _ now: Int64, budget: UInt64 = 500_000) -> (Int, UInt64) {
        var removed = 0
        var longest: UInt64 = 0
        for _ in 0..<200_000 {
            let start = cs_monotonic_ns()
            let progress = expiry.slice(moment(now), budget: budget)
            longest = max(longest, cs_monotonic_ns() - start)
            removed += progress.removed
            if !progress.isUnfinished { return (removed, longest) }
        }
        Issue.record("expiry does not come to an end")
        return (removed, longest)
    }

    @Test func removesExactlyWhatIsDue() {
        let sink = RecordingSink()
        let test = TestKeyspace(sink: sink)
        for i in 0..<3000 {
            let database = i % 4
            let deadline: Access.DeadlineChange =
                switch i % 3 {
                case 0: .set(testNow + 10)
                case 1: .set(testNow + 5000 + Int64(i))
                default: .clear
                }
            test.put("key:\(i)", "v", database, deadline: deadline)
        }
        var expiry = ActiveExpiry(test.keyspace, loop: 0, of: 1)
        #expect(drain(&expiry, testNow + 10).0 == 0)
        #expect(drain(&expiry, testNow + 11, budget: 20_000_000).0 == 1000)
        #expect((0..<4).map { test.count($0) }.reduce(0, +) == 2000)
        #expect((0..<4).map { test.expiringCount($0) }.reduce(0, +) == 1000)
        var expired: UInt64 = 0
        test.keyspace.forEachPartition { expired += $0.pointee.expired }
        #expect(expired == 1000)
        #expect(sink.mutations.count == 4000)
        #expect(test.brokenInvariant() == nil)
    }

    @Test func saysWhenTheNextDeadlineIs() {
        let test = TestKeyspace()
        var expiry = ActiveExpiry(test.keyspace, loop: 0, of: 1)
        #expect(expiry.slice(moment()).earliestDeadline == .max)
        #expect(expiry.slice(moment()).delay(now: testNow) == .max)
        test.put("a", "v", 3, deadline: .set(testNow + 500))
        test.put("b", "v", deadline: .set(testNow + 90))
        #expect(expiry.earliestDeadline == testNow + 90)
        let progress = expiry.slice(moment())
        #expect(progress.earliestDeadline == testNow + 90)
        #expect(progress.delay(now: testNow) == 91)
        let later = expiry.slice(moment(testNow + 91), budget: 50_000_000)
        #expect(later.removed == 1)
        #expect(later.earliestDeadline == testNow + 500)
    }

    /// A bound that is too early (its key is gone) costs one walk and is then right.
    @Test func boundsRecover() {
        let test = TestKeyspace()
        test.put("a", "v", deadline: .set(testNow + 10))
        test.put("{a}b", "v", deadline: .set(testNow + 1000))
        test.remove("a")
        var expiry = ActiveExpiry(test.keyspace, loop: 0, of: 1)
        #expect(expiry.slice(moment(testNow + 50), budget: 50_000_000).visited == 1)
        let next = expiry.slice(moment(testNow + 51), budget: 50_000_000)
        #expect(next.visited == 0 && next.earliestDeadline == testNow + 1000)
    }

    @Test func loopsShareThePartitions() {
        let test = TestKeyspace()
        for i in 0..<3000 { test.put("key:\(i)", "v", deadline: .set(testNow)) }
        var removed: [Int] = []
        for loop in 0..<3 {
            var expiry = ActiveExpiry(test.keyspace, loop: loop, of: 3)
            removed.append(drain(&expiry, testNow + 1).0)
        }
        #expect(removed.reduce(0, +) == 3000)
        #expect(removed.allSatisfy { $0 > 500 })
        #expect(test.count() == 0)
    }

    @Test func manyDueAtOnceAreSliced() {
        let test = TestKeyspace()
        for i in 0..<60_000 { test.put("key:\(i)", "v", deadline: .set(testNow)) }
        var expiry = ActiveExpiry(test.keyspace, loop: 0, of: 1)
        let first = expiry.slice(moment(testNow + 1), budget: 100_000)
        #expect(first.isUnfinished && first.removed > 0 && first.removed < 60_000)
        #expect(first.delay(now: testNow + 1) == 0)
        #expect(drain(&expiry, testNow + 1).0 == 60_000 - first.removed)
        #expect(test.count() == 0)
        #expect(test.brokenInvariant() == nil)
    }

    /// New keys and deadlines that arrive while a walk is under way are not forgotten.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func walksMeetEverythingDespiteChanges(seed: UInt64) {
        var random = PRNG(seed: seed)
        let test = TestKeyspace(databases: 2)
        var expiry = ActiveExpiry(test.keyspace, loop: 0, of: 1)
        for step in 0..<1500 {
            test.now = testNow + Int64(step)
            for _ in 0..<random.below(8) {
                let name = "{\(random.below(2))}\(random.below(400))"
                let deadline = test.now + Int64(random.below(300))
                if random.below(5) == 0 { test.remove(name) } else { test.put(name, "v", deadline: .set(deadline)) }
            }
            _ = expiry.slice(moment(test.now), budget: random.below(2) == 0 ? 3_000 : 60_000)
            if step % 50 == 0, let broken = test.brokenInvariant() {
                Issue.record("seed \(seed), step \(step): \(broken)")
                return
            }
        }
        _ = drain(&expiry, test.now + 301)
        #expect(test.count() == 0)
    }

    @Test func suspendedExpiryDoesNothing() {
        let test = TestKeyspace()
        test.put("a", "v", deadline: .set(testNow))
        test.keyspace.shared.pointee.keepsExpired = 1
        var expiry = ActiveExpiry(test.keyspace, loop: 0, of: 1)
        let progress = expiry.slice(moment(testNow + 5))
        #expect(progress.removed == 0 && !progress.isUnfinished)
        #expect(progress.delay(now: testNow + 5) <= 101)
        #expect(test.count() == 1)
    }

    @Test func finishesResizesOfIdleTables() {
        let test = TestKeyspace()
        for i in 0..<4000 { test.put("{t}\(i)", "v", deadline: .set(testNow + 1_000_000)) }
        for i in 0..<3950 { test.remove("{t}\(i)") }
        let resizing = {
            var found = 0
            test.keyspace.forEachPartition { partition in
                for tables in (0..<4).map({ partition.pointee.databases[$0] }) {
                    found += (tables.entries.isResizing ? 1 : 0) + (tables.expiring.isResizing ? 1 : 0)
                }
            }
            return found
        }
        #expect(resizing() > 0)
        var expiry = ActiveExpiry(test.keyspace, loop: 0, of: 1)
        for _ in 0..<Limits.partitions { _ = expiry.slice(moment(), budget: 10_000_000) }
        #expect(resizing() == 0)
        #expect((3950..<4000).allSatisfy { test.value("{t}\($0)") == "v" })
    }

    @Test func statistics() {
        let test = TestKeyspace()
        for i in 0..<100 { test.put("key:\(i)", "v", 1, deadline: i < 60 ? .set(testNow + 4000) : .clear) }
        let figures = test.keyspace.statistics(database: 1, now: testNow)
        #expect(figures == DatabaseStatistics(keys: 100, expires: 60, averageTTL: 4000))
        #expect(test.keyspace.statistics(database: 0, now: testNow) == DatabaseStatistics())
    }
}
