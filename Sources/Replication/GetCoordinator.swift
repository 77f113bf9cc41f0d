import Cluster

/// One read's way to its quorum (SPEC B6). A value: answers come in, the verdict comes out.
///
/// Everybody asked compares what the coordinator has of the keys with its own. Who has the same agrees, and says no more; who has
/// not sends all it knows of them. So a read of keys on which all agree moves a few bytes, whatever the values.
///
/// Who agreed need not agree with what the coordinator then learns from somebody else: both may have had nothing, the one because it
/// had not heard of the key, the other because it was deleted. So it is asked again; who has sent all it knows is not. That ends:
/// each time one more has sent all it knows.
public struct GetCoordinator: Equatable, Sendable {
    public var needed: Int { Int(quorum) }
    private let quorum: UInt8
    /// Ranks, a bit for each.
    private var asked: Ranks = 0
    private var awaited: Ranks = 0
    private var answered: Ranks = 0
    /// Of those who have answered, who has agreed with what the coordinator knows.
    private var agreeing: Ranks = 0
    /// Of those who have answered, who has sent what it knows.
    private var differing: Ranks = 0
    /// Of those awaited, who was asked about less.
    private var outdated: Ranks = 0

    public init(_ quorum: Quorum, replicas: Int) {
        precondition(replicas <= Ranks.bitWidth)
        self.quorum = UInt8(quorum.needed(of: replicas))
    }

    private static func bit(_ rank: Int) -> Ranks { 1 << Ranks(rank) }

    /// It is asked about all that the coordinator knows.
    public mutating func ask(_ rank: Int) {
        let rank = Self.bit(rank)
        asked |= rank
        awaited |= rank
        (answered, agreeing, outdated) = (answered & ~rank, agreeing & ~rank, outdated & ~rank)
        differing &= ~rank
    }

    /// The coordinator itself answers, with all it will ever know.
    public mutating func answerMyself(_ rank: Int) {
        asked |= Self.bit(rank)
        answered |= Self.bit(rank)
    }

    /// The coordinator itself is not asked, and does not count.
    public mutating func refuseMyself(_ rank: Int) { asked |= Self.bit(rank) }

    /// It has the same as what it was asked about. Answers whether that counts; if not, it is to be asked again.
    public mutating func agree(_ rank: Int) -> Bool {
        let rank = Self.bit(rank)
        if awaited & rank == 0 { return true }
        if outdated & rank != 0 { return false }
        awaited &= ~rank
        answered |= rank
        agreeing |= rank
        return true
    }

    /// It has sent all that it knows.
    public mutating func differ(_ rank: Int) {
        let rank = Self.bit(rank)
        if awaited & rank == 0 { return }
        (awaited, outdated) = (awaited & ~rank, outdated & ~rank)
        answered |= rank
        differing |= rank
    }

    /// The coordinator knows more than it has asked about. Answers who has agreed with less, and is to be asked again.
    public mutating func learn() -> [Int] {
        let before = agreeing
        outdated = awaited
        (answered, agreeing) = (answered & ~before, 0)
        return Self.ranks(before)
    }

    /// Who has sent what it knows, and may know less than the coordinator.
    public var tellers: [Int] { Self.ranks(differing) }

    private static func ranks(_ bits: Ranks) -> [Int] { (0..<Ranks.bitWidth).filter { bits & bit($0) != 0 } }

    /// It will not answer, or may not: it does not know what it should (a newcomer). Another one may be asked instead.
    public mutating func fail(_ rank: Int) { awaited &= ~Self.bit(rank) }

    public mutating func giveUp() { awaited = 0 }

    public var got: Int { answered.nonzeroBitCount }
    /// Whether those who have been asked are too few, even if all answer.
    public var wantsMore: Bool { askedCount < needed }
    /// Who has answered, or may still.
    public var askedCount: Int { (answered | awaited).nonzeroBitCount }
    public func wasAsked(_ rank: Int) -> Bool { asked & Self.bit(rank) != 0 }
    public var isComplete: Bool { awaited == 0 }
    public func isAwaited(_ rank: Int) -> Bool { awaited & Self.bit(rank) != 0 }

    public var verdict: QuorumVerdict {
        if got >= needed { return .reached }
        if got + awaited.nonzeroBitCount >= needed { return .pending }
        return .missed(got: got, needed: needed)
    }
}
