import Base

/// A place in encoded bytes. Reads nothing past its end, and believes no count before so many bytes are there.
public struct CausalReader {
    private let bytes: ByteView
    private var at = 0

    public init(_ bytes: ByteView) { self.bytes = bytes }

    /// Bytes that have not been read.
    public var rest: Int { bytes.count - at }

    /// What lies between this place and a later one.
    func bytes(upTo end: CausalReader) -> ByteView { bytes.slice(at, end.at) }

    /// Whether these bytes come next.
    func comesNext(_ view: ByteView) -> Bool { view.count <= rest && bytes.slice(at, at + view.count) == view }

    public mutating func byte() throws(CausalityError) -> UInt8 {
        if at >= bytes.count { throw .corrupt }
        at += 1
        return bytes[at - 1]
    }

    public mutating func take(_ count: Int) throws(CausalityError) -> ByteView {
        if count < 0 || count > rest { throw .corrupt }
        at += count
        return bytes.slice(at - count, at)
    }

    /// One varint for each number: a second form of the same bytes is none.
    @inline(__always)
    public mutating func varint() throws(CausalityError) -> UInt64 {
        if _fastPath(at < bytes.count && bytes[at] < 0x80) {
            at &+= 1
            return UInt64(bytes[at &- 1])
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(CausalityError) -> UInt64 {
        let before = at
        guard let value = bytes.varint(at: &at) else { throw .corrupt }
        if at - before > 1 && bytes[at - 1] == 0 { throw .corrupt }
        return value
    }

    /// How many elements of at least so many bytes follow.
    public mutating func count(bytesEach: Int) throws(CausalityError) -> Int {
        let number = try varint()
        if number > UInt64(rest / bytesEach) { throw .corrupt }
        return Int(number)
    }

    public mutating func counter() throws(CausalityError) -> UInt64 {
        let value = try varint()
        if value == 0 || value > Dot.counterMax { throw .corrupt }
        return value
    }

    /// ms since 1970.
    public mutating func timestamp() throws(CausalityError) -> Int64 {
        let value = try varint()
        return (Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)) &+ Limits.timestampEpoch
    }

    /// Bytes after their count.
    public mutating func counted() throws(CausalityError) -> ByteView { try take(try count(bytesEach: 1)) }

    public mutating func word() throws(CausalityError) -> UInt64 {
        UInt64(bigEndian: UnsafeRawPointer(try take(8).start).loadUnaligned(as: UInt64.self))
    }

    public mutating func actorID() throws(CausalityError) -> ActorID {
        let high = try word()
        return ActorID(high: high, low: try word())
    }
}

extension ByteBuffer {
    mutating func append(timestamp: Int64) { append(signedVarint: timestamp &- Limits.timestampEpoch) }
}

/// What stands alone (a record, a file, a test's bytes) has a kind and a version before it and a checksum behind it.
enum CausalFrame: UInt8 {
    case clock = 0x43
    case context = 0x58
    case siblings = 0x53
    case write = 0x57
    case actors = 0x41
    case identity = 0x49

    static let version: UInt8 = 1

    func encode(to output: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        let start = output.count
        output.append(rawValue)
        output.append(CausalFrame.version)
        body(&output)
        let whole = output.view.slice(start, output.count)
        output.append(littleEndian: CRC32C.checksum(whole))
    }

    /// The bytes between, when kind, version and checksum are right.
    func open(_ bytes: ByteView) throws(CausalityError) -> CausalReader {
        if bytes.count < 6 || bytes[0] != rawValue { throw .corrupt }
        if bytes[1] != CausalFrame.version { throw .version(bytes[1]) }
        let end = bytes.count - 4
        let checksum = UnsafeRawPointer(bytes.start + end).loadUnaligned(as: UInt32.self)
        if CRC32C.checksum(bytes.slice(0, end)) != UInt32(littleEndian: checksum) { throw .checksum }
        return CausalReader(bytes.slice(2, end))
    }
}

extension CausalReader {
    /// Nothing may be left.
    public func finish() throws(CausalityError) { if rest != 0 { throw .corrupt } }
}
