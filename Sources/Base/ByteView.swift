import CSystem

/// A borrowed run of bytes: an argument in a read buffer, a key or value inside an entry.
///
/// Owns nothing. Valid only as long as the buffer behind it stays where it is: an argument until
/// its command ends, a value until its partition is unlocked or written to.
public struct ByteView {
    public let start: UnsafePointer<UInt8>
    public let count: Int

    @inline(__always)
    public init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        self.start = start
        self.count = count
    }

    @inline(__always)
    public init(raw start: UnsafeRawPointer, _ count: Int) {
        self.start = start.assumingMemoryBound(to: UInt8.self)
        self.count = count
    }

    @inline(__always)
    public init(_ text: StaticString) {
        start = text.utf8Start
        count = text.utf8CodeUnitCount
    }

    @inline(__always)
    public subscript(i: Int) -> UInt8 { start[i] }

    @inline(__always)
    public var isEmpty: Bool { count == 0 }

    /// The bytes from `from` (inclusive) to `to` (exclusive); both within bounds.
    @inline(__always)
    public func slice(_ from: Int, _ to: Int) -> ByteView { ByteView(start + from, to - from) }

    /// The number at an offset (`ByteBuffer.append(varint:)`), and moves the offset behind it; nil if there is no whole
    /// one of 64 bits.
    @inline(__always)
    public func varint(at offset: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64 {
            if offset >= count { return nil }
            let byte = self[offset]
            offset &+= 1
            if shift == 63 && byte > 1 { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
        return nil
    }

    /// A copy of the bytes. Not for hot paths.
    public var bytes: [UInt8] { [UInt8](UnsafeBufferPointer(start: start, count: count)) }

    /// The bytes as text; invalid UTF-8 is replaced. Not for hot paths.
    public var text: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }

    @inline(__always)
    public static func == (a: ByteView, b: ByteView) -> Bool {
        a.count == b.count && cs_equal(a.start, b.start, a.count) != 0
    }

    /// Whether the bytes are this word in any ASCII case. `word` must be lower case.
    @inline(__always)
    public func isWord(_ word: StaticString) -> Bool {
        count == word.utf8CodeUnitCount && matchesLowercase(word.utf8Start)
    }

    @usableFromInline
    func matchesLowercase(_ word: UnsafePointer<UInt8>) -> Bool {
        var i = 0
        while i < count {
            if ByteView.lowercased(start[i]) != word[i] { return false }
            i += 1
        }
        return true
    }

    /// An ASCII letter in lower case; any other byte as it is.
    @inline(__always)
    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 65 < 26 ? byte | 0x20 : byte
    }

    /// Byte-wise order, shorter first when one is the other's beginning (memcmp's order).
    public static func < (a: ByteView, b: ByteView) -> Bool {
        let order = memcmp(a.start, b.start, min(a.count, b.count))
        return order != 0 ? order < 0 : a.count < b.count
    }
}

extension [UInt8] {
    /// Lends the bytes as a view for the time of the call.
    @inline(__always)
    public func withView<R, E: Error>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { buffer throws(E) in
            guard let base = buffer.baseAddress else { return try body(ByteView("")) }
            return try body(ByteView(base, buffer.count))
        }
    }
}

extension String {
    /// Lends the UTF-8 bytes as a view for the time of the call.
    @inline(__always)
    public func withView<R, E: Error>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
        try [UInt8](utf8).withView(body)
    }
}
