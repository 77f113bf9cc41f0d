import Base
import Causality
import Testing

@testable import Keyspace

/// The bytes of docs/storage-format.md about versions, by hand.
@Suite struct VersionFormatTests {
    private static let id: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9]
    private static let since2020 = UInt64(testNow - 1_577_836_800_000)

    private final class Sink: MutationSink, @unchecked Sendable {
        var log: [RecordedMutation] = []
        override func record(_ mutation: Mutation) { log.append(RecordedMutation(mutation)) }
    }

    private func varint(_ number: UInt64) -> [UInt8] {
        number < 128 ? [UInt8(number)] : [UInt8(number & 127) | 128] + varint(number >> 7)
    }

    /// Of a number that is not negative.
    private func signed(_ number: UInt64) -> [UInt8] { varint(2 * number) }

    private func counted(_ bytes: [UInt8]) -> [UInt8] { varint(UInt64(bytes.count)) + bytes }

    private func keyspace(_ sink: MutationSink? = nil) -> TestKeyspace {
        let test = TestKeyspace(databases: 1, actor: ActorID(high: 7, low: 9))
        test.keyspace.shared.pointee.sink = sink
        return test
    }

    /// Two versions, neither of which knows the other.
    private func write(_ test: TestKeyspace) throws {
        try test.with(Array("k".utf8)) { access, key in
            try access.write(
                KeyVersion(string: ByteView("v"), deadline: testNow + 5), superseding: CausalContext(), key)
            try access.write(KeyVersion(string: ByteView("12")), superseding: CausalContext(), key)
        }
    }

    /// Residue (base, exact dots); both versions with the context that they were written with.
    private func stored(second: [UInt8]) -> [UInt8] {
        let time = signed(Self.since2020)
        // What the first is known to have superseded: what the slot's clock said when the second came, itself.
        let first =
            [0, 1] + time + [1, 0, 1] + time + [0] + counted([0x80] + signed(Self.since2020 + 5) + Array("v".utf8))
        return [0, 0] + [2] + first + [0, 2] + time + [0, 0] + counted(second)
    }

    @Test func aMutationWithSiblings() throws {
        let sink = Sink()
        let test = keyspace(sink)
        try write(test)
        let head: [UInt8] = [13, 1, 2] + signed(Self.since2020) + counted(Array("k".utf8))
        let body = [2, 1] + Self.id + [0, 0] + stored(second: [2] + Array("12".utf8))
        #expect(sink.log.map(\.bytes).last == head + counted(body))
        let copy = keyspace()
        #expect(sink.log.allSatisfy { $0.apply(to: copy.keyspace) })
        #expect(copy.state == test.state)
        for count in 0..<body.count {
            let cut = RecordedMutation(bytes: head + counted(Array(body.prefix(count))), dot: sink.log[0].dot)
            #expect(cut.read { $0.isReadable(copy.keyspace) } == false)
        }
    }

    @Test func aMutationWithActorsAndOneWithAClock() throws {
        let sink = Sink()
        let test = keyspace(sink)
        let other = try test.keyspace.actors.intern(ActorID(high: 8, low: 1))
        test.keyspace.withActorMutation(timestamp: testNow) { sink.record($0) }
        let table: [UInt8] =
            [0x41, 1, 3] + [UInt8](repeating: 0, count: 17) + Self.id + [0]
            + [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0]
        let head = { (kind: UInt8, slot: [UInt8]) in [kind, 0, 0] + self.signed(Self.since2020) + slot }
        #expect(sink.log.last?.bytes == head(15, [0]) + counted([1] + framed(table)))
        test.keyspace.updateClock(of: 300, now: testNow) { $0.claim(DotRange(actor: other, 1...4), at: testNow) }
        let clock: [UInt8] =
            [0x43, 1, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]
            + [1, 0, 4] + signed(Self.since2020) + [0, 0, 0, 0]
        #expect(sink.log.last?.bytes == head(14, varint(300)) + counted(framed(clock)))
        let copy = keyspace()
        #expect(sink.log.allSatisfy { $0.apply(to: copy.keyspace) })
        #expect(copy.keyspace.clock(of: 300, now: testNow).highest(of: other) == 4)
        #expect(copy.keyspace.actors.table == test.keyspace.actors.table)
    }

    private func framed(_ bytes: [UInt8]) -> [UInt8] {
        let checksum = bytes.withView { CRC32C.checksum($0) }
        return bytes + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
    }

    @Test func theTreesRecord() throws {
        let test = keyspace(Sink())
        try write(test)
        let partition = Array("k".utf8).withView { Key($0).partition }
        var cut = PartitionCut()
        var save = PartitionSave(test.keyspace, partition: partition, cut: &cut)
        while save.step() {}
        _ = save.finish()
        var records: [(key: [UInt8], value: [UInt8]?)] = []
        save.forEachRecord { records.append(($0.key.bytes, $0.value?.bytes)) }
        #expect(cut.revision == 2 && cut.others.isEmpty)
        try #require(records.count == 2)
        #expect(records[1].key == records[0].key + [UInt8](repeating: 255, count: 8))
        // The later one wins: it is in the key's own record.
        #expect(records[1].value == [1, 1] + Self.id + stored(second: []))
        let copy = keyspace()
        records[0].value!.withView { head in
            copy.with(Array("k".utf8)) { access, key in #expect(access.adopt(key, SavedEntry(head)!)) }
        }
        let record = records[1].value!
        copy.with(Array("k".utf8)) { access, key in
            for count in 0..<record.count { #expect(!record[..<count].withView { access.adoptSiblings(key, $0) }) }
            #expect(record.withView { access.adoptSiblings(key, $0) })
        }
        #expect(copy.state.keys == test.state.keys)
        // Without the value that it speaks of it is none.
        keyspace().with(Array("k".utf8)) { access, key in #expect(!record.withView { access.adoptSiblings(key, $0) }) }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func withView<R>(_ body: (ByteView) -> R) -> R { Array(self).withView(body) }
}
