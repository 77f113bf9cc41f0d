import Base
import CSystem
import Causality
import Commands
import Keyspace
import Storage

/// Beginning and ending to persist: at the start, and by CONFIG SET appendonly.
extension Node {
    /// Nil while changes are not logged. From any thread; those that were are kept as long as the node lives.
    public var persistence: Persistence? { Node.persistence(persistencePlace) }

    @inline(__always)
    static func persistence(_ place: UnsafeMutablePointer<UInt64>) -> Persistence? {
        let raw = UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: cs_load_acquire_u64(place)))
        return raw.map { Unmanaged<Persistence>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Takes over what the data directory holds, if the configuration wants it, and persists every change from then
    /// on. Before the loops run. Nil: there is nothing to do.
    public func openPersistence() throws(RecoveryError) -> RecoveryReport? {
        guard let directory = try openDirectory() else { return nil }
        return try recover(directory)
    }

    /// Takes the data directory for this process, if the configuration wants one.
    public func openDirectory() throws(RecoveryError) -> DataDirectory? {
        configuration.settings.appendOnly ? try openDirectory(configuration.settings) : nil
    }

    private func openDirectory(_ settings: Settings) throws(RecoveryError) -> DataDirectory {
        do throws(DirectoryError) {
            return try DataDirectory.open(
                doors.files, settings.directory + "/" + settings.appendDirectory, newIdentity: doors.randomNumber())
        } catch {
            throw .directory(error)
        }
    }

    /// Starts the threads of a persistence that has just been attached.
    public func startPersisting() {
        guard let persistence, let keeper = persistence.keeper else { return }
        doors.spawn("log", .usual) { persistence.run() }
        doors.spawn("flush", .low) { keeper.runFlusher() }
        doors.spawn("compact", .idle) { keeper.compactor.runIdle() }
        doors.spawn("scrub", .idle) { keeper.scrubber.run(whenLogIsDamaged: { keeper.requestRound() }) }
        doors.spawn("compact-2", .low) { keeper.compactor.runHelper() }
    }

    /// From now on changes go to this log; no other thread is in the key space, or all locks are held.
    /// `tellsActors`: the log does not know under whom.
    func attach(_ persistence: Persistence, tellsActors: Bool) {
        for executor in executors { persistence.connect(wake: { executor.wake() }) }
        keyspace.shared.pointee.loader = persistence.values
        keptPersistence.append(persistence)
        let sink = CommitLogSink(persistence.log)
        tellActors(sink, isNew: tellsActors)
        setSink(sink)
        cs_store_release_u64(
            persistencePlace, UInt64(UInt(bitPattern: Unmanaged.passUnretained(persistence).toOpaque())))
    }

    /// Changes go to this log, and to the cluster if there is one. No other thread is in the key space, or all locks are
    /// held.
    func setSink(_ log: MutationSink?) {
        keyspace.shared.pointee.sink = cluster == nil ? log : ReplicatingSink(log)
    }

    /// CONFIG SET appendonly. Answers why it cannot be done. `executor`: the caller's, which may hold locks.
    public func followPersistence(_ old: Settings, _ new: Settings) -> String? {
        if old.appendOnly == new.appendOnly { return nil }
        if !new.appendOnly { return stopPersisting() }
        do throws(RecoveryError) {
            try beginPersisting(new)
            return nil
        } catch {
            doors.log(.warning, "cannot switch to appendonly: \(error)")
            return "Unable to turn on AOF. Check server logs."
        }
    }

    /// Persists the key space as it is, in place of whatever the directory holds. What was there before is durable
    /// once the first round is over.
    private func beginPersisting(_ settings: Settings) throws(RecoveryError) {
        let directory = try openDirectory(settings)
        let tree = try openTree(directory)
        let there = tree.state.withView { SavedState($0) }
        let end = try skipLog(directory, after: there)
        var old = there ?? SavedState(keyspace)
        // A crash before the first round is over must not bring back a mixture.
        old.isComplete = false
        old.logPosition = end.last
        try install(old, tree)
        try tidy(tree)
        let persistence = makePersistence(
            directory, tree, TreeValues(tree, report: doors.log), end, settings)
        let own = keyspace.actors.read { $0.id(at: keyspace.actor) }
        let identity = ActorIdentity(after: nil, directory: directory.identity, lastRecord: end.last, fresh: own)
        do throws(DirectoryError) { try ActorFile(directory).write(identity) } catch { throw .directory(error) }
        persistence.identity = identity
        withAllPartitions {
            keyspace.beginSaving(over: old)
            attach(persistence, tellsActors: true)
            Executor.current?.sharesPartitions()
        }
        startPersisting()
        persistence.keeper?.requestRound()
    }

    /// Stops logging; what has been logged stays where it is. Nobody looks there any more: all values come back to
    /// memory first, with everybody waiting. Answers why that cannot be done; then nothing has happened.
    private func stopPersisting() -> String? {
        guard let persistence else { return nil }
        var unreadable: String?
        withAllPartitions {
            unreadable = keyspace.firstLeftAway { values, key in persistence.values?.load(values, key) ?? false }
            if unreadable != nil { return }
            setSink(nil)
            keyspace.actors.onChange(nil)
            cs_store_release_u64(persistencePlace, 0)
        }
        if let unreadable {
            doors.log(.warning, "cannot switch appendonly off: the value of \(unreadable) cannot be read from disk")
            return "Unable to turn off AOF. Check server logs."
        }
        // What this process writes from now on is not logged: it is no orderly end for the directory.
        persistence.finish(isEnd: false)
        return nil
    }

    /// At the end of the process, when no loop runs any more. Everything is written and synced.
    public func closePersistence() { persistence?.finish(isEnd: true) }

    private func withAllPartitions(_ body: () -> Void) {
        let held = Executor.current?.state.pointee.held ?? PartitionSet()
        for i in 0..<Limits.partitions where !held.contains(i) { Partition.lock(keyspace.partitions + i) }
        body()
        for i in 0..<Limits.partitions where !held.contains(i) { Partition.unlock(keyspace.partitions + i) }
    }
}
