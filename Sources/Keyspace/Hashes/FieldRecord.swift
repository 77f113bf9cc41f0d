import Base
import CSystem

/// A hash's field and value in a MemberTable: their lengths, then their bytes; or the address of a LongRecord.
public enum FieldRecord: TableRecord {
    @inline(__always)
    static func hash(of field: ByteView) -> UInt64 { cs_hash(field.start, field.count) }

    @inline(__always)
    static func field(_ record: UnsafePointer<UInt8>) -> ByteView {
        if _slowPath(record[0] == RecordLength.outside) { return LongRecord(at: record + 1).first }
        let (length, bytes) = RecordLength.read(record)
        return ByteView(record + (bytes &+ RecordLength.read(record + bytes).bytes), length)
    }

    @inline(__always)
    static func value(_ record: UnsafePointer<UInt8>) -> ByteView {
        if _slowPath(record[0] == RecordLength.outside) { return LongRecord(at: record + 1).second }
        let (fieldCount, bytes) = RecordLength.read(record)
        let (count, more) = RecordLength.read(record + bytes)
        return ByteView(record + (bytes &+ more &+ fieldCount), count)
    }

    @inline(__always)
    public static func byteCount(_ record: UnsafePointer<UInt8>) -> Int {
        if _slowPath(record[0] == RecordLength.outside) { return RecordLength.outsideBytes }
        let (fieldCount, bytes) = RecordLength.read(record)
        let (count, more) = RecordLength.read(record + bytes)
        return bytes &+ more &+ fieldCount &+ count
    }

    @inline(__always)
    public static func hash(_ record: UnsafePointer<UInt8>) -> UInt64 { hash(of: field(record)) }

    @inline(__always)
    public static func outside(_ record: UnsafePointer<UInt8>) -> LongRecord? {
        record[0] == RecordLength.outside ? LongRecord(at: record + 1) : nil
    }

    /// Bytes of a record that lies in its piece.
    @inline(__always)
    static func byteCount(_ field: ByteView, _ value: ByteView) -> Int {
        RecordLength.bytes(field.count) &+ RecordLength.bytes(value.count) &+ field.count &+ value.count
    }

    @inline(__always)
    static func write(_ field: ByteView, _ value: ByteView, _ record: UnsafeMutablePointer<UInt8>) {
        var at = RecordLength.write(field.count, record)
        at &+= RecordLength.write(value.count, record + at)
        memcpy(record + at, field.start, field.count)
        memcpy(record + (at &+ field.count), value.start, value.count)
    }

    static func writeLong(_ field: ByteView, _ value: ByteView, _ record: UnsafeMutablePointer<UInt8>) {
        record[0] = RecordLength.outside
        LongRecord.make(field, value).store(at: record + 1)
    }
}

/// A large hash.
public typealias FieldPieces = MemberTable<FieldRecord>

extension MemberTable where Record == FieldRecord {
    @inline(__always)
    func find(_ field: ByteView, _ hash: UInt64) -> Place? { find(hash) { FieldRecord.field($0) == field } }

    @inline(__always)
    func value(_ field: ByteView) -> ByteView? {
        guard let place = find(field, FieldRecord.hash(of: field)) else { return nil }
        return FieldRecord.value(record(place))
    }

    /// Gives a field a value; answers whether the field is new.
    @inline(__always)
    func set(_ field: ByteView, _ value: ByteView, version: UInt64) -> Bool {
        let hash = FieldRecord.hash(of: field)
        let place = find(field, hash)
        if _slowPath(field.count &+ value.count > RecordLength.inlineMax) {
            setLong(field, value, hash, place, version)
        } else if let place {
            let size = FieldRecord.byteCount(field, value)
            FieldRecord.write(field, value, replace(place, hash, size, version: version))
        } else {
            insert(field, value, hash, version: version)
        }
        return place == nil
    }

    /// Adds a field that is not there.
    @inline(__always)
    func insert(_ field: ByteView, _ value: ByteView, _ hash: UInt64, version: UInt64) {
        if _slowPath(field.count &+ value.count > RecordLength.inlineMax) {
            setLong(field, value, hash, nil, version)
        } else {
            let size = FieldRecord.byteCount(field, value)
            FieldRecord.write(field, value, insert(hash, size, version: version))
        }
    }

    @inline(never)
    private func setLong(_ field: ByteView, _ value: ByteView, _ hash: UInt64, _ place: Place?, _ version: UInt64) {
        let size = RecordLength.outsideBytes
        let record =
            place.map { replace($0, hash, size, version: version) } ?? insert(hash, size, version: version)
        FieldRecord.writeLong(field, value, record)
        noteOutside(hash)
    }
}
