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

/// Writes elements one after another at a listpack's end; room is there.
private struct Appender {
    var at: UnsafeMutablePointer<UInt8>
    var elements = 0

    @inline(__always)
    mutating func append(_ element: Listpack.NewElement) {
        element.write(to: at)
        at += element.byteCount
        elements &+= 1
    }

    @inline(__always)
    mutating func append(_ integer: Int64) {
        if _fastPath(integer >= 0 && integer < 128) {
            at[0] = UInt8(truncatingIfNeeded: integer)
            at[1] = 1
            at += 2
            elements &+= 1
        } else {
            append(Listpack.NewElement(integer: integer))
        }
    }

    @inline(__always)
    mutating func append(_ view: ByteView) { append(Listpack.NewElement(view)) }
}

extension StreamPiece {
    /// The most bytes that an entry with these fields may take, in an empty piece or behind others.
    @inline(__always)
    static func room(for fields: StreamFields, bytes: Int) -> Int {
        bytes &+ fields.count &* 20 &+ 64 &+ Listpack.emptyBytes
    }

    /// Makes the listpack one with this entry's fields at its beginning and nothing else, `room(for:)` and the
    /// fields once more being there.
    func begin(_ fields: StreamFields) {
        Listpack.makeEmpty(pack.start)
        var appender = Appender(at: pack.start + Listpack.headerBytes)
        appender.append(0)
        appender.append(0)
        appender.append(Int64(fields.count))
        for i in 0..<fields.count { appender.append(fields.field(i)) }
        appender.append(0)
        finish(appender)
    }

    /// Adds an entry at the end. There is room for it and one owner. The counter of entries has been stepped.
    @inline(__always)
    func append(_ id: StreamID, _ fields: StreamFields) {
        let pack = pack
        let same = hasFields(fields)
        var appender = Appender(at: pack.start + pack.end)
        let offset = id.offset(from: first)
        appender.append(same ? Int64(Flag.sameFields) : 0)
        appender.append(offset.ms)
        appender.append(offset.seq)
        if !same { appender.append(Int64(fields.count)) }
        for i in 0..<fields.count {
            if !same { appender.append(fields.field(i)) }
            appender.append(fields.value(i))
        }
        appender.append(Int64(appender.elements))
        finish(appender)
    }

    @inline(__always)
    private func finish(_ appender: Appender) {
        let pack = pack
        appender.at[0] = 255
        pack.setByteCount(appender.at - pack.start + 1)
        let count = pack.countField
        if _fastPath(count != Listpack.countUnknown) { pack.setCount(count &+ appender.elements) }
    }

    /// Whether the fields are, in this order, those at the piece's beginning.
    @inline(__always)
    private func hasFields(_ fields: StreamFields) -> Bool {
        let pack = pack
        var at = fieldCountAt
        if pack.element(at).integer != Int64(fields.count) { return false }
        at = pack.next(at)
        for i in 0..<fields.count {
            let element = pack.element(at)
            if let bytes = element.bytes {
                let field = fields.field(i)
                if element.byteCount != field.count || cs_equal(bytes, field.start, field.count) == 0 { return false }
            } else if !Listpack.Probe(fields.field(i)).equals(element) {
                return false
            }
            at = pack.next(at)
        }
        return true
    }

    /// Marks the entry at a position as deleted; the counters are the caller's.
    @inline(__always)
    func markDeleted(_ at: Int) { pack.start[at] |= Flag.deleted }

    /// Bytes by which the listpack grows when the numbers of live and deleted entries change so.
    func growth(live more: Int, deleted others: Int) -> Int {
        func size(_ number: Int) -> Int { Listpack.NewElement(integer: Int64(number)).byteCount }
        let (live, deleted) = (live, deleted)
        return size(live + more) - size(live) + size(deleted + others) - size(deleted)
    }

    /// Adds to the numbers of live and deleted entries. There is room for `growth`; positions move by that much.
    func count(live more: Int, deleted others: Int) {
        // What shrinks goes first: there may be no room the other way round.
        setCounter(Listpack.headerBytes, live + more)
        if others != 0 { setCounter(pack.next(Listpack.headerBytes), deleted + others) }
    }

    /// Counts one more entry if that takes no more room than before.
    @inline(__always)
    func countOneMore() -> Bool {
        let at = pack.start + Listpack.headerBytes
        if _slowPath(at[0] >= 127) { return false }
        at[0] &+= 1
        return true
    }

    private func setCounter(_ at: Int, _ value: Int) {
        let pack = pack
        let element = Listpack.NewElement(integer: Int64(value))
        let total = pack.byteCount
        let rest = pack.next(at)
        let grown = at + element.byteCount - rest
        if grown != 0 {
            memmove(pack.start + rest + grown, pack.start + rest, total - rest)
            pack.setByteCount(total + grown)
        }
        element.write(to: pack.start + at)
    }
}
