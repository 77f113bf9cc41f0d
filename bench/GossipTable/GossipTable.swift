import Base
import Cluster
import ClusterSimulation
import Glibc

/// What failure detection takes, on a simulated network: GossipTable [SEEDS]. Prints docs/cluster.md's table: clusters
/// of 10, 100 and 1,000 nodes, 1 % of all datagrams lost, SEEDS times each (5).
@main
struct GossipTable {
    static func main() {
        let seeds = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 5 : 5
        print(
            "| nodes | crash | runs | first suspected | first down | known everywhere, typical | worst | false positives | bytes per node and period, quiet | busiest node | while a crash is told |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for count in [10, 100, 1000] { row(count, 1, seeds) }
        row(300, 100, seeds)
    }

    static func row(_ count: Int, _ crashes: Int, _ seeds: Int) {
        var (suspected, down, everywhere): ([Int64], [Int64], [Int64]) = ([], [], [])
        var (wrong, quiet, busiest, telling) = (0, 0.0, 0.0, 0.0)
        for seed in 1...seeds {
            let world = GossipWorld(seed: UInt64(seed))
            world.faults.loss = 0.01
            world.startFounded(count)
            world.run(milliseconds: 20_000)
            let (mean, most) = bytes(world, 40)
            quiet += mean / Double(seeds)
            busiest = max(busiest, most)
            let first = UInt64(seed) * 7919
            let victims = (0..<crashes).map { Int((first + UInt64($0 * (count / crashes))) % UInt64(count)) }
            let ids = Set(victims.map { world.nodes[$0].membership.id })
            let crash = world.now
            for victim in victims { world.crash(victim) }
            let sent = total(world)
            let known = world.run(
                until: {
                    world.nodes.allSatisfy { node in
                        !node.isRunning || ids.allSatisfy { node.membership.liveness(of: $0) == .down }
                    }
                },
                limit: 120_000)
            guard let known else {
                print("seed \(seed): not known everywhere after 120 periods")
                continue
            }
            telling += Double(total(world) - sent) / Double(count) / (Double(known) / 1000) / Double(seeds)
            everywhere.append(known)
            world.run(milliseconds: 20_000)
            let after = world.reports.filter { $0.time >= crash }
            suspected.append(
                after.first { if case .suspected(let id, _) = $0.event { ids.contains(id) } else { false } }!.time
                    - crash)
            down.append(
                after.first { if case .down(let id, _) = $0.event { ids.contains(id) } else { false } }!.time - crash)
            wrong += world.reports.count { report in
                if case .down(let id, _) = report.event { !ids.contains(id) || report.time < crash } else { false }
            }
        }
        everywhere.sort()
        print(
            "| \(count) | \(crashes) | \(seeds) | \(periods(suspected)) | \(periods(down)) | \(tenths(everywhere[everywhere.count / 2])) | \(tenths(everywhere.last!)) | \(wrong) | \(Int(quiet)) | \(Int(busiest)) | \(Int(telling)) |"
        )
    }

    static func total(_ world: GossipWorld) -> UInt64 {
        world.nodes.reduce(0) { $0 + $1.membership.statistics.sentBytes }
    }

    /// Sent per node and period over so many of them: on the mean, and by the node that sent most.
    static func bytes(_ world: GossipWorld, _ periods: Int64) -> (Double, Double) {
        let before = world.nodes.map { $0.membership.statistics.sentBytes }
        world.run(milliseconds: periods * 1000)
        let sent = zip(world.nodes, before).map { Double($0.membership.statistics.sentBytes - $1) / Double(periods) }
        return (sent.reduce(0, +) / Double(sent.count), sent.max()!)
    }

    static func periods(_ times: [Int64]) -> String { tenths(times.sorted()[times.count / 2]) }

    /// Of a period, which has 1,000 ms.
    static func tenths(_ milliseconds: Int64) -> String { "\(milliseconds / 1000).\(milliseconds % 1000 / 100)" }
}
