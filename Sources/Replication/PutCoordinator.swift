import Base
import Cluster

/// What has become of a request that several nodes have a say in.
public enum QuorumVerdict: Equatable, Sendable {
    case pending
    case reached
    /// So many answered, so many were needed, and nobody is left who could make up for it. A write that fails may still
    /// take effect: whoever has it keeps it.
    case missed(got: Int, needed: Int)
}

/// Ranks of a slot's replicas, a bit for each: `Replication.replicasMax` of them.
typealias Ranks = UInt16

/// One write's way to its quorum (SPEC B5, B8; Dynamo, section 4.6). A value: who acknowledged and who will not comes in,
/// the verdict comes out.
///
/// Seats are the slot's replicas by rank, whoever sits there: the replica itself, or a stand-in that keeps a hint for it.
/// Of one seat one acknowledgement counts.
public struct PutCoordinator: Equatable, Sendable {
    /// How many acknowledgements are waited for.
    public var needed: Int { Int(quorum) }
    private let quorum: UInt8
    private let isStrict: Bool
    /// Seats, by rank: whose answer is still awaited, who has acknowledged.
    private var awaited: Ranks = 0
    private var acknowledged: Ranks = 0
    /// Seats on which somebody stands in.
    private var stoodIn: Ranks = 0

    public init(_ quorum: Quorum, isStrict: Bool, replicas: Int) {
        precondition(replicas <= Ranks.bitWidth)
        self.quorum = UInt8(quorum.needed(of: replicas))
        // W ANY says itself that a hint is enough.
        self.isStrict = isStrict && quorum != .any
    }

    /// The write is on its way to whoever sits there.
    public mutating func sent(to rank: Int, isStandIn: Bool) {
        let seat = Ranks(1) << Ranks(rank)
        awaited |= seat
        if isStandIn { stoodIn |= seat } else { stoodIn &= ~seat }
    }

    /// It is there, as safe as the node's settings say.
    public mutating func acknowledge(_ rank: Int) {
        let seat = Ranks(1) << Ranks(rank)
        if awaited & seat == 0 { return }
        awaited &= ~seat
        acknowledged |= seat
    }

    /// Whoever sits there will not acknowledge it. Somebody else may be asked instead (`sent`).
    public mutating func fail(_ rank: Int) { awaited &= ~(1 << Ranks(rank)) }

    /// Nobody will answer any more: the time is up.
    public mutating func giveUp() { awaited = 0 }

    /// Acknowledgements that count.
    public var got: Int { (acknowledged & counting).nonzeroBitCount }

    /// Acknowledgements that count, and those that may still come.
    public var possible: Int { got + (awaited & counting).nonzeroBitCount }

    /// Seats whose answer is awaited, by rank.
    public var isComplete: Bool { awaited == 0 }

    public func isAwaited(_ rank: Int) -> Bool { awaited & 1 << Ranks(rank) != 0 }

    private var counting: Ranks {
        #if CANARIES
            if Canary.active == .hintsCount { return .max }
        #endif
        return isStrict ? ~stoodIn : .max
    }

    public var verdict: QuorumVerdict {
        if got >= needed { return .reached }
        if possible >= needed { return .pending }
        return .missed(got: got, needed: needed)
    }
}
