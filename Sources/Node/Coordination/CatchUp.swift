import Base

/// Where a node is in comparing its slots with those of other replicas. Each node asks for what it lacks itself. The
/// first loop's.
struct CatchUp {
    /// With one member.
    struct Round {
        /// Partitions that differ and have not been gone through.
        var left: [Int] = []
        /// An answer is awaited.
        var isAsking = false
        /// When to go on: ms on the monotonic clock.
        var due: Int64 = 0
        /// All that differed when the first round began has been gone through.
        var isDone = false
        /// What each partition came to here when the member was asked last.
        fileprivate var digests: [UInt64] = []
        /// Partitions that are left to a later round.
        fileprivate var changing: Set<Int> = []
        /// For how many rounds some have been left so.
        fileprivate var postponed = 0
    }

    /// By member.
    private(set) var rounds: [Round] = []

    /// Milliseconds between the end of a round and the next one.
    static let pause: Int64 = 2000
    /// Milliseconds until a member is asked again that has not answered.
    static let retry: Int64 = 300
    /// Rounds after which a partition is gone through that changes all the time.
    static let patience = 8

    mutating func prepare(members: Int) {
        while rounds.count < members { rounds.append(Round()) }
    }

    /// The member cannot be reached: who knows what it does.
    mutating func lose(_ member: Int) { rounds[member].isDone = false }

    mutating func begin(_ member: Int) { rounds[member].isAsking = true }

    /// The member is asked which partitions differ from these. Where one is being written to, what is on its way makes it
    /// differ nearly always: if nothing else is known to be amiss, such ones can wait for some rounds.
    mutating func begin(_ member: Int, comparing digests: [UInt64]) {
        begin(member)
        let before = rounds[member].digests
        rounds[member].digests = digests
        let mayWait = rounds[member].isDone && rounds[member].postponed + 1 < CatchUp.patience
        rounds[member].changing = mayWait ? Set(before.indices.filter { before[$0] != digests[$0] }) : []
    }

    /// The member says which partitions differ.
    mutating func found(_ partitions: [Int], at member: Int, now: Int64) {
        rounds[member].isAsking = false
        let left = partitions.filter { !rounds[member].changing.contains($0) }
        rounds[member].postponed = left.count < partitions.count ? rounds[member].postponed + 1 : 0
        rounds[member].left = left
        if left.isEmpty { finish(member, now) }
    }

    /// A partition has been gone through, or the first part of it.
    mutating func adopted(_ partition: Int, at member: Int, isWhole: Bool, now: Int64) {
        rounds[member].isAsking = false
        if !isWhole { return }
        rounds[member].left.removeAll { $0 == partition }
        if rounds[member].left.isEmpty { finish(member, now) }
    }

    private mutating func finish(_ member: Int, _ now: Int64) {
        rounds[member].isDone = true
        rounds[member].due = now + CatchUp.pause
    }

    mutating func failed(_ member: Int, now: Int64) {
        rounds[member].isAsking = false
        rounds[member].due = now + CatchUp.retry
    }
}
