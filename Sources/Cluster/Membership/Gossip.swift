import Base

/// Datagrams between members (docs/cluster.md).
///
///     4   `MGos`
///     1   the message's version
///     1   the newest version that the sender understands
///     1   kind
///     1   0
///     8   the cluster's tag: a hash of its name
///     20  sender
///     20  receiver; zeros: whoever this reaches
///     8   digest of the founding members; 0: the sender's cluster is not founded yet
///     8   nonce: an answer has its question's
///     ..  what the kind says, then updates to the end
///     16  the first half of HMAC-SHA-256 of all before
enum Gossip {
    static let version: UInt8 = 1
    static let magic: UInt32 = 0x736f_474d
    /// Fits an Ethernet frame with room for tunnels' headers.
    static let bytesMax = 1400
    static let headerBytes = 72
    static let codeBytes = 16

    enum Kind: UInt8 {
        /// Are you there? The digest of the sender's map (8 bytes). Answered by `ack`, the same.
        case ping = 1
        case ack
        /// Probe a member for me: its id. Answered by `ack` or `nack`.
        case indirectPing
        case nack
        /// Updates only.
        case gossip
        /// Who are you? Digest of the sender's seeds (8 bytes), and a record of itself. Answered by `welcome`, the
        /// same, or by `refusal`.
        case hello
        case welcome
        /// Why (1 byte).
        case refusal
        /// A part of the sender's member map: a flag (1: to the map's end), from which id on, how many (1 byte), and
        /// for each id, incarnation and described incarnation (varints), liveness (1 byte). Answered by `syncReply`.
        case syncPage
        /// How many (varint) and which members' records the sender wants. Answered by `gossip`.
        case syncReply
    }
}

/// Why a datagram or a frame was thrown away.
public enum GossipError: UInt8, Error, Equatable, Sendable, CaseIterable {
    /// Shorter or longer than any message, or another protocol's.
    case foreign
    /// Of a version that this node does not understand.
    case version
    /// Of another cluster.
    case cluster
    /// Not signed with the cluster's secret.
    case forged
    /// For another node.
    case misdirected
    /// Signed, but not what this version writes.
    case malformed
}

/// What this node believes of another one, as it is told to others.
enum Update: Equatable {
    case record(Member)
    case suspect(Accusation)
    case down(Accusation)

    struct Accusation: Equatable {
        var id: NodeID
        var incarnation: UInt64
        /// Who says so: 1 to `Suspicion.sourcesMax`.
        var sources: [NodeID]
    }

    var id: NodeID {
        switch self {
        case .record(let member): member.id
        case .suspect(let accusation), .down(let accusation): accusation.id
        }
    }

    /// No incarnation reaches it: counting up does not overflow.
    static let incarnationBound: UInt64 = 1 << 62

    func write(to output: inout ByteBuffer) {
        switch self {
        case .record(let member):
            output.append(1)
            Self.write(member, to: &output)
        case .suspect(let accusation): Self.write(2, accusation, to: &output)
        case .down(let accusation): Self.write(3, accusation, to: &output)
        }
    }

    private static func write(_ kind: UInt8, _ accusation: Accusation, to output: inout ByteBuffer) {
        output.append(kind)
        accusation.id.write(to: &output)
        output.append(varint: accusation.incarnation)
        output.append(UInt8(accusation.sources.count))
        for source in accusation.sources { source.write(to: &output) }
    }

    static func write(_ member: Member, to output: inout ByteBuffer) {
        member.id.write(to: &output)
        output.append(varint: member.incarnation)
        output.append(member.state.rawValue)
        Label.write(member.host, to: &output)
        output.append(littleEndian: member.clientPort)
        output.append(littleEndian: member.peerPort)
        output.append(littleEndian: member.weight)
        Label.write(member.rack, to: &output)
        Label.write(member.datacenter, to: &output)
    }

    init(_ reader: inout WireReader) throws(MalformedBytes) {
        switch try reader.byte() {
        case 1: self = .record(try Self.member(&reader))
        case 2: self = .suspect(try Self.accusation(&reader))
        case 3: self = .down(try Self.accusation(&reader))
        default: throw MalformedBytes()
        }
    }

    private static func accusation(_ reader: inout WireReader) throws(MalformedBytes) -> Accusation {
        let id = try reader.id()
        let incarnation = try Self.incarnation(&reader)
        let count = try reader.byte()
        if count < 1 || count > Suspicion.sourcesMax { throw MalformedBytes() }
        var sources: [NodeID] = []
        for _ in 0..<count { sources.append(try reader.id()) }
        return Accusation(id: id, incarnation: incarnation, sources: sources)
    }

    static func incarnation(_ reader: inout WireReader) throws(MalformedBytes) -> UInt64 {
        let incarnation = try reader.varint()
        if incarnation >= incarnationBound { throw MalformedBytes() }
        return incarnation
    }

    static func member(_ reader: inout WireReader) throws(MalformedBytes) -> Member {
        let id = try reader.id()
        let incarnation = try Self.incarnation(&reader)
        guard let state = MemberState(rawValue: try reader.byte()) else { throw MalformedBytes() }
        let host = try reader.label(max: NodeAddress.hostBytesMax)
        let clientPort = try reader.integer(UInt16.self)
        let peerPort = try reader.integer(UInt16.self)
        let weight = try reader.integer(UInt16.self)
        let rack = try reader.label(max: Member.labelBytesMax)
        let datacenter = try reader.label(max: Member.labelBytesMax)
        if host.isEmpty || weight < 1 || weight > Member.weightMax { throw MalformedBytes() }
        return Member(
            id: id, incarnation: incarnation, state: state, host: host, clientPort: clientPort, peerPort: peerPort,
            weight: weight, rack: rack, datacenter: datacenter)
    }
}
