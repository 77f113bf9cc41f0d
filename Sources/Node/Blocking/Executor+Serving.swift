import Base
import CSystem
import Commands
import Keyspace
import RESP

/// Serving clients that wait: done by the loop whose command made a key ready, at the end of that command, before
/// anybody else can see the key.
extension Executor {
    /// A key that clients wait for has changed in a way that may serve them. Under its partition's lock.
    func noteReady(_ key: Key, database: Int) {
        node.rooms[key.partition].find(key.view, database: database).map(noteReady)
    }

    /// All keys of a partition's database may have changed.
    func noteAllReady(partition: Int, database: Int) {
        for queue in node.rooms[partition].keys(database: database) { noteReady(queue) }
    }

    private func noteReady(_ queue: WaitQueue) {
        if queue.isReady { return }
        queue.isReady = true
        ready.append(queue)
        state.pointee.aftermath.insert(.ready)
    }

    /// What is to be done when a command has returned and left an aftermath: serves, then releases the locks.
    /// Answers whether the command is finished, which it is not if its client waits.
    @inline(never)
    func settle(_ held: PartitionSet) -> Bool {
        let isFinished = !state.pointee.aftermath.contains(.waits)
        state.pointee.aftermath.remove(.waits)
        refuseUnreadable()
        let started = ticks
        var locks = HeldPartitions(partitions, held)
        if state.pointee.aftermath.contains(.ready) { serve(&locks) }
        locks.release()
        // Serving is not part of the command's own time.
        lastTicks &+= ticks &- started
        return isFinished
    }

    /// Serves keys until none is ready: serving one client may make further keys ready (BLMOVE).
    private func serve(_ locks: inout HeldPartitions) {
        var next = 0
        while next < ready.count {
            serve(ready[next], &locks)
            next += 1
        }
        ready.removeAll(keepingCapacity: true)
        state.pointee.aftermath.remove(.ready)
        state.pointee.held = PartitionSet()
    }

    private func serve(_ queue: WaitQueue, _ locks: inout HeldPartitions) {
        locks.widen(to: queue.key.partition)
        queue.isReady = false
        let access = Access(
            partitions + queue.key.partition, database: queue.database, moment: state.pointee.moment)
        var place = queue.first
        while let current = place {
            let type = access.peek(queue.key)?.type
            if type == nil && queue.removalCount == 0 { return }
            let waiter = current.waiter
            place = current.next
            if type != waiter.type && !waiter.onRemoval { continue }
            if locks.widen(to: waiter.needs) {
                // The locks were released for a moment, so everything may be different.
                place = queue.first
                continue
            }
            state.pointee.held = locks.set
            if waiter.claim() { tryToServe(waiter, queue, &locks) }
        }
    }

    private func tryToServe(_ waiter: Waiter, _ queue: WaitQueue, _ locks: inout HeldPartitions) {
        if rerun(waiter, queue) {
            waiter.conclude()
            deliver(waiter)
        } else if waiter.giveBack() {
            noteElsewhere(waiter)
        }
    }

    /// Runs the waiter's command again, for one key. Answers whether it has replied.
    private func rerun(_ waiter: Waiter, _ queue: WaitQueue) -> Bool {
        guard let request = waiter.request else { return false }
        let output = servedOutput
        let errors = output.pointee.errorCount
        state.pointee.arguments = request.arguments
        state.pointee.argumentCount = request.count
        state.pointee.output = output
        state.pointee.version = waiter.version
        state.pointee.database = waiter.database
        state.pointee.command = request.command
        state.pointee.keyCount = 0
        state.pointee.noTouch = waiter.noTouch
        state.pointee.servedKey = queue.key
        state.pointee.isServing = true
        let started = ticks
        request.command.pointee.run(UnsafeMutableRawPointer(state))
        let taken = ticks &- started
        state.pointee.isServing = false
        if output.pointee.isEmpty { return false }
        let failed = output.pointee.errorCount != errors
        count(waiter, ticks: taken, failed: failed)
        if failed { countError(output) }
        return true
    }

    /// Hands the reply to the waiter's loop.
    private func deliver(_ waiter: Waiter) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(servedOutput.pointee.pending)
        while let run = servedOutput.pointee.unsent {
            bytes.append(contentsOf: UnsafeBufferPointer(start: run.start, count: run.count))
            servedOutput.pointee.consume(run.count)
        }
        servedOutput.pointee.shrink(keep: Limits.replyBlockBytes)
        if _slowPath(cluster != nil) { return coordinator.served.append(ServedWaiter(waiter: waiter, reply: bytes)) }
        handOver(waiter, bytes)
    }

    /// The waiter's loop gives the client its reply.
    func handOver(_ waiter: Waiter, _ reply: [UInt8]) {
        if waiter.loop == index {
            served.append((waiter, reply))
        } else {
            node.executors[waiter.loop].mailbox.post { $0.goOn(waiter, reply) }
        }
    }

    /// While this loop tried in vain, another one wanted to serve the waiter: its keys are looked at once more.
    private func noteElsewhere(_ waiter: Waiter) {
        node.executors[waiter.loop].mailbox.post { $0.lookAgain(waiter) }
    }

    /// Has all keys of a client of this loop served as if they had just become ready. From the mailbox.
    private func lookAgain(_ waiter: Waiter) {
        if waiter.isOver { return }
        for place in waiter.places {
            let partition = partitions + place.queue.key.partition
            lockPatiently(partition)
            noteReady(place.queue)
            Partition.unlock(partition)
        }
        settleNow()
    }

    /// Serves what something other than a command has made ready (an expired key). No lock is held.
    func settleNow() {
        if !state.pointee.aftermath.isEmpty { _ = settle(PartitionSet()) }
    }
}

/// The partitions that this thread has locked while it serves.
struct HeldPartitions {
    private(set) var set: PartitionSet
    private let partitions: PartitionPointer

    init(_ partitions: PartitionPointer, _ set: PartitionSet) {
        self.partitions = partitions
        self.set = set
    }

    /// Locks these, too. Answers whether that took releasing what was held, since partitions are locked in
    /// ascending order only.
    @discardableResult
    mutating func widen(to more: PartitionSet) -> Bool {
        if set.isSuperset(of: more) { return false }
        release()
        set.formUnion(more)
        let partitions = partitions
        set.forEach { Partition.lock(partitions + $0) }
        return true
    }

    mutating func widen(to partition: Int) {
        if set.contains(partition) { return }
        var more = PartitionSet()
        more.insert(partition)
        widen(to: more)
    }

    func release() {
        let partitions = partitions
        set.forEach { Partition.unlock(partitions + $0) }
    }
}
