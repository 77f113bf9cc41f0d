import Base
import Testing

@testable import Replication

@Suite struct HintTableTests {
    private func add(_ table: inout HintTable, _ key: String, for member: Int, slot: Int = 1) {
        key.withView { table.add($0, slot: slot, for: member) }
    }

    @Test func membersGetWhatTheyLack() {
        var table = HintTable()
        for key in ["a", "b"] { for member in [3, 5] { add(&table, key, for: member) } }
        add(&table, "c", for: 3, slot: 2)
        #expect(table.count == 5 && table.stored == 5)
        let all = table.hints(for: 3, max: 10)
        #expect(all.map(\.key) == [Array("a".utf8), Array("b".utf8), Array("c".utf8)])
        let some = table.hints(for: 3, max: 2), none = table.hints(for: 4, max: 10)
        #expect(some == Array(all[..<2]) && none.isEmpty)
        let a = all[0]
        let isLast = table.handed(a, slot: 1, to: 3)
        #expect(!isLast && table.count == 4 && table.replayed == 1)
        let elsewhere = table.hints(for: 5, max: 10).first { $0.key == a.key }!
        let isLastNow = table.handed(elsewhere, slot: 1, to: 5)
        #expect(isLastNow && table.count == 3)
        // It comes twice.
        let again = table.handed(elsewhere, slot: 1, to: 5)
        #expect(!again && table.count == 3 && table.replayed == 2)
    }

    @Test func whatChangesMeanwhileIsHandedAgain() {
        var table = HintTable()
        add(&table, "a", for: 3)
        let old = table.hints(for: 3, max: 1)[0]
        add(&table, "a", for: 3)
        #expect(table.count == 1 && table.stored == 1)
        let isLast = table.handed(old, slot: 1, to: 3)
        #expect(!isLast && table.count == 1 && table.replayed == 0)
        let new = table.hints(for: 3, max: 1)[0]
        let isLastNow = table.handed(new, slot: 1, to: 3)
        #expect(isLastNow && table.count == 0)
    }

    /// However often they change, keys are told once each, in the order of their latest changes.
    @Test func keysThatChangeAllTheTime() {
        var table = HintTable()
        for i in 0..<10_000 { add(&table, "key:\(i * 7919 % 100)", for: 3) }
        #expect(table.count == 100 && table.stored == 100)
        var keys: [[UInt8]] = []
        while true {
            let some = table.hints(for: 3, max: 7)
            if some.isEmpty { break }
            keys += some.map(\.key)
            for hint in some { _ = table.handed(hint, slot: 1, to: 3) }
        }
        #expect(keys == (9900..<10_000).map { Array("key:\($0 * 7919 % 100)".utf8) })
        #expect(table.count == 0 && table.isDrained(3, slot: 1))
    }

    @Test func slotsAreDrained() {
        var table = HintTable()
        #expect(table.isDrained(3, slot: 1))
        add(&table, "a", for: 3)
        add(&table, "b", for: 3)
        add(&table, "a", for: 3)
        for hint in table.hints(for: 3, max: 10) {
            #expect(!table.isDrained(3, slot: 1) && table.isDrained(4, slot: 1) && table.isDrained(3, slot: 2))
            _ = table.handed(hint, slot: 1, to: 3)
        }
        #expect(table.isDrained(3, slot: 1))
    }

    @Test func figures() {
        var table = HintTable()
        "a".withView { table.add($0, slot: 1, for: 3, isNew: false) }
        table.drop(3)
        #expect(table.count == 1 && table.stored == 0 && table.dropped == 3)
        table.resetCounts()
        #expect(table.count == 1 && table.dropped == 0)
    }
}
