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
    }

    /// By member.
    private(set) var rounds: [Round] = []

    /// Milliseconds between the end of a round and the next one.
    static let pause: Int64 = 2000
    /// Milliseconds until a member is asked again that has not answered.
    static let retry: Int64 = 300

    mutating func prepare(members: Int) {
        while rounds.count < members { rounds.append(Round()) }
    }

    /// The member cannot be reached: who knows what it does.
    mutating func lose(_ member: Int) { rounds[member].isDone = false }

    mutating func begin(_ member: Int) { rounds[member].isAsking = true }

    /// The member says which partitions differ.
    mutating func found(_ partitions: [Int], at member: Int, now: Int64) {
        rounds[member].isAsking = false
        rounds[member].left = partitions
        if partitions.isEmpty { finish(member, now) }
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
