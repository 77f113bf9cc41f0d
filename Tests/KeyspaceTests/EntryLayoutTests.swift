import Base
import CSystem
import Causality
import Testing

@testable import Keyspace

/// Pins the layout that Entry documents.
@Suite struct EntryLayoutTests {
    private func entry(
        key: Int = 5, value: Int = 7, actor: UInt64 = 3, counter: UInt64 = 77, deadline: Int64? = nil,
        _ body: (Entry) -> Void
    ) {
        let header = Entry.Header(
            type: .hash, encoding: .rawBytes, dot: Dot(actor: actor, counter: counter),
            moment: Moment(wall: testNow, stamp: 0x2a_bcde), deadline: deadline)
        let name = [UInt8](repeating: 0x6b, count: key)
        let entry = name.withView { Entry.make(header, key: $0, valueCount: value) }
        memset(entry.value, 0x76, value)
        body(entry)
        entry.release()
    }

    private func clockIsRight(_ entry: Entry) -> Bool {
        let word = entry.base.load(fromByteOffset: 8, as: UInt64.self)
        return word >> 22 == UInt64(testNow - 1_577_836_800_000) && word & 0x3f_ffff == 0x2a_bcde
    }

    private func bytes(_ entry: Entry, _ offset: Int, _ count: Int) -> [UInt8] {
        ByteView(raw: UnsafeRawPointer(entry.base) + offset, count).bytes
    }

    @Test func narrow() {
        entry { entry in
            let meta = entry.base.load(as: UInt64.self)
            #expect(meta & 15 == 4)
            #expect(meta >> 4 & 15 == 2)
            #expect(meta >> 8 & 3 == 0)
            #expect(meta >> 16 & 0xff == 5)
            #expect(meta >> 24 & 0x3ff == 7)
            #expect(meta >> 34 & 63 == 3)
            #expect(meta >> 40 == 77)
            #expect(clockIsRight(entry))
            #expect(bytes(entry, 16, 12) == [UInt8](repeating: 0x6b, count: 5) + [UInt8](repeating: 0x76, count: 7))
            #expect(entry.size == 28)
        }
    }

    @Test func narrowWithDeadline() {
        entry(deadline: testNow + 1) { entry in
            #expect(entry.base.load(as: UInt64.self) >> 8 & 3 == 2)
            #expect(entry.base.load(fromByteOffset: 16, as: Int64.self) == testNow + 1)
            #expect(bytes(entry, 24, 6) == [0x6b, 0x6b, 0x6b, 0x6b, 0x6b, 0x76])
            #expect(clockIsRight(entry))
            #expect(entry.size == 36)
            #expect(!entry.isExpired(testNow + 1))
            #expect(entry.isExpired(testNow + 2))
        }
    }

    @Test(arguments: [nil, testNow + 9])
    func wide(deadline: Int64?) {
        entry(key: 256, value: 1024, actor: 64, counter: 1 << 24, deadline: deadline) { entry in
            #expect(entry.base.load(as: UInt64.self) >> 8 & 3 == (deadline == nil ? 1 : 3))
            #expect(entry.base.load(fromByteOffset: 16, as: UInt64.self) == 64 << 48 | 1 << 24)
            #expect(entry.base.load(fromByteOffset: 24, as: UInt32.self) == 256)
            #expect(entry.base.load(fromByteOffset: 28, as: UInt32.self) == 1024)
            let start = deadline == nil ? 32 : 40
            if let deadline { #expect(entry.base.load(fromByteOffset: 32, as: Int64.self) == deadline) }
            #expect(bytes(entry, start, 256) == [UInt8](repeating: 0x6b, count: 256))
            #expect(bytes(entry, start + 256, 1024) == [UInt8](repeating: 0x76, count: 1024))
            #expect(clockIsRight(entry))
            #expect(entry.size == start + 1280)
            #expect(entry.dot == Dot(actor: 64, counter: 1 << 24))
            #expect(entry.keyCount == 256 && entry.valueCount == 1024)
        }
    }

    /// Each limit of the narrow header by itself makes an entry wide, one past it and not before.
    @Test func boundaries() {
        entry(key: 255, value: 1023, actor: 63, counter: 1 << 24 - 1) { entry in
            #expect(!entry.isWide)
            #expect(entry.keyCount == 255 && entry.valueCount == 1023)
            #expect(entry.dot == Dot(actor: 63, counter: 1 << 24 - 1))
            #expect(!entry.restamp(Dot(actor: 63, counter: 1 << 24), moment()))
            #expect(!entry.restamp(Dot(actor: 64, counter: 1), moment()))
            #expect(entry.dot == Dot(actor: 63, counter: 1 << 24 - 1))
        }
        entry(key: 256) { #expect($0.isWide) }
        entry(value: 1024) { #expect($0.isWide) }
        entry(actor: 64) { #expect($0.isWide) }
        entry(counter: 1 << 24) { entry in
            #expect(entry.isWide)
            #expect(entry.restamp(Dot(actor: 65535, counter: 1 << 48 - 1), moment()))
            #expect(entry.dot == Dot(actor: 65535, counter: 1 << 48 - 1))
            #expect(entry.keyCount == 5 && entry.valueCount == 7)
        }
    }

    @Test func accessStampAndTimeShareAWord() {
        entry { entry in
            entry.setAccessStamp(0x3f_ffff)
            #expect(entry.accessStamp == 0x3f_ffff)
            #expect(entry.timestamp == testNow)
        }
    }

    /// Entries are rewritten in place when the allocator would give the same room anyway.
    @Test func sizeClassesAreTheAllocators() {
        for size in 1...40_000 where sizeClass(size) != nallocx(size, 0) {
            Issue.record("\(size) bytes: \(sizeClass(size)) here, \(nallocx(size, 0)) there")
            return
        }
    }

    @Test func numbersOfTypesArePermanent() {
        let types: [ValueType] = [.string, .list, .set, .sortedSet, .hash, .stream]
        #expect(types.map(\.rawValue) == [0, 1, 2, 3, 4, 5])
        #expect(types.map { "\($0.name)" } == ["string", "list", "set", "zset", "hash", "stream"])
        let encodings: [Encoding] = [.integer, .bytes, .rawBytes, .block]
        #expect(encodings.map(\.rawValue) == [0, 1, 2, 3])
    }
}
