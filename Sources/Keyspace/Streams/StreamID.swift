import Base

/// The ID of a stream's entry: milliseconds since 1970 and a sequence number, ordered as a pair
/// (redis.io, "Redis Streams"). No entry has the ID 0-0.
public struct StreamID: Comparable, Hashable, Sendable {
    /// Milliseconds since 1970, or whatever its maker chose.
    public var ms: UInt64
    /// Tells IDs of the same millisecond apart.
    public var seq: UInt64

    @inline(__always)
    public init(_ ms: UInt64, _ seq: UInt64) {
        self.ms = ms
        self.seq = seq
    }

    public static let zero = StreamID(0, 0)
    public static let max = StreamID(.max, .max)

    @inline(__always)
    public static func < (a: StreamID, b: StreamID) -> Bool { a.ms < b.ms || (a.ms == b.ms && a.seq < b.seq) }

    @inline(__always)
    public static func == (a: StreamID, b: StreamID) -> Bool { a.ms == b.ms && a.seq == b.seq }

    /// The next ID; nil after the last one.
    @inline(__always)
    public var successor: StreamID? {
        if _fastPath(seq != .max) { return StreamID(ms, seq &+ 1) }
        return ms == .max ? nil : StreamID(ms &+ 1, 0)
    }

    /// The ID before; nil before the first one.
    public var predecessor: StreamID? {
        if seq != 0 { return StreamID(ms, seq &- 1) }
        return ms == 0 ? nil : StreamID(ms &- 1, .max)
    }

    /// What entries' IDs are written as: the distance from their piece's first ID, which may wrap.
    @inline(__always)
    func offset(from first: StreamID) -> (ms: Int64, seq: Int64) {
        (Int64(bitPattern: ms &- first.ms), Int64(bitPattern: seq &- first.seq))
    }

    @inline(__always)
    func advanced(ms more: Int64, seq others: Int64) -> StreamID {
        StreamID(ms &+ UInt64(bitPattern: more), seq &+ UInt64(bitPattern: others))
    }
}

// MARK: text

extension StreamID {
    /// The longest text of an ID.
    public static let textMax = 41

    /// Writes "ms-seq"; answers the length. `out` has room for `textMax` bytes.
    @inline(__always)
    public func write(_ out: UnsafeMutablePointer<UInt8>) -> Int { write(out, separator: 45) }

    /// The same with another byte between the numbers.
    @inline(__always)
    public func write(_ out: UnsafeMutablePointer<UInt8>, separator: UInt8) -> Int {
        let length = StreamID.write(ms, out)
        out[length] = separator
        return length &+ 1 &+ StreamID.write(seq, out + (length &+ 1))
    }

    @inline(__always)
    private static func write(_ number: UInt64, _ out: UnsafeMutablePointer<UInt8>) -> Int {
        if _fastPath(number <= UInt64(Int64.max)) { return Decimal.write(Int64(bitPattern: number), out) }
        let length = Decimal.write(Int64(bitPattern: number / 10), out)
        out[length] = 48 &+ UInt8(truncatingIfNeeded: number % 10)
        return length &+ 1
    }

    /// The text "ms-seq".
    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: StreamID.textMax) { buffer, count in
            count = write(buffer.baseAddress.unsafelyUnwrapped)
        }
    }

    /// What the text of an ID says.
    public enum Text: Equatable, Sendable {
        case id(StreamID)
        /// `ms-*`: the server is to choose the sequence number.
        case openSequence(UInt64)
        /// "-": the least ID.
        case least
        /// "+": the greatest ID.
        case greatest
    }

    /// Reads an ID as Redis does: "ms-seq", "ms" alone (the sequence number is `missing` then), "ms-*", "-", "+".
    /// Nil if it is none of these.
    public static func parse(_ text: ByteView, missing: UInt64) -> Text? {
        if text.count > 127 { return nil }
        var end = 0
        while end < text.count && text[end] != 0 { end += 1 }
        if end == 1 && text[0] == 45 { return .least }
        if end == 1 && text[0] == 43 { return .greatest }
        var dash = 0
        while dash < end && text[dash] != 45 { dash += 1 }
        guard let ms = number(text.slice(0, dash)) else { return nil }
        if dash == end { return .id(StreamID(ms, missing)) }
        if dash + 2 == end && text[dash + 1] == 42 { return .openSequence(ms) }
        return number(text.slice(dash + 1, end)).map { .id(StreamID(ms, $0)) }
    }

    /// A number of an ID, which Redis reads strictly first, then with C's strtoull: white space, a sign and
    /// leading zeros are let through; a negative number that only the second way reads wraps.
    private static func number(_ text: ByteView) -> UInt64? {
        if let strict = text.integer { return strict < 0 ? nil : UInt64(strict) }
        var at = 0
        while at < text.count && (text[at] == 32 || text[at] &- 9 < 5) { at += 1 }
        var negative = false
        if at < text.count && (text[at] == 43 || text[at] == 45) {
            negative = text[at] == 45
            at += 1
        }
        if at == text.count { return nil }
        var value: UInt64 = 0
        while at < text.count {
            let digit = text[at] &- 48
            if digit > 9 { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
            at += 1
        }
        return negative ? 0 &- value : value
    }
}
