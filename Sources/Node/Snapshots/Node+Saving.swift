import Base
import CSystem
import Keyspace
import Scripting

extension Node {
    /// Whether SAVE and its like write a file: the node has a disk, and changes are not logged.
    var savesFiles: Bool { doors.snapshots != nil && persistence == nil }

    /// Where the snapshot is.
    var snapshotPlace: SnapshotPlace? {
        guard let doors = doors.snapshots else { return nil }
        let settings = configuration.settings
        return SnapshotPlace(doors.files, directory: settings.directory, name: settings.snapshotName)
    }

    private func plan(_ place: SnapshotPlace, _ moment: Moment) -> SnapshotPlan {
        let settings = configuration.settings
        let hint: SnapshotHint
        switch settings.maxMemoryPolicy {
        case .volatileLRU, .allKeysLRU: hint = .recency
        case .volatileLFU, .allKeysLFU: hint = .frequency
        default: hint = .none
        }
        return SnapshotPlan(
            place: place, keyspace: keyspace, hasChecksum: settings.hasSnapshotChecksum, hint: hint,
            libraries: libraries.current.libraries.map(\.source), moment: moment,
            usedMemory: memory.allocated, keyDelay: settings.keySaveDelay, sleep: doors.sleep)
    }

    /// Writes the snapshot in place. All locks are held, or no loop runs. Answers whether it is there.
    func saveNow(_ moment: Moment) -> Bool {
        guard let place = snapshotPlace, let doors = doors.snapshots else { return false }
        do throws(DiskError) {
            _ = try plan(place, moment).write(mark: doors.processID)
        } catch {
            self.doors.log(.warning, "Error trying to save the DB: \(error)")
            return false
        }
        snapshots.saved(writes: keyspace.writesWhileLocked, now: cs_wall_us() / 1000)
        self.doors.log(.notice, "DB saved on disk")
        return true
    }

    /// Has a copy of the process write the snapshot. All locks are held; no child is at work. Answers whether it is.
    func saveInBackground(_ moment: Moment) -> Bool {
        guard let place = snapshotPlace, let doors = doors.snapshots else { return false }
        let plan = plan(place, moment)
        // What is made when first used is made here, not in the copy, where its lock might stay taken.
        _ = CRC64.checksum(ByteView(""))
        let writes = keyspace.writesWhileLocked
        snapshots.change {
            $0.saves += 1
            $0.lastTry = moment.wall / 1000
            $0.isScheduled = false
            $0.child = Snapshots.Child(process: 0, started: moment.wall / 1000, writes: writes)
        }
        let result = doors.fork(
            { process in
                do throws(DiskError) { _ = try plan.write(mark: process) } catch { return error.description }
                return nil
            }, { [weak self] end in self?.savingEnded(end) })
        switch result {
        case .failed(let reason):
            snapshots.change {
                $0.child = nil
                $0.isGood = false
            }
            self.doors.log(.warning, "Can't save in background: \(reason)")
            return false
        case .started(let process, let microseconds):
            snapshots.change {
                $0.forks += 1
                $0.forkMicroseconds = microseconds
                // It may have ended already.
                if $0.child != nil { $0.child?.process = process }
            }
            self.doors.log(.notice, "Background saving started by pid \(process)")
            return true
        }
    }

    /// The child has ended. On a thread of its own.
    private func savingEnded(_ end: ChildEnd) {
        let process = snapshots.now.child?.process ?? 0
        switch end {
        case .done(let copied):
            doors.log(.notice, "Background saving terminated with success, \(copied >> 20) MB copied for it")
        case .failed(let reason): doors.log(.warning, "Background saving error: \(reason)")
        case .killed(let signal):
            if process != 0 { snapshotPlace?.removeTemporary(mark: process) }
            doors.log(.warning, "Background saving terminated by signal \(signal)")
        }
        snapshots.ended(end, now: cs_wall_us() / 1000)
        executors[0].mailbox.post { $0.scheduleSaving() }
    }

    /// What a child is writing is not wanted any more.
    func stopSaving() {
        guard let child = snapshots.now.child, child.process != 0 else { return }
        doors.log(.notice, "There is a child saving an .rdb. Killing it!")
        doors.snapshots?.kill(child.process)
    }

    /// The last thing before the process ends, when no loop runs any more: saves what has changed since a wish to end
    /// the server was granted.
    public func saveAtEnd() {
        if !savesAtEnd.isOn || !savesFiles { return }
        let now = cs_wall_us() / 1000
        if keyspace.writesWhileLocked == snapshots.now.savedWrites { return }
        _ = saveNow(Moment(wall: now, stamp: AccessStamp.fresh(frequency: false, now: now)))
    }
}
