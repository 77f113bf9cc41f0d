import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// Writes that this node coordinates: made here first, then sent to the slot's other replicas (SPEC B5).
extension Executor {
    func write(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ slot: Int, _ view: ClusterView,
        isPrepared: Bool = false
    ) {
        let wanted = consistency(session, command, words, count)
        var put = PutCoordinator(wanted.write, isStrict: wanted.isStrict, replicas: view.replicaCount)
        let seats = seats(slot, view)
        for rank in 0..<view.replicaCount where seats.isEmpty || seats[rank] >= 0 {
            put.sent(to: rank, isStandIn: !seats.isEmpty && seats[rank] != view.replica(slot, rank))
        }
        if put.needed > view.replicaCount, versionOptions(of: command) != nil {
            // The command says so itself, and does nothing.
            return answer(requester, run(session, command, words, count))
        }
        let own = ownSeat(slot, seats, view)
        if own == nil || !mayKeep(slot, view) { put.giveUp() }
        if case .missed(_, let needed) = put.verdict {
            statistics.add(.quorumFailures)
            if command == execCommand {
                discardQueue(session)
                unwatchAll(session)
            }
            return refuse(requester, noQuorum(put.possible, needed, writes: false))
        }
        let mayPrepare = !isPrepared && mayAskFirst(command)
        if mayPrepare && !node.isSettled.isOn {
            return prepare(requester, session, command, words, count, slot, view, reply: [])
        }
        sendCaptured()
        let reply = run(session, command, words, count)
        if session.pointee.mode.contains(.suspended) { return keepWaiting(requester, session) }
        if coordinator.capture.isEmpty {
            // That there was nothing to do is something that has been read; and stand-ins that were asked before may have
            // known nothing at all.
            if mayPrepare {
                // Another loop may have changed the keys since: then the reply tells of less than what is compared.
                let stands: Reply = sharesKeyspace ? [] : reply
                return prepare(requester, session, command, words, count, slot, view, reply: stands)
            }
            if isPrepared && !seats.isEmpty && !wanted.isStrict {
                return prepare(requester, session, command, words, count, slot, view, reply: reply)
            }
            return answer(requester, reply)
        }
        if let own { put.acknowledge(own) }
        let now = monotonicMilliseconds
        send(
            Operation(
                work: .write(put), requester: requester, version: session.pointee.version, reply: reply, slot: slot,
                seats: seats, began: now, deadline: now + Int64(settings.cluster.requestTimeout)), put, view)
    }

    /// The sink's: something has changed, under the partition's lock. What the coordinator knew when it wrote is taken
    /// now: filled in later it would cover what came in between.
    func captured(_ mutation: Mutation) {
        guard let cluster, mutation.dot.actor == keyspace.actor else { return }
        let isForOthers = cluster.isFounded && cluster.ownRank(mutation.slot) == nil
        if _slowPath(isForOthers) { keepForOthers(mutation, cluster) }
        coordinator.capture.add(mutation, asState: isForOthers) { keyspace.context(of: mutation) }
    }

    // MARK: asking first

    private func mayAskFirst(_ command: CommandPointer) -> Bool {
        #if CANARIES
            if Canary.active == .staleCoordinator { return false }
        #endif
        return command != execCommand && !mayWait(command)
    }

    /// Asks a quorum of replicas what they know of the command's keys. If nobody knows anything else, `reply` stands, unless it is
    /// empty; then, or otherwise, the command runs (SPEC B9).
    private func prepare(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ slot: Int, _ view: ClusterView, reply: Reply
    ) {
        let wanted = consistency(session, command, words, count)
        var get = GetCoordinator(.quorum, replicas: view.replicaCount)
        let seats = seats(slot, view)
        chooseWhomToAsk(&get, slot, seats, view, isStrict: wanted.isStrict) {
            reply.isEmpty || knowsAll(command, words, count)
        }
        if get.verdict != .pending {
            if case .missed(_, let needed) = get.verdict, !reply.isEmpty || wanted.isStrict,
                wanted.write.needed(of: view.replicaCount) >= needed
            {
                statistics.add(.quorumFailures)
                return refuse(requester, noQuorum(get.askedCount, needed, writes: false))
            }
            // Nobody is there to be asked. Whoever wants fewer acknowledgements than a quorum has accepted that.
            if reply.isEmpty {
                return write(requester, session, command, words, count, slot, view, isPrepared: true)
            }
            return answer(requester, reply)
        }
        let now = monotonicMilliseconds
        var operation = Operation(
            work: .prepare(get, QueuedCommand(command, words, count), consistency(session)), requester: requester,
            version: session.pointee.version, reply: reply, slot: slot, seats: wanted.isStrict ? [] : seats, began: now,
            deadline: now + Int64(settings.cluster.requestTimeout))
        operation.compared = putTogetherComparison(command, words, count)
        let id = begin(operation)
        for rank in 0..<view.replicaCount where get.isAwaited(rank) {
            sendMessage(PeerRequestCode.compare, to: operation.member(rank, view), id, rank)
        }
    }

    /// Enough replicas have said what they know.
    func writePrepared(_ id: UInt64) {
        guard let view = cluster, let operation = coordinator.operations.remove(id),
            case .prepare(_, let request, let consistency) = operation.work
        else { return }
        operation.writer?.pointee.writesUnderWay -= 1
        if case .nobody = operation.requester { return operation.free() }
        let session = proxy(operation.version)
        session.pointee.consistency = consistency
        write(
            operation.requester, session, request.command, request.arguments, request.count, operation.slot, view,
            isPrepared: true)
        operation.free()
    }

    // MARK: sending

    /// Sends what has been captured to the slot's other replicas. The operation waits for them if need be.
    private func send(_ operation: consuming Operation, _ put: PutCoordinator, _ view: ClusterView) {
        let (slot, seats) = (operation.slot, operation.seats)
        if !coordinator.served.isEmpty { swap(&operation.served, &coordinator.served) }
        if coordinator.capture.hasOthers(than: slot) { sendUnawaited(coordinator.capture.takeAll(outside: slot), view) }
        var id: UInt64 = 0
        if put.verdict == .pending {
            id = begin(operation)
        } else {
            release(operation.served)
            answer(operation.requester, operation.reply)
        }
        encode(coordinator.capture.writes, slot: slot)
        coordinator.capture.reset()
        for rank in 0..<view.replicaCount where put.isAwaited(rank) { sendWrites(slot, seats, view, id, rank) }
    }

    /// Sends the writes that have been put together to who sits at a rank. A stand-in is told for whom they are.
    func sendWrites(_ slot: Int, _ seats: [Int], _ view: ClusterView, _ id: UInt64, _ rank: Int) {
        let member = view.member(slot, rank, seats)
        if !view.isStandIn(slot, rank, seats) { return sendMessage(PeerRequestCode.write, to: member, id, rank) }
        let count = coordinator.message.count
        coordinator.message.append(UInt8(rank))
        sendMessage(PeerRequestCode.hint, to: member, id, rank)
        coordinator.message.truncate(to: count)
    }

    /// Sends the message that has been put together. Where it cannot be sent, that rank fails.
    func sendMessage(_ code: UInt8, to member: Int, _ id: UInt64, _ rank: Int) {
        let isSent = peers.request(
            member, code: code, id: id == 0 ? 0 : OperationTable.id(id, rank: rank),
            timeLeft: UInt32(settings.cluster.requestTimeout), payload: coordinator.message.view)
        if !isSent && id != 0 { failed(OperationTable.id(id, rank: rank)) }
    }

    /// What is captured outside of any client's write (expiry, eviction): it travels, and nobody waits for it but clients
    /// that it has served.
    func sendCaptured() {
        if coordinator.capture.isEmpty && coordinator.served.isEmpty { return }
        if !coordinator.capture.isEmpty, let view = cluster { sendUnawaited(coordinator.capture.writes, view) }
        coordinator.capture.reset()
        release(coordinator.served)
        coordinator.served = []
    }

    private func sendUnawaited(_ writes: [WriteCapture.Write], _ view: ClusterView) {
        for slot in Set(writes.map(\.slot)).sorted() {
            // What is kept for others is handed over anyway.
            if view.ownRank(slot) == nil { continue }
            let wanted = coordinator.served.isEmpty ? Quorum.all : settings.cluster.consistency.write
            var put = PutCoordinator(wanted, isStrict: false, replicas: view.replicaCount)
            for rank in 0..<view.replicaCount {
                let member = view.replica(slot, rank)
                if member != view.own && canReach(member, view) { put.sent(to: rank, isStandIn: false) }
            }
            if put.isComplete { continue }
            if !coordinator.served.isEmpty, let own = view.ownRank(slot) {
                put.sent(to: own, isStandIn: false)
                put.acknowledge(own)
            }
            let now = monotonicMilliseconds
            var operation = Operation(
                work: .write(put), requester: .nobody, version: 2, slot: slot, began: now,
                deadline: now + Int64(settings.cluster.requestTimeout))
            if put.verdict == .pending { swap(&operation.served, &coordinator.served) }
            let id = begin(operation)
            encode(writes.filter { $0.slot == slot }, slot: slot)
            for rank in 0..<view.replicaCount where put.isAwaited(rank) {
                sendMessage(PeerRequestCode.write, to: view.replica(slot, rank), id, rank)
            }
        }
    }

    /// Puts the message together that carries writes to one slot.
    private func encode(_ writes: [WriteCapture.Write], slot: Int) {
        coordinator.message.truncate(to: 0)
        let batch = WriteBatch(slot: slot, context: writes[0].context)
        if writes.count == 1 && writes[0].isMutation {
            return encode(CollectionOfOne(coordinator.capture.travelling(writes[0])), in: batch)
        }
        var states = ByteBuffer(capacity: 16)
        var ends: [Int] = []
        for write in writes {
            if !write.isMutation { appendState(of: Key(coordinator.capture.key(write)), to: &states) }
            ends.append(states.count)
        }
        var start = 0
        let travelling = zip(writes, ends).map { write, end in
            defer { start = end }
            var travelling = coordinator.capture.travelling(write)
            if !write.isMutation { travelling.form = .state(states.view.slice(start, end)) }
            if !batch.context(of: travelling).covers(write.context) { travelling.beyond = write.context }
            return travelling
        }
        encode(travelling, in: batch)
    }

    /// Appends a batch to the message that is being put together.
    func encode(_ writes: some Collection<TravellingWrite>, in batch: WriteBatch) {
        let dictionary = dictionary { batch.collectActors(of: writes, into: &$0) }
        batch.encode(writes, to: &coordinator.message, dictionary)
    }
}
