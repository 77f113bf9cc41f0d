import Base
import CSystem
import Testing

@testable import Keyspace

/// The bytes that docs/storage-format.md describes ("Large values"): what is written must stay readable.
@Suite struct StoredFormatTests {
    private let test = TestKeyspace(databases: 1)

    /// The records of a value that `make` makes, in hexadecimal; nothing of the hash fingerprint in the head.
    private func records(_ limits: [PackingLimits.Limit: Int], _ make: (Access, Key) -> Void) -> [String] {
        for (limit, value) in limits { test.keyspace.shared.pointee.packing[limit] = value }
        return test.with(Array("key".utf8)) { access, key in
            make(access, key)
            let entry = access.peek(key)!
            var saving = ValueSaving()
            let isCut = saving.slice(entry)
            #expect(isCut)
            var records = StoredRecords()
            records.take(saving)
            if entry.type == .hash || entry.type == .set { records.head.removeLast(8) }
            let loaded = try? records.load(entry.type)
            #expect(loaded == nil || entry.type != .hash && entry.type != .set)
            loaded?.free()
            let pieces = records.pieces.sorted { $0.key < $1.key }
            return ["head: \(hex(records.head))"] + pieces.map { "\($0.key): \(hex($0.value))" }
        }
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    /// Keeping account of what is saved must not cost memory where nothing is: heads have the size classes that they had
    /// without.
    @Test func sizes() {
        #expect(MemoryLayout<PieceHeader>.size == 24 && MemoryLayout<PieceBook>.size == 8)
        #expect(MemoryLayout<MemberPieces.Head>.size <= MemberPieces.headBytes && MemberPieces.headBytes == 64)
        #expect(MemoryLayout<ListHead>.size == 64)
        #expect(MemoryLayout<SortedSetTree.Head>.stride == 128)
        #expect(MemoryLayout<StreamHead>.stride == 152)
        #expect(MemoryLayout<SpineNode>.size == 32)
    }

    @Test func hash() {
        let found = records([.hashEntries: 0]) { access, key in
            var hash = HashValue(access, key, nil)
            _ = hash.set(ByteView("a"), ByteView("1"))
            _ = hash.set(ByteView("b"), ByteView(""))
        }
        #expect(found == ["head: 01 02 01 01", "0: 01 02 00 00 02 01 61 01 31 01 62 00"])
    }

    @Test func set() {
        let found = records([.setEntries: 0, .setIntegers: 0]) { access, key in
            var set = SetValue(access, key, nil)
            _ = set.add(ByteView("x"))
            _ = set.add(ByteView("yz"))
        }
        #expect(found == ["head: 01 02 01 01", "0: 01 02 00 00 02 01 78 02 79 7a"])
    }

    @Test func list() {
        let found = records([.listSize: 1]) { access, key in
            for element in [ByteView("a"), ByteView("b")] {
                withUnsafePointer(to: element) { _ = access.pushToList(key, access.find(key), $0, 1, .back) }
            }
        }
        #expect(
            found == [
                "head: 01 02 02 02 00 01", "0: 02 02 02 0a 00 00 00 01 00 81 61 02 ff",
                "1: 02 02 00 0a 00 00 00 01 00 81 62 02 ff",
            ])
    }

    @Test func listOfLongElements() {
        let found = records([.listSize: 1, .plainElementBytes: 2]) { access, key in
            for element in [ByteView("a"), ByteView("bc")] {
                withUnsafePointer(to: element) { _ = access.pushToList(key, access.find(key), $0, 1, .back) }
            }
        }
        #expect(
            found == ["head: 01 02 02 02 00 01", "0: 02 02 02 0a 00 00 00 01 00 81 61 02 ff", "1: 03 02 00 62 63"])
    }

    @Test func sortedSet() {
        let found = records([.sortedSetEntries: 0]) { access, key in
            let editor = access.makeSortedSet(key, ByteView("x"), 1)
            editor.insert(ByteView("y"), 0.5, editor.find(ByteView("y")))
        }
        #expect(found == ["head: 01 02 01 04 80 01", "1: 01 02 02 03 00 00 00 00 00 00 e0 3f 79 02 02 78"])
    }

    @Test func stream() {
        let found = records([:]) { access, key in
            let slot = access.makeStream(key)
            withUnsafePointer(to: (ByteView("f"), ByteView("v"))) {
                $0.withMemoryRebound(to: ByteView.self, capacity: 2) {
                    access.addStreamEntry(slot, key, StreamID(1, 0), StreamFields($0, count: 1))
                }
            }
            access.createGroup(slot, key, ByteView("g"), StreamID(1, 0), nil)
            let group = access.entry(slot).stream.group(ByteView("g"))!
            let consumer = access.createConsumer(slot, key, group, ByteView("c"))
            access.claim(slot, key, group, consumer, StreamID(1, 0), time: 7, deliveries: 2)
        }
        #expect(
            found == [
                "head: 01 01 03 05 01 00 00 00 02 01 01",
                "1: 04 01 01 00 1d 00 00 00 0a 00 01 01 00 01 01 01 81 66 02 00 01 02 01 00 01 00 01 81 76 02 04 01 ff",
                "2: 05 03 01 67 01 00 00 01 01 63 00 80 a0 d5 ed ee 66", "3: 06 04 02 01 01 00 0e 04 00",
            ])
    }
}
