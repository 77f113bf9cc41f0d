import Base
import CSystem
import Keyspace
import Scripting
import Storage
import Synchronization

/// Brings changed keys from memory to the tree, round by round, so that the log need not be kept (its segments go once
/// a round has everything that is in them). A thread of the shell's, and its compactor's.
public final class TreeKeeper: @unchecked Sendable {
    private let keyspace: Keyspace
    let tree: Tree
    let compactor: TreeCompactor
    let scrubber: Scrubber
    private let persistence: Persistence
    private let libraries: LibraryStore
    private let report: @Sendable (LogLevel, String) -> Void
    private let sleep: @Sendable (Int) -> Void
    private let flushBell = Doorbell()
    private let flags: UnsafeMutablePointer<UInt32>
    private let progress = Mutex(RoundProgress())
    /// One round at a time.
    private let rounds = Mutex(())
    /// Records of the round. Its thread's.
    private var saved = 0

    private enum Flag {
        static let stopping = 0
        static let flushEnded = 1
        static let count = 2
    }

    /// How long nothing needs to be looked at, microseconds.
    private static let patience: Int64 = 200_000
    /// What a slice leaves to others.
    private static let breath = 50

    init(
        _ keyspace: Keyspace, _ libraries: LibraryStore, _ tree: Tree, _ persistence: Persistence, _ pace: WritePace,
        sleep: @escaping @Sendable (Int) -> Void, report: @escaping @Sendable (LogLevel, String) -> Void
    ) {
        self.keyspace = keyspace
        self.libraries = libraries
        self.tree = tree
        compactor = TreeCompactor(keyspace, tree, persistence, pace, report: report)
        scrubber = Scrubber(tree, persistence.log, report: report)
        self.persistence = persistence
        self.sleep = sleep
        self.report = report
        progress.withLock { $0.flushedAt = persistence.log.bytes }
        flags = .allocate(capacity: Flag.count)
        flags.initialize(repeating: 0, count: Flag.count)
    }

    deinit { flags.deallocate() }

    private var isStopping: Bool { cs_load_acquire_u32(flags + Flag.stopping) != 0 }

    // MARK: asking

    /// What rounds have done. From any thread.
    var standing: RoundProgress { progress.withLock { $0 } }

    /// Has a round run as soon as may be, in the background.
    func requestRound() {
        progress.withLock { $0.wanted += 1 }
        flushBell.ring()
    }

    /// Values cannot leave memory before the tree has them: a round is wanted, unless one is under way that began
    /// after the last such wish.
    func requestRoom() {
        progress.withLock { state in
            if state.wanted == state.begun { state.wanted += 1 }
        }
        flushBell.ring()
    }

    /// Whether a round may still bring values to the tree. Once two in a row have had nothing to save there is no use in
    /// waiting.
    var mayMakeRoom: Bool { progress.withLock { $0.failure == nil && $0.emptyRounds < 2 } }

    /// Runs a round on this thread. Answers what went wrong.
    func runRound() -> String? {
        progress.withLock { $0.wanted += 1 }
        return attemptRound()
    }

    /// Ends all threads; answers once they have ended.
    func stop() {
        cs_store_release_u32(flags + Flag.stopping, 1)
        flushBell.ring()
        compactor.askToEnd()
        scrubber.askToEnd()
        while cs_load_acquire_u32(flags + Flag.flushEnded) == 0 || !compactor.hasEnded || !scrubber.hasEnded {
            sleep(1000)
        }
        tree.giveUpCompacting()
    }

    // MARK: flushing

    /// The flusher's thread: a round whenever the log has grown long enough, or one is asked for.
    func runFlusher() {
        while !isStopping {
            flushBell.wait(microseconds: TreeKeeper.patience)
            if isStopping { break }
            if isRoundDue(now: cs_monotonic_ns()) { attemptRound() }
        }
        cs_store_release_u32(flags + Flag.flushEnded, 1)
    }

    /// Whether a round is wanted, or the log has grown long enough; after one that failed, whether it is time to try
    /// again.
    func isRoundDue(now: UInt64) -> Bool {
        let standing = standing
        if standing.failure != nil { return now >= standing.retryAt }
        return standing.wanted != standing.begun
            || persistence.log.bytes &- standing.flushedAt >= UInt64(persistence.flushBytes)
    }

    @discardableResult
    private func attemptRound() -> String? {
        rounds.withLock { _ in
            let wanted = progress.withLock { state in
                state.begun = state.wanted
                state.isRunning = true
                state.startedAt = cs_monotonic_ns()
                return state.wanted
            }
            let before = progress.withLock { $0.failure }
            let bytes = persistence.log.bytes
            let failure = round()
            // The same thing is not said again and again.
            if let failure, before == nil { report(.warning, "Saving to the tree failed: \(failure)") }
            if failure == nil && before != nil { report(.notice, "Saving to the tree works again") }
            let isEmpty = saved == 0
            progress.withLock { state in
                if failure == nil { state.emptyRounds = isEmpty ? state.emptyRounds + 1 : 0 }
                state.ended(wanted, failure, now: cs_monotonic_ns(), wall: cs_wall_us() / 1_000_000)
                if failure == nil { state.flushedAt = bytes }
            }
            compactor.roundEnded()
            return failure
        }
    }

    /// Why a round would be in vain; nil: it may succeed.
    private var obstacle: String? {
        if let failure = tree.failure { return "\(TreeError.failedBefore(failure))" }
        return persistence.refusesWrites ? "the log cannot be written: \(persistence.failure ?? "unknown")" : nil
    }

    /// Everything that has changed goes to the tree. Answers what went wrong: then nothing has happened.
    private func round() -> String? {
        saved = 0
        if let obstacle { return obstacle }
        var state = SavedState(logPosition: persistence.log.last, isComplete: true, cuts: [])
        // Like what slices find, they may be newer than that.
        state.libraries = libraries.saved
        var taken: [TakenKeys] = []
        keyspace.beginRound(standing.rounds)
        defer { keyspace.endRound() }
        let failure = round(&state, &taken)
        if failure == nil {
            persistence.releaseLog(before: state.logPosition + 1)
        } else {
            for (i, keys) in taken.enumerated() { keys.giveBack(to: keyspace, partition: i) }
        }
        return failure
    }

    private func round(_ state: inout SavedState, _ taken: inout [TakenKeys]) -> String? {
        var run = tree.beginRun()
        do throws(DiskError) {
            for partition in 0..<Limits.partitions { try save(partition, &run, &state, &taken) }
        } catch {
            tree.abandon(run)
            return error.description
        }
        // The tree must not know of what the log may lose.
        guard persistence.makeDurable(upTo: persistence.log.last) else {
            tree.abandon(run)
            return persistence.failure ?? "the log cannot be made durable"
        }
        // Whoever is named in what was saved has had an index by now.
        state.actors = keyspace.actorRecord
        var blob = ByteBuffer(capacity: 64 * 1024)
        state.encode(to: &blob)
        do throws(TreeError) {
            try tree.install(run, state: blob.view)
        } catch {
            return error.description
        }
        return nil
    }

    private func save(
        _ index: Int, _ run: inout TreeRun, _ state: inout SavedState, _ taken: inout [TakenKeys]
    ) throws(DiskError) {
        var cut = PartitionCut()
        var save = PartitionSave(keyspace, partition: index, cut: &cut)
        while save.step() { sleep(TreeKeeper.breath) }
        taken.append(save.taken)
        cut.nextSpace = save.finish()
        state.cuts.append(cut)
        try save.forEachRecord { (record) throws(DiskError) in
            try run.add(key: record.key, stem: record.stem, value: record.value)
            saved += 1
        }
    }

    /// A step of compaction. Answers false if there was nothing to do, or nothing that works now.
    func compact() -> Bool { compactor.step(while: { true }) }
}

/// How far rounds are.
struct RoundProgress: Sendable {
    var wanted: UInt64 = 0
    var begun: UInt64 = 0
    var done: UInt64 = 0
    var isRunning = false
    var startedAt: UInt64 = 0
    /// Of the last one; seconds since 1970, and how many it took.
    var endedAt: Int64 = 0
    var seconds: Int64 = -1
    var failure: String?
    /// That came to a good end; all that ended; and how many in a row have failed.
    var rounds: UInt64 = 0
    var attempts: UInt64 = 0
    var failuresInARow = 0
    /// How many in a row found nothing to save.
    var emptyRounds = 0
    /// Log bytes at the beginning of the last round that succeeded.
    var flushedAt: UInt64 = 0
    /// When one that failed is tried again, and after how long another one would be, nanoseconds.
    var retryAt: UInt64 = 0
    private var retryAfter = retryTimes.lowerBound

    /// Twice as long each time.
    private static let retryTimes: ClosedRange<UInt64> = 500_000_000...8_000_000_000

    fileprivate mutating func ended(_ round: UInt64, _ failure: String?, now: UInt64, wall: Int64) {
        isRunning = false
        done = max(done, round)
        seconds = Int64((now &- startedAt) / 1_000_000_000)
        self.failure = failure
        attempts += 1
        failuresInARow = failure == nil ? 0 : failuresInARow + 1
        if failure != nil {
            retryAt = now &+ retryAfter
            retryAfter = min(2 * retryAfter, RoundProgress.retryTimes.upperBound)
            return
        }
        retryAfter = RoundProgress.retryTimes.lowerBound
        rounds += 1
        endedAt = wall
    }
}
