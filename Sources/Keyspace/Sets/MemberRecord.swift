import Base
import CSystem

/// A set's member in a MemberTable: its length and bytes, or the address of a LongRecord.
public enum MemberRecord: TableRecord {
    @inline(__always)
    static func hash(of member: ByteView) -> UInt64 { cs_hash(member.start, member.count) }

    @inline(__always)
    static func member(_ record: UnsafePointer<UInt8>) -> ByteView {
        if _slowPath(record[0] == RecordLength.outside) { return LongRecord(at: record + 1).first }
        let (length, bytes) = RecordLength.read(record)
        return ByteView(record + bytes, length)
    }

    @inline(__always)
    public static func byteCount(_ record: UnsafePointer<UInt8>) -> Int {
        if _slowPath(record[0] == RecordLength.outside) { return RecordLength.outsideBytes }
        let (length, bytes) = RecordLength.read(record)
        return bytes &+ length
    }

    @inline(__always)
    public static func hash(_ record: UnsafePointer<UInt8>) -> UInt64 { hash(of: member(record)) }

    @inline(__always)
    public static func outside(_ record: UnsafePointer<UInt8>) -> LongRecord? {
        record[0] == RecordLength.outside ? LongRecord(at: record + 1) : nil
    }
}

/// A large set.
public typealias MemberPieces = MemberTable<MemberRecord>

extension MemberTable where Record == MemberRecord {
    @inline(__always)
    func find(_ member: ByteView, _ hash: UInt64) -> Place? { find(hash) { MemberRecord.member($0) == member } }

    @inline(__always)
    func contains(_ member: ByteView) -> Bool { find(member, MemberRecord.hash(of: member)) != nil }

    /// Adds a member; false if it is there.
    @inline(__always)
    func add(_ member: ByteView, version: UInt64) -> Bool {
        let hash = MemberRecord.hash(of: member)
        if find(member, hash) != nil { return false }
        insert(member, hash, version: version)
        return true
    }

    /// Adds a member that is not there.
    @inline(__always)
    func insert(_ member: ByteView, _ hash: UInt64, version: UInt64) {
        let count = member.count
        if _slowPath(count > RecordLength.inlineMax) { return insertLong(member, hash, version) }
        let record = insert(hash, RecordLength.bytes(count) &+ count, version: version)
        let at = RecordLength.write(count, record)
        memcpy(record + at, member.start, count)
    }

    @inline(never)
    private func insertLong(_ member: ByteView, _ hash: UInt64, _ version: UInt64) {
        let record = insert(hash, RecordLength.outsideBytes, version: version)
        record[0] = RecordLength.outside
        LongRecord.make(member, ByteView("")).store(at: record + 1)
        noteOutside(hash)
    }
}
