import Base
import CSystem
import Keyspace

/// All that writing a snapshot needs, put together before: a child process may take no lock that another thread might
/// have held when the process was copied.
struct SnapshotPlan {
    let place: SnapshotPlace
    let keyspace: Keyspace
    let hasChecksum: Bool
    let hint: SnapshotHint
    let libraries: [[UInt8]]
    let moment: Moment
    /// Bytes in use, for the file's notes.
    let usedMemory: Int
    /// Blocks for that long after each key; negative: one microsecond after so many keys (Redis' tests).
    let keyDelay: Int
    let sleep: @Sendable (Int) -> Void

    /// Writes the file, under this mark while it is not whole. All locks are held, or this is a copy of the process.
    func write(mark: Int32) throws(DiskError) -> Int64 {
        var pace = Pace(keyDelay, sleep)
        return try place.replace(mark: mark, hasChecksum: hasChecksum) { writer in
            writer.note("redis-ver", "\(Version.redis)")
            writer.note("redis-bits", "64")
            writer.note("ctime", "\(moment.wall / 1000)")
            writer.note("used-mem", "\(usedMemory)")
            writer.note("aof-base", "0")
            for library in libraries { writer.library(library) }
            if keyDelay == 0 {
                keyspace.write(to: &writer, hint, moment: moment)
            } else {
                keyspace.write(to: &writer, hint, moment: moment) { pace.next() }
            }
        }
    }
}

/// Slows something down, for tests: `rdb-key-save-delay`, `key-load-delay`.
struct Pace {
    private let delay: Int
    private let sleep: @Sendable (Int) -> Void
    private var count = 0

    init(_ delay: Int, _ sleep: @escaping @Sendable (Int) -> Void) {
        self.delay = delay
        self.sleep = sleep
    }

    mutating func next() {
        if delay == 0 { return }
        count += 1
        if delay > 0 { return sleep(delay) }
        if count % -delay == 0 { sleep(1) }
    }
}
