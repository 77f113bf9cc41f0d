import Base
import CSystem
import Commands
import Keyspace
import RESP

/// Clients that wait: how a wait begins, and how it ends without having been served.
extension Executor {
    /// The executor whose turn it is on this thread.
    static var current: Executor? { reference?.takeUnretainedValue() }

    /// The same without counting references.
    static var reference: Unmanaged<Executor>? { cs_thread_value().map { Unmanaged<Executor>.fromOpaque($0) } }

    /// `Call.wait`: the client whose command runs waits for keys, whose partitions are locked.
    func wait(_ call: Call, _ wait: Wait) {
        let waiter = Waiter(call.session, loop: index, command: call.state.pointee.command, terms(call, wait))
        for word in wait.keys {
            let key = call.key(word)
            node.rooms[key.partition].enter(waiter, key.view, partition: partitions + key.partition)
        }
        begin(waiter)
    }

    /// WAIT: the client whose command runs waits for time to pass.
    func wait(_ call: Call, until deadline: Int64) {
        let terms = Waiter.Terms(deadline: deadline, spent: ticks &- lastTicks)
        begin(Waiter(call.session, loop: index, command: call.state.pointee.command, terms))
    }

    /// The client whose command runs waits until `answerPeerWait`; nothing else ends that.
    func waitForPeer(_ call: Call) -> Waiter {
        var terms = Waiter.Terms(deadline: 0, spent: ticks &- lastTicks)
        terms.request = copy(call, [])
        let waiter = Waiter(call.session, loop: index, command: call.state.pointee.command, terms)
        _ = waiter.claim()
        begin(waiter)
        return waiter
    }

    private func terms(_ call: Call, _ wait: Wait) -> Waiter.Terms {
        var terms = Waiter.Terms(deadline: wait.deadline)
        terms.type = wait.type
        terms.onRemoval = wait.onRemoval
        terms.spent = ticks &- lastTicks
        for word in wait.others { terms.needs.insert(call.key(word).partition) }
        terms.request = copy(call, wait.replacements[...])
        return terms
    }

    /// The request's words, some of them replaced.
    private func copy(_ call: Call, _ replacements: ArraySlice<(word: Int, bytes: [UInt8])>) -> QueuedCommand {
        guard let next = replacements.first else {
            return QueuedCommand(call.state.pointee.command, call.state.pointee.arguments, call.count)
        }
        return next.bytes.withView { view in
            let old = call.state.pointee.arguments[next.word]
            call.state.pointee.arguments[next.word] = view
            defer { call.state.pointee.arguments[next.word] = old }
            return copy(call, replacements.dropFirst())
        }
    }

    private func begin(_ waiter: Waiter) {
        guard let session = waiter.session else { return }
        state.pointee.aftermath.insert(.waits)
        session.pointee.mode.insert(.suspended)
        setBlock(session, .waiting(waiter))
        if waiter.deadline != 0 { deadlines.insert(waiter) }
        // Nothing is sent that would have its card written.
        session.pointee.lastCommand = waiter.command.pointee.index
        publish(session)
    }

    // MARK: ending

    /// Ends the waits whose time is up.
    func endDueWaits(_ now: Int64) {
        while let waiter = deadlines.first, waiter.due <= now {
            deadlines.remove(waiter)
            if waiter.cancel() {
                end(waiter, error: nil, failed: false)
            } else if !waiter.isOver {
                // Another loop is trying to serve it, and may fail.
                waiter.due = now + 1
                deadlines.insert(waiter)
            }
        }
    }

    /// Ends a cancelled wait with the reply of one that has timed out, or with an error.
    private func end(_ waiter: Waiter, error: String?, failed: Bool) {
        guard let session = waiter.session else { return }
        tellsOfChange()
        answer(waiter) { output in
            let reply = ReplyWriter(output, version: session.pointee.version)
            if let error {
                reply.error(error)
                countError(output)
            } else if waiter.request == nil {
                reply.integer(0)
            } else {
                reply.nullArray()
            }
        }
        count(waiter, ticks: 0, failed: failed)
        resume(session)
    }

    /// Cancels the client's wait for CLIENT UNBLOCK, by any thread: answers it if there was one. Whoever
    /// is answered one has the client's loop end it with `finishUnblock`.
    func cancelWait(_ id: UInt64) -> Waiter? {
        rosterLock.withLock {
            guard let session = roster.first(where: { $0.pointee.id == id }), !session.pointee.details.isGone,
                case .waiting(let waiter) = session.pointee.details.block, waiter.cancel()
            else { return nil }
            return waiter
        }
    }

    /// Ends a cancelled wait, as if its time were up or with an error. Between batches only; from the mailbox, too.
    func finishUnblock(_ waiter: Waiter, error: String?) { end(waiter, error: error, failed: true) }

    /// The client is gone. No partition is locked.
    func dropWait(_ session: SessionPointer) {
        guard case .waiting(let waiter) = session.pointee.details.block else {
            dropWaitElsewhere(session)
            waitingForRoom.removeAll { $0 == session }
            return paused.removeAll { $0 == session }
        }
        _ = waiter.cancel()
        leaveQueues(waiter)
        waiter.session = nil
    }

    // MARK: going on

    /// Writes the reply to a wait that is over, and takes the waiter out of everything. Between batches only.
    private func answer(_ waiter: Waiter, _ write: (UnsafeMutablePointer<OutputBuffer>) -> Void) {
        guard let session = waiter.session else { return }
        leaveQueues(waiter)
        waiter.session = nil
        let output = Executor.output(of: session.pointee.link)
        let mark = output.pointee.mark
        write(output)
        session.pointee.mode.remove(.suspended)
        if session.pointee.details.guest != nil { return }
        applyReplyMode(session, mark)
        if session.pointee.mode.contains(.hasDeferred) { flushDeferred(session) }
        session.pointee.activeAt = state.pointee.moment.wall
        markDirty(session.pointee.link)
        if output.pointee.overLimit { closeForOutput(session) }
    }

    private func leaveQueues(_ waiter: Waiter) {
        deadlines.remove(waiter)
        for place in waiter.places {
            let partition = partitions + place.queue.key.partition
            lockPatiently(partition)
            node.rooms[place.queue.key.partition].leave(place, partition: partition)
            Partition.unlock(partition)
        }
        waiter.places = []
    }

    /// A client of this loop has been served: it gets its reply and goes on. Between batches only; from
    /// the mailbox, too.
    func goOn(_ waiter: Waiter, _ reply: [UInt8]) {
        guard let session = waiter.session else { return }
        tellsOfChange()
        answer(waiter) { output in reply.withView { output.pointee.append($0) } }
        resume(session)
    }

    /// Ends a client's wait for another server with OK or an error. Between batches only.
    func answerPeerWait(_ waiter: Waiter, error: [UInt8]?) {
        guard let session = waiter.session else { return }
        tellsOfChange()
        answer(waiter) { output in
            let reply = ReplyWriter(output, version: session.pointee.version)
            guard let error else { return reply.ok() }
            reply.error(error)
            countError(output)
        }
        count(waiter, ticks: 0, failed: error != nil)
        resume(session)
    }

    /// The clients of this loop that its own commands have served.
    func resumeServed() {
        while !served.isEmpty {
            let all = served
            served.removeAll(keepingCapacity: true)
            for (waiter, reply) in all { goOn(waiter, reply) }
        }
    }

    /// Counts a call that had to wait, once it is over (Redis: updateStatsOnUnblock).
    func count(_ waiter: Waiter, ticks: UInt64, failed: Bool) {
        let total = waiter.spent &+ ticks
        statistics.count(waiter.command.pointee.index, ticks: total)
        if failed { statistics.countFailed(waiter.command.pointee.index) }
        guard total >= slowTicks, let request = waiter.request else { return }
        logSlow(
            waiter.command, request.arguments, request.count, total, address: waiter.address, name: waiter.name)
    }
}
