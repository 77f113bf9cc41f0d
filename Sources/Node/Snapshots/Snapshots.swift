import Base
import CSystem
import Keyspace

/// What is known of saving the data as one file: for INFO, LASTSAVE, and to decide when to do it again.
///
/// Any thread may ask and tell.
public final class Snapshots: @unchecked Sendable {
    /// A copy of the process that writes a snapshot.
    struct Child {
        var process: Int32
        /// Seconds since 1970.
        var started: Int64
        /// Changes, since the server's start, that it has seen.
        var writes: UInt64
    }

    struct State {
        /// Seconds since 1970; at first when the server started.
        var lastSave: Int64
        /// When one was last begun in the background.
        var lastTry: Int64 = 0
        /// How long the last one in the background took, -1: there was none.
        var lastSeconds: Int64 = -1
        var isGood = true
        var saves = 0
        /// Changes, since the server's start, that are in the file.
        var savedWrites: UInt64 = 0
        var child: Child?
        /// BGSAVE has been put off.
        var isScheduled = false
        var copiedBytes = 0
        var forks = 0
        var forkMicroseconds = 0
        var loadedKeys = 0
        var expiredKeys = 0
        var memoryOfFile = 0
    }

    /// Seconds between two tries in the background, when the first has failed (Redis: CONFIG_BGSAVE_RETRY_DELAY).
    static let retrySeconds: Int64 = 5

    private let lock = SpinLock()
    private var state: State
    /// When a save point will have been reached, ms since 1970; and whether the last save in the background failed.
    private let words: UnsafeMutablePointer<UInt64>

    init(startedAt: Int64) {
        state = State(lastSave: startedAt / 1000)
        words = .allocate(capacity: 2)
        words.initialize(to: UInt64(bitPattern: .max))
        (words + 1).initialize(to: 0)
    }

    deinit { words.deallocate() }

    var now: State { lock.withLock { state } }

    func change<R>(_ body: (inout State) -> R) -> R {
        lock.withLock {
            defer { cs_store_u64(words + 1, state.isGood ? 0 : 1) }
            return body(&state)
        }
    }

    /// ms since 1970; `Int64.max`: not before there are more changes. A relaxed read.
    var due: Int64 {
        get { Int64(bitPattern: cs_load_u64(words)) }
        set { cs_store_u64(words, UInt64(bitPattern: newValue)) }
    }

    /// The last save in the background failed. A relaxed read.
    @inline(__always)
    var hasFailed: Bool { cs_load_u64(words + 1) != 0 }

    /// Decides when to save next, given how many changes there have been since the server's start.
    func schedule(_ points: [SavePoint], writes: UInt64, now: Int64) {
        due = lock.withLock {
            if state.child != nil { return .max }
            var seconds = Int64.max
            for point in points where writes &- state.savedWrites >= point.changes && writes != state.savedWrites {
                seconds = min(seconds, state.lastSave.addingReportingOverflow(point.seconds).partialValue &+ 1)
            }
            if state.isScheduled { seconds = now / 1000 }
            if seconds == .max { return .max }
            if !state.isGood { seconds = max(seconds, state.lastTry + Snapshots.retrySeconds + 1) }
            return seconds > Int64.max / 1000 ? .max : seconds * 1000
        }
    }

    /// A file with all changes up to these has been written.
    func saved(writes: UInt64, now: Int64) {
        change {
            $0.savedWrites = writes
            $0.lastSave = now / 1000
            $0.isGood = true
        }
    }

    /// The child has ended.
    func ended(_ end: ChildEnd, now: Int64) {
        change { state in
            guard let child = state.child else { return }
            state.child = nil
            switch end {
            case .done(let copied):
                state.copiedBytes = copied
                state.savedWrites = child.writes
                state.lastSave = now / 1000
                state.isGood = true
            case .failed: state.isGood = false
            case .killed(let signal): if signal != ChildEnd.endSignal { state.isGood = false }
            }
            state.lastSeconds = now / 1000 - child.started
        }
    }
}
