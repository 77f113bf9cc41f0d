import Base
import CSystem

/// A view of a sorted set of integers, each of the same width, in one run of memory: what a small set of nothing
/// but integers is.
///
/// The layout is that of Redis' intsets, so that DUMP payloads hold it as it is:
///
///     4 bytes  bytes per integer: 2, 4 or 8
///     4 bytes  number of integers
///     ..       the integers, ascending, little endian
///
/// Owns nothing.
public struct IntegerSet {
    public let start: UnsafeMutablePointer<UInt8>

    public static let headerBytes = 8

    @inline(__always)
    public init(_ start: UnsafeMutablePointer<UInt8>) { self.start = start }

    private var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(start) }

    /// Bytes of each integer.
    @inline(__always)
    public var width: Int { Int(raw.loadUnaligned(as: UInt32.self)) }

    @inline(__always)
    public var count: Int { Int(raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }

    @inline(__always)
    public var byteCount: Int { IntegerSet.headerBytes &+ width &* count }

    @inline(__always)
    func setHeader(width: Int, count: Int) {
        raw.storeBytes(of: UInt32(truncatingIfNeeded: width), as: UInt32.self)
        raw.storeBytes(of: UInt32(truncatingIfNeeded: count), toByteOffset: 4, as: UInt32.self)
    }

    /// The bytes that this integer needs.
    @inline(__always)
    public static func width(of value: Int64) -> Int {
        if value == Int64(Int16(truncatingIfNeeded: value)) { return 2 }
        return value == Int64(Int32(truncatingIfNeeded: value)) ? 4 : 8
    }

    /// The integer at an index, in ascending order.
    @inline(__always)
    public subscript(i: Int) -> Int64 { IntegerSet.load(raw + IntegerSet.headerBytes, width, i) }

    @inline(__always)
    private static func load(_ values: UnsafeMutableRawPointer, _ width: Int, _ i: Int) -> Int64 {
        switch width {
        case 2: Int64(values.loadUnaligned(fromByteOffset: i &* 2, as: Int16.self))
        case 4: Int64(values.loadUnaligned(fromByteOffset: i &* 4, as: Int32.self))
        default: values.loadUnaligned(fromByteOffset: i &* 8, as: Int64.self)
        }
    }

    @inline(__always)
    func store(_ value: Int64, at i: Int) {
        let values = raw + IntegerSet.headerBytes
        switch width {
        case 2: values.storeBytes(of: Int16(truncatingIfNeeded: value), toByteOffset: i &* 2, as: Int16.self)
        case 4: values.storeBytes(of: Int32(truncatingIfNeeded: value), toByteOffset: i &* 4, as: Int32.self)
        default: values.storeBytes(of: value, toByteOffset: i &* 8, as: Int64.self)
        }
    }

    /// The position of the first integer that is not less.
    @inline(__always)
    public func lowerBound(_ value: Int64) -> Int {
        let values = raw + IntegerSet.headerBytes
        let width = width
        var low = 0
        var high = count
        // Integers often come in ascending order.
        if high == 0 || IntegerSet.load(values, width, high &- 1) < value { return high }
        while low < high {
            let middle = (low &+ high) >> 1
            if IntegerSet.load(values, width, middle) < value { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    /// Whether an integer is there, by bisection.
    @inline(__always)
    public func contains(_ value: Int64) -> Bool {
        let at = lowerBound(value)
        return at < count && self[at] == value
    }

    /// Rewrites the integers with more bytes each than the header still says; there is room.
    func widen(to width: Int) {
        let old = self.width
        let count = count
        setHeader(width: width, count: count)
        var i = count
        while i > 0 {
            i &-= 1
            store(IntegerSet.load(raw + IntegerSet.headerBytes, old, i), at: i)
        }
    }

    /// Whether foreign bytes are such a set: sizes right, integers ascending.
    public static func isValid(_ bytes: ByteView) -> Bool {
        guard bytes.count >= headerBytes else { return false }
        let set = IntegerSet(UnsafeMutablePointer(mutating: bytes.start))
        guard [2, 4, 8].contains(set.width), set.count > 0 else { return false }
        let (size, overflow) = set.width.multipliedReportingOverflow(by: set.count)
        guard !overflow, size == bytes.count - headerBytes else { return false }
        return (1..<max(1, set.count)).allSatisfy { set[$0 - 1] < set[$0] }
    }
}

extension PackedValue {
    /// The set of integers that the value is.
    @inline(__always)
    var integers: IntegerSet { IntegerSet(start) }

    /// Puts an integer at its place; it is not there yet.
    mutating func insertInteger(_ value: Int64) {
        let wanted = IntegerSet.width(of: value)
        if wanted > integers.width { widen(to: wanted) }
        let at = integers.lowerBound(value)
        let (width, count) = (integers.width, integers.count)
        splice(at: IntegerSet.headerBytes + at * width, removing: 0, inserting: width)
        integers.setHeader(width: width, count: count + 1)
        integers.store(value, at: at)
    }

    private mutating func widen(to width: Int) {
        let grown = integers.count * (width - integers.width)
        splice(at: integers.byteCount, removing: 0, inserting: grown)
        integers.widen(to: width)
    }

    mutating func removeInteger(at: Int) {
        let (width, count) = (integers.width, integers.count)
        splice(at: IntegerSet.headerBytes + at * width, removing: width, inserting: 0)
        integers.setHeader(width: width, count: count - 1)
    }
}

extension Entry {
    /// The integers of a set that is nothing else.
    @inline(__always)
    public var integers: IntegerSet { IntegerSet(contents) }
}
