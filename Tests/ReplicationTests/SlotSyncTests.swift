import Base
import Causality
import Replication
import Testing

/// What replicas tell each other to find out who lacks what (docs/cluster.md: message `sync`).
@Suite struct SlotSyncTests {
    private func id(_ number: UInt64) -> ActorID { ActorID(high: number, low: ~number) }

    private func read(_ bytes: ByteView, _ table: inout ActorTable) throws(CausalityError) -> [SlotKnowledge] {
        try SlotKnowledge.read(bytes) { (reader) throws(CausalityError) in try ActorDictionary(&reader, &table) }
    }

    private func knowledge(_ actors: inout ActorTable) throws -> [SlotKnowledge] {
        var clock = SlotClock()
        clock.claim(DotRange(actor: try actors.intern(id(7)), 1...9), at: 1_700_000_000_001)
        clock.claim(DotRange(actor: try actors.intern(id(3)), 1...4), at: 1_700_000_000_002)
        return [
            SlotKnowledge(slot: 300, clock, residue: 0x0102_0304_0506_0708, unsettled: [[97, 98], [99]]),
            SlotKnowledge(slot: 301, SlotClock(), residue: 0, unsettled: []),
        ]
    }

    @Test func anotherNodeReadsIt() throws {
        var sender = ActorTable()
        var bytes = ByteBuffer()
        SlotKnowledge.encode(try knowledge(&sender), to: &bytes, sender)
        var table = ActorTable()
        _ = try table.intern(id(100))
        let slots = try read(bytes.view, &table)
        #expect(slots.map(\.slot) == [300, 301])
        #expect(slots[0].clock.base.counter(of: try #require(table.index(of: id(7)))) == 9)
        #expect(slots[0].clock.base.counter(of: try #require(table.index(of: id(3)))) == 4)
        #expect(slots[0].residue == 0x0102_0304_0506_0708 && slots[0].unsettled == [[97, 98], [99]])
        #expect(slots[1].clock.isEmpty && slots[1].residue == 0 && slots[1].unsettled.isEmpty)
    }

    /// Slot by slot, so that it may end between two; nowhere else.
    @Test func nothingElseIsRead() throws {
        var sender = ActorTable()
        var bytes = ByteBuffer()
        SlotKnowledge.encode(try knowledge(&sender), to: &bytes, sender)
        let whole = bytes.view.bytes
        var read = 0
        for count in 0..<whole.count {
            var table = ActorTable()
            Array(whole[..<count]).withView { cut in if (try? self.read(cut, &table)) != nil { read += 1 } }
        }
        // Before the first slot, and between the two.
        #expect(read == 2)
    }

    /// The layout, byte by byte: no actors; slot 300; an empty clock; the residue; two names.
    @Test func layout() {
        let one = SlotKnowledge(slot: 300, SlotClock(), residue: 0x0102_0304_0506_0708, unsettled: [[97, 98], [99]])
        var bytes = ByteBuffer()
        SlotKnowledge.encode([one], to: &bytes, ActorTable())
        var clock = ByteBuffer()
        SlotClock().encode(to: &clock, ActorDictionary(of: [], ActorTable()))
        let expected: [UInt8] =
            [0] + [0xac, 0x02] + clock.view.bytes + [1, 2, 3, 4, 5, 6, 7, 8] + [2, 2, 97, 98, 1, 99]
        #expect(bytes.view.bytes == expected)
    }
}
