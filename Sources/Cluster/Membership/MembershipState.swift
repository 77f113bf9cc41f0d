import Base

/// What a node remembers of its cluster over a restart (docs/cluster.md).
///
///     8   `MartMem\n`
///     4   version
///     4   how many bytes follow, the checksum not counted
///     20  this node
///     8   its incarnation
///     8   digest of the founding members; 0: not founded
///     ..  the cluster's name (its length in a byte before it), how many members (varint), and those, as updates have them
///     4   CRC-32C of all before
public struct MembershipState: Equatable, Sendable {
    static let magic: UInt64 = 0x0a6d_654d_7472_614d  // "MartMem\n"
    static let version: UInt32 = 1
    static let headerBytes = 16
    public static let nameBytesMax = 64

    public var id: NodeID
    public var incarnation: UInt64
    public var founding: UInt64
    public var clusterName: String
    /// This node among them.
    public var members: [Member]

    public enum ReadError: Error, Equatable, Sendable {
        /// Not such a file.
        case foreign
        case newerVersion(UInt32)
        case damaged
    }

    public func write(to output: inout ByteBuffer) {
        let start = output.count
        output.append(littleEndian: Self.magic)
        output.append(littleEndian: Self.version)
        output.append(littleEndian: UInt32(0))
        id.write(to: &output)
        output.append(littleEndian: incarnation)
        output.append(littleEndian: founding)
        Label.write(clusterName, to: &output)
        output.append(varint: UInt64(members.count))
        for member in members { Update.write(member, to: &output) }
        output.replace(at: start + 12, littleEndian: UInt32(output.count - start - Self.headerBytes))
        output.append(littleEndian: CRC32C.checksum(output.view.slice(start, output.count)))
    }

    public init(_ bytes: ByteView) throws(ReadError) {
        do throws(MalformedBytes) {
            try self.init(reading: bytes)
        } catch {
            var header = WireReader(bytes)
            guard let magic = try? header.integer(UInt64.self), magic == Self.magic else { throw .foreign }
            if let version = try? header.integer(UInt32.self), version > Self.version, Self.isWhole(bytes) {
                throw .newerVersion(version)
            }
            throw .damaged
        }
    }

    private static func isWhole(_ bytes: ByteView) -> Bool {
        guard bytes.count >= headerBytes + 4 else { return false }
        var end = WireReader(bytes.slice(bytes.count - 4, bytes.count))
        return (try? end.integer(UInt32.self)) == CRC32C.checksum(bytes.slice(0, bytes.count - 4))
    }

    private init(reading bytes: ByteView) throws(MalformedBytes) {
        if !Self.isWhole(bytes) { throw MalformedBytes() }
        var reader = WireReader(bytes.slice(0, bytes.count - 4))
        let magic = try reader.integer(UInt64.self)
        let version = try reader.integer(UInt32.self)
        let count = try reader.integer(UInt32.self)
        if magic != Self.magic || version != Self.version || Int(count) != reader.left { throw MalformedBytes() }
        id = try reader.id()
        incarnation = try reader.integer(UInt64.self)
        founding = try reader.integer(UInt64.self)
        clusterName = try reader.label(max: Self.nameBytesMax)
        let memberCount = try reader.varint()
        if memberCount > UInt64(reader.left) || incarnation >= Update.incarnationBound { throw MalformedBytes() }
        members = []
        var ids: Set<NodeID> = []
        for _ in 0..<memberCount {
            members.append(try Update.member(&reader))
            if !ids.insert(members.last!.id).inserted { throw MalformedBytes() }
        }
        try reader.end()
        if !ids.contains(id) { throw MalformedBytes() }
    }

    /// What a node of a cluster founded by these members remembers; itself among them.
    public init(id: NodeID, clusterName: String, founders: [Member]) {
        precondition(founders.contains { $0.id == id })
        (self.id, self.clusterName, members) = (id, clusterName, founders)
        incarnation = 0
        founding = Membership.founding(founders.map(\.id))
    }

    init(_ membership: borrowing Membership) {
        id = membership.id
        incarnation = membership.known[0].incarnation
        founding = membership.founding
        clusterName = membership.clusterName
        members = membership.members
    }
}

extension Membership {
    /// What to remember over a restart.
    public var state: MembershipState { MembershipState(self) }
}
