/// Where a node is in handing to others what it has kept for them. The first loop's.
struct HandOver {
    private struct Round {
        /// An answer is awaited.
        var isAsking = false
        /// When to go on: ms on the monotonic clock.
        var due: Int64 = 0
    }

    /// By member.
    private var rounds: [Int: Round] = [:]
    /// By member, slots of which it has all that was kept for it, and is to be told so.
    private(set) var drained: [Int: Set<Int>] = [:]
    /// What was kept before the start has been found.
    var hasLooked = false
    /// When to look whether somebody is there: ms on the monotonic clock.
    var next: Int64 = 0

    /// Milliseconds between looks, and until a member is asked again that has not answered.
    static let pause: Int64 = 100
    static let retry: Int64 = 300
    /// Keys, and about how many bytes, in one message.
    static let keysMax = 64
    static let bytesMax = 1 << 20

    func mayAsk(_ member: Int, now: Int64) -> Bool {
        rounds[member].map { !$0.isAsking && $0.due <= now } ?? true
    }

    mutating func begin(_ member: Int) { rounds[member, default: Round()].isAsking = true }

    mutating func failed(_ member: Int, now: Int64) { rounds[member] = Round(due: now + HandOver.retry) }

    mutating func answered(_ member: Int) { rounds[member] = Round() }

    mutating func drained(_ slot: Int, at member: Int) { drained[member, default: []].insert(slot) }

    mutating func told(_ slots: [Int], to member: Int) {
        drained[member]?.subtract(slots)
        if drained[member]?.isEmpty ?? false { drained[member] = nil }
    }
}
