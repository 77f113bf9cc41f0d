import Base
import ClusterSimulation
import Foundation
import Testing

@testable import Cluster

/// Many members on a network that goes wrong as seeds say. `bench/GossipTable` measures the same with 1,000.
@Suite struct MembershipSimulationTests {
    private static let isLong = ProcessInfo.processInfo.environment["MARTLET_LONG"] == "1"

    private func falseAlarms(_ world: GossipWorld, but crashed: NodeID?) -> Int {
        world.reports.count { report in
            if case .down(let id, _) = report.event { id != crashed } else { false }
        }
    }

    /// 1 % of all datagrams lost: a crash is known everywhere within 15 periods, nobody else is marked down, and what a
    /// node sends does not follow the cluster's size.
    @Test(arguments: [(UInt64(1), 10), (2, 30), (3, 60)]) func crashesAreKnownSoon(seed: UInt64, count: Int) {
        let world = GossipWorld(seed: seed)
        world.faults.loss = 0.01
        world.startFounded(count)
        world.run(milliseconds: 10_000)
        let before = world.nodes.map { $0.membership.statistics.sentBytes }
        world.run(milliseconds: 20_000)
        for (node, sent) in zip(world.nodes, before) {
            #expect((node.membership.statistics.sentBytes - sent) / 20 < 600)
        }
        let victim = Int(seed)
        let id = world.nodes[victim].membership.id
        #expect(falseAlarms(world, but: nil) == 0)
        world.crash(victim)
        let known = world.run(
            until: { world.nodes.allSatisfy { !$0.isRunning || $0.membership.liveness(of: id) == .down } },
            limit: 15_000)
        #expect(known != nil)
        world.run(milliseconds: 10_000)
        #expect(falseAlarms(world, but: id) == 0)
    }

    /// Loss, repetition, stragglers, crashes with and without return, pauses, one-way cuts and splits; then calm: all
    /// that run agree on who is who and who is there.
    /// MARTLET_LONG=1: 400 seeds.
    @Test(arguments: 1...(isLong ? 400 : 8)) func viewsConverge(seed: UInt64) {
        var random = PRNG(seed: 1000 + seed)
        let world = GossipWorld(seed: seed)
        let count = 5 + Int(random.below(12))
        world.startFounded(count)
        for _ in 0..<12 {
            trouble(world, &random)
            world.run(milliseconds: Int64(random.below(15_000)))
        }
        world.faults = GossipFaults()
        world.isCut = { _, _ in false }
        for node in world.nodes.indices { world.resume(node) }
        // Probes that are under way fail yet: a slow node's take nine periods.
        world.run(milliseconds: 20_000)
        let agreed = world.run(until: { agree(world) }, limit: 200_000)
        #expect(agreed != nil)
        let reports = world.reports.count
        world.run(milliseconds: 60_000)
        #expect(world.reports.count == reports && agree(world))
    }

    private func trouble(_ world: GossipWorld, _ random: inout PRNG) {
        let count = UInt64(world.nodes.count)
        let node = Int(random.below(count))
        switch random.below(8) {
        case 0: world.crash(node)
        case 1: if !world.nodes[node].isRunning { world.restart(node) }
        case 2: world.pause(node)
        case 3: world.resume(node)
        case 4:
            let half = random.below(count)
            world.isCut = { (UInt64($0) < half) != (UInt64($1) < half) }
        case 5: world.isCut = { from, to in to == node && from % 2 == 0 }
        case 6: world.isCut = { _, _ in false }
        default:
            world.faults.loss = Double(random.below(30)) / 100
            world.faults.duplication = Double(random.below(30)) / 100
            world.faults.straggling = Double(random.below(30)) / 100
        }
    }

    /// Those that run take all that run for alive and the others for down, in the same incarnations.
    private func agree(_ world: GossipWorld) -> Bool {
        let running = Set(world.nodes.filter(\.isRunning).map { $0.membership.id })
        return world.nodes.allSatisfy { node in
            !node.isRunning
                || world.nodes.allSatisfy { other in
                    let id = other.membership.id
                    return node.membership.liveness(of: id) == (running.contains(id) ? .alive : .down)
                        && (!other.isRunning || node.incarnation(of: id) == other.incarnation(of: id))
                }
        }
    }

    /// Halves that cannot reach each other mark each other down, and are one again after.
    @Test func splitsHeal() {
        let world = GossipWorld(seed: 77)
        world.startFounded(20)
        world.run(milliseconds: 5000)
        world.isCut = { ($0 < 12) != ($1 < 12) }
        world.run(milliseconds: 90_000)
        #expect(world.nodes[0].counts == (11, 0, 8))
        #expect(world.nodes[15].counts == (7, 0, 12))
        world.isCut = { _, _ in false }
        #expect(world.run(until: { agree(world) }, limit: 30_000) != nil)
    }

    @Test func oneSeedOneCourse() {
        func course() -> (UInt64, [GossipWorld.Report]) {
            let world = GossipWorld(seed: 5)
            world.faults.loss = 0.05
            world.startFounded(12)
            world.run(milliseconds: 10_000)
            world.crash(3)
            world.run(milliseconds: 20_000)
            return (world.trace, world.reports)
        }
        let (first, second) = (course(), course())
        #expect(first.0 == second.0 && first.1 == second.1 && !first.1.isEmpty)
    }
}

extension GossipWorld.Node {
    fileprivate func incarnation(of id: NodeID) -> UInt64? {
        membership.indices[id].map { membership.known[$0].incarnation }
    }
}
