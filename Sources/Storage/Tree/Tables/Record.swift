import Base

/// A record of a table. Its views are valid until whoever lent it is asked for the next one.
public struct TableRecord {
    public var key: ByteView
    /// How many bytes of the key filters know.
    public var stem: Int
    /// Nil: a tombstone, which hides what older tables say about the key.
    public var value: ByteView?

    public init(key: ByteView, stem: Int, value: ByteView?) {
        self.key = key
        self.stem = stem
        self.value = value
    }
}

/// A record as it lies in a block:
///
///     varint   bytes that its key shares with the one before it
///     varint   the key's other bytes
///     varint   tag: 0 a tombstone, otherwise the value's length and 1; times 2; and 1 if the stem is shorter than the key
///     varint   by how much it is shorter, if it is
///              the key's other bytes
///              the value
struct StoredRecord {
    var shared: Int
    var suffix: ByteView
    var keyTail: Int
    var value: ByteView?
    /// Where the next one is.
    var end: Int

    static func append(
        shared: Int, key: ByteView, stem: Int, value: ByteView?, to output: inout ByteBuffer
    ) {
        output.append(varint: UInt64(shared))
        output.append(varint: UInt64(key.count - shared))
        let tail = key.count - stem
        output.append(varint: UInt64(value.map { $0.count + 1 } ?? 0) << 1 | (tail == 0 ? 0 : 1))
        if tail != 0 { output.append(varint: UInt64(tail)) }
        output.append(key.slice(shared, key.count))
        if let value { output.append(value) }
    }

    /// Nil if there is no whole one. `limit` is where records end.
    @inline(__always)
    init?(_ block: ByteView, at start: Int, limit: Int) {
        let records = ByteView(block.start, limit)
        var at = start
        guard let shared = records.varint(at: &at), let others = records.varint(at: &at),
            let tag = records.varint(at: &at)
        else { return nil }
        var tail: UInt64 = 0
        if tag & 1 != 0 {
            guard let more = records.varint(at: &at) else { return nil }
            tail = more
        }
        let left = UInt64(limit &- at)
        let length = tag &>> 1
        let valueBytes = length == 0 ? 0 : length &- 1
        guard others <= left, valueBytes <= left &- others, shared <= UInt64(UInt32.max), tail <= shared &+ others
        else {
            return nil
        }
        self.shared = Int(shared)
        keyTail = Int(tail)
        suffix = records.slice(at, at &+ Int(others))
        at = at &+ Int(others)
        value = length == 0 ? nil : records.slice(at, at &+ Int(valueBytes))
        end = at &+ Int(valueBytes)
    }
}
