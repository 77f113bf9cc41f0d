import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// What other nodes answer, or do not.
extension Executor {
    func answered(_ id: UInt64, from member: Int, code: UInt8, payload: ByteView) {
        guard let operation = coordinator.operations[id] else { return }
        switch operation.work {
        case .write(let put):
            switch code {
            case PeerResponseCode.ok: acknowledged(id, operation, put)
            case PeerResponseCode.differs: sendStates(of: payload, operation, id)
            default: failed(id)
            }
        case .read, .prepare:
            switch code {
            case PeerResponseCode.ok: compared(id, operation, differs: nil)
            case PeerResponseCode.differs: compared(id, operation, differs: payload)
            case PeerResponseCode.unknown where operation.acceptsIgnorance: compared(id, operation, differs: nil)
            default: failed(id)
            }
        case .forward:
            if code == PeerResponseCode.ok { end(id, payload.bytes) } else { failed(id) }
        case .watch:
            if code == PeerResponseCode.ok { watched(id, operation, payload) } else { failed(id) }
        case .catchUp(let partition): caughtUp(id, operation, partition, code, payload)
        case .handOver(let hints): handedOver(id, operation, hints, code)
        case .account(let slots): accounted(id, operation, slots, code)
        }
    }

    private func acknowledged(_ id: UInt64, _ operation: Operation, _ put: PutCoordinator) {
        var (put, operation) = (put, operation)
        put.acknowledge(OperationTable.rank(id))
        operation.work = .write(put)
        coordinator.operations[id] = operation
        conclude(id, put.verdict, operation)
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
        let actor = node.keyspace.actor
        var start = 0
        let writes = wanted.map { counter, end in
            defer { start = end }
            return TravellingWrite(
                Dot(actor: actor, counter: counter), at: state.pointee.moment.wall, after: nil,
                .state(states.view.slice(start, end)))
        }
        coordinator.message.truncate(to: 0)
        let batch = WriteBatch(slot: operation.slot, context: CausalContext())
        node.keyspace.actors.read { batch.encode(writes, to: &coordinator.message, $0) }
        if let view = cluster {
            sendWrites(operation, view, id, OperationTable.rank(id))
        }
    }

    /// Whoever has this rank will not answer.
    func failed(_ id: UInt64) {
        guard var operation = coordinator.operations[id] else { return }
        let rank = OperationTable.rank(id)
        switch operation.work {
        case .write(var put):
            put.fail(rank)
            operation.work = .write(put)
            coordinator.operations[id] = operation
            conclude(id, put.verdict, operation)
        case .read(var get, _), .prepare(var get, _, _):
            get.fail(rank)
            operation.set(get)
            coordinator.operations[id] = operation
            if get.verdict != .reached { askOthers(id) }
            guard let now = coordinator.operations[id], let get = now.comparison?.get else { return }
            conclude(id, get.verdict, now)
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

    /// The quorum is there; the others are still told what they need (`sendStates`).
    private func answerEarly(_ id: UInt64, _ operation: Operation) {
        release(id)
        if case .nobody = operation.requester { return }
        var operation = operation
        operation.served = []
        operation.writer?.pointee.details.writesUnderWay -= 1
        let (requester, reply) = (operation.requester, operation.reply)
        (operation.requester, operation.reply) = (.nobody, [])
        coordinator.operations[id] = operation
        answer(requester, reply)
    }

    /// Ends an operation if it is decided.
    func conclude(_ id: UInt64, _ verdict: QuorumVerdict, _ operation: Operation) {
        switch verdict {
        case .pending: break
        case .reached:
            if case .write(let put) = operation.work, !put.isComplete { return answerEarly(id, operation) }
            if case .prepare = operation.work, operation.reply.isEmpty { return writePrepared(id, operation) }
            end(id, operation.reply)
        case .missed(let got, let needed):
            if case .nobody = operation.requester {
                release(id, errorReply(noQuorum(got, needed, writes: true)))
                if case .write(let put) = operation.work, !put.isComplete { return }
                return end(id, [])
            }
            var writes = false
            if case .write = operation.work { writes = true }
            endMissed(id, got, needed, writes: writes)
        }
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
