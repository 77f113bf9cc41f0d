import Base
import Cluster
import Simulation

/// What the simulated network does to datagrams. Times in milliseconds.
public struct GossipFaults: Sendable {
    public var delay: ClosedRange<Int64> = 1...20
    /// Parts of all datagrams: lost, delivered twice, delayed by up to a second more.
    public var loss = 0.0
    public var duplication = 0.0
    public var straggling = 0.0

    public init() {}
}

/// Members on a simulated network: virtual time, one thread, everything from one seed.
public final class GossipWorld {
    public final class Node {
        public var membership: Membership
        public let address: NodeAddress
        public internal(set) var isRunning = true
        var isPaused = false
        /// What came while it was paused.
        var held: [(NodeAddress, [UInt8])] = []
        var tickAt = Int64.max

        init(_ membership: consuming Membership, _ address: NodeAddress) {
            self.membership = membership
            self.address = address
        }
    }

    public struct Report: Equatable {
        public var time: Int64
        public var node: Int
        public var event: MembershipEvent
    }

    enum Happening {
        case datagram([UInt8], from: Int, to: Int)
        case tick(Int)
    }

    public private(set) var now: Int64 = 1_000_000
    public private(set) var nodes: [Node] = []
    public private(set) var reports: [Report] = []
    public var faults = GossipFaults()
    /// Datagrams from the first to the second get lost while this says so.
    public var isCut: (Int, Int) -> Bool = { _, _ in false }
    /// Sees every datagram that is sent: from, to, bytes.
    public var onSend: ((Int, Int, [UInt8]) -> Void)?
    /// Of everything that happened, in order: two runs of one seed have the same.
    public private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325

    private var queue = EventQueue<Happening>()
    private var random: PRNG
    private var places: [NodeAddress: Int] = [:]
    private var directives: [MembershipDirective] = []
    private let options: MembershipOptions
    private let secret = [UInt8](repeating: 7, count: 32)

    public init(seed: UInt64, options: MembershipOptions = MembershipOptions()) {
        random = PRNG(seed: seed)
        self.options = options
    }

    public func member(_ i: Int) -> Member {
        Member(
            id: NodeID(random: &random), host: "10.0.\(i / 250).\(i % 250 + 1)", clientPort: 6379, peerPort: 16379)
    }

    /// A node that knows nothing but its seeds.
    public func start(
        _ member: Member, seeds: [NodeAddress], restored: MembershipState? = nil, clusterName: String = "test",
        secret: [UInt8]? = nil
    ) {
        let membership = Membership(
            identity: member, clusterName: clusterName, secret: secret ?? self.secret, seeds: seeds, restored: restored,
            options: options, seed: random.next(), now: now)
        if let place = places[member.peerAddress] {
            nodes[place] = Node(membership, member.peerAddress)
            return schedule(place)
        }
        places[member.peerAddress] = nodes.count
        nodes.append(Node(membership, member.peerAddress))
        schedule(nodes.count - 1)
    }

    /// So many nodes of a cluster that has been founded before.
    public func startFounded(_ count: Int) {
        let members = (0..<count).map { member($0) }
        for member in members {
            start(
                member, seeds: members.map(\.peerAddress),
                restored: MembershipState(id: member.id, clusterName: "test", founders: members))
        }
    }

    public func crash(_ node: Int) { nodes[node].isRunning = false }

    /// With what it remembered.
    public func restart(_ node: Int) {
        let old = nodes[node]
        start(old.membership.identity, seeds: nodes.map(\.address), restored: old.membership.state)
    }

    /// It does nothing; what is sent to it waits in its socket.
    public func pause(_ node: Int) { nodes[node].isPaused = true }

    /// It looks at the clock before it looks at what has come: the worse order.
    public func resume(_ node: Int) {
        if !nodes[node].isPaused { return }
        nodes[node].isPaused = false
        nodes[node].tickAt = now
        tick(node)
        let held = nodes[node].held
        nodes[node].held = []
        for (address, datagram) in held { deliver(datagram, address, node) }
        schedule(node)
    }

    public func run(milliseconds: Int64) {
        let end = now + milliseconds
        while let (time, happening) = queue.next(upTo: end) {
            now = time
            switch happening {
            case .tick(let node): tick(node)
            case .datagram(let bytes, let sender, let node): deliver(bytes, nodes[sender].address, node)
            }
        }
        now = end
    }

    /// Runs until the condition holds, looking every `step` milliseconds; answers after how long, nil if it does not in
    /// time.
    public func run(until condition: () -> Bool, step: Int64 = 100, limit: Int64) -> Int64? {
        let start = now
        while !condition() {
            if now - start >= limit { return nil }
            run(milliseconds: step)
        }
        return now - start
    }

    /// Sends bytes as if they came from this node.
    public func inject(_ bytes: [UInt8], from sender: Int, to node: Int) { deliver(bytes, nodes[sender].address, node) }

    private func tick(_ node: Int) {
        if !nodes[node].isRunning || nodes[node].isPaused || nodes[node].tickAt != now { return }
        nodes[node].tickAt = .max
        nodes[node].membership.tick(now: now, into: &directives)
        obey(node)
    }

    private func deliver(_ bytes: [UInt8], _ sender: NodeAddress, _ node: Int) {
        if !nodes[node].isRunning { return }
        if nodes[node].isPaused {
            if nodes[node].held.count < 1000 { nodes[node].held.append((sender, bytes)) }
            return
        }
        trace = (trace ^ UInt64(node) ^ UInt64(bytes[bytes.count - 1]) << 16 ^ UInt64(now) << 24) &* 0x100_0000_01b3
        bytes.withView { nodes[node].membership.received($0, from: sender, now: now, into: &directives) }
        obey(node)
    }

    private func obey(_ node: Int) {
        for directive in directives {
            switch directive {
            case .send(let bytes, let address): send(bytes, node, address)
            case .event(let event): reports.append(Report(time: now, node: node, event: event))
            case .persist: break
            }
        }
        directives.removeAll(keepingCapacity: true)
        schedule(node)
    }

    private func send(_ bytes: [UInt8], _ node: Int, _ address: NodeAddress) {
        precondition(bytes.count <= 1400)
        guard let target = places[address] else { return }
        onSend?(node, target, bytes)
        guard !isCut(node, target), !chance(faults.loss) else { return }
        for _ in 0..<(chance(faults.duplication) ? 2 : 1) {
            var delay = faults.delay.lowerBound + Int64(random.below(UInt64(faults.delay.count)))
            if chance(faults.straggling) { delay += Int64(random.below(1000)) }
            queue.add(.datagram(bytes, from: node, to: target), at: now + delay)
        }
    }

    private func chance(_ part: Double) -> Bool {
        part > 0 && Double(random.below(1 << 32)) < part * Double(1 << 32)
    }

    private func schedule(_ node: Int) {
        let deadline = max(nodes[node].membership.nextDeadline, now)
        if deadline >= nodes[node].tickAt { return }
        nodes[node].tickAt = deadline
        queue.add(.tick(node), at: deadline)
    }
}
