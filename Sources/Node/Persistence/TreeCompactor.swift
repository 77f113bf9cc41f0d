import Base
import CSystem
import Keyspace
import Storage

/// Has a tree compacted, by two threads of the shell's. One is idle: it works whenever nobody else wants the processor.
/// Should that not be often enough, the other one, which is not idle, takes over in the midst of a step, until the worst
/// is over; and writers are slowed down if even that is not enough (WritePace).
final class TreeCompactor: @unchecked Sendable {
    private let keyspace: Keyspace
    private let tree: Tree
    /// Told how much writers are to be slowed down. It outlives this one.
    private unowned let persistence: Persistence
    private let report: @Sendable (LogLevel, String) -> Void
    private let idleBell = Doorbell()
    private let helperBell = Doorbell()
    private let flags: UnsafeMutablePointer<UInt32>
    /// The bounds of `pace`.
    private let bounds: UnsafeMutablePointer<UInt64>

    private enum Flag {
        static let stopping = 0
        static let idleEnded = 1
        static let helperEnded = 2
        static let helping = 3
        /// The last step failed.
        static let failing = 4
        static let count = 5
    }

    init(
        _ keyspace: Keyspace, _ tree: Tree, _ persistence: Persistence, _ pace: WritePace,
        report: @escaping @Sendable (LogLevel, String) -> Void
    ) {
        self.keyspace = keyspace
        self.tree = tree
        self.persistence = persistence
        self.report = report
        flags = .allocate(capacity: Flag.count)
        flags.initialize(repeating: 0, count: Flag.count)
        bounds = .allocate(capacity: 2)
        bounds.initialize(repeating: 0, count: 2)
        self.pace = pace
    }

    deinit {
        flags.deallocate()
        bounds.deallocate()
    }

    // MARK: from any thread

    /// `write-slowdown-debt` and `write-slowdown-runs`; CONFIG SET changes them.
    var pace: WritePace {
        get { WritePace(debtPercent: Int(cs_load_u64(bounds)), runs: Int(cs_load_u64(bounds + 1))) }
        set {
            cs_store_u64(bounds, UInt64(newValue.debtPercent))
            cs_store_u64(bounds + 1, UInt64(newValue.runs))
            measure()
        }
    }

    /// The second thread is at work.
    var isHelping: Bool { cs_load_u32(flags + Flag.helping) != 0 }

    /// A round of saving is over: there may be something to compact.
    func roundEnded() {
        measure()
        idleBell.ring()
        helperBell.ring()
    }

    /// Has both threads end; they leave a step where it is.
    func askToEnd() {
        cs_store_release_u32(flags + Flag.stopping, 1)
        idleBell.ring()
        helperBell.ring()
    }

    var hasEnded: Bool {
        cs_load_acquire_u32(flags + Flag.idleEnded) != 0 && cs_load_acquire_u32(flags + Flag.helperEnded) != 0
    }

    /// Looks how far compaction is behind, and sets how much writers are slowed down.
    @discardableResult
    private func measure() -> Double {
        let backlog = tree.backlog
        let pressure = pace.pressure(debtBytes: backlog.debtBytes, bytes: backlog.bytes, runs: backlog.runs)
        persistence.writeDelay = WritePace.delay(pressure)
        return pressure
    }

    private var isStopping: Bool { cs_load_acquire_u32(flags + Flag.stopping) != 0 }

    // MARK: the threads

    /// The idle thread.
    func runIdle() {
        while !isStopping {
            if isHelping || !step(while: { [self] in !isHelping }) { idleBell.wait(microseconds: 1_000_000) }
        }
        cs_store_release_u32(flags + Flag.idleEnded, 1)
    }

    /// The other thread.
    func runHelper() {
        while !isStopping {
            helperBell.wait()
            while !isStopping, WritePace.helps(measure(), isHelping: isHelping) {
                cs_store_release_u32(flags + Flag.helping, 1)
                if !step(while: { true }) { break }
            }
            cs_store_release_u32(flags + Flag.helping, 0)
            idleBell.ring()
        }
        cs_store_release_u32(flags + Flag.helperEnded, 1)
    }

    /// Does a step, or the rest of one, as long as nothing speaks against it. False if there was nothing to do, or
    /// nothing that works now.
    func step(while goesOn: () -> Bool) -> Bool {
        if tree.failure != nil { return false }
        let dead = deadSpaces()
        do {
            while !isStopping && goesOn() {
                switch try tree.compactSlice({ key, _ in dead.contains(key) }) {
                case .nothing: return false
                case .finished:
                    works(nil)
                    measure()
                    return true
                case .unfinished: break
                }
            }
            return true
        } catch {
            works("\(error)")
            return false
        }
    }

    /// The same thing is not said again and again.
    private func works(_ failure: String?) {
        let isNew = cs_load_u32(flags + Flag.failing) != (failure == nil ? 0 : 1)
        if !isNew { return }
        cs_store_u32(flags + Flag.failing, failure == nil ? 0 : 1)
        if let failure {
            report(.warning, "Compaction failed: \(failure)")
        } else {
            report(.notice, "Compaction works again")
        }
    }

    /// Which records are about databases that have been emptied. A space is dead once neither the state that a crash
    /// would bring back nor memory has it; what is not known yet is not.
    private func deadSpaces() -> DeadSpaces {
        let state = tree.state.withView { SavedState($0) }
        return DeadSpaces(keyspace, state)
    }
}
