import Base
import Commands
import Keyspace
import RESP

extension Executor {
    /// Puts a command into MULTI's queue.
    func queue(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) {
        let details = session.pointee.details
        session.pointee.link.pointee.output.append("+QUEUED\r\n")
        markDirty(session.pointee.link)
        // What is not going to run need not be kept.
        if session.pointee.mode.contains(.transactionRefused) || details.watchFlag.isSet { return }
        details.queue.append(QueuedCommand(command, words, count))
        details.queueFlags.formUnion(flags(of: command, words, count))
        session.pointee.queuedCount = details.queue.count
        session.pointee.queuedBytes += details.queue[details.queue.count - 1].bytes
    }

    /// Ends MULTI: the queue is gone, watches too.
    func discardQueue(_ session: SessionPointer) {
        let details = session.pointee.details
        for queued in details.queue { queued.free() }
        details.queue = []
        details.queueFlags = []
        session.pointee.queuedCount = 0
        session.pointee.queuedBytes = 0
        session.pointee.mode.subtract([.multi, .transactionRefused])
    }

    func unwatchAll(_ session: SessionPointer) {
        let details = session.pointee.details
        details.watchedVersions = []
        if details.watchedKeys.isEmpty { return }
        for watched in details.watchedKeys {
            let i = watched.key.withView { Key($0).partition }
            let partition = keyspace.partitions + i
            let holds = state.pointee.held.contains(i)
            // A script may hold the partition for long: the flag is left behind, to be taken away later.
            if !holds && !Partition.tryLock(partition) && (isAttending || !waitForLock(partition)) {
                return abandonWatches(session)
            }
            Access.unwatch(partition, details.watchFlag)
            if !holds { Partition.unlock(partition) }
        }
        details.watchedKeys = []
        details.watchFlag.clear()
    }

    /// Forgets what is watched now, and tells the keys in the next turn.
    private func abandonWatches(_ session: SessionPointer) {
        let (flag, keys) = session.pointee.details.abandonWatch()
        mailbox.post { executor in
            for watched in keys {
                let partition = executor.partitions + watched.key.withView { Key($0).partition }
                executor.lockPatiently(partition)
                Access.unwatch(partition, flag)
                Partition.unlock(partition)
            }
        }
    }

    /// EXEC: all queued commands under the locks of everything they and the watches name.
    func runTransaction(_ session: SessionPointer) {
        let details = session.pointee.details
        let outer = state.pointee.command
        let output = state.pointee.output
        let set = partitions(of: details, session)
        let partitions = keyspace.partitions
        if !lock(set) {
            refuseBusy(session, outer)
            return
        }
        state.pointee.held = set
        if details.watchFlag.isSet || hasExpiredWatch(details) || hasOtherVersions(details) {
            ReplyWriter(output, version: session.pointee.version).nullArray()
        } else {
            runQueue(session, output)
        }
        unwatchAll(session)
        state.pointee.held = PartitionSet()
        state.pointee.inTransaction = false
        if state.pointee.aftermath.isEmpty {
            set.forEach { Partition.unlock(partitions + $0) }
        } else {
            _ = settle(set)
        }
        state.pointee.command = outer
        discardQueue(session)
    }

    private func runQueue(_ session: SessionPointer, _ output: UnsafeMutablePointer<OutputBuffer>) {
        let queue = session.pointee.details.queue
        ReplyWriter(output, version: session.pointee.version).array(queue.count)
        state.pointee.inTransaction = true
        for queued in queue {
            prepare(session, queued.command, queued.arguments, queued.count, output)
            if let denial = permits(session, queued.command, queued.arguments, queued.count) {
                refuseQueued(session, queued, denial, output)
            } else {
                runQueued(session, queued, output)
            }
        }
    }

    /// What the user was still allowed when it queued the command.
    private func refuseQueued(
        _ session: SessionPointer, _ queued: QueuedCommand, _ denial: Denial,
        _ output: UnsafeMutablePointer<OutputBuffer>
    ) {
        logDenial(session, denial, queued.command, queued.arguments, .multi)
        ReplyWriter(output, version: session.pointee.version).error(denial.replyInTransaction)
        countError(output)
    }

    /// One command of a transaction, whose partitions are all locked.
    private func runQueued(
        _ session: SessionPointer, _ queued: QueuedCommand, _ output: UnsafeMutablePointer<OutputBuffer>
    ) {
        let command = queued.command
        let errorsBefore = output.pointee.errorCount
        let started = ticks
        if command.pointee.locking == .firstKey || command.pointee.locking == .keys {
            var ignored = PartitionSet()
            collectKeys(command, into: &ignored)
        }
        command.pointee.run(UnsafeMutableRawPointer(state))
        refuseUnreadable()
        if remembers(session, command) { rememberKeys(session) }
        let taken = ticks &- started
        statistics.count(command.pointee.index, ticks: taken)
        if taken >= slowTicks { noteSlow(session, command, queued.arguments, queued.count, taken) }
        if output.pointee.errorCount != errorsBefore {
            statistics.countFailed(command.pointee.index)
            countError(output)
        }
        if _slowPath(isMonitored) { showMonitors(session, command, queued.arguments, queued.count) }
    }

    /// Everything the transaction may touch: the keys it names and watches, or all partitions when a
    /// command does not say.
    private func partitions(of details: SessionDetails, _ session: SessionPointer) -> PartitionSet {
        var set = PartitionSet()
        for watched in details.watchedKeys { set.insert(watched.key.withView { Key($0).partition }) }
        for watched in details.watchedVersions { set.insert(watched.key.withView { Key($0).partition }) }
        for queued in details.queue {
            switch queued.command.pointee.locking {
            case .none: break
            case .own, .all: return .all
            case .firstKey, .keys:
                prepare(session, queued.command, queued.arguments, queued.count, state.pointee.output)
                collectKeys(queued.command, into: &set)
            }
        }
        return set
    }

    /// Whether a watched key's deadline has passed since WATCH.
    private func hasExpiredWatch(_ details: SessionDetails) -> Bool {
        var set = PartitionSet()
        for watched in details.watchedKeys { set.insert(watched.key.withView { Key($0).partition }) }
        var found = false
        set.forEach { i in
            let partition = keyspace.partitions + i
            found =
                found || Access.hasExpiredWatch(partition, details.watchFlag, moment: state.pointee.moment)
        }
        return found
    }
}
