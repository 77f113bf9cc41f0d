import Base
import CSystem

/// The commit log of one directory: records go in, in the order in which they took effect, from any loop; one thread
/// (the log's writer) puts them to disk. Write-ahead logging as in ARIES (Mohan et al., TODS 1992), redo only.
///
/// `append` takes a lock for the time of a copy. `write`, `sync` and `removeSegments` are the writer's alone.
public final class Log: @unchecked Sendable {
    public struct Options: Sendable {
        /// A segment that is longer is followed by another one.
        public var segmentBytes: Int64 = 64 * 1024 * 1024
        /// Frames with long records are compressed, by LZ4.
        public var isCompressed = true

        public init() {}
    }

    let files: any FileSystem
    private let directory: String
    let identity: UInt64
    private let options: Options

    // Under the lock.
    private let lock = SpinLock()
    private var filling = LogBuffer()
    private var next: UInt64

    // The writer's.
    private var writing = LogBuffer()
    /// `writing` holds sealed frames, which belong at `offset`.
    private var isSealed = false
    private var segment: (any File)?
    private var offset: Int64 = 0
    /// A sync that failed leaves nobody knowing what is on disk: nothing is written after it. The writer's.
    public private(set) var failure: DiskError?

    /// What anybody may read: records written, records durable, bytes written, bytes on their way, memory that the writer
    /// has, bytes written as they were before compression; words in a block of their own.
    private let progress: UnsafeMutablePointer<UInt64>
    let segments: LogSegments

    /// A log that goes on after recovery found its end. The first `write` begins a new segment.
    public init(
        _ files: any FileSystem, directory: String, identity: UInt64, after end: LogEnd, _ options: Options = Options()
    ) {
        self.files = files
        self.directory = directory
        self.identity = identity
        self.options = options
        next = end.last + 1
        segments = LogSegments(
            end.segments.map { first in
                let path = directory + "/" + LogFormat.segmentName(first)
                let bytes = (try? files.open(path, .read).size()) ?? 0
                return LogSegment(first: first, bytes: bytes, durableBytes: bytes)
            })
        progress = .allocate(capacity: 6)
        progress.initialize(repeating: end.last, count: 2)
        (progress + 2).initialize(repeating: 0, count: 4)
    }

    deinit { progress.deallocate() }

    /// The number up to which records are written: after a crash of the process alone they are there.
    public var written: UInt64 { cs_load_acquire_u64(progress) }

    /// The number up to which records are durable: they are there after a loss of power, too.
    public var durable: UInt64 { cs_load_acquire_u64(progress + 1) }

    /// Bytes written since the log was opened.
    public var bytes: UInt64 { cs_load_acquire_u64(progress + 2) }

    /// What `bytes` would be without compression.
    public var rawBytes: UInt64 { cs_load_acquire_u64(progress + 5) }

    /// Bytes in all segments.
    public var storedBytes: Int64 { segments.bytes }

    /// Bytes that have been added and are not written yet.
    public var unwrittenBytes: Int { lock.withLock { filling.bytes.count } + Int(cs_load_acquire_u64(progress + 3)) }

    /// Bytes of memory by which its buffers have grown.
    public var memory: Int { lock.withLock { filling.memory } + Int(cs_load_acquire_u64(progress + 4)) }

    /// The last record's number.
    public var last: UInt64 { lock.withLock { next - 1 } }

    /// Adds a record and answers its number. Whoever calls holds the locks under which the record's changes were
    /// made: so numbers are in the order in which changes that touch each other were made.
    @discardableResult
    public func append(_ record: ByteView) -> UInt64 {
        lock.withLock {
            let number = next
            next += 1
            filling.append(record, number: number)
            return number
        }
    }

    // MARK: the writer's

    /// Writes what has been added. After an error it may be called again: what was to be written is kept, and is
    /// written first, in its place.
    public func write() throws(DiskError) {
        if let failure { throw failure }
        if !isSealed {
            lock.withLock { swap(&filling, &writing) }
            if writing.isEmpty { return }
            cs_store_release_u64(progress + 5, rawBytes &+ UInt64(writing.bytes.count))
            writing.seal(durable: durable, compressing: options.isCompressed)
            isSealed = true
            cs_store_release_u64(progress + 4, UInt64(writing.memory))
            cs_store_release_u64(progress + 3, UInt64(writing.bytes.count))
        }
        try beginSegmentIfNeeded()
        guard let segment else { return }
        try segment.write(writing.bytes.view, at: offset)
        offset += Int64(writing.bytes.count)
        segments.written(offset)
        cs_store_release_u64(progress + 2, bytes &+ UInt64(writing.bytes.count))
        cs_store_release_u64(progress, writing.last)
        cs_store_release_u64(progress + 3, 0)
        writing.clear()
        cs_store_release_u64(progress + 4, UInt64(writing.memory))
        isSealed = false
    }

    /// Makes durable what has been written.
    public func sync() throws(DiskError) {
        if let failure { throw failure }
        let reached = written
        if reached == durable { return }
        try syncSegment()
        segments.synced()
        cs_store_release_u64(progress + 1, reached)
    }

    private func syncSegment() throws(DiskError) {
        try orFail { () throws(DiskError) in try segment?.sync() }
    }

    /// Does what must not be tried again if it fails: a second sync would succeed, and prove nothing.
    private func orFail(_ body: () throws(DiskError) -> Void) throws(DiskError) {
        do throws(DiskError) {
            try body()
        } catch {
            failure = error
            throw error
        }
    }

    /// At the end: says in the file that all its records are durable, so that rot of the last ones is not taken for a
    /// crash's doing. No harm if it does not get there. Nothing is written afterwards.
    public func seal() {
        guard failure == nil, !isSealed, let segment, written == durable else { return }
        let frame = LogBuffer.empty(first: written + 1, durable: durable)
        do throws(DiskError) {
            try segment.write(frame.view, at: offset)
            try segment.sync()
        } catch {
            failure = error
        }
    }

    /// The first record's number of each segment, the oldest first.
    public var segmentStarts: [UInt64] { segments.all.map(\.first) }

    /// Removes segments of which every record's number is lower, unless somebody holds them.
    public func removeSegments(before number: UInt64) throws(DiskError) {
        while let oldest = segments.takeOldest(before: number) {
            do {
                try files.remove(path(oldest.first))
            } catch {
                segments.putBack(oldest)
                throw error
            }
        }
    }

    func path(_ first: UInt64) -> String { directory + "/" + LogFormat.segmentName(first) }

    /// A segment is durable before the next one exists, so that only the last one can end early.
    private func beginSegmentIfNeeded() throws(DiskError) {
        if segment != nil && offset < options.segmentBytes { return }
        if segment != nil {
            try sync()
            segment = nil
        }
        let first = written + 1
        let path = path(first)
        // One that a crash or a full disk left behind has no record in it.
        let file = try files.open(path, .write)
        try file.truncate(to: 0)
        var header = ByteBuffer(capacity: LogFormat.segmentHeaderBytes)
        LogSegmentHeader(identity: identity, first: first).write(to: &header)
        try file.write(header.view, at: 0)
        try orFail { () throws(DiskError) in
            try file.sync()
            try files.syncDirectory(directory)
        }
        segment = file
        offset = Int64(header.count)
        segments.begin(first, bytes: offset)
    }
}
