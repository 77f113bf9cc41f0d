import Base

/// Goes through a segment that is complete, with one frame in memory at a time.
struct SegmentCheck: ~Copyable {
    /// Where something is wrong; nil: nowhere.
    private(set) var damage: Int64?
    private let file: any File
    private let segment: LogSegment
    private var bytes = ByteBuffer(capacity: LogBuffer.frameBytes)
    private var at: Int64 = 0

    init(_ file: any File, _ segment: LogSegment, identity: UInt64) throws(DiskError) {
        self.file = file
        self.segment = segment
        damage = try run(identity)
    }

    private mutating func run(_ identity: UInt64) throws(DiskError) -> Int64? {
        try read(LogFormat.segmentHeaderBytes)
        guard let header = LogSegmentHeader(bytes.view), header.identity == identity, header.first == segment.first
        else { return 0 }
        at = Int64(LogFormat.segmentHeaderBytes)
        var number = segment.first
        while at < segment.bytes {
            guard let next = try frame(number) else { return at }
            number = next
        }
        return nil
    }

    /// Answers the number of the record after the frame's; nil if the frame is not what it should be.
    private mutating func frame(_ first: UInt64) throws(DiskError) -> UInt64? {
        try read(LogFormat.frameHeaderBytes)
        let left = segment.bytes - at - Int64(LogFormat.frameHeaderBytes)
        guard left >= 0, bytes.count == LogFormat.frameHeaderBytes,
            bytes.view.integer(at: 8, UInt64.self) <= UInt64(left)
        else { return nil }
        try read(LogFormat.frameHeaderBytes + Int(bytes.view.integer(at: 8, UInt64.self)))
        guard let header = LogFrameHeader(bytes.view), header.first == first else { return nil }
        at += Int64(header.totalBytes)
        return first + UInt64(header.records)
    }

    /// Bytes from where we are; fewer if the file ends.
    private mutating func read(_ count: Int) throws(DiskError) {
        bytes.truncate(to: 0)
        let place = UnsafeMutableRawBufferPointer(start: bytes.reserve(count), count: count)
        bytes.advance(try file.read(place, at: at))
    }
}
