import Base
import CSystem

/// A view of a listpack: a sequence of short byte strings and integers in one run of memory, walked from
/// either end. The packed form of small lists, sets and hashes, and of the pieces of large lists.
///
/// The format is Redis' (antirez, "Listpack specification"), so that DUMP payloads hold it as it is:
///
///     4 bytes   bytes in all, header and end mark included, little endian
///     2 bytes   elements; 65535: not known
///     elements  encoding and data, then the length of both, readable backwards
///     1 byte    255
///
/// Owns nothing. Positions are byte offsets of elements; `end` is that of the end mark.
public struct Listpack {
    public let start: UnsafeMutablePointer<UInt8>

    public static let headerBytes = 6
    public static let emptyBytes = 7
    /// Elements past which the header does not count any more.
    static let countUnknown = 65535

    @inline(__always)
    public init(_ start: UnsafeMutablePointer<UInt8>) { self.start = start }

    /// Writes an empty listpack.
    public static func makeEmpty(_ start: UnsafeMutablePointer<UInt8>) {
        let pack = Listpack(start)
        pack.setByteCount(emptyBytes)
        pack.setCount(0)
        start[6] = 255
    }

    /// Writes a listpack of one element, or of two.
    static func make(_ start: UnsafeMutablePointer<UInt8>, _ first: NewElement, _ second: NewElement? = nil) {
        let size = emptyBytes + first.byteCount + (second?.byteCount ?? 0)
        Listpack(start).setByteCount(size)
        Listpack(start).setCount(second == nil ? 1 : 2)
        first.write(to: start + headerBytes)
        second?.write(to: start + (headerBytes + first.byteCount))
        start[size - 1] = 255
    }

    /// Bytes in all, header and end mark included.
    @inline(__always)
    public var byteCount: Int { Int(UnsafeRawPointer(start).loadUnaligned(as: UInt32.self)) }

    @inline(__always)
    func setByteCount(_ count: Int) {
        UnsafeMutableRawPointer(start).storeBytes(of: UInt32(truncatingIfNeeded: count), as: UInt32.self)
    }

    @inline(__always)
    var countField: Int { Int(UnsafeRawPointer(start).loadUnaligned(fromByteOffset: 4, as: UInt16.self)) }

    @inline(__always)
    func setCount(_ count: Int) {
        let field = UInt16(truncatingIfNeeded: min(count, Listpack.countUnknown))
        UnsafeMutableRawPointer(start).storeBytes(of: field, toByteOffset: 4, as: UInt16.self)
    }

    /// Elements. O(1) up to 65534 of them.
    @inline(__always)
    public var count: Int {
        let field = countField
        return _fastPath(field != Listpack.countUnknown) ? field : countedElements
    }

    @inline(never)
    private var countedElements: Int {
        var total = 0
        var at = first
        while at != end {
            total += 1
            at = next(at)
        }
        return total
    }

    // MARK: positions

    /// The first element's position; `end` if there is none.
    @inline(__always)
    public var first: Int { Listpack.headerBytes }

    /// Where the next element would begin: the end mark.
    @inline(__always)
    public var end: Int { byteCount &- 1 }

    @inline(__always)
    public var isEmpty: Bool { byteCount == Listpack.emptyBytes }

    /// The last element; `end` if there is none.
    public var last: Int { isEmpty ? end : previous(end) }

    /// The element after the one at `at`, or `end`.
    @inline(__always)
    public func next(_ at: Int) -> Int {
        let body = bodyCount(at)
        return at &+ body &+ Listpack.tailBytes(body)
    }

    /// The element before position `at`, which is not the first.
    @inline(__always)
    public func previous(_ at: Int) -> Int {
        var body = 0
        var shift = 0
        var p = at
        repeat {
            p &-= 1
            body |= Int(start[p] & 127) << shift
            shift &+= 7
        } while start[p] & 128 != 0 && shift < 35
        return p &- body
    }

    /// The `index`th element, negative ones counted from the end (-1 is the last); nil if there are not so many.
    public func seek(_ index: Int) -> Int? {
        let total = count
        let wanted = index < 0 ? total + index : index
        if wanted < 0 || wanted >= total { return nil }
        if wanted < total / 2 {
            var at = first
            for _ in 0..<wanted { at = next(at) }
            return at
        }
        var at = end
        for _ in wanted..<total { at = previous(at) }
        return at
    }

    /// Bytes of encoding and data of the element at `at`.
    @inline(__always)
    func bodyCount(_ at: Int) -> Int {
        let byte = start[at]
        if byte < 0x80 { return 1 }
        if byte < 0xc0 { return 1 &+ Int(byte & 63) }
        return longBodyCount(at, byte)
    }

    @inline(never)
    private func longBodyCount(_ at: Int, _ byte: UInt8) -> Int {
        if byte < 0xe0 { return 2 }
        if byte < 0xf0 { return 2 + (Int(byte & 15) << 8 | Int(start[at + 1])) }
        switch byte {
        case 0xf0: return 5 + Int(UnsafeRawPointer(start + at + 1).loadUnaligned(as: UInt32.self))
        case 0xf1: return 3
        case 0xf2: return 4
        case 0xf3: return 5
        case 0xf4: return 9
        default: preconditionFailure("a listpack element of an unknown kind")
        }
    }

    /// Bytes of the backward length of a body of this size.
    @inline(__always)
    static func tailBytes(_ body: Int) -> Int {
        if _fastPath(body < 128) { return 1 }
        if body < 16383 { return 2 }
        if body < 2_097_151 { return 3 }
        return body < 268_435_455 ? 4 : 5
    }

    // MARK: reading

    /// An element's value where it lies.
    public struct Element {
        /// The bytes; nil for an integer.
        public let bytes: UnsafePointer<UInt8>?
        public let byteCount: Int
        /// The integer, if `bytes` is nil.
        public let integer: Int64

        @inline(__always)
        init(bytes: UnsafePointer<UInt8>, _ count: Int) {
            self.bytes = bytes
            byteCount = count
            integer = 0
        }

        @inline(__always)
        init(integer: Int64) {
            bytes = nil
            byteCount = 0
            self.integer = integer
        }

        @inline(__always)
        public init(_ view: ByteView) { self.init(bytes: view.start, view.count) }

        /// The bytes; nil for an integer.
        @inline(__always)
        public var view: ByteView? { bytes.map { ByteView($0, byteCount) } }

        /// Lends the value as bytes, an integer as decimal text.
        @inline(__always)
        public func withView<R>(_ body: (ByteView) throws -> R) rethrows -> R {
            if let bytes { return try body(ByteView(bytes, byteCount)) }
            return try Decimal.withText(integer, body)
        }

        /// The length as bytes, an integer's as decimal text.
        public var textCount: Int { bytes == nil ? Decimal.length(integer) : byteCount }
    }

    /// The element at a position. Its bytes are lent until the listpack changes.
    @inline(__always)
    public func element(_ at: Int) -> Element {
        let byte = start[at]
        if byte < 0x80 { return Element(integer: Int64(byte)) }
        if byte < 0xc0 { return Element(bytes: start + (at &+ 1), Int(byte & 63)) }
        return longElement(at, byte)
    }

    @inline(never)
    private func longElement(_ at: Int, _ byte: UInt8) -> Element {
        let raw = UnsafeRawPointer(start + at + 1)
        if byte < 0xe0 {
            let value = Int64(byte & 31) << 8 | Int64(start[at + 1])
            return Element(integer: value >= 1 << 12 ? value - 1 << 13 : value)
        }
        if byte < 0xf0 { return Element(bytes: start + at + 2, Int(byte & 15) << 8 | Int(start[at + 1])) }
        switch byte {
        case 0xf0: return Element(bytes: start + at + 5, Int(raw.loadUnaligned(as: UInt32.self)))
        case 0xf1: return Element(integer: Int64(raw.loadUnaligned(as: Int16.self)))
        case 0xf2:
            let low = Int32(raw.loadUnaligned(as: UInt16.self))
            return Element(integer: Int64(Int32(Int8(bitPattern: start[at + 3])) << 16 | low))
        case 0xf3: return Element(integer: Int64(raw.loadUnaligned(as: Int32.self)))
        default: return Element(integer: raw.loadUnaligned(as: Int64.self))
        }
    }

    /// What elements are compared with: bytes, and the integer that they spell, found out once.
    public struct Probe {
        public let view: ByteView
        let integer: Int64?

        @inline(__always)
        public init(_ view: ByteView) {
            self.view = view
            integer = view.count <= 20 ? view.integer : nil
        }

        /// An integer: only elements that are one can equal it. (No bytes have a negative length.)
        @inline(__always)
        public init(integer: Int64) {
            view = ByteView(ByteView("").start, -1)
            self.integer = integer
        }

        /// Whether an element has this value.
        @inline(__always)
        public func equals(_ element: Element) -> Bool {
            if let bytes = element.bytes {
                return element.byteCount == view.count && cs_equal(bytes, view.start, view.count) != 0
            }
            return integer == element.integer
        }
    }

    /// The first element from `from` on with this value, looking at every `step`th; `end` if there is none.
    @inline(__always)
    public func find(_ probe: Probe, from: Int, step: Int) -> Int {
        var at = from
        let end = end
        while at < end {
            if probe.equals(element(at)) { return at }
            for _ in 0..<step where at < end { at = next(at) }
        }
        return end
    }
}
