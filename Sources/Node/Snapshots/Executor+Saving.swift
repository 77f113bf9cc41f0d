import Base
import CSystem
import Commands
import Keyspace

/// Why the server ends, and how.
struct LeavingWish {
    var saves = false
    var savesNot = false
    /// Even if saving fails.
    var force = false

    init() {}

    /// The words of `shutdown-on-sigterm`.
    init(_ words: [String]) {
        saves = words.contains("save")
        savesNot = words.contains("nosave")
        force = words.contains("force")
    }
}

extension Executor {
    /// Looks how many changes there have been, and begins to save if a save point has been reached.
    func lookAfterSaving() {
        scheduleSaving()
        let snapshots = node.snapshots
        if snapshots.due > state.pointee.moment.wall { return }
        // A script past its time limit holds locks: at the next tick, then.
        if !lock(.all) { return }
        if snapshots.now.child == nil && node.savesFiles {
            logReason()
            _ = node.saveInBackground(state.pointee.moment)
        }
        snapshots.due = .max
        PartitionSet.all.forEach { Partition.unlock(partitions + $0) }
    }

    /// Decides when to save next. While a lock is taken, what was decided before holds.
    func scheduleSaving() {
        if isLoading || !node.savesFiles { return }
        guard let writes = keyspace.writesUnlessLocked() else { return }
        node.snapshots.schedule(settings.savePoints, writes: writes, now: state.pointee.moment.wall)
    }

    private func logReason() {
        let now = node.snapshots.now
        if now.isScheduled { return }
        let changes = keyspace.writesWhileLocked &- now.savedWrites
        let seconds = state.pointee.moment.wall / 1000 - now.lastSave
        node.doors.log(.notice, "\(changes) changes in \(seconds) seconds. Saving...")
    }

    /// All databases have been emptied: the file is emptied, too, if there are save points. All locks are held.
    func saveAfterFlush() {
        node.stopSaving()
        if settings.savePoints.isEmpty || !node.savesFiles { return }
        _ = node.saveNow(state.pointee.moment)
    }

    /// Saves, if that is wanted, and ends the server. Answers false, and does not, if it cannot save.
    func leave(_ wish: LeavingWish) -> Bool {
        node.stopSaving()
        let saves = !isLoading && (wish.saves || !settings.savePoints.isEmpty && !wish.savesNot)
        if saves && node.savesFiles {
            if !lock(.all) { return false }
            let isSaved = node.saveNow(state.pointee.moment)
            PartitionSet.all.forEach { Partition.unlock(partitions + $0) }
            if !isSaved && !wish.force { return false }
            node.savesAtEnd.isOn = isSaved
        } else if wish.saves && !wish.force && !isLoading && !node.checkpoint(waits: true) {
            node.doors.log(.warning, "The data cannot be saved: there is no place for it")
            return false
        }
        node.doors.shutDown()
        return true
    }
}

extension Node {
    /// Brings what is logged to where it stays, or begins to: what SAVE (which waits), BGSAVE and BGREWRITEAOF are while
    /// changes are logged. Answers whether that is so, or is under way.
    func checkpoint(waits: Bool) -> Bool {
        guard let keeper = persistence?.keeper else { return false }
        if waits { return keeper.runRound() == nil }
        keeper.requestRound()
        return true
    }

    /// SIGTERM or SIGINT: saves as the configuration says, and ends the server. From any thread.
    public func askToLeave(isInterrupt: Bool) {
        let settings = configuration.settings
        let wish = LeavingWish(isInterrupt ? settings.shutdownOnInterrupt : settings.shutdownOnTermination)
        if busy.kind != nil {
            // The script ends with its loop; what it has changed is saved then.
            savesAtEnd.isOn = wish.saves || !settings.savePoints.isEmpty && !wish.savesNot
            return doors.shutDown()
        }
        executors[0].mailbox.post { executor in
            if executor.leave(wish) { return }
            executor.node.doors.log(
                .warning,
                "\(isInterrupt ? "SIGINT" : "SIGTERM") received but errors trying to shut down the server, "
                    + "check the logs for more information")
        }
    }
}
