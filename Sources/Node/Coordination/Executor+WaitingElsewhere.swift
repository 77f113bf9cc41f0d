import Base
import Causality
import Cluster
import Commands
import Keyspace
import RESP
import Replication

/// Whom a guest waits for: a session that waits here in place of another node's client.
struct Guest {
    let via: PeerReturn
    /// The request's.
    let id: UInt64
}

/// Blocking commands in a cluster. A client waits where its keys are coordinated, in the queue with that node's own, so that
/// first come is first served whichever node one asked. If that is another node, a guest stands in the queue there; the
/// client's own node keeps its request's place, and sends word if nobody wants the answer any more.
extension Executor {
    // MARK: the client's node

    /// A blocking command behind replies that have yet to come: it begins when they are there.
    func waitForReplies(_ session: SessionPointer, from start: UnsafeMutablePointer<UInt8>) {
        session.pointee.mode.insert(.suspended)
        setBlock(session, .behindReplies)
        pushBack(session, from: start)
    }

    /// The client's command has been sent to the coordinator, and its next one waits for the answer.
    func waitElsewhere(_ requester: Requester, _ id: UInt64) {
        guard case .client(let session) = requester else { return }
        session.pointee.mode.insert(.suspended)
        setBlock(session, .elsewhere(id))
    }

    /// All replies are there, or the command that waited at another node has been answered: the client goes on in the next turn.
    func resumeLater(_ session: SessionPointer) {
        switch session.pointee.details.block {
        case .behindReplies, .elsewhere: coordinator.resumable.append(session)
        default: break
        }
    }

    /// Between batches only.
    func resumeAnswered() {
        while let session = coordinator.resumable.popLast() { resume(session) }
    }

    /// The client is gone.
    func dropWaitElsewhere(_ session: SessionPointer) {
        coordinator.resumable.removeAll { $0 == session }
        if case .elsewhere(let id) = session.pointee.details.block { abandonForward(id) }
    }

    /// CLIENT UNBLOCK, by any thread: whether the client waits at another node.
    func waitsElsewhere(_ id: UInt64) -> Bool {
        rosterLock.withLock {
            guard let session = roster.first(where: { $0.pointee.id == id }), !session.pointee.details.isGone,
                case .elsewhere = session.pointee.details.block
            else { return false }
            return true
        }
    }

    /// Ends such a wait, unless it is over. From the mailbox.
    func unblockElsewhere(_ id: UInt64, error: String?) {
        guard let session = roster.first(where: { $0.pointee.id == id }),
            case .elsewhere(let operation) = session.pointee.details.block
        else { return }
        guard let forward = coordinator.operations[operation], case .forward = forward.work else { return }
        sendCancel(operation, forward)
        if let error { return end(operation, errorReply(error)) }
        ReplyWriter(coordinator.output, version: session.pointee.version).nullArray()
        end(operation, Reply(taking: coordinator.output))
    }

    static let unblockedText = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
    /// As in Redis when a master becomes a replica.
    static let misplacedText =
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"

    /// Nobody wants the answer to a forwarded request any more.
    private func abandonForward(_ id: UInt64) {
        guard let operation = coordinator.operations[id], case .forward = operation.work else { return }
        sendCancel(id, operation)
        _ = coordinator.operations.remove(id)
        operation.writer?.pointee.writesUnderWay -= 1
    }

    private func sendCancel(_ id: UInt64, _ operation: Operation) {
        coordinator.message.truncate(to: 0)
        coordinator.message.append(varint: OperationTable.id(id, rank: 0))
        sendMessage(PeerRequestCode.cancel, to: operation.member, 0, 0)
    }

    // MARK: the coordinator

    /// Whether the command may have its client wait.
    func mayWait(_ command: CommandPointer) -> Bool { command.pointee.flags.contains(.blocking) }

    /// The command that has run waits, and whoever sent it waits with it.
    func keepWaiting(_ requester: Requester, _ session: SessionPointer) {
        guard case .peer(let via, let id) = requester else { return }
        session.pointee.details.guest = Guest(via: via, id: id)
        coordinator.guests.append(session)
    }

    /// A guest's wait is over: its reply is what it has been written.
    func endGuest(_ session: SessionPointer, _ guest: Guest) {
        let reply = Reply(taking: Executor.output(of: session.pointee.link))
        removeGuest(session)
        answer(.peer(guest.via, id: guest.id), reply)
    }

    private func removeGuest(_ session: SessionPointer) {
        coordinator.guests.removeAll { $0 == session }
        freeProxy(session)
    }

    /// What came over a connection need not be answered any more: it has ended.
    func ended(_ connection: PeerReturn) { abandonRequests(of: connection) }

    /// Whoever sent a request does not want its answer.
    func serveCancel(_ payload: ByteView, _ via: PeerReturn) throws(CausalityError) {
        var reader = CausalReader(payload)
        let id = try reader.varint()
        try reader.finish()
        abandonRequests(of: via, id: id)
    }

    /// Nobody wants the answers any more to what came over a connection and waits here, or was sent on. `id`: of this one only.
    private func abandonRequests(of connection: PeerReturn, id: UInt64? = nil) {
        func isMeant(_ via: PeerReturn, _ request: UInt64) -> Bool {
            via.isSameConnection(as: connection) && (id ?? request) == request
        }
        for session in coordinator.guests {
            if let guest = session.pointee.details.guest, isMeant(guest.via, guest.id) { drop(session) }
        }
        for operation in coordinator.operations.ids {
            if case .peer(let via, let request) = coordinator.operations[operation]?.requester, isMeant(via, request) {
                abandonForward(operation)
            }
        }
    }

    private func drop(_ session: SessionPointer) {
        dropWait(session)
        removeGuest(session)
    }

    /// Another node coordinates some keys now: who waits for them here would wait in vain.
    func endMisplacedWaits(_ view: ClusterView) {
        let clients = roster.filter { if case .waiting = $0.pointee.details.block { true } else { false } }
        for session in coordinator.guests + clients {
            guard case .waiting(let waiter) = session.pointee.details.block, let request = waiter.request else {
                continue
            }
            let isElsewhere = slots(request.command, request.arguments, request.count)
                .contains { coordinator(of: $0, view) != view.own }
            if isElsewhere && waiter.cancel() { finishUnblock(waiter, error: Executor.misplacedText) }
        }
    }
}
