import Base
import CSystem

/// A place in a payload. Reads nothing past its end, and believes no size before so many bytes are there.
struct PayloadReader {
    private let bytes: ByteView
    private var at = 0

    init(_ bytes: ByteView) { self.bytes = bytes }

    /// Bytes that have not been read.
    var rest: Int { bytes.count - at }

    @inline(__always)
    mutating func byte() throws(PayloadError) -> UInt8 {
        if at >= bytes.count { throw .short }
        at &+= 1
        return bytes[at &- 1]
    }

    @inline(__always)
    mutating func take(_ count: Int) throws(PayloadError) -> ByteView {
        if count < 0 || count > rest { throw .short }
        at &+= count
        return bytes.slice(at &- count, at)
    }

    /// An integer of the next bytes, the lowest first.
    @inline(__always)
    mutating func littleEndian<T: FixedWidthInteger>(_ type: T.Type) throws(PayloadError) -> T {
        let start = try take(MemoryLayout<T>.size).start
        return T(littleEndian: UnsafeRawPointer(start).loadUnaligned(as: T.self))
    }

    /// The same, the highest first.
    @inline(__always)
    mutating func bigEndian<T: FixedWidthInteger>(_ type: T.Type) throws(PayloadError) -> T {
        let start = try take(MemoryLayout<T>.size).start
        return T(bigEndian: UnsafeRawPointer(start).loadUnaligned(as: T.self))
    }

    /// A number in groups of seven bits (`ByteBuffer.append(varint:)`).
    @inline(__always)
    mutating func varint() throws(PayloadError) -> UInt64 {
        guard let value = bytes.varint(at: &at) else { throw .corrupt }
        return value
    }

    @inline(__always)
    mutating func signedVarint() throws(PayloadError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number that counts something in memory.
    @inline(__always)
    mutating func smallVarint() throws(PayloadError) -> Int {
        guard let value = Int(exactly: try varint()) else { throw .corrupt }
        return value
    }

    /// How many bytes, then the bytes.
    @inline(__always)
    mutating func counted() throws(PayloadError) -> ByteView { try take(try smallVarint()) }

    /// What the first byte of a length announces.
    private enum Length {
        case plain(UInt64)
        /// No length but a string in another form.
        case form(UInt8)
    }

    @inline(__always)
    private mutating func lengthOrForm() throws(PayloadError) -> Length {
        let first = try byte()
        switch first >> 6 {
        case 0: return .plain(UInt64(first))
        case 1: return .plain(UInt64(first & 63) << 8 | UInt64(try byte()))
        case 3: return .form(first & 63)
        default:
            if first == 0x80 { return .plain(UInt64(try bigEndian(UInt32.self))) }
            if first == 0x81 { return .plain(try bigEndian(UInt64.self)) }
            throw .corrupt
        }
    }

    /// A number.
    mutating func number() throws(PayloadError) -> UInt64 {
        guard case .plain(let number) = try lengthOrForm() else { throw .corrupt }
        return number
    }

    /// How many elements of at least so many bytes each follow.
    mutating func elementCount(bytesEach: Int = 1) throws(PayloadError) -> Int {
        let number = try number()
        if number > UInt64(rest / bytesEach) { throw .short }
        return Int(number)
    }

    /// A string in whatever form it is.
    mutating func text() throws(PayloadError) -> PayloadText {
        switch try lengthOrForm() {
        case .plain(let count):
            if count > UInt64(rest) { throw .short }
            return .bytes(try take(Int(count)))
        case .form(0): return .integer(Int64(Int8(bitPattern: try byte())))
        case .form(1): return .integer(Int64(try littleEndian(Int16.self)))
        case .form(2): return .integer(Int64(try littleEndian(Int32.self)))
        case .form(3):
            let count = try byteCount()
            let expanded = try number()
            let packed = try take(count)
            guard let real = LZF.expandedCount(packed), real > 0, UInt64(real) == expanded else { throw .corrupt }
            if real > PayloadText.countMax { throw .corrupt }
            return .compressed(packed, real)
        case .form: throw .corrupt
        }
    }

    /// A count of bytes that need not follow at once.
    private mutating func byteCount() throws(PayloadError) -> Int {
        let number = try number()
        if number > UInt64(rest) { throw .short }
        return Int(number)
    }
}

/// A string of a payload, where it lies.
enum PayloadText {
    case bytes(ByteView)
    case integer(Int64)
    /// LZF's, and how many bytes they expand to.
    case compressed(ByteView, Int)

    /// No string is longer (Redis' strings are not, by default; a few bytes of LZF expand to many).
    static let countMax = Limits.stringBytes

    /// Bytes of the string.
    var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .integer(let value): Decimal.length(value)
        case .compressed(_, let count): count
        }
    }

    /// The integer that the string spells, if it does.
    var spelledInteger: Int64? {
        switch self {
        case .bytes(let bytes): bytes.count <= 20 ? bytes.integer : nil
        case .integer(let value): value
        case .compressed(_, let count): count <= 20 ? withView { $0.integer } : nil
        }
    }

    /// Lends the string's bytes.
    func withView<R, E>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
        if case .bytes(let bytes) = self { return try body(bytes) }
        let room = max(count, Decimal.lengthMax)
        let text = cs_allocate(room).unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
        defer { cs_release(text, room) }
        switch self {
        case .bytes: break
        case .integer(let value): _ = Decimal.write(value, text)
        case .compressed(let packed, _): LZF.expand(packed, into: text)
        }
        return try body(ByteView(UnsafePointer(text), count))
    }
}
