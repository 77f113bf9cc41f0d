import Base
import CSystem

/// Removes keys whose deadline has passed although nobody asks for them, a slice at a time; and finishes
/// table resizes that no command carries on. One per loop; each loop takes every n-th partition.
///
/// A table's walk starts when a deadline in it has passed and goes on over as many slices as it takes.
/// Each holds a partition's lock for at most `lockNanoseconds`. Partitions where nothing is due cost one read
/// without a lock. Commands hide keys past their deadline by themselves, so this is about memory only.
public struct ActiveExpiry {
    /// What a slice did, and when the next one is wanted.
    public struct Progress {
        /// Keys removed.
        public var removed = 0
        /// Entries looked at.
        public var visited = 0
        /// The budget ended before all that is due had been looked at.
        public var isUnfinished = false
        /// No deadline of this loop's partitions is earlier, ms since 1970; `Int64.max`: there is none.
        public var earliestDeadline = Int64.max

        /// Milliseconds until the next slice: 0 while most of what is looked at is due; some while a large
        /// walk finds little; otherwise until the next deadline (which later commands may set earlier).
        public func delay(now: Int64) -> Int64 {
            if isUnfinished { return removed * ActiveExpiry.worthwhileShare >= visited ? 0 : ActiveExpiry.idlePace }
            if earliestDeadline == .max { return .max }
            return max(1, earliestDeadline &- now &+ 1)
        }
    }

    /// A slice that found at least one due key among so many goes on at once.
    static let worthwhileShare = 10
    /// Milliseconds between the slices of a walk that finds little.
    static let idlePace: Int64 = 10
    /// Milliseconds after which a suspended removal looks again.
    static let pausedPace: Int64 = 100
    static let lockNanoseconds: UInt64 = 100_000
    /// Due entries collected before they are removed.
    static let batch = 64
    /// How long it waits for a partition's lock.
    static let patienceMicroseconds: UInt32 = 200
    /// Buckets of a resize moved under one lock.
    static let resizeSteps = 128

    private let keyspace: Keyspace
    private let first: Int
    private let stride: Int
    /// The partition to go on with.
    private var at: Int
    /// The partition whose tables are looked at for pending resizes next.
    private var resizing: Int

    public init(_ keyspace: Keyspace, loop: Int, of loops: Int) {
        self.keyspace = keyspace
        first = loop
        stride = loops
        at = loop
        resizing = loop
    }

    /// False where time is simulated: then a slice does all that is due, however long that takes.
    public var hasTimeLimits = true

    private func monotonic() -> UInt64 { hasTimeLimits ? cs_monotonic_ns() : 0 }

    /// Works until nothing is due or the budget (ns) is spent. No partition lock is held by the caller.
    public mutating func slice(_ moment: Moment, budget: UInt64 = Limits.expirySliceNanoseconds) -> Progress {
        var progress = Progress()
        if first >= Limits.partitions { return progress }
        let end = monotonic() &+ budget
        if cs_load_u32(&keyspace.shared.pointee.keepsExpired) == 0 {
            expire(moment, end, &progress)
        } else {
            progress.earliestDeadline = moment.wall &+ ActiveExpiry.pausedPace
        }
        finishResize(end, &progress)
        return progress
    }

    /// No deadline of this loop's partitions is earlier, ms since 1970. A few dozen reads without locks:
    /// any thread may ask, to find out whether a sleeping loop has to be woken for a new deadline.
    public var earliestDeadline: Int64 {
        var earliest = Int64.max
        for i in Swift.stride(from: first, to: Limits.partitions, by: stride) {
            earliest = min(earliest, Partition.earliestDeadline(keyspace.partitions + i))
        }
        return earliest
    }

    // MARK: expiry

    private mutating func expire(_ moment: Moment, _ end: UInt64, _ progress: inout Progress) {
        for _ in Swift.stride(from: first, to: Limits.partitions, by: stride) {
            let partition = keyspace.partitions + at
            while Partition.earliestDeadline(partition) < moment.wall {
                if monotonic() >= end {
                    progress.isUnfinished = true
                    progress.earliestDeadline = Partition.earliestDeadline(partition)
                    return
                }
                // A script may hold the partition for long: it comes again soon.
                if !Partition.lock(partition, microseconds: ActiveExpiry.patienceMicroseconds) {
                    progress.isUnfinished = false
                    progress.earliestDeadline = moment.wall &+ ActiveExpiry.pausedPace
                    return
                }
                hold(partition, moment, end, &progress)
                Partition.unlock(partition)
            }
            progress.earliestDeadline = min(progress.earliestDeadline, Partition.earliestDeadline(partition))
            at += stride
            if at >= Limits.partitions { at = first }
        }
    }

    /// One hold of a partition's lock.
    private func hold(_ partition: PartitionPointer, _ moment: Moment, _ end: UInt64, _ progress: inout Progress) {
        let stop = min(end, monotonic() &+ ActiveExpiry.lockNanoseconds)
        var earliest = Int64.max
        for database in 0..<keyspace.databaseCount {
            let access = Access(partition, database: database, moment: moment)
            while access.tables.pointee.earliestDeadline < moment.wall && monotonic() < stop {
                access.expireBucket(&progress)
            }
            earliest = min(earliest, access.tables.pointee.earliestDeadline)
        }
        partition.pointee.setEarliestDeadline(earliest)
    }

    // MARK: resizes

    private mutating func finishResize(_ end: UInt64, _ progress: inout Progress) {
        let partition = keyspace.partitions + resizing
        var isPending = true
        repeat {
            if !Partition.lock(partition, microseconds: ActiveExpiry.patienceMicroseconds) { return }
            isPending = stepTables(partition)
            Partition.unlock(partition)
        } while isPending && monotonic() < end
        if isPending {
            progress.isUnfinished = true
            return
        }
        resizing += stride
        if resizing >= Limits.partitions { resizing = first }
    }

    /// Moves some buckets of the partition's tables; whether there are more to move.
    private func stepTables(_ partition: PartitionPointer) -> Bool {
        let reclaimer = keyspace.shared.pointee.reclaimer
        var steps = ActiveExpiry.resizeSteps
        for database in 0..<keyspace.databaseCount {
            let tables = partition.pointee.databases + database
            while tables.pointee.entries.isResizing && steps > 0 {
                tables.pointee.entries.step(reclaimer)
                steps -= 1
            }
            while tables.pointee.expiring.isResizing && steps > 0 {
                tables.pointee.expiring.step(reclaimer)
                steps -= 1
            }
            if steps == 0 { return true }
        }
        return false
    }
}

extension Access {
    /// Looks at one bucket of the entries with deadlines and removes those that are due. At the end of the
    /// walk, what it met is the table's earliest deadline.
    fileprivate func expireBucket(_ progress: inout ActiveExpiry.Progress) {
        let tables = tables
        if tables.pointee.expiryCursor == 0 { tables.pointee.earliestMet = .max }
        withUnsafeTemporaryAllocation(of: Entry.self, capacity: ActiveExpiry.batch) { due in
            var dueCount = 0
            var isCut = false
            var visited = 0
            let next = tables.pointee.expiring.scan(tables.pointee.expiryCursor) { entry in
                visited &+= 1
                if !entry.isExpired(moment.wall) {
                    tables.pointee.earliestMet = min(tables.pointee.earliestMet, entry.deadline ?? .max)
                } else if dueCount < ActiveExpiry.batch {
                    due[dueCount] = entry
                    dueCount &+= 1
                } else {
                    isCut = true
                }
            }
            progress.visited &+= visited
            progress.removed &+= dueCount
            removeDue(UnsafeBufferPointer(rebasing: due[0..<dueCount]))
            // A chain with more due entries than fit is looked at once more.
            if isCut { return }
            tables.pointee.expiryCursor = next
            if next == 0 { tables.pointee.earliestDeadline = tables.pointee.earliestMet }
        }
    }

    private func removeDue(_ due: UnsafeBufferPointer<Entry>) {
        for entry in due { cs_prefetch(entry.base) }
        for entry in due {
            let key = Key(entry.key)
            guard let slot = tables.pointee.entries.find(key) else {
                preconditionFailure("an expiring entry is not in its table")
            }
            removeExpired(slot, key)
        }
    }
}
