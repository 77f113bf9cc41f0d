import Base
import CSystem
import Causality
import Keyspace
import Storage
import Synchronization

/// When changes are made durable (`appendfsync`).
public enum SyncPolicy: UInt32, Sendable {
    /// Before the reply.
    case always
    /// At most a second later.
    case everySecond
    /// When the system likes to.
    case never
}

/// What makes changes last: the node's commit log, and its writer, for which the shell has a thread.
///
/// Loops add records (CommitLogSink) and say at the end of each turn that they have; the writer puts all that has
/// come together to disk at once (group commit). Under `always`, replies wait until the log is durable up to where
/// it was when their turn ended: so none leaves, not even to a reader of a new value, before the value is safe.
public final class Persistence: @unchecked Sendable {
    let log: Log
    /// Held until persisting ends.
    private let directory: Mutex<DataDirectory?>
    /// Set before the threads start.
    var keeper: TreeKeeper?
    var values: TreeValues?
    var readers: ColdReaders?
    /// Under whom the directory's server writes.
    var identity: ActorIdentity?
    private let bell = Doorbell()
    private let group = GroupCommit()
    private let sleep: @Sendable (Int) -> Void
    private let report: @Sendable (LogLevel, String) -> Void
    private let policyWord: UnsafeMutablePointer<UInt32>
    private let flags: UnsafeMutablePointer<UInt32>
    private let state = Mutex(State())

    /// What segments were removed up to. The writer's.
    private var released: UInt64 = 0
    /// When the log was synced last, and up to which record loops were told. The writer's.
    private var syncedAt = cs_monotonic_ns()
    private var announced: UInt64 = 0

    private struct State {
        /// Why writes are refused.
        var failure: String?
        var wake: [@Sendable () -> Void] = []
    }

    /// Places in `flags`.
    private enum Flag {
        static let stopping = 0
        /// Counts how often writes began, and ceased, to be refused: odd while they are.
        static let refusals = 1
        /// Nothing can be made durable any more.
        static let failed = 2
        /// The writer is gone.
        static let ended = 3
        /// A sync is under way.
        static let syncing = 4
        /// Syncs that held up what came after them.
        static let delays = 5
        static let count = 6
    }

    /// The record up to which the log is to be durable whatever the policy, and the first one that is needed.
    private let marks: UnsafeMutablePointer<UInt64>
    /// Log bytes after which memory is flushed to the tree. Relaxed atomic.
    var flushBytes: Int {
        get { Int(cs_load_u64(marks + 2)) }
        set { cs_store_u64(marks + 2, UInt64(newValue)) }
    }

    /// How long clients that have written are not read, ms, because compaction is behind. Relaxed atomic.
    @inline(__always)
    var writeDelay: Int64 {
        get { Int64(bitPattern: cs_load_u64(marks + 3)) }
        set { cs_store_u64(marks + 3, UInt64(bitPattern: newValue)) }
    }

    /// How long records gather unless somebody waits for them, microseconds.
    private static let gatheringTime = 5000
    private static let retryTime = 200_000
    private static let second: UInt64 = 1_000_000_000
    /// A sync that takes longer has delayed others, as Redis counts them.
    private static let longSync = 2 * second

    /// `sleep` blocks the calling thread, microseconds (`Doors.sleep`).
    public init(
        _ log: Log, _ directory: DataDirectory, _ policy: SyncPolicy, sleep: @escaping @Sendable (Int) -> Void,
        report: @escaping @Sendable (LogLevel, String) -> Void
    ) {
        self.log = log
        self.report = report
        self.directory = Mutex(directory)
        self.sleep = sleep
        policyWord = .allocate(capacity: 1)
        policyWord.initialize(to: policy.rawValue)
        flags = .allocate(capacity: Flag.count)
        flags.initialize(repeating: 0, count: Flag.count)
        marks = .allocate(capacity: 4)
        marks.initialize(repeating: 0, count: 4)
        flushBytes = 64 << 20
    }

    deinit {
        policyWord.deallocate()
        flags.deallocate()
        marks.deallocate()
    }

    /// `appendfsync`; CONFIG SET changes it. From any thread.
    public var policy: SyncPolicy {
        get { SyncPolicy(rawValue: cs_load_u32(policyWord)).unsafelyUnwrapped }
        set {
            cs_store_u32(policyWord, newValue.rawValue)
            bell.ring()
        }
    }

    /// Has the writer wake a loop whose replies may go. Before `run`.
    public func connect(wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake.append(wake) } }

    // MARK: those who save

    /// Waits until records up to this number are durable. False if they cannot be made so now, or the writer ends.
    func makeDurable(upTo number: UInt64) -> Bool {
        while log.durable < number {
            // Another thread may have asked for less after this one.
            if cs_load_acquire_u64(marks) < number { cs_store_release_u64(marks, number) }
            if refusesWrites || cs_load_u32(flags + Flag.ended) != 0 { return false }
            bell.ring()
            sleep(500)
        }
        return true
    }

    /// Records before this one are not needed any more: their segments may go.
    func releaseLog(before number: UInt64) {
        cs_store_release_u64(marks + 1, number)
        bell.ring()
    }

    // MARK: the loops'

    /// A loop's turn is over, in which it has replied to so many clients: what it added is to be written. Answers which
    /// record its replies wait for, 0: none.
    /// - Parameter refusals: what `refusals` was when the turn began. If writes have been refused ever since, no reply
    ///   tells of a change, and none need wait for a disk that refuses.
    func turnEnded(clients: Int, refusals before: UInt32) -> UInt64 {
        let last = log.last
        if last == log.durable { return 0 }
        if policy == .always {
            if before & 1 != 0 && before == refusals { return 0 }
            if group.add(clients) { bell.ring() }
            return last
        }
        if last != log.written { bell.ring() }
        return 0
    }

    /// What has become of a record that replies wait for.
    func standing(of number: UInt64) -> WaitStanding {
        if log.durable >= number { return .reached }
        if cs_load_u32(flags + Flag.failed) != 0 { return .lost }
        return policy == .always ? .pending : .reached
    }

    var refusals: UInt32 { cs_load_acquire_u32(flags + Flag.refusals) }

    /// Writing commands are refused, for the reason that `failure` tells.
    var refusesWrites: Bool { cs_load_u32(flags + Flag.refusals) & 1 != 0 }

    public var failure: String? { state.withLock { $0.failure } }

    /// Bytes of memory by which the log's buffers have grown.
    var logMemory: Int { log.memory }

    var isSyncing: Bool { cs_load_u32(flags + Flag.syncing) != 0 }

    /// Under `everysec`, syncs that took more than two seconds: what came meanwhile was written late.
    var delayedSyncs: UInt32 { cs_load_u32(flags + Flag.delays) }

    /// Records that the tree does not have yet, or not for certain.
    var unsavedRecords: UInt64 { log.last &+ 1 &- max(1, cs_load_acquire_u64(marks + 1)) }

    // MARK: the writer's

    /// Writes and syncs until `stop`, then once more.
    public func run() {
        while cs_load_acquire_u32(flags + Flag.stopping) == 0 {
            bell.wait(microseconds: patience)
            if policy == .always { gather() }
            step()
            if policy != .always || refusesWrites { pause() }
        }
        writeAll()
        log.seal()
        cs_store_release_u32(flags + Flag.ended, 1)
    }

    /// Writes what there is, and syncs it if that is due. `run` does it; without a thread, whoever plays one.
    public func step() {
        let now = cs_monotonic_ns()
        write()
        switch policy {
        case .always: sync(now)
        case .everySecond: if now &- syncedAt >= Persistence.second { sync(now) }
        case .never: syncedAt = now
        }
        if cs_load_acquire_u64(marks) > log.durable { sync(now) }
        announce()
        removeSegments()
    }

    /// Writes and syncs all there is.
    func writeAll() {
        write()
        sync(cs_monotonic_ns())
        announce()
        removeSegments()
    }

    /// Tells loops that replies may go, or that they never will.
    private func announce() {
        let durable = log.durable
        if durable == announced && cs_load_u32(flags + Flag.failed) == 0 { return }
        announced = durable
        if policy == .always { wakeLoops() }
    }

    private func removeSegments() {
        let needed = cs_load_acquire_u64(marks + 1)
        if needed <= released { return }
        // What could not be removed is tried again after the next flush: it is in nobody's way.
        try? log.removeSegments(before: needed)
        released = needed
    }

    /// Ends all threads, with everything written and synced, and gives the directory back. Answers once it is so. `isEnd`:
    /// nothing is written under the directory's actor any more; if all of it is durable, the next server may go on.
    func finish(isEnd: Bool) {
        // Who is not waited for is told first: whoever waits may have the others' threads run.
        readers?.stop()
        keeper?.stop()
        stop()
        while cs_load_acquire_u32(flags + Flag.ended) == 0 { sleep(1000) }
        keeper = nil
        directory.withLock { directory in
            if isEnd, let directory, let identity, log.durable == log.last {
                // If it cannot be written, the next one begins as a new actor.
                try? ActorFile(directory).write(identity.ended(lastRecord: log.last))
            }
            directory = nil
        }
        wakeLoops()
    }

    /// Ends `run`, with everything written and synced. From any thread.
    public func stop() {
        cs_store_release_u32(flags + Flag.stopping, 1)
        bell.ring()
    }

    /// How long nothing needs to be done without being asked for.
    private var patience: Int64 {
        if refusesWrites { return Int64(Persistence.retryTime) }
        if policy != .everySecond || log.durable == log.written { return -1 }
        let age = cs_monotonic_ns() &- syncedAt
        return age >= Persistence.second ? 0 : Int64((Persistence.second - age) / 1000) + 1
    }

    /// Waits until enough clients share the next sync.
    private func gather() {
        let began = cs_monotonic_ns()
        var wait = group.patience(waited: 0)
        while wait > 0 && cs_load_acquire_u32(flags + Flag.stopping) == 0 {
            bell.wait(microseconds: wait)
            wait = group.patience(waited: Int64((cs_monotonic_ns() &- began) / 1000))
        }
        group.begin()
    }

    /// Lets records come together: one call for many costs less, and nobody waits for it.
    private func pause() {
        sleep(refusesWrites ? Persistence.retryTime : Persistence.gatheringTime)
    }

    private func write() {
        do throws(DiskError) {
            try log.write()
        } catch {
            return refuse(error)
        }
        // What could not be written is, by now: it came first.
        if refusesWrites { accept() }
    }

    private func sync(_ now: UInt64) {
        if log.durable == log.written { return syncedAt = now }
        cs_store_u32(flags + Flag.syncing, 1)
        do throws(DiskError) { try log.sync() } catch { refuse(error) }
        cs_store_u32(flags + Flag.syncing, 0)
        syncedAt = cs_monotonic_ns()
        if policy == .everySecond && syncedAt &- now > Persistence.longSync {
            cs_store_u32(flags + Flag.delays, delayedSyncs &+ 1)
        }
        group.end(syncedAt &- now)
    }

    private func wakeLoops() {
        let loops = state.withLock { $0.wake }
        for wake in loops { wake() }
    }

    /// Refuses writes from a failure on, until the log can be written again; after a sync that failed it never can.
    private func refuse(_ error: DiskError) {
        if log.failure != nil {
            if cs_load_u32(flags + Flag.failed) != 0 { return }
            report(
                .warning,
                "The log cannot be made durable: \(error). Nothing is written any more; writing commands are refused "
                    + "until the server is started anew")
            cs_store_release_u32(flags + Flag.failed, 1)
        } else if !refusesWrites {
            report(.warning, "The log cannot be written: \(error). Until it can, writing commands are refused")
        }
        state.withLock { $0.failure = error.reason }
        if !refusesWrites { cs_store_release_u32(flags + Flag.refusals, refusals &+ 1) }
    }

    private func accept() {
        report(.notice, "The log can be written again")
        state.withLock { $0.failure = nil }
        cs_store_release_u32(flags + Flag.refusals, refusals &+ 1)
    }
}
