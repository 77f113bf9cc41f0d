import Base
import Causality
import Testing

@testable import Keyspace

/// docs/storage-format.md: bytes that are on disks must be readable for ever.
@Suite struct MutationEncodingTests {
    private static let time: Int64 = Limits.timestampEpoch + 300

    private func encoded(_ change: Mutation.Change, database: Int = 0, key: StaticString = "k") -> [UInt8] {
        var output = ByteBuffer()
        let view = ByteView(key)
        Mutation(
            database: database, key: view, slot: Key(view).slot, dot: Dot(actor: 1, counter: 300),
            timestamp: Self.time, change: change
        ).encode(to: &output)
        return output.view.bytes
    }

    /// What every mutation begins with but for its first byte: actor 1, counter 300, 300 ms, key "k".
    private let head: [UInt8] = [1, 0xac, 2, 0xd8, 4, 1, 0x6b]

    @Test func bytesArePinned() {
        let v = ByteView("vw")
        #expect(encoded(.putString(v, deadline: nil)) == [1] + head + [2, 0x76, 0x77])
        #expect(encoded(.putRawString(v, deadline: Self.time + 5)) == [0x82] + head + [10, 2, 0x76, 0x77])
        #expect(encoded(.putInteger(-3, deadline: nil)) == [3] + head + [5])
        #expect(encoded(.delete, database: 200) == [0x45, 0xc8, 1] + head)
        #expect(encoded(.deadline(nil)) == [6] + head)
        #expect(encoded(.deadline(Self.time - 1)) == [0x86] + head + [1])
        #expect(encoded(.add(64)) == [7] + head + [0x80, 1])
        #expect(encoded(.splice(offset: 128, v)) == [8] + head + [0x80, 1, 2, 0x76, 0x77])
        #expect(encoded(.raise(register: 130, rank: 7, isDense: true)) == [9] + head + [0x82, 1, 7, 1])
        // Slot 7629 of "k" in place of the key.
        #expect(encoded(.flush) == [10, 1, 0xac, 2, 0xd8, 4, 0xcd, 0x3b])
        #expect(encoded(.swap(with: 3)) == [11, 1, 0xac, 2, 0xd8, 4, 0xcd, 0x3b, 3])
        #expect(encoded(.libraries(v)) == [12, 1, 0xac, 2, 0xd8, 4, 0xcd, 0x3b, 2, 0x76, 0x77])
    }

    @Test func elementsArePinned() {
        let (a, b) = (ByteView("a"), ByteView("b"))
        #expect(encoded(.list(.push(.back, a))) == [16] + head + [1, 1, 0x61])
        #expect(encoded(.list(.pop(.front, 2))) == [17] + head + [0, 2])
        #expect(encoded(.list(.insert(at: 1, a))) == [18] + head + [1, 1, 0x61])
        #expect(encoded(.list(.set(at: 1, a))) == [19] + head + [1, 1, 0x61])
        #expect(encoded(.list(.remove(at: 3, count: 4))) == [20] + head + [3, 4])
        #expect(encoded(.set(.add(a))) == [24] + head + [1, 0x61])
        #expect(encoded(.set(.remove(a))) == [25] + head + [1, 0x61])
        #expect(encoded(.sortedSet(.put(a, 1.5))) == [26] + head + [1, 0x61, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f])
        #expect(encoded(.sortedSet(.remove(a))) == [27] + head + [1, 0x61])
        #expect(encoded(.hash(.set(a, b))) == [28] + head + [1, 0x61, 1, 0x62])
        #expect(encoded(.hash(.remove(a))) == [29] + head + [1, 0x61])
    }

    @Test func streamsArePinned() {
        let (a, b, id) = (ByteView("a"), ByteView("b"), StreamID(5, 1))
        let fields = [a, b].withUnsafeBufferPointer {
            encoded(.stream(.add(id, StreamFields($0.baseAddress!, count: 1))))
        }
        #expect(fields == [32] + head + [5, 1, 1, 1, 0x61, 1, 0x62])
        #expect(encoded(.stream(.delete(id))) == [33] + head + [5, 1])
        #expect(encoded(.stream(.trim(9))) == [34] + head + [9])
        let set = encoded(.stream(.setID(last: id, entriesAdded: 7, maxDeleted: StreamID(4, 0))))
        #expect(set == [35] + head + [5, 1, 7, 4, 0])
        #expect(
            encoded(.stream(.createGroup(a, last: id, entriesRead: nil))) == [36] + head + [1, 0x61, 5, 1, 0])
        #expect(encoded(.stream(.setGroup(a, last: id, entriesRead: 2))) == [37] + head + [1, 0x61, 5, 1, 3])
        #expect(encoded(.stream(.destroyGroup(a))) == [38] + head + [1, 0x61])
        #expect(encoded(.stream(.createConsumer(group: a, b))) == [39] + head + [1, 0x61, 1, 0x62])
        #expect(encoded(.stream(.deleteConsumer(group: a, b))) == [40] + head + [1, 0x61, 1, 0x62])
        let delivery = [id].withUnsafeBufferPointer {
            encoded(
                .stream(
                    .deliver(
                        StreamDelivery(group: a, consumer: b, ids: $0, time: 3, lastID: id, entriesRead: nil))))
        }
        #expect(delivery == [41] + head + [1, 0x61, 1, 0x62, 1, 5, 1, 6, 5, 1, 0])
        let claim = encoded(.stream(.claim(group: a, consumer: b, id, time: 3, deliveries: 2)))
        #expect(claim == [42] + head + [1, 0x61, 1, 0x62, 5, 1, 6, 4])
        #expect(encoded(.stream(.acknowledge(group: a, id))) == [43] + head + [1, 0x61, 5, 1])
    }

    /// Cut anywhere, or with any byte changed, it is refused or another mutation: never read past its end.
    @Test func whatIsNoMutationIsRefused() {
        let v = ByteView("value")
        let whole =
            encoded(.putString(v, deadline: 9)) + encoded(.list(.insert(at: 3, v)), database: 7)
            + encoded(.stream(.claim(group: v, consumer: v, StreamID(1, 2), time: 3, deliveries: 4)))
        for count in 0..<whole.count {
            #expect(readAll(Array(whole[..<count])) < 3)
        }
        for i in 0..<whole.count {
            for flip in 1...255 {
                var changed = whole
                changed[i] ^= UInt8(flip)
                #expect(readAll(changed) <= whole.count)
            }
        }
    }

    @Test func keysAtAGlance() {
        let value = encoded(.putString(ByteView("vw"), deadline: Self.time), database: 200)
        for count in 0..<value.count {
            let key = Array(value[..<count]).withView { MutationReader.key(of: $0)?.text }
            #expect(key == (count < 10 ? nil : "k"))
        }
        #expect(encoded(.flush).withView { MutationReader.key(of: $0)?.text } == nil)
    }

    /// How many mutations can be read, from memory that ends where they do.
    private func readAll(_ bytes: [UInt8]) -> Int {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
        defer { copy.deallocate() }
        copy.update(from: bytes, count: bytes.count)
        var reader = MutationReader(ByteView(UnsafePointer(copy), bytes.count))
        var count = 0
        while !reader.isAtEnd {
            guard (try? reader.next()) != nil else { return count }
            count += 1
        }
        return count
    }
}
