import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// Reads that this node coordinates (SPEC B6): the command runs here at once, and its reply waits until enough other
/// replicas have said that they have the same. If one has something else, that is taken over, and the command runs again.
extension Executor {
    func read(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ slot: Int, _ view: ClusterView
    ) {
        let wanted = consistency(session, command, words, count)
        var get = GetCoordinator(wanted.read, replicas: view.replicaCount)
        let seats = seats(slot, view)
        chooseWhomToAsk(&get, slot, seats, view, isStrict: wanted.isStrict) { knowsAll(command, words, count) }
        if case .missed(_, let needed) = get.verdict {
            statistics.add(.quorumFailures)
            return refuse(requester, noQuorum(get.askedCount, needed, writes: false))
        }
        // One that may wait is answered when there is something, and is not compared.
        let isCompared = get.verdict == .pending && !mayWait(command)
        let compared = isCompared ? putTogetherComparison(command, words, count) : 0
        let reply = run(session, command, words, count)
        let now = monotonicMilliseconds
        if isCompared {
            var operation = Operation(
                work: .read(get, QueuedCommand(command, words, count)), requester: requester,
                version: session.pointee.version, reply: reply, slot: slot,
                seats: wanted.isStrict ? [] : seats, began: now,
                deadline: now + Int64(settings.cluster.requestTimeout))
            operation.compared = compared
            let id = begin(operation)
            for rank in 0..<view.replicaCount where get.isAwaited(rank) {
                sendMessage(PeerRequestCode.compare, to: operation.member(rank, view), id, rank)
            }
        } else if session.pointee.mode.contains(.suspended) {
            keepWaiting(requester, session)
        } else {
            answer(requester, reply)
        }
        // Reading may change something, too: a deadline that has passed.
        sendCaptured()
    }

    /// Puts the message together that says what this node has of the keys that a command names; answers its digest. A reply that
    /// was made before may tell of less.
    func putTogetherComparison(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> UInt64 {
        if let key = onlyKey(command, words, count) { return putTogether(CollectionOfOne(comparison(of: key))) }
        return putTogether(keyWords(command, words, count).map { comparison(of: Key(words[$0])) })
    }

    private func comparison(of key: Key) -> Comparison {
        Comparison(key.view, withAccess(key) { $0.versions(of: key) })
    }

    /// Answers their digest.
    @discardableResult
    func putTogether(_ comparisons: some Collection<Comparison>) -> UInt64 {
        let dictionary = dictionary(of: comparisons)
        coordinator.message.truncate(to: 0)
        Comparison.encode(comparisons, to: &coordinator.message, dictionary)
        return Comparison.digest(comparisons)
    }

    func dictionary(of comparisons: some Collection<Comparison>) -> ActorDictionary {
        dictionary { Comparison.collectActors(of: comparisons, into: &$0) }
    }

    /// Of the actors that `collect` hands over.
    func dictionary(_ collect: (inout ActorCollection) -> Void) -> ActorDictionary {
        coordinator.dictionaries.dictionary(keyspace.actors.table, of: collect)
    }

    /// A replica has compared.
    func compared(_ id: UInt64, _ operation: Operation, differs payload: ByteView?) {
        var operation = operation
        let rank = OperationTable.rank(id)
        guard var get = operation.comparison?.get, get.isAwaited(rank) else { return }
        var again: [Int] = []
        if let payload {
            do throws(CausalityError) {
                try takeOver(payload, of: operation, rank)
            } catch {
                return failed(id)
            }
            get.differ(rank)
        } else if !get.agree(rank) {
            again = [rank]
        }
        operation.set(get)
        coordinator.operations[id] = operation
        if payload != nil || !again.isEmpty { compare(id, with: again, toldBy: rank) }
        guard let now = coordinator.operations[id], let verdict = now.comparison?.get.verdict else { return }
        conclude(id, verdict)
    }

    /// Asks replicas, and once more those who agreed with less than what is known by now: another request may have brought it, too,
    /// after this one's reply was made. Who had told all it knew before is told.
    private func compare(_ id: UInt64, with others: [Int], toldBy teller: Int = -1) {
        guard let view = cluster, var operation = coordinator.operations[id],
            let request = operation.comparison?.request,
            var get = operation.comparison?.get
        else { return }
        var ranks = others
        let compared = putTogetherComparison(request.command, request.arguments, request.count)
        if renew(&operation, request, knowing: compared) {
            let behind = get.tellers.filter { $0 != teller }
            if !behind.isEmpty { repair(behind, operation, with: states(of: request)) }
            ranks += get.learn()
        }
        for rank in ranks { get.ask(rank) }
        operation.set(get)
        coordinator.operations[id] = operation
        for rank in ranks { sendMessage(PeerRequestCode.compare, to: operation.member(rank, view), id, rank) }
    }

    /// Takes over what a replica has; if this node has more, tells it (read repair).
    private func takeOver(_ payload: ByteView, of operation: Operation, _ rank: Int) throws(CausalityError) {
        var repairs = ByteBuffer()
        try takeOver(states: payload) { name, theirs, mine in
            if mine.versions.map(\.dot) != theirs.versions.map(\.dot) { append(mine, of: name, to: &repairs) }
        }
        if repairs.count > 0 { repair([rank], operation, with: repairs) }
    }

    private func states(of request: QueuedCommand) -> ByteBuffer {
        var states = ByteBuffer()
        for word in keyWords(request.command, request.arguments, request.count) {
            appendState(of: Key(request.arguments[word]), to: &states)
        }
        return states
    }

    private func repair(_ ranks: [Int], _ operation: Operation, with states: borrowing ByteBuffer) {
        #if CANARIES
            if Canary.active == .skipReadRepair { return }
        #endif
        guard let view = cluster else { return }
        for rank in ranks where !operation.isStandIn(rank, view) {
            statistics.add(.readRepairs)
            let timeLeft = UInt32(settings.cluster.requestTimeout)
            _ = peers.request(
                operation.member(rank, view), code: PeerRequestCode.states, id: 0, timeLeft: timeLeft,
                payload: states.view)
        }
    }

    /// The reply tells of nothing that came later than it. If something has, a read is run again at once, and a write that would have
    /// changed nothing once enough have answered. Answers whether something has.
    private func renew(_ operation: inout Operation, _ request: QueuedCommand, knowing compared: UInt64) -> Bool {
        if operation.compared == compared { return false }
        operation.compared = compared
        if case .read = operation.work {
            operation.reply = run(proxy(operation.version), request.command, request.arguments, request.count)
        } else {
            operation.reply = []
        }
        return true
    }

    /// A read that has waited for long asks those who have not been asked.
    func askOthers(_ id: UInt64) {
        guard let operation = coordinator.operations[id], let get = operation.comparison?.get, let view = cluster
        else { return }
        let ranks = (0..<view.replicaCount).filter {
            let member = operation.member($0, view)
            return !get.wasAsked($0) && member >= 0 && canReach(member, view)
        }
        if !ranks.isEmpty { compare(id, with: ranks) }
    }
}
