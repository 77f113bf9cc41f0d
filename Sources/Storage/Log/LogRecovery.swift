import Base

/// Where a log ends.
public struct LogEnd: Equatable, Sendable {
    /// The last record's number; 0: there is none.
    public var last: UInt64
    /// The first record's number of each segment, the oldest first.
    public var segments: [UInt64]
    /// Bytes that a crash left unfinished, and that were cut off.
    public var torn = 0

    public static let empty = LogEnd(last: 0, segments: [])

    public init(last: UInt64, segments: [UInt64], torn: Int = 0) {
        self.last = last
        self.segments = segments
        self.torn = torn
    }
}

/// Why a log cannot be used.
public enum LogError: Error, Equatable, CustomStringConvertible {
    case disk(DiskError)
    /// A file with a segment's name that is none, or another directory's.
    case foreign(String)
    case newerVersion(String, UInt32)
    /// Records that were durable once cannot be read.
    case damaged(String, offset: Int)
    /// Records of these numbers are in no segment.
    case missing(from: UInt64, to: UInt64)
    /// A record that nobody of this version has written.
    case unreadable(record: UInt64)

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .foreign(let path): "\(path) is not a log segment of this directory, or its beginning is damaged"
        case .newerVersion(let path, let version): "\(path) has version \(version) of the log's format, which is newer"
        case .damaged(let path, let offset): "\(path) is damaged at byte \(offset): records that were durable are lost"
        case .missing(let from, let to): "the log's records \(from) to \(to) are missing"
        case .unreadable(let record): "the log's record \(record) cannot be read"
        }
    }
}

/// Reads a directory's log from its beginning, record after record, and cuts off what a crash left unfinished at its
/// end. What was durable and cannot be read is an error: nothing is cut off then. What was read is durable afterwards.
public struct LogRecovery {
    private let files: any FileSystem
    private let directory: String
    private let identity: UInt64
    /// The next record's number; nil before the first.
    private var expected: UInt64?
    private var segments: [UInt64] = []
    /// Up to which number frames say that records were durable.
    private var claimed: UInt64 = 0
    private var torn = 0

    public init(_ files: any FileSystem, directory: String, identity: UInt64) {
        self.files = files
        self.directory = directory
        self.identity = identity
    }

    /// Lends each record from `start` on, with its number. Those before it need not be there any more: of the segment
    /// in which it is, some are, and are read like the others.
    public mutating func run(
        from start: UInt64, _ body: (UInt64, ByteView) throws(LogError) -> Void
    ) throws(LogError) -> LogEnd {
        let names = try names()
        // Older segments were to be removed: a crash may have brought back some of them, in any combination.
        let oldest = names.lastIndex { $0 <= start } ?? 0
        let firsts = names[oldest...]
        for (i, first) in zip(firsts.indices, firsts) {
            let later = Array(firsts[(i + 1)...])
            if try !segment(first, before: later, start, body) {
                try cut(later)
                break
            }
        }
        try makeDurable()
        try cut(Array(names[..<oldest]))
        let last = expected.map { $0 - 1 } ?? start - 1
        return LogEnd(last: max(last, start - 1), segments: segments, torn: torn)
    }

    /// What was read is taken to be there for good: from now on it is. All but the last segment are durable already.
    private func makeDurable() throws(LogError) {
        guard let last = segments.last else { return }
        do throws(DiskError) {
            try files.open(path(last), .write).sync()
            try files.syncDirectory(directory)
        } catch {
            throw .disk(error)
        }
    }

    /// Writes again what nothing in a segment says was durable. A process that was killed may have written it and not
    /// synced; and if a sync of its failed, the system takes those pages for clean that never came to the disk, and
    /// would not write them by itself (fsyncgate).
    private func rewrite(_ contents: borrowing SegmentContents, _ path: String, upTo end: Int) throws(LogError) {
        let bytes = contents.view
        var at = LogFormat.segmentHeaderBytes
        while at < end {
            let frame = LogFrameHeader(unchecked: bytes.slice(at, end))
            if frame.first + UInt64(frame.records) > claimed + 1 { break }
            at += frame.totalBytes
        }
        if at == end { return }
        do throws(DiskError) {
            try files.open(path, .write).write(bytes.slice(at, end), at: Int64(at))
        } catch {
            throw .disk(error)
        }
    }

    private func names() throws(LogError) -> [UInt64] {
        do throws(DiskError) {
            return try files.list(directory).compactMap { LogFormat.firstRecord(ofName: $0) }.sorted()
        } catch {
            throw .disk(error)
        }
    }

    private func path(_ first: UInt64) -> String { directory + "/" + LogFormat.segmentName(first) }

    /// Goes through one segment. False if it ends early, so that nothing after it counts.
    private mutating func segment(
        _ first: UInt64, before later: [UInt64], _ start: UInt64,
        _ body: (UInt64, ByteView) throws(LogError) -> Void
    ) throws(LogError) -> Bool {
        let contents = try SegmentContents(files, path(first))
        guard let header = LogSegmentHeader(contents.view) else {
            // A crash while it was made leaves one without records (they come once the header is durable).
            if later.isEmpty && contents.view.count <= LogFormat.segmentHeaderBytes { return try drop(first) }
            throw .foreign(path(first))
        }
        if header.version > LogFormat.version { throw .newerVersion(path(first), header.version) }
        if header.identity != identity || header.first != first { throw .foreign(path(first)) }
        if let expected, expected != first { throw .missing(from: expected, to: first - 1) }
        if expected == nil && first > start { throw .missing(from: start, to: first - 1) }
        expected = first
        segments.append(first)
        return try frames(contents, path(first), before: later, start, body)
    }

    private mutating func frames(
        _ contents: borrowing SegmentContents, _ path: String, before later: [UInt64], _ start: UInt64,
        _ body: (UInt64, ByteView) throws(LogError) -> Void
    ) throws(LogError) -> Bool {
        let bytes = contents.view
        var at = LogFormat.segmentHeaderBytes
        while at < bytes.count {
            let rest = bytes.slice(at, bytes.count)
            guard let frame = LogFrameHeader(rest), frame.first == expected else {
                return try endEarly(contents, path, at, before: later)
            }
            try records(rest.slice(LogFormat.frameHeaderBytes, frame.totalBytes), frame, start, body)
            claimed = max(claimed, frame.durable)
            at += frame.totalBytes
        }
        if later.isEmpty { try rewrite(contents, path, upTo: at) }
        return true
    }

    private mutating func records(
        _ stored: ByteView, _ frame: LogFrameHeader, _ start: UInt64,
        _ body: (UInt64, ByteView) throws(LogError) -> Void
    ) throws(LogError) {
        var raw = ByteBuffer()
        guard let bytes = frame.unpack(stored, &raw) else { throw .unreadable(record: frame.first) }
        var cursor = RecordCursor(bytes)
        for number in frame.first..<frame.first + UInt64(frame.records) {
            guard let record = cursor.next() else { throw .unreadable(record: number) }
            if number >= start { try body(number, record) }
        }
        if !cursor.isAtEnd { throw .unreadable(record: frame.first) }
        expected = frame.first + UInt64(frame.records)
    }

    /// A frame that cannot be read: a crash's doing, unless something later says that it was durable.
    private mutating func endEarly(
        _ contents: borrowing SegmentContents, _ path: String, _ at: Int, before later: [UInt64]
    ) throws(LogError) -> Bool {
        guard let expected else { return false }
        if contents.hasFrame(claiming: expected, after: at) { throw .damaged(path, offset: at) }
        for first in later {
            // A segment is begun only when all before it is durable.
            let next = try SegmentContents(files, self.path(first))
            if LogSegmentHeader(next.view) != nil { throw .damaged(path, offset: at) }
            if next.view.count > LogFormat.segmentHeaderBytes { throw .foreign(self.path(first)) }
        }
        torn = contents.view.count - at
        try rewrite(contents, path, upTo: at)
        do throws(DiskError) {
            let file = try files.open(path, .write)
            try file.truncate(to: Int64(at))
            try file.sync()
        } catch {
            throw .disk(error)
        }
        return false
    }

    private func drop(_ first: UInt64) throws(LogError) -> Bool {
        try cut([first])
        return false
    }

    private func cut(_ firsts: [UInt64]) throws(LogError) {
        do throws(DiskError) {
            for first in firsts { try files.remove(path(first)) }
            if !firsts.isEmpty { try files.syncDirectory(directory) }
        } catch {
            throw .disk(error)
        }
    }
}

/// A segment's bytes, in memory.
struct SegmentContents: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer
    private let count: Int

    init(_ files: any FileSystem, _ path: String) throws(LogError) {
        let (bytes, count) = try SegmentContents.read(files, path)
        self.bytes = bytes
        self.count = count
    }

    private static func read(
        _ files: any FileSystem, _ path: String
    ) throws(LogError) -> (UnsafeMutableRawBufferPointer, Int) {
        do throws(DiskError) {
            let file = try files.open(path, .read)
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, Int(try file.size())), alignment: 16)
            do throws(DiskError) {
                return (bytes, try file.read(bytes, at: 0))
            } catch {
                bytes.deallocate()
                throw error
            }
        } catch {
            throw .disk(error)
        }
    }

    deinit { bytes.deallocate() }

    var view: ByteView { ByteView(raw: bytes.baseAddress.unsafelyUnwrapped, count) }

    /// Whether there is a whole frame, anywhere after an offset, that says the record of this number was durable.
    func hasFrame(claiming number: UInt64, after offset: Int = 0) -> Bool {
        let view = view
        var at = offset
        while at + LogFormat.frameHeaderBytes <= view.count {
            // What it says is looked at before its checksum, which is dear if much is called a frame.
            if view[at] == 0x4d, view.integer(at: at + 24, UInt64.self) >= number,
                LogFrameHeader(view.slice(at, view.count)) != nil
            {
                return true
            }
            at += 1
        }
        return false
    }
}

/// Goes through a frame's records.
struct RecordCursor {
    private let bytes: ByteView
    private var at = 0

    init(_ bytes: ByteView) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    /// The next record; nil if there is no whole one.
    mutating func next() -> ByteView? {
        guard let count = bytes.varint(at: &at), count <= UInt64(bytes.count - at) else { return nil }
        defer { at += Int(count) }
        return bytes.slice(at, at + Int(count))
    }
}
