import Base
import CSystem

/// What a table's record says, apart from how: a set's member, or a hash's field and value.
struct StoredParts {
    var first: ByteView
    var second = ByteView("")

    var count: Int { first.count &+ second.count }
}

/// A record that can be written and read.
protocol StoredRecord: TableRecord {
    static func parts(_ record: UnsafePointer<UInt8>) -> StoredParts
    static func append(_ parts: StoredParts, to output: inout ByteBuffer)
    static func read(_ reader: inout PayloadReader) throws(PayloadError) -> StoredParts
    /// Bytes of the record in its piece.
    static func byteCount(_ parts: StoredParts) -> Int
    static func write(_ parts: StoredParts, _ record: UnsafeMutablePointer<UInt8>)
    /// Adds it to a table; false if the member is there.
    static func add(_ parts: StoredParts, to table: MemberTable<Self>, version: UInt64) -> Bool
}

extension StoredRecord {
    @inline(__always)
    static func isOutside(_ parts: StoredParts) -> Bool { parts.count > RecordLength.inlineMax }

    @inline(__always)
    static func hash(_ parts: StoredParts) -> UInt64 { cs_hash(parts.first.start, parts.first.count) }
}

extension MemberRecord: StoredRecord {
    @inline(__always)
    static func parts(_ record: UnsafePointer<UInt8>) -> StoredParts { StoredParts(first: member(record)) }

    @inline(__always)
    static func append(_ parts: StoredParts, to output: inout ByteBuffer) { output.append(counted: parts.first) }

    @inline(__always)
    static func read(_ reader: inout PayloadReader) throws(PayloadError) -> StoredParts {
        StoredParts(first: try reader.counted())
    }

    @inline(__always)
    static func byteCount(_ parts: StoredParts) -> Int {
        isOutside(parts) ? RecordLength.outsideBytes : RecordLength.bytes(parts.first.count) &+ parts.first.count
    }

    @inline(__always)
    static func write(_ parts: StoredParts, _ record: UnsafeMutablePointer<UInt8>) {
        if isOutside(parts) {
            record[0] = RecordLength.outside
            return LongRecord.make(parts.first, ByteView("")).store(at: record + 1)
        }
        let at = RecordLength.write(parts.first.count, record)
        memcpy(record + at, parts.first.start, parts.first.count)
    }

    static func add(_ parts: StoredParts, to table: MemberPieces, version: UInt64) -> Bool {
        table.add(parts.first, version: version)
    }
}

extension FieldRecord: StoredRecord {
    @inline(__always)
    static func parts(_ record: UnsafePointer<UInt8>) -> StoredParts {
        StoredParts(first: field(record), second: value(record))
    }

    @inline(__always)
    static func append(_ parts: StoredParts, to output: inout ByteBuffer) {
        output.append(counted: parts.first)
        output.append(counted: parts.second)
    }

    @inline(__always)
    static func read(_ reader: inout PayloadReader) throws(PayloadError) -> StoredParts {
        StoredParts(first: try reader.counted(), second: try reader.counted())
    }

    @inline(__always)
    static func byteCount(_ parts: StoredParts) -> Int {
        isOutside(parts) ? RecordLength.outsideBytes : byteCount(parts.first, parts.second)
    }

    @inline(__always)
    static func write(_ parts: StoredParts, _ record: UnsafeMutablePointer<UInt8>) {
        if isOutside(parts) { return writeLong(parts.first, parts.second, record) }
        write(parts.first, parts.second, record)
    }

    static func add(_ parts: StoredParts, to table: FieldPieces, version: UInt64) -> Bool {
        table.set(parts.first, parts.second, version: version)
    }
}
