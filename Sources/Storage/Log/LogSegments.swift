import Base

/// A segment as it lies in the directory.
public struct LogSegment: Equatable, Sendable {
    /// Its first record's number; its name says it.
    public var first: UInt64
    /// How long it is, header included.
    public var bytes: Int64
    /// How much of it lasts: up to the end of a frame.
    public var durableBytes: Int64

    public init(first: UInt64, bytes: Int64, durableBytes: Int64) {
        self.first = first
        self.bytes = bytes
        self.durableBytes = durableBytes
    }
}

/// Which segments a log has, the oldest first. The log's writer changes it, any thread may look, and keep segments from
/// being removed for a while.
final class LogSegments: @unchecked Sendable {
    private let lock = SpinLock()
    private var segments: [LogSegment]
    private var holders = 0

    init(_ segments: [LogSegment]) { self.segments = segments }

    var all: [LogSegment] { lock.withLock { segments } }

    /// Bytes in all of them.
    var bytes: Int64 { lock.withLock { segments.reduce(0) { $0 + $1.bytes } } }

    /// While the body runs no segment is removed.
    func whileHeld<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        lock.withLock { holders += 1 }
        defer { lock.withLock { holders -= 1 } }
        return try body()
    }

    // MARK: the writer's

    /// A segment begins, or begins anew.
    func begin(_ first: UInt64, bytes: Int64) {
        lock.withLock {
            if segments.last?.first == first { segments.removeLast() }
            segments.append(LogSegment(first: first, bytes: bytes, durableBytes: bytes))
        }
    }

    func written(_ bytes: Int64) { lock.withLock { segments[segments.count - 1].bytes = bytes } }

    func synced() { lock.withLock { segments[segments.count - 1].durableBytes = segments[segments.count - 1].bytes } }

    /// Takes the oldest one out, if no record of it has this number or a higher one, and nobody holds it.
    func takeOldest(before number: UInt64) -> LogSegment? {
        lock.withLock {
            if holders > 0 || segments.count < 2 || segments[1].first > number { return nil }
            return segments.removeFirst()
        }
    }

    /// It could not be removed.
    func putBack(_ segment: LogSegment) { lock.withLock { segments.insert(segment, at: 0) } }
}
