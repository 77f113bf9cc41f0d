import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// What other nodes answer, or do not.
extension Executor {
    func acknowledged(_ ids: ByteView, from member: Int) {
        let ahead = 8
        let count = ids.count / 8
        for i in 0..<count + ahead {
            if i < count { coordinator.operations.prefetch(ids.number(at: i * 8, UInt64.self)) }
            if i < ahead { continue }
            let id = ids.number(at: (i - ahead) * 8, UInt64.self)
            answered(id, from: member, code: PeerResponseCode.ok, payload: ByteView(""))
        }
    }

    func answered(_ id: UInt64, from member: Int, code: UInt8, payload: ByteView) {
        if code == PeerResponseCode.ok, acknowledged(id) { return }
        guard let operation = coordinator.operations[id] else { return }
        switch operation.work {
        case .write:
            if code == PeerResponseCode.differs { sendStates(of: payload, operation, id) } else { failed(id) }
        case .read, .prepare:
            switch code {
            case PeerResponseCode.ok: compared(id, operation, differs: nil)
            case PeerResponseCode.differs: compared(id, operation, differs: payload)
            case PeerResponseCode.unknown where operation.acceptsIgnorance: compared(id, operation, differs: nil)
            default: failed(id)
            }
        case .forward:
            if code == PeerResponseCode.ok { end(id, Reply(payload)) } else { failed(id) }
        case .watch:
            if code == PeerResponseCode.ok { watched(id, operation, payload) } else { failed(id) }
        case .catchUp(let partition): caughtUp(id, operation, partition, code, payload)
        case .handOver(let hints): handedOver(id, operation, hints, code)
        case .account(let slots): accounted(id, operation, slots, code)
        }
    }

    /// A replica has the write, or the versions that the operation is about. False: that takes a closer look.
    private func acknowledged(_ id: UInt64) -> Bool {
        let rank = OperationTable.rank(id)
        var isLast = false
        let verdict = coordinator.operations.update(id) { operation -> QuorumVerdict? in
            switch operation.work {
            case .write(var put):
                put.acknowledge(rank)
                operation.work = .write(put)
                if case .nobody = operation.requester, operation.served.isEmpty, put.verdict == .reached {
                    // Whoever waited for it has been answered.
                    isLast = put.isComplete
                    return .pending
                }
                return put.verdict
            case .read(var get, _), .prepare(var get, _, _):
                if !get.isAwaited(rank) { return .pending }
                if !get.agree(rank) { return nil }
                operation.set(get)
                return get.verdict
            case .forward, .watch, .catchUp, .handOver, .account: return nil
            }
        }
        guard let verdict = verdict ?? nil else { return false }
        if isLast { coordinator.operations.drop(id) } else { conclude(id, verdict) }
        return true
    }

    /// A replica has not the versions that some changes were made on: it gets all there is of those keys, as the same
    /// writes. What it answers to that is its answer to the write.
    private func sendStates(of payload: ByteView, _ operation: Operation, _ id: UInt64) {
        var reader = CausalReader(payload)
        var states = ByteBuffer()
        var wanted: [(counter: UInt64, end: Int)] = []
        do throws(CausalityError) {
            while reader.rest > 0 {
                let counter = try reader.counter()
                appendState(of: Key(try reader.counted()), to: &states)
                wanted.append((counter, states.count))
            }
        } catch {
            return failed(id)
        }
        let actor = keyspace.actor
        var start = 0
        let writes = wanted.map { counter, end in
            defer { start = end }
            return TravellingWrite(
                Dot(actor: actor, counter: counter), at: state.pointee.moment.wall, after: nil,
                .state(states.view.slice(start, end)))
        }
        coordinator.message.truncate(to: 0)
        let batch = WriteBatch(slot: operation.slot, context: CausalContext())
        encode(writes, in: batch)
        if let view = cluster {
            sendWrites(operation.slot, operation.seats, view, id, OperationTable.rank(id))
        }
    }

    /// Whoever has this rank will not answer.
    func failed(_ id: UInt64) {
        guard let operation = coordinator.operations[id] else { return }
        let rank = OperationTable.rank(id)
        switch operation.work {
        case .write(var put):
            put.fail(rank)
            _ = coordinator.operations.update(id) { $0.work = .write(put) }
            conclude(id, put.verdict)
        case .read(var get, _), .prepare(var get, _, _):
            get.fail(rank)
            _ = coordinator.operations.update(id) { $0.set(get) }
            if get.verdict != .reached { askOthers(id) }
            guard let get = coordinator.operations[id]?.comparison?.get else { return }
            conclude(id, get.verdict)
        case .forward(let writes):
            if operation.deadline == .max { return end(id, errorReply(Executor.misplacedText)) }
            endMissed(id, 0, 1, writes: writes)
        case .watch: endMissed(id, 0, 1, writes: false)
        case .catchUp:
            _ = coordinator.operations.remove(id)
            coordinator.catchUp.failed(operation.member, now: monotonicMilliseconds)
        case .handOver, .account:
            _ = coordinator.operations.remove(id)
            coordinator.handOver.failed(operation.member, now: monotonicMilliseconds)
        }
    }

    /// Ends an operation if it is decided.
    func conclude(_ id: UInt64, _ verdict: QuorumVerdict) {
        switch verdict {
        case .pending: break
        case .reached: reached(id)
        case .missed(let got, let needed): missed(id, got, needed)
        }
    }

    private enum Conclusion { case answers, writes, ends, waits }

    private func reached(_ id: UInt64) {
        let next = coordinator.operations.update(id) { operation -> Conclusion in
            switch operation.work {
            case .write(let put) where !put.isComplete: .answers
            case .prepare where operation.reply.isEmpty: .writes
            default: .ends
            }
        }
        switch next {
        case .answers: answerEarly(id)
        case .writes: writePrepared(id)
        case .ends: end(id)
        case .waits, nil: break
        }
    }

    /// The quorum is there; the others are still told what they need (`sendStates`).
    private func answerEarly(_ id: UInt64) {
        release(id)
        let answer = coordinator.operations.update(id) { operation -> (Requester, Reply)? in
            if case .nobody = operation.requester { return nil }
            operation.writer?.pointee.writesUnderWay -= 1
            defer { (operation.requester, operation.reply) = (.nobody, Reply()) }
            return (operation.requester, operation.reply)
        }
        if let (requester, reply) = answer ?? nil { self.answer(requester, reply) }
    }

    private func missed(_ id: UInt64, _ got: Int, _ needed: Int) {
        let next = coordinator.operations.update(id) { operation -> (isWrite: Bool, then: Conclusion) in
            guard case .nobody = operation.requester else {
                if case .write = operation.work { return (true, .answers) }
                return (false, .answers)
            }
            if case .write(let put) = operation.work, !put.isComplete { return (true, .waits) }
            return (true, .ends)
        }
        guard let (isWrite, then) = next else { return }
        if then == .answers { return endMissed(id, got, needed, writes: isWrite) }
        release(id, errorReply(noQuorum(got, needed, writes: true)))
        if then == .ends { end(id, []) }
    }

    /// The connection to a member is gone: what was asked of it will not be answered.
    func lost(_ member: Int) {
        guard let view = cluster else { return }
        for id in coordinator.operations.ids {
            guard let operation = coordinator.operations[id] else { continue }
            switch operation.work {
            case .write(let put):
                for rank in 0..<view.replicaCount where put.isAwaited(rank) {
                    if operation.member(rank, view) == member { failed(OperationTable.id(id, rank: rank)) }
                }
            case .read(let get, _), .prepare(let get, _, _):
                for rank in 0..<view.replicaCount where get.isAwaited(rank) {
                    if operation.member(rank, view) == member { failed(OperationTable.id(id, rank: rank)) }
                }
            case .forward, .watch, .catchUp, .handOver, .account:
                if operation.member == member { failed(id) }
            }
        }
    }
}
