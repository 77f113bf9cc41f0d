import Base

/// The commit log's files (docs/storage-format.md). A segment is a header and frames; a frame is what was written at
/// once: a header and records, each of which is one command's, transaction's or script's mutations. Records are
/// numbered without gaps, over all segments.
///
///     segment header   8  magic
///                      4  version
///                      4  0
///                      8  the directory's identity
///                      8  the first record's number
///                      4  0
///                      4  CRC-32C of the 36 bytes before
///     frame header     4  magic
///                      4  CRC-32C of all bytes of the frame after it
///                      8  bytes of what follows the header
///                      8  the first record's number
///                      8  up to which number records were durable when this was written
///                      4  records
///                      4  0; or the records are one LZ4 block, and so many bytes without it (since version 2)
///     record           varint: bytes; then these
///
/// Integers have their lowest byte first.
public enum LogFormat {
    public static let version: UInt32 = 2
    static let segmentMagic: UInt64 = 0x0a67_6f4c_7472_614d  // "MartLog\n"
    static let segmentHeaderBytes = 40
    static let frameMagic: UInt32 = 0x6172_464d  // "MFra"
    static let frameHeaderBytes = 40
    /// Where a frame's header says how many bytes follow it, and how many the records have.
    static let byteCountOffset = 8
    static let rawByteCountOffset = 36
    /// No record has such a number, or a higher one: sums of what a header says do not overflow.
    static let numberBound: UInt64 = 1 << 62

    /// A segment's name: its first record's number in sixteen hexadecimal digits, so that names sort as segments do.
    public static func segmentName(_ first: UInt64) -> String {
        let digits = String(first, radix: 16)
        return "log-" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The number in a segment's name; nil if it is not one.
    public static func firstRecord(ofName name: String) -> UInt64? {
        guard name.count == 20, name.hasPrefix("log-") else { return nil }
        return UInt64(name.dropFirst(4), radix: 16)
    }
}

/// A segment's header.
struct LogSegmentHeader: Equatable {
    var version = LogFormat.version
    var identity: UInt64
    var first: UInt64

    init(identity: UInt64, first: UInt64) {
        self.identity = identity
        self.first = first
    }

    func write(to output: inout ByteBuffer) {
        let start = output.count
        output.append(littleEndian: LogFormat.segmentMagic)
        output.append(littleEndian: version)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: identity)
        output.append(littleEndian: first)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: CRC32C.checksum(output.view.slice(start, output.count)))
    }

    /// Nil if these bytes are not a header, or not a whole one.
    init?(_ bytes: ByteView) {
        guard bytes.count >= LogFormat.segmentHeaderBytes else { return nil }
        guard bytes.integer(at: 0, UInt64.self) == LogFormat.segmentMagic else { return nil }
        guard bytes.integer(at: 36, UInt32.self) == CRC32C.checksum(bytes.slice(0, 36)) else { return nil }
        version = bytes.integer(at: 8, UInt32.self)
        identity = bytes.integer(at: 16, UInt64.self)
        first = bytes.integer(at: 24, UInt64.self)
        if first == 0 || first >= LogFormat.numberBound { return nil }
    }
}

/// A frame's header.
struct LogFrameHeader {
    /// Bytes of what follows it.
    var byteCount: Int
    var first: UInt64
    var durable: UInt64
    var records: Int
    /// Bytes of the records if they are compressed; else 0.
    var rawByteCount: Int

    /// Nil if there is no whole frame here, one that does not agree with its checksum, or one that says of its own records
    /// that they were durable before.
    init?(_ bytes: ByteView) {
        let header = LogFormat.frameHeaderBytes
        guard bytes.count >= header, bytes.integer(at: 0, UInt32.self) == LogFormat.frameMagic else { return nil }
        let count = bytes.integer(at: LogFormat.byteCountOffset, UInt64.self)
        let first = bytes.integer(at: 16, UInt64.self)
        guard count <= UInt64(bytes.count - header), first < LogFormat.numberBound,
            bytes.integer(at: 24, UInt64.self) < first
        else { return nil }
        guard bytes.integer(at: 4, UInt32.self) == CRC32C.checksum(bytes.slice(8, header + Int(count))) else {
            return nil
        }
        self.init(unchecked: bytes)
    }

    /// Of a frame that is known to be whole.
    init(unchecked bytes: ByteView) {
        byteCount = Int(bytes.integer(at: LogFormat.byteCountOffset, UInt64.self))
        first = bytes.integer(at: 16, UInt64.self)
        durable = bytes.integer(at: 24, UInt64.self)
        records = Int(bytes.integer(at: 32, UInt32.self))
        rawByteCount = Int(bytes.integer(at: LogFormat.rawByteCountOffset, UInt32.self))
    }

    /// Bytes of header and what follows it.
    var totalBytes: Int { LogFormat.frameHeaderBytes + byteCount }

    /// The records, from what follows the header: the same bytes, or those that are put into `raw`. Nil if they are
    /// not what the header says.
    func unpack(_ stored: ByteView, _ raw: inout ByteBuffer) -> ByteView? {
        if rawByteCount == 0 { return stored }
        guard rawByteCount <= Compression.rawBytesMax(stored: stored.count) else { return nil }
        raw.truncate(to: 0)
        guard Compression.lz4.decompress(stored, to: raw.reserve(rawByteCount), rawByteCount) else { return nil }
        raw.advance(rawByteCount)
        return raw.view
    }
}

extension ByteView {
    /// An integer whose lowest byte is at an offset. The bytes are there.
    @inline(__always)
    func integer<T: FixedWidthInteger>(at offset: Int, _ type: T.Type) -> T {
        precondition(offset + MemoryLayout<T>.size <= count)
        return T(littleEndian: UnsafeRawPointer(start + offset).loadUnaligned(as: T.self))
    }
}
