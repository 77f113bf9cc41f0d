import Base
import CSystem
import Testing

@testable import Keyspace

@Suite struct StreamPieceTests {
    private let test = TestKeyspace(databases: 1)
    private let name = Array("stream".utf8)

    private func with<R>(_ body: (Access, Key) -> R) -> R { test.with(name, 0, body) }

    private func add(_ access: Access, _ key: Key, _ id: StreamID, _ slot: Access.Slot) {
        var views = [ByteView("field"), ByteView("xxxxxxxxxxxxxxxx")]
        views.withUnsafeMutableBufferPointer {
            access.addStreamEntry(slot, key, id, StreamFields($0.baseAddress!, count: 1))
        }
    }

    /// The stream with so many entries of the same fields.
    private func fill(_ count: Int) {
        with { access, key in
            let slot = access.find(key) ?? access.makeStream(key)
            for i in 0..<count { add(access, key, StreamID(1 + UInt64(i / 3), UInt64(i % 3)), slot) }
        }
    }

    private var pieces: [PieceFigures] {
        with { access, key in
            var found: [PieceFigures] = []
            access.peek(key)!.forEachPiece { found.append($0) }
            return found
        }
    }

    private func clean() { with { access, key in StreamPieces.clean(access.peek(key)!.head) } }

    /// Of a million entries, one change touches one piece of a few KB.
    @Test func aChangeDirtiesOnePiece() {
        fill(1_000_000)
        let all = pieces
        #expect(all.count == 10_000)
        #expect(Set(all.map(\.id)).count == all.count)
        #expect(all.allSatisfy { $0.isDirty && $0.elements == 100 && $0.bytes < 5000 })
        clean()
        #expect(pieces.allSatisfy { !$0.isDirty })
        let middle = StreamID(100_000, 1)
        for change in 0..<4 {
            let version = with { access, key in
                let slot = access.find(key)!
                switch change {
                case 0: add(access, key, StreamID(1_000_000, 0), slot)
                case 1: #expect(access.deleteStreamEntry(slot, key, middle))
                case 2: #expect(access.trimStream(slot, key, .oldest(1)) == 1)
                default: add(access, key, StreamID(1_000_000, 1), slot)
                }
                return access.partition.pointee.slots[key.slot & 63].writes
            }
            let dirty = pieces.filter(\.isDirty)
            #expect(dirty.count == 1 && dirty[0].version == version, "change \(change)")
            clean()
        }
    }

    /// A delivery touches the group and one piece of its pending entries, none of the entries.
    @Test func aDeliveryDirtiesTheGroupAndOnePiece() {
        fill(10_000)
        with { access, key in
            let slot = access.find(key)!
            access.createGroup(slot, key, ByteView("g"), .zero, nil)
            let group = access.entry(slot).stream.group(ByteView("g"))!
            let consumer = access.createConsumer(slot, key, group, ByteView("c"))
            for i in 0..<5000 {
                access.claim(slot, key, group, consumer, StreamID(1, UInt64(i)), time: 1, deliveries: 1)
            }
            StreamPieces.clean(access.entry(slot).head)
            [StreamID(9, 9)].withUnsafeBufferPointer { ids in
                let delivery = StreamDelivery(
                    group: group.name, consumer: consumer.name, ids: ids, time: 2, lastID: ids[0], entriesRead: nil)
                access.deliver(slot, key, group, consumer, delivery)
            }
        }
        #expect(pieces.count == 100 + 1 + 50)
        #expect(pieces.filter(\.isDirty).count == 2)
        clean()
        with { access, key in
            let slot = access.find(key)!
            let group = access.entry(slot).stream.group(ByteView("g"))!
            #expect(access.acknowledge(slot, key, group, StreamID(1, 2500)))
        }
        #expect(pieces.filter(\.isDirty).map(\.elements) == [100])
    }

    /// A copy shares pieces until one of the two changes them; then only that piece is its own.
    @Test func copiesSharePieces() {
        fill(1000)
        with { access, key in
            let stream = access.peek(key)!.stream
            let twin = Stream(StreamPieces.copy(UnsafeMutableRawPointer(stream.head)))
            #expect(twin.contentsShown == stream.contentsShown)
            let before = twin.contentsShown
            add(access, key, StreamID(5000, 0), access.find(key)!)
            #expect(access.deleteStreamEntry(access.find(key)!, key, StreamID(100, 1)))
            #expect(twin.contentsShown == before && stream.contentsShown != before)
            var (shared, own) = (0, 0)
            twin.forEachPiece { if $0.isShared { shared += 1 } else { own += 1 } }
            // The tail was full: the new entry is in a new piece.
            #expect(shared == 9 && own == 1)
            StreamPieces.free(UnsafeMutableRawPointer(twin.head))
            stream.forEachPiece { #expect(!$0.isShared) }
        }
    }

    /// Small streams take little memory, and what is freed is counted out again.
    @Test func memoryFollowsTheEntries() {
        fill(1)
        func bytes() -> Int { with { access, key in access.peek(key)!.memoryBytes() } }
        #expect(bytes() < 600)
        fill(0)
        with { access, key in
            let slot = access.find(key)!
            for i in 0..<10_000 { add(access, key, StreamID(UInt64(i + 10), 0), slot) }
        }
        let full = bytes()
        #expect(full > 200_000 && full < 400_000)
        #expect(with { access, key in access.peek(key)!.memoryBytes(samples: 5) } > full / 2)
        with { access, key in _ = access.trimStream(access.find(key)!, key, .toCount(3)) }
        #expect(bytes() < 10_000)
    }
}
