import Cluster

/// One read's way to its quorum (SPEC B6). A value: answers come in, the verdict comes out.
///
/// Everybody asked compares what the coordinator has of the keys with its own. Who has the same says so and no more;
/// who has not sends what it has. So a read of keys on which all agree moves a few bytes, whatever the values.
public struct GetCoordinator: Equatable, Sendable {
    public let needed: Int
    private var awaited: UInt64 = 0
    private var asked: UInt64 = 0
    /// Replicas that have answered, by rank.
    private var answered: UInt64 = 0
    /// Of those, who had something else than the coordinator.
    private var differing: UInt64 = 0

    public init(_ quorum: Quorum, replicas: Int) {
        precondition(replicas <= 64)
        needed = quorum.needed(of: replicas)
    }

    public mutating func ask(_ rank: Int) {
        awaited |= 1 << UInt64(rank)
        asked |= 1 << UInt64(rank)
    }

    public mutating func answer(_ rank: Int, differs: Bool) {
        let replica = UInt64(1) << UInt64(rank)
        if awaited & replica == 0 { return }
        awaited &= ~replica
        answered |= replica
        if differs { differing |= replica }
    }

    /// It will not answer, or may not: it does not know what it should (a newcomer). Another one may be asked instead.
    public mutating func fail(_ rank: Int) { awaited &= ~(1 << UInt64(rank)) }

    public mutating func giveUp() { awaited = 0 }

    public var got: Int { answered.nonzeroBitCount }
    /// Whether those who have been asked are too few, even if all answer.
    public var wantsMore: Bool { askedCount < needed }
    /// Who has answered, or may still.
    public var askedCount: Int { (answered | awaited).nonzeroBitCount }
    public func wasAsked(_ rank: Int) -> Bool { asked & 1 << UInt64(rank) != 0 }
    public var isComplete: Bool { awaited == 0 }
    public func isAwaited(_ rank: Int) -> Bool { awaited & 1 << UInt64(rank) != 0 }

    /// Whether somebody had something else: what the coordinator has answered by itself is out of date, or was not
    /// known everywhere.
    public var hasDiffered: Bool { differing != 0 }

    public var verdict: QuorumVerdict {
        if got >= needed { return .reached }
        if got + awaited.nonzeroBitCount >= needed { return .pending }
        return .missed(got: got, needed: needed)
    }
}
