import Base
import CSystem
import Cluster
import Synchronization

/// What a node knows of its cluster at one moment: the ring, who is on it, who answers. Immutable; each loop holds the
/// newest one for a turn (`Executor.cluster`).
///
/// Members are spoken of by their index in `members`, which is also their index on the ring.
public final class ClusterView: Sendable {
    /// Higher in each view of a run of the server.
    public let number: UInt64
    /// Before that there are no members, not even this one.
    public let isFounded: Bool
    /// This node's.
    public let id: NodeID
    /// This node's index; -1 before the founding.
    public let own: Int
    public let ring: Ring
    public let version: RingVersion
    /// This node, and those that nobody suspects.
    public let reachable: NodeSet
    /// There are members, and all are among them.
    public let isEverybodyReachable: Bool
    /// Of each member.
    public let liveness: [Liveness]
    /// Replicas that each slot has: N, or how many nodes there are.
    public let replicaCount: Int
    /// This node's rank in each slot's preference list; 255: it is none of the slot's replicas.
    private let ownRanks: [UInt8]

    private let kept = Mutex<ClusterTopology?>(nil)

    public var members: [Member] { ring.members }

    /// The ring as clients see it; made when somebody first asks.
    var topology: ClusterTopology {
        kept.withLock { kept in
            if let kept { return kept }
            let made = ClusterTopology(self)
            kept = made
            return made
        }
    }

    init(_ membership: borrowing Membership, replication: Replication, previous: ClusterView?) {
        number = (previous?.number ?? 0) + 1
        isFounded = membership.isFounded
        id = membership.id
        let members = isFounded ? membership.members.filter { $0.state == .up } : []
        let previousRing = previous?.ring
        if let previous, let previousRing, previousRing.members == members {
            ring = previousRing
            (version, own, ownRanks) = (previous.version, previous.own, previous.ownRanks)
        } else {
            ring = Ring(members, replication: replication)
            version = RingVersion(epoch: 1, digest: ring.digest)
            own = ring.index(id) ?? -1
            ownRanks = Self.ranks(of: own, on: ring)
        }
        replicaCount = ring.replicaCount
        let reachable = membership.reachable(on: ring)
        self.reachable = reachable
        isEverybodyReachable = isFounded && ring.members.indices.allSatisfy { reachable.contains($0) }
        liveness = ring.members.map { membership.liveness(of: $0.id) ?? .down }
    }

    private static func ranks(of node: Int, on ring: Ring) -> [UInt8] {
        (0..<Limits.slots).map { slot in
            for rank in 0..<ring.replicaCount where ring.replica(slot, rank) == node { return UInt8(rank) }
            return 255
        }
    }

    /// The slot's replica of this rank; 0 is its coordinator while that can be reached.
    @inline(__always)
    public func replica(_ slot: Int, _ rank: Int) -> Int { ring.replica(slot, rank) }

    /// This node's rank among the slot's replicas; nil if it is none of them.
    @inline(__always)
    public func ownRank(_ slot: Int) -> Int? {
        let rank = ownRanks[slot]
        return rank == 255 ? nil : Int(rank)
    }

    /// For prefetching, as long as this view is there; nil before the founding.
    var routes: RoutePlaces? {
        if !isFounded { return nil }
        let (replicas, stride) = ring.places
        return RoutePlaces(
            replicas: replicas, stride: stride, ownRanks: ownRanks.withUnsafeBytes { $0.baseAddress.unsafelyUnwrapped })
    }

    @inline(__always)
    public func isReachable(_ member: Int) -> Bool { reachable.contains(member) }

    /// Who coordinates the slot's writes now: the first replica that can be reached; nil: none of them can.
    @inline(__always)
    public func coordinator(_ slot: Int) -> Int? {
        for rank in 0..<replicaCount {
            let member = ring.replica(slot, rank)
            if reachable.contains(member) { return member }
        }
        return nil
    }

    /// Nil if there is no such member.
    public func index(_ id: NodeID) -> Int? { ring.index(id) }
}

/// Where a view has what says where a slot's requests go.
struct RoutePlaces {
    fileprivate let replicas: UnsafeRawPointer
    fileprivate let stride: Int
    fileprivate let ownRanks: UnsafeRawPointer

    /// Brings that towards the cache.
    @inline(__always)
    func prefetch(_ slot: Int) {
        cs_prefetch(replicas + slot &* stride)
        cs_prefetch(ownRanks + slot)
    }
}
