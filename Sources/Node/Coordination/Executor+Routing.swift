import Base
import Cluster
import Commands
import Keyspace
import RESP
import Replication

/// Where a request of a client runs in a cluster (SPEC A10, A11, B5, B6).
extension Executor {
    enum Route {
        /// Here: it has no keys, or this node answers for them. -1: no slot.
        case here(slot: Int)
        /// At the coordinator of its slot.
        case member(Int, slot: Int)
        /// One key at a time.
        case split
        /// It must be atomic over keys of several slots.
        case crossSlot
        /// Nobody of whom this node knows can answer for the slot.
        case nowhere(slot: Int)
    }

    /// Runs a client's request where its keys are.
    func coordinate(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ view: ClusterView
    ) {
        if answersAlone(session, command, words, count, view) { return }
        let requester = repliesToNobody(session) ? Requester.nobody : .client(session)
        coordinate(requester, session, command, words, count, view)
    }

    private func repliesToNobody(_ session: SessionPointer) -> Bool {
        !session.pointee.mode.isDisjoint(with: [.replyOff, .replySkip])
    }

    func coordinate(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ view: ClusterView
    ) {
        if command == execCommand {
            return coordinateTransaction(requester, session, command, words, count, view)
        }
        if command.pointee.firstKey == 0, command.pointee.locking != .firstKey,
            let wide = ClusterWide(node.commands.fullNames[Int(command.pointee.index)])
        {
            return runEverywhere(wide, requester, session, command, words, count, view)
        }
        if command == scanCommand { return scan(requester, session, command, words, count, view) }
        let route = route(session, command, words, count, view)
        if command == watchCommand { return watch(requester, session, command, words, count, route) }
        switch route {
        case .here(-1): runAlone(requester, session, command, words, count)
        case .here(let slot): runHere(requester, session, command, words, count, slot, view)
        case .member(let member, let slot): forward(requester, session, command, words, count, to: member, slot)
        case .split: split(requester, session, command, words, count, view)
        case .crossSlot:
            refuse(requester, Executor.crossSlotText)
        case .nowhere(let slot):
            let needed = neededToAnswer(session, command, slot, view)
            refuse(requester, noQuorum(0, needed, writes: !command.pointee.flags.contains(.readonly)))
        }
    }

    static let crossSlotText = "CROSSSLOT Keys in request don't hash to the same slot"

    private func neededToAnswer(
        _ session: SessionPointer, _ command: CommandPointer, _ slot: Int, _ view: ClusterView
    ) -> Int {
        let consistency = consistency(session)
        return command.pointee.flags.contains(.readonly)
            ? consistency.read.needed(of: view.replicaCount) : consistency.write.needed(of: view.replicaCount)
    }

    /// What the client wants of replicas.
    func consistency(_ session: SessionPointer) -> Consistency {
        session.pointee.consistency ?? settings.cluster.consistency
    }

    /// The same for one request: `VGET key R n`, `VSET key value W n` and `VDEL key W n` say it themselves.
    func consistency(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Consistency {
        var wanted = consistency(session)
        guard let options = versionOptions(of: command) else { return wanted }
        var i = options
        while i + 1 < count {
            if words[i].isWord("r") {
                wanted.read = Quorum(words[i + 1]) ?? wanted.read
            } else if words[i].isWord("w") {
                wanted.write = Quorum(words[i + 1]) ?? wanted.write
            }
            // All others but KEEPTTL have a value, too.
            i += words[i].isWord("keepttl") ? 1 : 2
        }
        return wanted
    }

    /// Where a command's options begin that say what it wants of replicas; nil: it has none.
    func versionOptions(of command: CommandPointer) -> Int? {
        let place = versionOptions[Int(command.pointee.index)]
        return place == 0 ? nil : Int(place)
    }

    private func route(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ view: ClusterView
    ) -> Route {
        let slot: Int
        if let key = onlyKey(command, words, count) {
            slot = key.slot
        } else {
            let slots = slots(command, words, count)
            guard let first = slots.first else { return .here(slot: -1) }
            if slots.contains(where: { $0 != first }) {
                let isSplit = ClusterSplit(node.commands.commands[Int(command.pointee.index)].name) != nil
                return isSplit ? .split : .crossSlot
            }
            slot = first
        }
        if mayReadHere(session, command, slot, view) { return .here(slot: slot) }
        guard let coordinator = coordinator(of: slot, view) else { return .nowhere(slot: slot) }
        return coordinator == view.own ? .here(slot: slot) : .member(coordinator, slot: slot)
    }

    /// Any replica answers a read, unless it follows writes that are still under way; writes have one coordinator as long
    /// as all agree who is there.
    private func mayReadHere(
        _ session: SessionPointer, _ command: CommandPointer, _ slot: Int, _ view: ClusterView
    ) -> Bool {
        command.pointee.flags.contains(.readonly) && !mayWait(command) && view.ownRank(slot) != nil
            && node.isCaughtUp.isOn && session.pointee.writesUnderWay == 0
    }

    /// Runs a client's read of one key straight away, if no other replica is to be asked.
    private func answersAlone(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int,
        _ view: ClusterView
    ) -> Bool {
        guard command.pointee.flags.contains(.readonly), versionOptions(of: command) == nil,
            consistency(session).read.needed(of: view.replicaCount) == 1,
            let key = onlyKey(command, words, count), mayReadHere(session, command, key.slot, view)
        else { return false }
        invoke(session, command, words, count, key)
        // Reading may change something, too: a deadline that has passed.
        sendCaptured()
        return true
    }

    /// Who coordinates writes to a slot now: the first of its replicas that can be reached, but not this node as long as it does not
    /// know what it should; if there is none, the first that stands in for one; nil: nobody can.
    func coordinator(of slot: Int, _ view: ClusterView) -> Int? {
        if isEverybodyThere(view), view.replica(slot, 0) != view.own { return view.replica(slot, 0) }
        for rank in 0..<view.replicaCount {
            let member = view.replica(slot, rank)
            if member == view.own ? node.isCaughtUp.isOn : canReach(member, view) { return member }
        }
        let seats = seats(slot, view)
        for (rank, member) in seats.enumerated() where member == view.replica(slot, rank) { return nil }
        return seats.first { $0 >= 0 && ($0 != view.own || node.isCaughtUp.isOn) }
    }

    /// Whether it makes sense to ask a member for something: nobody suspects it, and this loop's connection to it has not
    /// broken just now.
    func canReach(_ member: Int, _ view: ClusterView) -> Bool {
        view.isReachable(member) && !peers.isCutOff(member)
    }

    /// The same of all members.
    func isEverybodyThere(_ view: ClusterView) -> Bool { view.isEverybodyReachable && !peers.isAnybodyCutOff }

    /// The slots of the keys that the request names, those of a simple range in order.
    func slots(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> [Int] {
        keyWords(command, words, count).map { Key(words[$0]).slot }
    }

    // MARK: running here

    /// A command without keys.
    func runAlone(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) {
        let reply = run(session, command, words, count)
        sendCaptured()
        answer(requester, reply)
    }

    /// Runs a command in a client's session and answers its reply, which the client does not get yet.
    func run(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Reply {
        // A session that waits for another node's client may not be there any more when somebody asks whose command it was.
        let outer = state.pointee.session
        defer { state.pointee.session = outer }
        let output = coordinator.output
        let link = session.pointee.link
        output.pointee.hardLimit = link.pointee.output.hardLimit
        swap(&output.pointee, &link.pointee.output)
        invoke(session, command, words, count, firstKey(command, words, count))
        swap(&output.pointee, &link.pointee.output)
        return Reply(taking: output)
    }

    private func firstKey(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Key {
        let first = Int(command.pointee.firstKey)
        return first > 0 && first < count ? key(words[first]) : noKey
    }

    private func runHere(
        _ requester: Requester, _ session: SessionPointer, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, _ slot: Int, _ view: ClusterView
    ) {
        if command.pointee.flags.contains(.readonly) {
            read(requester, session, command, words, count, slot, view)
        } else {
            write(requester, session, command, words, count, slot, view)
        }
    }
}
