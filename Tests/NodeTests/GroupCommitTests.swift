import Testing

@testable import Node

/// How many clients share a sync.
struct GroupCommitTests {
    private let group = GroupCommit()

    /// A write and a sync of so many nanoseconds, while others come.
    private func commit(nanoseconds: UInt64 = 1_000_000, meanwhile arriving: Int = 0) {
        group.begin()
        if arriving > 0 { _ = group.add(arriving) }
        group.end(nanoseconds)
    }

    @Test("A client alone is written for at once, every time")
    func alone() {
        for _ in 0..<100 {
            #expect(group.add(1))
            #expect(group.patience(waited: 0) == 0)
            commit()
        }
    }

    @Test("Of many, half are waited for: the writer hears of the first and of the one that completes the half")
    func half() {
        _ = group.add(50)
        commit()
        #expect(group.population == 50)
        #expect(group.add(1))
        #expect(group.patience(waited: 0) > 0)
        #expect(!group.add(23))
        #expect(group.patience(waited: 0) > 0)
        #expect(group.add(1))
        #expect(group.patience(waited: 0) == 0)
        #expect(!group.add(5))
    }

    @Test("Those that come during a sync count for the next, and as waiting at the same time")
    func during() {
        _ = group.add(20)
        commit(meanwhile: 20)
        #expect(group.population == 40)
        #expect(group.patience(waited: 0) == 0)
    }

    @Test("The wait is half a sync's time, within its bounds, and ends")
    func bounds() {
        for (nanoseconds, microseconds) in [(10_000, 500), (1_600_000, 800), (50_000_000, 1000)] {
            _ = group.add(100)
            commit(nanoseconds: UInt64(nanoseconds))
            _ = group.add(1)
            #expect(group.patience(waited: 0) == Int64(microseconds))
            #expect(group.patience(waited: 100) == Int64(microseconds - 100))
            #expect(group.patience(waited: 1000) == 0)
            commit()
        }
    }

    @Test("Clients that have gone are soon not waited for any more")
    func forgets() {
        _ = group.add(100)
        commit()
        var waits = 0
        for _ in 0..<40 {
            _ = group.add(1)
            if group.patience(waited: 0) > 0 { waits += 1 }
            commit()
        }
        #expect(waits > 0 && waits < 30)
        #expect(group.population < GroupCommit.populationMin)
    }
}
