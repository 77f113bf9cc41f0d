import Base
import Causality
import Testing

@testable import Keyspace

@Suite struct FlushTests {
    private func filled(_ disposer: Disposer = Disposer(), sink: MutationSink? = nil) -> TestKeyspace {
        let test = TestKeyspace(disposer: disposer, sink: sink)
        for i in 0..<2000 {
            test.put("key:\(i)", "value \(i)", deadline: i % 3 == 0 ? .set(testNow + 1000) : .clear)
            if i < 500 { test.put("key:\(i)", String(repeating: "y", count: 3000), 1, deadline: .set(testNow + 7)) }
        }
        test.put("alone", "x", 2)
        return test
    }

    @Test func emptiesAtOnceAndFreesLater() {
        let disposer = HoldingDisposer()
        let test = filled(disposer)
        test.keyspace.flush(database: 1, moment: moment())
        #expect(test.count(0) == 2000 && test.count(1) == 0 && test.count(2) == 1)
        #expect(test.expiringCount(1) == 0)
        #expect(test.value("key:1", 1) == nil)
        test.keyspace.flush(database: nil, moment: moment())
        #expect((0..<4).allSatisfy { test.count($0) == 0 && test.expiringCount($0) == 0 })
        // What counts is keys.
        #expect(disposer.items == 2 && disposer.pending == 500 + 2001)
        // The tables work on while the old contents wait to be freed.
        test.put("key:1", "again", deadline: .set(testNow + 3))
        disposer.run()
        #expect(test.value("key:1") == "again")
        #expect(test.count() == 1)
        #expect(test.brokenInvariant() == nil)
    }

    @Test func everySlotWithKeysTakesOneDot() {
        let sink = RecordingSink()
        let test = filled(sink: sink)
        var slots: Set<Int> = []
        for i in 0..<2000 { test.with([UInt8]("key:\(i)".utf8)) { slots.insert($1.slot) } }
        let before = test.keyspace.writes
        let mutationsBefore = sink.mutations.count
        test.keyspace.flush(database: 0, moment: moment())
        #expect(test.keyspace.writes == before + UInt64(slots.count))
        let flushes = sink.mutations.dropFirst(mutationsBefore)
        #expect(Set(flushes.map(\.slot)) == slots && flushes.count == slots.count)
        test.keyspace.flush(database: 0, moment: moment())
        #expect(test.keyspace.writes == before + UInt64(slots.count))
    }

    @Test func tellsWatchersOfKeysThatWere() {
        let test = filled()
        let (there, absent, elsewhere) = (WatchFlag(), WatchFlag(), WatchFlag())
        test.with([UInt8]("key:7".utf8)) { $0.watch($1, there) }
        test.with([UInt8]("nothing".utf8)) { $0.watch($1, absent) }
        test.with([UInt8]("key:7".utf8), 1) { $0.watch($1, elsewhere) }
        test.keyspace.flush(database: 0, moment: moment())
        #expect(there.isSet && !absent.isSet && !elsewhere.isSet)
    }

    @Test func swapExchangesKeysDeadlinesAndCounters() {
        let test = filled()
        test.keyspace.swap(0, 1, moment: moment())
        #expect(test.count(0) == 500 && test.count(1) == 2000)
        #expect(test.expiringCount(0) == 500 && test.expiringCount(1) == 667)
        #expect(test.value("key:1", 1) == "value 1")
        #expect(test.value("key:600") == nil)
        #expect(test.brokenInvariant() == nil)
        test.keyspace.swap(2, 0, moment: moment())
        #expect(test.count(0) == 1 && test.count(2) == 500)
        #expect(test.slot(of: "alone").keys == 1)
        #expect(test.brokenInvariant() == nil)
    }

    @Test func swapTellsWatchersOfKeysInEither() {
        let test = filled()
        test.put("late", "x", 1, deadline: .set(testNow - 1))
        let flags = (0..<5).map { _ in WatchFlag() }
        test.with([UInt8]("key:1000".utf8), 0) { $0.watch($1, flags[0]) }
        test.with([UInt8]("key:1000".utf8), 1) { $0.watch($1, flags[1]) }
        test.with([UInt8]("nothing".utf8), 0) { $0.watch($1, flags[2]) }
        test.with([UInt8]("alone".utf8), 2) { $0.watch($1, flags[3]) }
        test.with([UInt8]("late".utf8), 0) { $0.watch($1, flags[4]) }
        test.keyspace.swap(0, 1, moment: moment())
        #expect(flags.map(\.isSet) == [true, true, false, false, false])
    }
}
