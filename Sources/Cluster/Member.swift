import Base

/// Where a member stands, by an administrator's will; whether it answers is another matter (`Liveness`).
/// In the order in which a member goes through them: of two reports of one incarnation the later state holds.
public enum MemberState: UInt8, Comparable, Sendable {
    /// Gets every write beside the quorum while its ranges stream in.
    case joining = 1
    /// Has tokens on the ring.
    case up
    /// Hands its ranges over.
    case leaving
    /// Gone for good: the id never returns.
    case left

    public static func < (a: MemberState, b: MemberState) -> Bool { a.rawValue < b.rawValue }
}

/// Where a node can be reached.
public struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    public static let hostBytesMax = 253

    /// An IP address or a name.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) { (self.host, self.port) = (host, port) }

    public var description: String { "\(host):\(port)" }
}

/// A member as it describes itself. Only the member itself changes what is said here, and counts `incarnation` up when
/// it does; of two descriptions the one of the higher incarnation holds.
public struct Member: Equatable, Sendable {
    public static let weightMax: UInt16 = 100
    public static let labelBytesMax = 64

    public var id: NodeID
    public var incarnation: UInt64
    public var state: MemberState
    /// IP address or name, for clients and peers alike.
    public var host: String
    public var clientPort: UInt16
    public var peerPort: UInt16
    /// Capacity relative to other members, 1 to `weightMax`.
    public var weight: UInt16
    public var rack: String
    public var datacenter: String

    public init(
        id: NodeID, incarnation: UInt64 = 1, state: MemberState = .up, host: String, clientPort: UInt16,
        peerPort: UInt16,
        weight: UInt16 = 1, rack: String = "", datacenter: String = ""
    ) {
        precondition((1...Self.weightMax).contains(weight))
        precondition(host.utf8.count <= NodeAddress.hostBytesMax)
        precondition(rack.utf8.count <= Self.labelBytesMax && datacenter.utf8.count <= Self.labelBytesMax)
        (self.id, self.incarnation, self.state, self.host) = (id, incarnation, state, host)
        (self.clientPort, self.peerPort, self.weight) = (clientPort, peerPort, weight)
        (self.rack, self.datacenter) = (rack, datacenter)
    }

    public var peerAddress: NodeAddress { NodeAddress(host: host, port: peerPort) }
}
