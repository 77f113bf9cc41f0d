/// Whether a member answers, as this node knows it. Of two reports of one incarnation the later case holds; the member
/// itself puts an end to both by a higher incarnation.
public enum Liveness: UInt8, Comparable, Sendable {
    case alive = 1
    /// Somebody's probes, its own and those of others on its behalf, went unanswered. Nobody waits for it any more.
    case suspect
    /// At least two said so, and it did not object in time. It keeps its slots.
    case down

    public static func < (a: Liveness, b: Liveness) -> Bool { a.rawValue < b.rawValue }
}

/// Who suspects a member, and how long it has left to object (Lifeguard, section IV-B: Dadgar, Phillips, Currey, DSN-W
/// 2018): the more say so independently of each other, the shorter.
struct Suspicion: Equatable {
    /// Suspecters that are told apart; more change nothing.
    static let sourcesMax = 4
    /// log(c + 1) / log(k + 1) in thousandths: row k is how many confirmations are expected, column c how many there
    /// are.
    private static let shrinking = [[1000], [0, 1000], [0, 631, 1000], [0, 500, 792, 1000]]

    /// In the order in which they became known. The first one suspected, the others confirm.
    private(set) var sources: [NodeID]
    /// Milliseconds, as is all time in here.
    private(set) var began: Int64

    init(source: NodeID, at now: Int64) { (sources, began) = ([source], now) }

    /// Answers whether that is news.
    mutating func add(_ source: NodeID) -> Bool {
        if sources.count == Self.sourcesMax || sources.contains(source) { return false }
        sources.append(source)
        return true
    }

    mutating func postpone(by milliseconds: Int64) { began += milliseconds }

    /// How long it lasts. `confirmers`: members that could confirm it.
    func duration(shortest: Int64, longest: Int64, confirmers: Int) -> Int64 {
        let row = Self.shrinking[max(0, min(confirmers, Self.sourcesMax - 1))]
        return longest - (longest - shortest) * Int64(row[min(sources.count - 1, row.count - 1)]) / 1000
    }
}
