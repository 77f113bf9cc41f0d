import Base

/// Records on their way to disk, already in frames, so that they are written as they lie.
struct LogBuffer: ~Copyable {
    private(set) var bytes = ByteBuffer(capacity: 64 * 1024)
    /// Where the frame begins that is being filled, and its records; none: there is no such frame.
    private var frameStart = 0
    private var frameRecords: UInt32 = 0
    /// The last record's number.
    private(set) var last: UInt64 = 0

    /// Frames end once they are this long: what is lost when one is torn, and what is checked at once.
    static let frameBytes = 256 * 1024
    /// A buffer that has grown longer is not kept.
    private static let keptBytes = 1024 * 1024

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
        bytes.replace(at: frameStart + 8, littleEndian: UInt64(size))
        bytes.replace(at: frameStart + 32, littleEndian: frameRecords)
        frameRecords = 0
    }

    /// Finishes all frames: which records are durable now, and the checksums. Not for the loops' time.
    mutating func seal(durable: UInt64) {
        endFrame()
        var at = 0
        while at < bytes.count {
            let end = at + LogFormat.frameHeaderBytes + Int(bytes.view.integer(at: at + 8, UInt64.self))
            bytes.replace(at: at + 24, littleEndian: durable)
            bytes.replace(at: at + 4, littleEndian: CRC32C.checksum(bytes.view.slice(at + 8, end)))
            at = end
        }
    }

    /// Forgets what has been written.
    mutating func clear() {
        if bytes.count > LogBuffer.keptBytes {
            bytes = ByteBuffer(capacity: 64 * 1024)
        } else {
            bytes.truncate(to: 0)
        }
        frameRecords = 0
    }
}
