import Base
import Testing

@testable import Causality

/// docs/causality.md: bytes that are on disks and between nodes of different versions.
@Suite struct EncodingTests {
    private static let epoch = Limits.timestampEpoch
    private let a = [UInt8](repeating: 0, count: 15) + [1]
    private let b = [UInt8](repeating: 0, count: 15) + [2]
    private let c = [UInt8](repeating: 0, count: 15) + [3]

    /// Indexes 0, 1, 2 are those of the ids 2, 1, 3: encodings go by ids.
    private func table() -> ActorTable {
        var table = ActorTable()
        for low in [2, 1, 3] as [UInt64] { _ = try! table.intern(ActorID(high: 0, low: low)) }
        return table
    }

    private func framed(_ bytes: [UInt8]) -> [UInt8] {
        let checksum = bytes.withView { CRC32C.checksum($0) }
        return bytes + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
    }

    private func bytes(_ body: (inout ByteBuffer) -> Void) -> [UInt8] {
        var output = ByteBuffer()
        body(&output)
        return output.view.bytes
    }

    private func entry(_ actor: UInt64, _ counter: UInt64, _ ms: Int64) -> ClockEntry {
        ClockEntry(Dot(actor: actor, counter: counter), at: Self.epoch + ms)
    }

    private var context: CausalContext {
        var context = CausalContext(VersionVector([entry(0, 3, 5)]))
        context.insert(entry(1, 9, -1))
        return context
    }

    private let contextBody: [UInt8] = [1, 1, 3, 10, 1, 0, 9, 1]

    private func put(_ word: String, _ output: inout ByteBuffer) { word.withView { output.append($0) } }

    private func word(_ bytes: ByteView) -> String { bytes.text }

    @Test func contextsArePinned() throws {
        var table = table()
        let encoded = bytes { context.encode(to: &$0, table) }
        #expect(encoded == framed([0x58, 1, 2] + a + b + contextBody))
        // Computed by another program.
        #expect(encoded.suffix(4) == [0x2e, 0xee, 0x2f, 0x60])
        #expect(try encoded.withView { b throws(CausalityError) in try CausalContext(b, &table) } == context)
        #expect(bytes { CausalContext().encode(to: &$0, table) } == framed([0x58, 1, 0, 0, 0]))
    }

    @Test func clocksArePinned() throws {
        var table = table()
        var clock = SlotClock()
        for (dot, ms) in [(1, 3), (2, 4), (3, 5), (6, 6), (7, 4)] as [(UInt64, Int64)] {
            clock.add(Dot(actor: 0, counter: dot), at: Self.epoch + ms)
        }
        var superseded = CausalContext()
        superseded.insert(entry(0, 300, 1))
        let isNew = clock.flush(Dot(actor: 1, counter: 1), at: Self.epoch + 4, superseding: superseded)
        #expect(isNew)
        clock.drop(VersionVector([ActorTable.everyDot(of: 2)]))
        let encoded = bytes { clock.encode(to: &$0, table) }
        let beyond: [UInt8] = [1, 1, 6, 1, 12]
        #expect(
            encoded
                == framed(
                    [0x43, 1, 3] + a + b + c + [2, 0, 1, 8, 1, 3, 10] + beyond + [0, 1, 1, 0xac, 2, 2] + [1, 2]))
        #expect(try encoded.withView { b throws(CausalityError) in try SlotClock(b, &table) } == clock)
        #expect(bytes { SlotClock().encode(to: &$0, table) } == framed([0x43, 1, 0, 0, 0, 0, 0, 0]))
    }

    @Test func siblingsArePinned() throws {
        var table = table()
        let one = Sibling(Dot(actor: 0, counter: 3), at: Self.epoch + 5, "x", after: CausalContext())
        let two = Sibling(Dot(actor: 1, counter: 9), at: Self.epoch - 1, "yz", after: CausalContext(context.base))
        let head = [0x53, 1, 2] + a + b + contextBody
        var set = SiblingSet([one, two], context: CausalContext(context.base))
        let encoded = bytes { set.encode(to: &$0, table, payload: put) }
        #expect(
            encoded == framed(head + [2, 0, 9, 1, 1, 1, 3, 10, 0, 2, 0x79, 0x7a] + [1, 3, 10, 0, 0, 1, 0x78]))
        #expect(
            try encoded.withView { b throws(CausalityError) in try SiblingSet(b, &table, payload: word) } == set)
        // One alone has the set's context for its own.
        set = SiblingSet(
            [Sibling(one.dot, at: one.timestamp, "x", after: context)], context: context)
        let single = bytes { set.encode(to: &$0, table, payload: put) }
        #expect(single == framed(head + [1, 1, 3, 10, 1, 0x78]))
        #expect(try single.withView { b throws(CausalityError) in try SiblingSet(b, &table, payload: word) } == set)
    }

    @Test func writesArePinned() throws {
        var table = table()
        let dot = Dot(actor: 0, counter: 4)
        let put = try WriteEvent(dot, at: Self.epoch + 6, "x", superseding: context)
        let delete = try WriteEvent<String>(dot, at: Self.epoch + 6, nil, superseding: context)
        for (write, tail) in [(put, [1, 1, 0x78]), (delete, [0])] as [(WriteEvent<String>, [UInt8])] {
            let encoded = bytes { write.encode(to: &$0, table, payload: self.put) }
            #expect(encoded == framed([0x57, 1, 2] + a + b + [1, 4, 12] + contextBody + tail))
            #expect(
                try encoded.withView { b throws(CausalityError) in try WriteEvent(b, &table, payload: word) } == write)
        }
    }

    @Test func storedSiblingsArePinned() throws {
        let table = table()
        var (key, clock) = (StoredSiblings(settled: Dot(actor: 0, counter: 1), at: Self.epoch, "x"), SlotClock())
        clock.add(Dot(actor: 0, counter: 1), at: Self.epoch)
        let dictionary = ActorDictionary(of: [0, 1], table)
        #expect(bytes { key.encode(to: &$0, dictionary, payload: put) } == [0, 0, 1, 1, 1, 0, 1, 0x78])
        key.apply(
            try WriteEvent(Dot(actor: 1, counter: 10), at: Self.epoch, nil, superseding: context), clock: &clock)
        let encoded = bytes { key.encode(to: &$0, dictionary, payload: put) }
        // The residue alone: the key is gone, and what is beyond the base must not come.
        #expect(encoded == contextBody + [0])
        let decoded = try encoded.withView { bytes throws(CausalityError) in
            var reader = CausalReader(bytes)
            return try StoredSiblings<String>(&reader, dictionary, payload: word)
        }
        #expect(decoded == key)
    }

    @Test func actorTablesArePinned() throws {
        var table = table()
        table.close(1)
        table.close(2)
        table.drop(2)
        let encoded = bytes { table.encode(to: &$0) }
        #expect(encoded == framed([0x41, 1, 3] + b + [0] + a + [1] + c + [2]))
        let decoded = try encoded.withView { b throws(CausalityError) in try ActorTable(b) }
        #expect(decoded == table)
        #expect(decoded.dropped == table.dropped)
        #expect(throws: CausalityError.tooManyActors) {
            try encoded.withView { b throws(CausalityError) in try ActorTable(b, capacity: 2) }
        }
    }

    @Test func identitiesArePinned() throws {
        let id = ActorID(high: 0, low: 1)
        let running = ActorIdentity(after: nil, directory: 258, lastRecord: 0, fresh: id)
        let directory: [UInt8] = [0, 0, 0, 0, 0, 0, 1, 2]
        #expect(bytes { running.encode(to: &$0) } == framed([0x49, 1] + a + directory + [0, 0, 0, 0, 0, 0, 0, 0, 0]))
        let ended = running.ended(lastRecord: 513)
        let encoded = bytes { ended.encode(to: &$0) }
        #expect(encoded == framed([0x49, 1] + a + directory + [1, 0, 0, 0, 0, 0, 0, 2, 1]))
        #expect(try encoded.withView { b throws(CausalityError) in try ActorIdentity(b) } == ended)
    }

    @Test func framesAreChecked() {
        var table = table()
        let good = bytes { context.encode(to: &$0, table) }
        var (wrongKind, newer, changed) = (good, good, good)
        wrongKind[0] = 0x43
        newer[1] = 2
        changed[20] ^= 1
        for (bytes, expected) in [
            (wrongKind, .corrupt), (newer, .version(2)), (changed, .checksum), ([], .corrupt),
            (Array(good.dropLast()), .checksum),
        ] as [([UInt8], CausalityError)] {
            #expect(throws: expected) {
                try bytes.withView { b throws(CausalityError) in try CausalContext(b, &table) }
            }
        }
    }
}
