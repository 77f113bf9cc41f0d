import Base
import CSystem
import Cluster
import Replication

/// What a node has to know to be one of a cluster's.
public struct ClusterSettings: Sendable {
    public let isEnabled: Bool
    /// Where the node keeps what it knows of the cluster, inside `dir`.
    public let fileName: String
    public let name: String
    /// All founding nodes, where their peers reach them.
    public let seeds: [NodeAddress]
    /// Empty: none is given here.
    let secret: String
    /// Empty: none.
    public let secretFile: String
    public let replication: Replication
    /// How many replicas answer a read and a write, unless the client says otherwise.
    public let readQuorum: Quorum
    public let writeQuorum: Quorum
    /// The node asks other replicas for what it lacks.
    public let catchesUp: Bool
    /// How many hints this node keeps for others.
    public let hintsMax: Int
    /// How long a request waits for other nodes, ms.
    public let requestTimeout: Int
    /// 0: by cores and memory.
    public let weight: Int
    public let rack: String
    public let datacenter: String
    /// Milliseconds.
    public let nodeTimeout: Int
    /// 0: the clients' port and `peerPortOffset`.
    public let peerPort: Int
    /// Empty, 0: as it is.
    public let announcedHost: String
    public let announcedPort: Int
    public let announcedPeerPort: Int

    /// As in Redis Cluster: the port for nodes is the one for clients and this.
    public static let peerPortOffset = 10_000

    init(_ values: Values) {
        isEnabled = values.flag("cluster-enabled")
        fileName = values.text("cluster-config-file")
        name = values.text("cluster-name")
        seeds = Self.seeds(values.text("cluster-seeds")) ?? []
        secret = values.text("cluster-secret")
        secretFile = values.text("cluster-secret-file")
        replication = Replication(values.text("cluster-replication")) ?? .total(3)
        readQuorum = values.text("cluster-read-quorum").withView { Quorum($0) } ?? .quorum
        writeQuorum = values.text("cluster-write-quorum").withView { Quorum($0) } ?? .quorum
        catchesUp = values.flag("cluster-catch-up")
        hintsMax = values.integer("cluster-hints-max")
        requestTimeout = values.integer("cluster-request-timeout")
        weight = values.integer("node-weight")
        rack = values.text("rack")
        datacenter = values.text("datacenter")
        nodeTimeout = values.integer("cluster-node-timeout")
        peerPort = values.integer("cluster-port")
        announcedHost = values.text("cluster-announce-ip")
        announcedPort = values.integer("cluster-announce-port")
        announcedPeerPort = values.integer("cluster-announce-bus-port")
    }

    var consistency: Consistency { Consistency(read: readQuorum, write: writeQuorum) }

    /// The failure detector's times: a node that is gone is down well before `cluster-node-timeout`.
    var membershipOptions: MembershipOptions {
        var options = MembershipOptions()
        let period = Int64(min(max(nodeTimeout / 15, 50), 10_000))
        options.period = period
        options.probeTimeout = period * 2 / 5
        options.gossipInterval = period / 5
        return options
    }

    /// Of `host:port` or `host:port@peerport`, with commas between them; hosts of IPv6 in brackets or not. Nil if it is
    /// anything else.
    static func seeds(_ text: String) -> [NodeAddress]? {
        var seeds: [NodeAddress] = []
        if text.isEmpty { return seeds }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let seed = seed(String(part)), !seeds.contains(seed) else { return nil }
            seeds.append(seed)
        }
        return seeds
    }

    private static func seed(_ text: String) -> NodeAddress? {
        let ports = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let colon = ports[0].lastIndex(of: ":"),
            let port = Int(ports[0][ports[0].index(after: colon)...]), (1...65535).contains(port),
            let peerPort = ports.count == 1 ? port + peerPortOffset : Int(ports[1]), (1...65535).contains(peerPort)
        else { return nil }
        var host = String(ports[0][..<colon])
        if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty, Label.isValid(host, max: NodeAddress.hostBytesMax) else { return nil }
        return NodeAddress(host: host, port: UInt16(peerPort))
    }

    /// Why a parameter's text is not accepted.
    static func refusal(of text: String, _ rule: TextRule) -> String? {
        switch rule {
        case .clusterName:
            text.isEmpty || !Label.isValid(text, max: MembershipState.nameBytesMax)
                ? "argument must be 1 to \(MembershipState.nameBytesMax) visible ASCII characters without commas" : nil
        case .label:
            Label.isValid(text)
                ? nil : "argument must be at most \(Member.labelBytesMax) visible ASCII characters without commas"
        case .seeds:
            seeds(text) == nil
                ? "argument must be different host:port or host:port@peerport, with commas between them" : nil
        case .replication:
            Replication(text) == nil
                ? "argument must be a number from 1 to \(Replication.replicasMax), or datacenter:number with commas "
                    + "between them" : nil
        case .readQuorum, .writeQuorum: quorumRefusal(text, isWrite: rule == .writeQuorum)
        default: nil
        }
    }

    private static func quorumRefusal(_ text: String, isWrite: Bool) -> String? {
        let quorum = text.withView { Quorum($0) }
        if quorum != nil && (isWrite || quorum != .any) { return nil }
        return
            "argument must be a number from 1 to \(Replication.replicasMax), one, quorum\(isWrite ? ", all or any" : " or all")"
    }
}
