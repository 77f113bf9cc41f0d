/// The failure detector's times. All in milliseconds; all nodes of a cluster should have the same.
public struct MembershipOptions: Sendable {
    /// The protocol period: each node probes one member in each.
    public var period: Int64 = 1000
    /// After this others are asked to probe the member too.
    public var probeTimeout: Int64 = 400
    /// How many are asked.
    public var helpers = 3
    /// While there is news, it is told to so many members so often.
    public var gossipInterval: Int64 = 200
    public var gossipTargets = 3
    /// News is told so often, times the decimal logarithm of the number of members, rounded up.
    public var retransmissions = 4
    /// A confirmed suspicion lasts so many periods times that logarithm (at least 1, not rounded), one that nobody
    /// confirms `suspicionStretch` times as long.
    public var suspicionPeriods: Int64 = 2
    public var suspicionStretch: Int64 = 3
    /// Every so many periods a part of the member map is compared with another node's.
    public var syncPeriods: Int64 = 8
    /// Seeds that are asked in a period until the cluster is founded.
    public var hellos = 50

    public init() {}

    /// The local health score's upper end: probes are at most so much plus one times slower (Lifeguard, section IV-A).
    static let healthMax = 8

    /// The decimal logarithm in thousandths, in steps of a quarter: 10 nodes 1000, 1000 nodes 3000.
    static func logarithm(_ members: Int) -> Int64 {
        var (value, logarithm) = (10, Int64(1000))
        while value <= Int.max / 16, value * 16 / 9 <= members {
            value = value * 16 / 9
            logarithm += 250
        }
        return logarithm
    }

    func shortestSuspicion(_ members: Int) -> Int64 { suspicionPeriods * period * Self.logarithm(members) / 1000 }

    func tellings(_ members: Int) -> Int { retransmissions * Int((Self.logarithm(members + 1) + 999) / 1000) }
}
