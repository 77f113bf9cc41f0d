import CSystem

/// Bytes that are appended to, in one run of memory that grows by doubling. Owns it.
public struct ByteBuffer: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    /// Bytes in it.
    public private(set) var count = 0
    /// Bytes of the memory it has.
    public private(set) var capacity: Int

    public init(capacity: Int = 240) {
        self.capacity = max(capacity, 16)
        start = cs_allocate(self.capacity)!.assumingMemoryBound(to: UInt8.self)
    }

    deinit { cs_release(start, capacity) }

    /// The bytes, until the next change.
    @inline(__always)
    public var view: ByteView { ByteView(UnsafePointer(start), count) }

    /// A place for `more` bytes; follow with `advance`.
    @inline(__always)
    public mutating func reserve(_ more: Int) -> UnsafeMutablePointer<UInt8> {
        if _slowPath(capacity &- count < more) { grow(more) }
        return start + count
    }

    /// So many bytes have been written where `reserve` said.
    @inline(__always)
    public mutating func advance(_ more: Int) { count &+= more }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let wanted = max(capacity * 2, count + more)
        let grown = cs_allocate(wanted)!.assumingMemoryBound(to: UInt8.self)
        memcpy(grown, start, count)
        cs_release(start, capacity)
        start = grown
        capacity = wanted
    }

    /// Adds a byte at the end.
    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1).pointee = byte
        count &+= 1
    }

    /// Adds bytes, which do not lie in this buffer, at the end.
    @inline(__always)
    public mutating func append(_ bytes: ByteView) {
        memcpy(reserve(bytes.count), bytes.start, bytes.count)
        count &+= bytes.count
    }

    /// The integer's bytes, the lowest first.
    @inline(__always)
    public mutating func append(littleEndian value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { append(ByteView(raw: $0.baseAddress.unsafelyUnwrapped, $0.count)) }
    }

    /// The integer's bytes, the highest first.
    @inline(__always)
    public mutating func append(bigEndian value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { append(ByteView(raw: $0.baseAddress.unsafelyUnwrapped, $0.count)) }
    }

    /// Forgets the bytes from this one on.
    public mutating func truncate(to count: Int) {
        precondition(count <= self.count)
        self.count = count
    }

    /// The number in groups of seven bits, the lowest first, each but the last with its highest bit set.
    @inline(__always)
    public mutating func append(varint value: UInt64) {
        var left = value
        let place = reserve(10)
        var written = 0
        while left >= 0x80 {
            place[written] = UInt8(truncatingIfNeeded: left) | 0x80
            left >>= 7
            written &+= 1
        }
        place[written] = UInt8(truncatingIfNeeded: left)
        count &+= written &+ 1
    }

    /// The same for a number of either sign: small ones are short.
    @inline(__always)
    public mutating func append(signedVarint value: Int64) {
        append(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    /// How many bytes, then the bytes.
    @inline(__always)
    public mutating func append(counted bytes: ByteView) {
        append(varint: UInt64(bytes.count))
        append(bytes)
    }

    /// Overwrites bytes that are there already.
    public mutating func replace(at offset: Int, littleEndian value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) {
            precondition(offset + $0.count <= count)
            memcpy(start + offset, $0.baseAddress.unsafelyUnwrapped, $0.count)
        }
    }

    /// Overwrites bytes that are there already with others, which do not lie in this buffer.
    public mutating func replace(at offset: Int, _ bytes: ByteView) {
        precondition(offset + bytes.count <= count)
        memcpy(start + offset, bytes.start, bytes.count)
    }

    /// Copies bytes to another place among those that are there already; the places may overlap.
    public mutating func copy(_ range: Range<Int>, to offset: Int) {
        precondition(range.upperBound <= count && offset + range.count <= count)
        memmove(start + offset, start + range.lowerBound, range.count)
    }
}
