import Base
import Commands
import Testing

@testable import Keyspace

/// Commands whose replies have no fixed order, which recorded traces cannot tell.
@Suite struct KeyWalkTests {
    private func harness(keys: Int) -> CommandHarness {
        let harness = CommandHarness([KeyCommands.commands, StringCommands.commands])
        for i in 0..<keys { harness.run("SET", "key:\(i)", "v") }
        return harness
    }

    /// The bulk strings of a reply.
    private func words(_ reply: String) -> [String] {
        let lines = reply.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        return lines.indices.filter { lines[$0].hasPrefix("$") }.map { lines[$0 + 1] }
    }

    /// All names a whole scan reports, and how many calls it took.
    private func scan(_ harness: CommandHarness, _ options: [String] = []) -> (names: [String], calls: Int) {
        var names: [String] = []
        var cursor = "0"
        var calls = 0
        repeat {
            let words = (["SCAN", cursor] + options).map { Array($0.utf8) }
            let found = self.words(String(decoding: harness.run(words), as: UTF8.self))
            cursor = found[0]
            names += found.dropFirst()
            calls += 1
        } while cursor != "0" && calls < 100_000
        return (names, calls)
    }

    @Test(arguments: [0, 1, 9, 300, 5000])
    func scanReportsEveryKeyOnce(count: Int) {
        let harness = harness(keys: count)
        let whole = scan(harness)
        #expect(whole.names.sorted() == (0..<count).map { "key:\($0)" }.sorted())
        // COUNT is ten: at least about that much work is done by each call.
        #expect(whole.calls <= 1 + count / 10)
        #expect(scan(harness, ["COUNT", "100000"]).calls == 1)
        #expect(scan(harness, ["COUNT", "1"]).names.count == count)
    }

    @Test func scanFilters() {
        let harness = harness(keys: 500)
        harness.run("SET", "late", "v", "PXAT", "\(harness.now + 5)")
        harness.now += 6
        #expect(Set(scan(harness, ["MATCH", "key:4?"]).names) == Set((40..<50).map { "key:\($0)" }))
        #expect(scan(harness, ["TYPE", "STRING"]).names.count == 500)
        #expect(scan(harness, ["TYPE", "hash"]).names.isEmpty)
        #expect(scan(harness, ["MATCH", "late"]).names.isEmpty)
        #expect(words(harness.run("KEYS", "*")).count == 500)
        #expect(words(harness.run("KEYS", "late")).isEmpty)
    }

    /// Keys that stay are reported although others come and go between the calls.
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func scanKeepsItsPromiseUnderChange(seed: UInt64) {
        let harness = harness(keys: 400)
        var random = PRNG(seed: seed)
        var seen: Set<String> = []
        var cursor = "0"
        repeat {
            let found = words(harness.run("SCAN", cursor, "COUNT", "\(1 + random.below(30))"))
            cursor = found[0]
            seen.formUnion(found.dropFirst())
            for _ in 0..<100 {
                let name = "{\(random.below(4))}\(random.below(3000))"
                if random.below(2) == 0 { harness.run("SET", name, "v") } else { harness.run("DEL", name) }
            }
        } while cursor != "0"
        #expect((0..<400).allSatisfy { seen.contains("key:\($0)") })
    }

    @Test func randomKeyFindsAllAndDropsExpired() {
        let harness = harness(keys: 20)
        for i in 0..<50 { harness.run("SET", "late:\(i)", "v", "PXAT", "\(harness.now + 5)") }
        harness.now += 6
        var seen: Set<String> = []
        for _ in 0..<1000 { seen.formUnion(words(harness.run("RANDOMKEY"))) }
        #expect(seen == Set((0..<20).map { "key:\($0)" }))
        harness.run("FLUSHDB")
        #expect(harness.run("RANDOMKEY") == "$-1\r\n")
    }

    @Test func timeToLiveRounds() {
        let harness = harness(keys: 1)
        for (left, seconds) in [(1_499, 1), (1_500, 2), (499, 0), (500, 1), (10_000, 10)] {
            harness.run("PEXPIRE", "key:0", "\(left)")
            #expect(harness.run("PTTL", "key:0") == ":\(left)\r\n")
            #expect(harness.run("TTL", "key:0") == ":\(seconds)\r\n")
        }
    }

    @Test func idleTimeCountsFromTheLastAccess() {
        let harness = harness(keys: 1)
        harness.now += 7_000
        #expect(harness.run("EXISTS", "key:0") == ":1\r\n")
        #expect(harness.run("OBJECT", "IDLETIME", "key:0") == ":7\r\n")
        harness.run("TOUCH", "key:0")
        #expect(harness.run("OBJECT", "IDLETIME", "key:0") == ":0\r\n")
    }
}
