import Base

/// Records on their way to disk, already in frames, so that they are written as they lie.
struct LogBuffer: ~Copyable {
    private(set) var bytes = ByteBuffer(capacity: LogBuffer.leastBytes)
    /// Where the frame begins that is being filled, and its records; none: there is no such frame.
    private var frameStart = 0
    private var frameRecords: UInt32 = 0
    /// The last record's number.
    private(set) var last: UInt64 = 0

    /// Frames end once they are this long: what is lost when one is torn, and what is checked at once.
    static let frameBytes = 256 * 1024
    /// Frames are compressed if their records are so long on average: of shorter ones, compressing costs more than
    /// everything else that is done to log them.
    static let compressedFrom = 256
    /// Memory of an empty one.
    private static let leastBytes = 64 * 1024
    /// Memory that has grown longer is not kept.
    private static let keptBytes = 2 * 1024 * 1024

    /// Bytes of memory beyond those of an empty one.
    var memory: Int { bytes.capacity - LogBuffer.leastBytes }

    var isEmpty: Bool { bytes.count == 0 }

    mutating func append(_ record: ByteView, number: UInt64) {
        if frameRecords == 0 { beginFrame(number) }
        bytes.append(counted: record)
        frameRecords += 1
        last = number
        if bytes.count - frameStart >= LogBuffer.frameBytes { endFrame() }
    }

    /// A frame without records, which only says up to which number they are durable.
    static func empty(first: UInt64, durable: UInt64) -> ByteBuffer {
        var frame = LogBuffer()
        frame.beginFrame(first)
        frame.seal(durable: durable)
        return frame.bytes
    }

    private mutating func beginFrame(_ first: UInt64) {
        frameStart = bytes.count
        bytes.append(littleEndian: LogFormat.frameMagic)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt64(0))
        bytes.append(littleEndian: first)
        bytes.append(littleEndian: UInt64(0))
        bytes.append(littleEndian: UInt64(0))
    }

    /// What is known of the frame is written into its header; the rest is `seal`'s.
    mutating func endFrame() {
        if frameRecords == 0 { return }
        let size = bytes.count - frameStart - LogFormat.frameHeaderBytes
        bytes.replace(at: frameStart + LogFormat.byteCountOffset, littleEndian: UInt64(size))
        bytes.replace(at: frameStart + 32, littleEndian: frameRecords)
        frameRecords = 0
    }

    /// Finishes all frames: compresses those of long records, and sets which records are durable now, and the checksums.
    /// Not for the loops' time.
    mutating func seal(durable: UInt64, compressing: Bool = false) {
        endFrame()
        var packed = ByteBuffer()
        var (at, end) = (0, 0)
        while at < bytes.count {
            let frame = LogFrameHeader(unchecked: bytes.view.slice(at, bytes.count))
            let start = end
            end = close(frame, at, to: start, compressing, &packed)
            bytes.replace(at: start + 24, littleEndian: durable)
            bytes.replace(at: start + 4, littleEndian: CRC32C.checksum(bytes.view.slice(start + 8, end)))
            at += frame.totalBytes
        }
        bytes.truncate(to: end)
    }

    /// Brings a frame to a place no later than where it is, compressed if that pays, and answers where it ends.
    private mutating func close(
        _ frame: LogFrameHeader, _ at: Int, to place: Int, _ compressing: Bool, _ packed: inout ByteBuffer
    ) -> Int {
        let (body, next) = (at + LogFormat.frameHeaderBytes, at + frame.totalBytes)
        packed.truncate(to: 0)
        let pays =
            compressing && frame.byteCount >= LogBuffer.compressedFrom * max(1, frame.records)
            && Compression.lz4.compress(bytes.view.slice(body, next), to: &packed)
        if at != place { bytes.copy(at..<(pays ? body : next), to: place) }
        if !pays { return place + frame.totalBytes }
        let newBody = place + LogFormat.frameHeaderBytes
        bytes.replace(at: newBody, packed.view)
        bytes.replace(at: place + LogFormat.byteCountOffset, littleEndian: UInt64(packed.count))
        bytes.replace(at: place + LogFormat.rawByteCountOffset, littleEndian: UInt32(frame.byteCount))
        return newBody + packed.count
    }

    /// Forgets what has been written.
    mutating func clear() {
        if bytes.capacity > LogBuffer.keptBytes {
            bytes = ByteBuffer(capacity: LogBuffer.leastBytes)
        } else {
            bytes.truncate(to: 0)
        }
        frameRecords = 0
    }
}
