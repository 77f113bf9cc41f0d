import Base
import Cluster
import Glibc

/// How evenly the ring divides the slots: RingTable [SETS]. Prints docs/cluster.md's table, each row over SETS random
/// sets of nodes (20), and for ten equal nodes over 100 times as many.
@main
struct RingTable {
    static func main() {
        let sets = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 20 : 20
        print(
            "| nodes | weights | sets | most/mean, typical | worst | least/mean, worst | with replicas, worst | ranges | to make |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for count in [3, 10, 100, 1000] {
            row(count, "equal", count == 10 ? sets * 100 : count == 1000 ? max(sets / 4, 1) : sets) { _, _ in 1 }
            row(count, "1 to 4", count == 1000 ? max(sets / 4, 1) : sets) { _, random in UInt16(1 + random.below(4)) }
        }
    }

    static func row(_ count: Int, _ name: String, _ sets: Int, _ weight: (Int, inout PRNG) -> UInt16) {
        var random = PRNG(seed: UInt64(count))
        var most: [Double] = []
        var (least, replicas, ranges, nanoseconds) = (Double.infinity, 0.0, 0, UInt64(0))
        for _ in 0..<sets {
            let members = (0..<count).map { i in
                Member(
                    id: NodeID(random: &random), host: "h", clientPort: 1, peerPort: 2, weight: weight(i, &random))
            }
            let start = nanosecondsNow()
            let ring = Ring(members, replication: .total(3))
            nanoseconds += nanosecondsNow() - start
            let owned = shares(ring, ranks: 0..<1)
            most.append(owned.max()!)
            least = min(least, owned.min()!)
            replicas = max(replicas, shares(ring, ranks: 0..<ring.replicaCount).max()!)
            ranges +=
                1 + (1..<Limits.slots).count { !ring.preferenceList($0).elementsEqual(ring.preferenceList($0 - 1)) }
        }
        most.sort()
        let figures = [most[most.count / 2], most.last!, least, replicas].map(hundredths).joined(separator: " | ")
        let milliseconds = nanoseconds / UInt64(sets) / 1_000_000
        print("| \(count) | \(name) | \(sets) | \(figures) | \(ranges / sets) | \(milliseconds) ms |")
    }

    /// What nodes have of these ranks, in parts of what their weights say.
    static func shares(_ ring: Ring, ranks: Range<Int>) -> [Double] {
        var counts = [Int](repeating: 0, count: ring.members.count)
        for slot in 0..<Limits.slots {
            for rank in ranks { counts[ring.replica(slot, rank)] += 1 }
        }
        let total = ring.members.reduce(0) { $0 + Double($1.weight) }
        return zip(counts, ring.members).map { count, member in
            Double(count) / (Double(Limits.slots * ranks.count) * Double(member.weight) / total)
        }
    }

    static func hundredths(_ value: Double) -> String {
        let rounded = Int((value * 100).rounded())
        return "\(rounded / 100).\(rounded % 100 < 10 ? "0" : "")\(rounded % 100)"
    }

    static func nanosecondsNow() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
