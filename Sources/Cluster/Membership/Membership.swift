import Base

/// What membership wants done. In this order.
public enum MembershipDirective: Sendable {
    /// A datagram of at most 1,400 bytes. It may get lost.
    case send([UInt8], to: NodeAddress)
    /// For the administrator's log.
    case event(MembershipEvent)
    /// `state` has changed: to be written at once if the cluster has just been founded, otherwise when convenient. What else is
    /// lost is learnt again from others.
    case persist
}

/// What the administrator should know.
public enum MembershipEvent: Equatable, Sendable {
    /// The cluster has been founded; its ring is fixed.
    case founded(members: Int)
    case suspected(NodeID, by: NodeID)
    /// At least two members found that it does not answer.
    case down(NodeID, sources: [NodeID])
    /// It answers again, after it had been suspected or down.
    case returned(NodeID)
    /// It says otherwise where it is, or what it is.
    case changed(NodeID)
    /// Others suspected this node, which objects: it is slow, or its network.
    case refuted(incarnation: UInt64)
    /// A node that does not belong here; once for each.
    case stranger(NodeID, at: NodeAddress, MembershipRefusal)
    /// The node at this address does not want to have to do with this one; once for each reason.
    case refused(by: NodeAddress, MembershipRefusal)
}

/// Why a node, or a command, is refused.
public enum MembershipRefusal: UInt8, Error, Equatable, Sendable {
    /// The cluster has been founded without this node: its ring is fixed, and to take a node in would move data.
    case ringIsFixed = 1
    /// The seeds do not name this node.
    case notASeed
    /// Nodes that found a cluster together have the same list of seeds. These differ.
    case seedsDiffer
    /// Both belong to clusters of this name and secret, but founded by different nodes.
    case foundedDifferently
    /// The cluster has not been founded yet: not all seeds have answered.
    case notFounded
    /// The node holds slots: to forget it would move data.
    case holdsSlots
    case unknownNode
}

/// Who belongs to the cluster, and who of them answers: SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard's
/// additions (Dadgar, Phillips, Currey, DSN-W 2018). A value: time, randomness and datagrams come in, directives come
/// out.
///
/// The member map and what is believed of each member are this node's own view; views converge. The ring does not
/// depend on who answers: a crash never moves data.
///
/// Used by one thread at a time. Times are milliseconds of a monotonic clock.
public struct Membership: ~Copyable {
    /// A member, and what is known of it.
    struct Known {
        /// As it described itself, in the incarnation in which it last did.
        var member: Member
        /// The highest heard of.
        var incarnation: UInt64
        var liveness = Liveness.alive
        var suspicion: Suspicion?
        /// Who found it down.
        var accusers: [NodeID] = []

        init(_ member: Member) { (self.member, incarnation) = (member, member.incarnation) }

        /// Its part of the map's digest.
        var digest: UInt64 {
            (member.id.folded &+ incarnation &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(liveness.rawValue) << 56).mixed
        }
    }

    public let id: NodeID
    public let options: MembershipOptions
    public let clusterName: String
    let key: ClusterKey
    let seeds: [NodeAddress]
    let seedsDigest: UInt64

    /// This node first, then others in the order in which they became known.
    var known: [Known]
    var indices: [NodeID: Int]
    /// Indices in `known`, by ids.
    var sorted: [Int]
    var livenessCounts = [0, 0, 0, 0]
    var suspects: [Int] = []

    /// 0: not founded.
    var founding: UInt64 = 0
    /// Of this start's hellos.
    let helloNonce: UInt64
    var nextHellos = Int64.min
    var seedsFound: [NodeID?]
    var strangers: Set<NodeID> = []
    var refusals: Set<UInt8> = []

    var random: PRNG
    var writer: GossipWriter
    var rumours = Rumours()
    var probe = Probe()
    var relays: [Relay] = []
    var nextGossip: Int64
    var nextReconnect: Int64
    var periods: Int64 = 0
    var syncFrom = NodeID.nobody
    /// Of what is known of all members' incarnations and liveness: equal maps have equal digests.
    var mapDigest: UInt64 = 0
    /// Pings and answers in a row that came from nodes with another map; the last one.
    var differing = 0
    var differs = 0
    var health = 0
    /// Who sent the datagram that is being received knows an old incarnation of this node only.
    var owesRecord = false
    var changed = false
    /// Another number whenever a member came, describes itself otherwise, or answers or does not: whoever computed something
    /// from `members` or `liveness` computes it anew.
    public internal(set) var viewNumber: UInt64 = 0
    public internal(set) var statistics = MembershipStatistics()

    /// - Parameters:
    ///   - identity: this node as it will describe itself, `up`. What `restored` knows of it is passed over but for the incarnation.
    ///   - seeds: all founding nodes' peer addresses, this one's among them; the same list, in any order, on all of them.
    ///   - secret: shared by all members. 32 bytes that nobody can guess.
    ///   - restored: what `state` was before the restart.
    ///   - seed: from the kernel: nonces must not repeat from start to start.
    public init(
        identity: Member, clusterName: String, secret: [UInt8], seeds: [NodeAddress], restored: MembershipState? = nil,
        options: MembershipOptions = MembershipOptions(), seed: UInt64, now: Int64
    ) {
        precondition(seeds.count <= 1 << 16)
        precondition(identity.id != .nobody && restored.map { $0.id == identity.id } != false)
        id = identity.id
        (self.options, self.clusterName, self.seeds) = (options, clusterName, seeds)
        seedsDigest = Self.digest(seeds)
        seedsFound = [NodeID?](repeating: nil, count: seeds.count)
        key = ClusterKey(cluster: clusterName, secret: secret)
        writer = GossipWriter(key)
        random = PRNG(seed: seed)
        helloNonce = random.next() & ~0xffff
        var identity = identity
        if let restored { identity.incarnation = restored.incarnation + 1 }
        known = [Known(identity)]
        indices = [id: 0]
        sorted = [0]
        mapDigest = known[0].digest
        livenessCounts[Int(Liveness.alive.rawValue)] = 1
        // Nodes that start together do not probe together.
        let first = now + Int64(random.below(UInt64(options.period)))
        (nextGossip, nextReconnect) = (now, now)
        probe.periodEnd = first
        if let restored {
            founding = restored.founding
            for member in restored.members where member.id != id { insert(member) }
        }
        rumours.add(.record(identity))
        changed = true
    }

    public var isFounded: Bool { founding != 0 }

    /// This node as it describes itself.
    public var identity: Member { known[0].member }

    /// All members as they described themselves, in the order of their ids; this node among them.
    public var members: [Member] { sorted.map { known[$0].member } }

    /// Nil if there is no such member.
    public func liveness(of id: NodeID) -> Liveness? { indices[id].map { known[$0].liveness } }

    /// Who says that a member does not answer, while it is not believed alive.
    public func accusers(of id: NodeID) -> [NodeID] {
        guard let index = indices[id], known[index].liveness != .alive else { return [] }
        return known[index].suspicion?.sources ?? known[index].accusers
    }

    /// Members that are not this node and are alive, suspected, down.
    public var counts: (alive: Int, suspect: Int, down: Int) {
        (livenessCounts[1] - 1, livenessCounts[2], livenessCounts[3])
    }

    /// How much slower than usual this node probes, since it seems to be slow itself: 0 (not at all) to 8.
    public var localHealth: Int { health }

    /// Which of a ring's nodes to turn to: this one, and those that nobody suspects.
    public func reachable(on ring: borrowing Ring) -> NodeSet {
        var set = NodeSet(of: ring.members.count)
        for (index, member) in ring.members.enumerated() where liveness(of: member.id) == .alive { set.insert(index) }
        return set
    }

    /// When `tick` wants to be called next.
    public var nextDeadline: Int64 {
        var deadline = min(probe.deadline, probe.periodEnd)
        if !rumours.isEmpty && isFounded { deadline = min(deadline, nextGossip) }
        if counts.down > 0 { deadline = min(deadline, nextReconnect) }
        for relay in relays { deadline = min(deadline, relay.nackAt) }
        for index in suspects { deadline = min(deadline, suspicionEnd(known[index])) }
        return deadline
    }

    /// Does what is due. Called late it does it late: a node that was stopped for a while learns nothing about others
    /// from that.
    public mutating func tick(now: Int64, into directives: inout [MembershipDirective]) {
        let due = nextDeadline
        if now < due { return }
        if now - due > options.period { wokeUp(now, after: now - due) }
        nackRelays(now, &directives)
        if isFounded {
            probeOthers(now, &directives)
            endSuspicions(now, &directives)
            reconnect(now, &directives)
            gossip(now, &directives)
        } else if probe.periodEnd <= now {
            probe.periodEnd = now + options.period
            sendHellos(now, &directives)
            found(&directives)
        }
        tellOfChanges(&directives)
    }

    mutating func tellOfChanges(_ directives: inout [MembershipDirective]) {
        if !changed { return }
        changed = false
        directives.append(.persist)
    }

    mutating func insert(_ member: Member) {
        let index = known.count
        known.append(Known(member))
        indices[member.id] = index
        mapDigest ^= known[index].digest
        livenessCounts[Int(Liveness.alive.rawValue)] += 1
        let place = sorted.firstIndex { known[$0].member.id > member.id } ?? sorted.count
        sorted.insert(index, at: place)
        changed = true
        viewNumber += 1
    }

    /// Another incarnation, also lower ones: callers compare.
    mutating func setIncarnation(_ incarnation: UInt64, of index: Int) {
        mapDigest ^= known[index].digest
        known[index].incarnation = incarnation
        mapDigest ^= known[index].digest
    }

    /// A member that is not this node, at random; of those for which the condition holds, if few tries find one.
    mutating func pick(_ wanted: (borrowing Known) -> Bool) -> Int? {
        if known.count < 2 { return nil }
        for _ in 0..<16 {
            let index = 1 + Int(random.below(UInt64(known.count - 1)))
            if wanted(known[index]) { return index }
        }
        return nil
    }

    /// Begins a message to a member; what its kind says comes next, then `send`.
    mutating func begin(_ kind: Gossip.Kind, to index: Int, nonce: UInt64) {
        writer.begin(kind, from: id, to: known[index].member.id, founding: founding, nonce: nonce)
        if kind == .ping || kind == .ack { writer.append(number: mapDigest) }
    }

    /// Sends the message with what the member is said to be (Lifeguard's buddy system, section IV-C: who is suspected
    /// learns of it first, and can object) and other news.
    mutating func send(to index: Int, _ directives: inout [MembershipDirective]) {
        if let accusation = accusation(of: index) { _ = writer.append(accusation) }
        rumours.tell(&writer, limit: options.tellings(known.count))
        send(to: known[index].member.peerAddress, &directives)
    }

    mutating func send(to address: NodeAddress, _ directives: inout [MembershipDirective]) {
        let datagram = writer.finish()
        statistics.sent += 1
        statistics.sentBytes += UInt64(datagram.count)
        directives.append(.send(datagram, to: address))
    }

    func accusation(of index: Int) -> Update? {
        let known = known[index]
        let accusation = Update.Accusation(
            id: known.member.id, incarnation: known.incarnation, sources: known.suspicion?.sources ?? known.accusers)
        switch known.liveness {
        case .alive: return nil
        case .suspect: return .suspect(accusation)
        case .down: return .down(accusation)
        }
    }
}

/// Counted since the start.
public struct MembershipStatistics: Sendable {
    public internal(set) var sent: UInt64 = 0
    public internal(set) var sentBytes: UInt64 = 0
    public internal(set) var received: UInt64 = 0
    /// Datagrams thrown away, by `GossipError`.
    public internal(set) var refused = [UInt64](repeating: 0, count: GossipError.allCases.count)
    public internal(set) var probesFailed: UInt64 = 0
}
