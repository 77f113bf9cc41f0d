import Base
import CSystem

/// Fields and values by turns: where an entry to be added is.
public struct StreamFields {
    /// Views of field, value, field ...
    public let views: UnsafePointer<ByteView>
    /// Pairs.
    public let count: Int

    @inline(__always)
    public init(_ views: UnsafePointer<ByteView>, count: Int) {
        self.views = views
        self.count = count
    }

    @inline(__always)
    public func field(_ i: Int) -> ByteView { views[i &* 2] }

    @inline(__always)
    public func value(_ i: Int) -> ByteView { views[i &* 2 &+ 1] }

    /// Bytes of all fields and values.
    @inline(__always)
    public var byteCount: Int {
        var sum = 0
        for i in 0..<count &* 2 { sum &+= views[i].count }
        return sum
    }
}

/// Writes a piece's bytes one after another, and counts those of Redis' node; room is there.
struct StreamPieceWriter {
    var at: UnsafeMutablePointer<UInt8>
    var nodeBytes = 0

    @inline(__always)
    init(_ at: UnsafeMutablePointer<UInt8>) { self.at = at }

    /// A field or value.
    @inline(__always)
    mutating func put(_ view: ByteView) {
        let element = Listpack.NewElement(view)
        element.writeBody(to: at)
        at += element.bodyCount
        nodeBytes &+= element.byteCount
    }

    /// A field or value that is encoded already.
    mutating func put(body: UnsafePointer<UInt8>, _ count: Int) {
        memcpy(at, body, count)
        at += count
        nodeBytes &+= count &+ Listpack.tailBytes(count)
    }

    @inline(__always)
    mutating func put(number: UInt64) {
        var rest = number
        while _slowPath(rest >= 128) {
            at[0] = UInt8(truncatingIfNeeded: rest) | 128
            at += 1
            rest >>= 7
        }
        at[0] = UInt8(truncatingIfNeeded: rest)
        at += 1
    }

    /// Counts an integer that only Redis' node has.
    @inline(__always)
    mutating func count(_ integer: Int64) { nodeBytes &+= Listpack.integerBytes(integer) }

    /// An entry's beginning. `fields`: its number of fields, `flags`: what Redis' are.
    @inline(__always)
    mutating func putHead(_ id: StreamID, after last: StreamID, first: StreamID, _ flags: UInt8, _ fields: Int) {
        let control = at
        at += 1
        var bits = flags
        if id.ms == last.ms {
            let step = id.seq &- last.seq
            if step != 1 {
                bits |= StreamPiece.Flag.sequence
                put(number: step)
            }
        } else {
            bits |= StreamPiece.Flag.later
            put(number: id.ms &- last.ms)
            if id.seq != 0 {
                bits |= StreamPiece.Flag.sequence
                put(number: id.seq)
            }
        }
        control[0] = bits
        let offset = id.offset(from: first)
        nodeBytes &+= 2
        count(offset.ms)
        count(offset.seq)
        if flags & StreamPiece.Flag.sameFields != 0 {
            count(Int64(fields &+ 3))
        } else {
            put(number: UInt64(fields))
            count(Int64(fields))
            count(Int64(fields &* 2 &+ 4))
        }
    }
}

extension StreamPiece {
    /// The most bytes that an entry with these fields may take, be it behind others or alone behind its fields.
    @inline(__always)
    static func room(for fields: StreamFields, bytes: Int) -> Int { bytes &+ fields.count &* 10 &+ 32 }

    /// Writes this entry's fields at the beginning of an empty piece, `room(for:)` being there for both.
    func begin(_ fields: StreamFields) {
        var writer = StreamPieceWriter(head.pointee.bytes)
        writer.put(number: UInt64(fields.count))
        for i in 0..<fields.count { writer.put(fields.field(i)) }
        finishBeginning(writer, fields.count)
    }

    /// The fields at the beginning have been written.
    func finishBeginning(_ writer: StreamPieceWriter, _ fields: Int) {
        head.pointee.used = UInt32(writer.at - head.pointee.bytes)
        // Redis has a 0 behind the fields.
        let nodeBytes = Listpack.emptyBytes + Listpack.integerBytes(Int64(fields)) + writer.nodeBytes + 2
        head.pointee.nodeBytes = UInt32(nodeBytes)
    }

    /// Adds an entry at the end. There is room for it and one holder.
    @inline(__always)
    func append(_ id: StreamID, _ fields: StreamFields) {
        let flags = hasFields(fields) ? Flag.sameFields : 0
        var writer = StreamPieceWriter(head.pointee.bytes + used)
        writer.putHead(id, after: last, first: first, flags, fields.count)
        for i in 0..<fields.count {
            if flags == 0 { writer.put(fields.field(i)) }
            writer.put(fields.value(i))
        }
        finishEntry(writer, id)
        head.pointee.live &+= 1
    }

    /// An entry has been written at the end; the counters are the caller's.
    @inline(__always)
    func finishEntry(_ writer: StreamPieceWriter, _ id: StreamID) {
        head.pointee.lastAt = head.pointee.used
        head.pointee.used = UInt32(truncatingIfNeeded: writer.at - head.pointee.bytes)
        head.pointee.nodeBytes &+= UInt32(truncatingIfNeeded: writer.nodeBytes)
        head.pointee.last = id
    }

    /// Whether the fields are, in this order, those at the piece's beginning.
    @inline(__always)
    private func hasFields(_ fields: StreamFields) -> Bool {
        let bytes = bytes
        var at = 0
        if bytes.number(&at) != UInt64(fields.count) { return false }
        for i in 0..<fields.count {
            let element = bytes.element(at)
            if let text = element.bytes {
                let field = fields.field(i)
                if element.byteCount != field.count || cs_equal(text, field.start, field.count) == 0 { return false }
            } else if !Listpack.Probe(fields.field(i)).equals(element) {
                return false
            }
            at = bytes.next(at)
        }
        return true
    }

    /// Marks the live entry at a position as deleted.
    @inline(__always)
    func markDeleted(_ at: Int) {
        head.pointee.bytes[at] |= Flag.deleted
        head.pointee.live &-= 1
        head.pointee.deleted &+= 1
    }
}
