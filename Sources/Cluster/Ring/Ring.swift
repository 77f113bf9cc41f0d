import Base

/// Which nodes hold which slot: consistent hashing with tokens (Karger et al., STOC 1997; Dynamo, SOSP 2007, section
/// 4.2 and 4.3), a pure function of the members that are `up` and of the replication. Two nodes that know the same
/// members have the same ring. Immutable; lists of replicas are computed once, and looked up in a table.
public struct Ring: Sendable {
    /// The members that are up, in the order of their ids. A node's index in here is what the ring's functions speak
    /// of.
    public let members: [Member]
    public let replication: Replication
    /// Tells rings apart: of two that have the same nodes with the same weights, racks, data centres, and the same
    /// replication, the digests are equal.
    public let digest: UInt64
    private let tokens: Tokens
    private let topology: Topology
    /// `stride` places for each slot, the first `listCount` of them used.
    private let replicas: [UInt16]
    private let stride: Int

    /// Takes the members that are up; in any order, each id once.
    public init(_ members: some Sequence<Member>, replication: Replication) {
        let members = members.filter { $0.state == .up }.sorted { $0.id < $1.id }
        precondition(!zip(members, members.dropFirst()).contains { $0.id == $1.id }, "a member twice")
        (self.members, self.replication) = (members, replication)
        digest = Self.digest(members, replication)
        tokens = Tokens(members)
        topology = Topology(members, replication)
        (replicas, stride) = Self.table(topology, tokens)
    }

    private static func table(_ topology: Topology, _ tokens: Tokens) -> ([UInt16], Int) {
        var choice = ReplicaChoice(topology, tokens)
        // All slots have as many: what is left to choose from does not depend on where one begins.
        choice.choose(0)
        let stride = choice.chosen.count
        var table: [UInt16] = []
        table.reserveCapacity(stride * Limits.slots)
        for slot in 0..<Limits.slots {
            choice.choose(slot)
            precondition(choice.chosen.count == stride)
            for node in choice.chosen { table.append(UInt16(node)) }
        }
        return (table, stride)
    }

    /// Replicas that every slot has: fewer than `replication` says only if there are not enough nodes.
    public var replicaCount: Int { stride }

    /// The slot's replica of this rank: 0 is the owner, whose token comes first clockwise; then by preference.
    @inline(__always)
    public func replica(_ slot: Int, _ rank: Int) -> Int {
        precondition(rank < stride)
        return Int(replicas[slot * stride + rank])
    }

    /// Where the slots' replicas stand, as long as the ring is there, and how many bytes each slot's take: for prefetching.
    public var places: (start: UnsafeRawPointer, stride: Int) {
        replicas.withUnsafeBytes { ($0.baseAddress.unsafelyUnwrapped, stride * MemoryLayout<UInt16>.stride) }
    }

    /// The slot's owner; nil if there are no nodes.
    @inline(__always)
    public func owner(_ slot: Int) -> Int? { stride == 0 ? nil : replica(slot, 0) }

    /// The slot's first N nodes.
    @inline(__always)
    public func preferenceList(_ slot: Int) -> PreferenceList {
        PreferenceList(table: replicas, start: slot * stride, count: stride)
    }

    /// The index of a member; nil if it is not on the ring.
    public func index(_ id: NodeID) -> Int? {
        var (low, high) = (0, members.count)
        while low < high {
            let middle = (low + high) / 2
            if members[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < members.count && members[low].id == id ? low : nil
    }

    /// Calls `visit` with all nodes clockwise from the slot's beginning, each once, until it answers true.
    public func walk(_ slot: Int, _ visit: (Int) -> Bool) {
        var seen = NodeSet(of: members.count)
        var unseen = members.count
        _ = tokens.walk(from: slot) { node in
            if seen.contains(node) { return false }
            seen.insert(node)
            unseen -= 1
            return visit(node) || unseen == 0
        }
    }

    func rack(_ node: Int) -> Int { topology.racks[node] }
    func datacenter(_ node: Int) -> Int { topology.datacenters[node] }

    private static func digest(_ members: [Member], _ replication: Replication) -> UInt64 {
        var message = ByteBuffer()
        message.append(ByteView("martlet ring 1"))
        switch replication {
        case .total(let count): message.append(UInt8(count))
        case .perDatacenter(let parts):
            message.append(0)
            message.append(UInt8(parts.count))
            for part in parts {
                Label.write(part.name, to: &message)
                message.append(UInt8(part.count))
            }
        }
        for member in members {
            member.id.write(to: &message)
            message.append(littleEndian: member.weight)
            Label.write(member.rack, to: &message)
            Label.write(member.datacenter, to: &message)
        }
        return SHA256.digest(message.view).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// A slot's replicas by preference: indices into the ring's members.
public struct PreferenceList: RandomAccessCollection, Sendable {
    private let table: [UInt16]
    private let start: Int
    public let count: Int

    init(table: [UInt16], start: Int, count: Int) { (self.table, self.start, self.count) = (table, start, count) }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }
    public subscript(rank: Int) -> Int { Int(table[start + rank]) }
}

/// Which ring a node goes by: each change of ring is a recorded step with the next epoch.
public struct RingVersion: Hashable, Sendable {
    /// 1 for the ring a cluster was founded with.
    public var epoch: UInt64
    public var digest: UInt64

    public init(epoch: UInt64, digest: UInt64) { (self.epoch, self.digest) = (epoch, digest) }

    public enum Comparison: Equatable, Sendable { case same, older, newer, conflicting }

    /// How this one stands to another node's. Conflicting: of one epoch, yet different; neither may answer the other.
    public func compared(to other: RingVersion) -> Comparison {
        if epoch != other.epoch { return epoch < other.epoch ? .older : .newer }
        return digest == other.digest ? .same : .conflicting
    }
}
