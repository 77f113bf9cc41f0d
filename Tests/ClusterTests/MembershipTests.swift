import Base
import ClusterSimulation
import Testing

@testable import Cluster

/// Founding, detecting, refusing: a few members on a simulated network.
@Suite struct MembershipTests {
    private func found(_ count: Int, seed: UInt64 = 1) -> GossipWorld {
        let world = GossipWorld(seed: seed)
        let members = (0..<count).map { world.member($0) }
        for member in members { world.start(member, seeds: members.map(\.peerAddress)) }
        world.run(milliseconds: 3000)
        return world
    }

    private func events(_ world: GossipWorld, _ node: Int) -> [MembershipEvent] {
        world.reports.filter { $0.node == node }.map(\.event)
    }

    private func isDown(_ report: GossipWorld.Report) -> Bool {
        if case .down = report.event { true } else { false }
    }

    @Test(arguments: [1, 2, 3, 7]) func seedsFoundACluster(count: Int) {
        let world = found(count)
        let rings = world.nodes.map { Ring($0.membership.members, replication: .total(3)).digest }
        for node in world.nodes.indices {
            #expect(events(world, node) == [.founded(members: count)])
            #expect(rings[node] == rings[0])
            #expect(world.nodes[node].membership.state.founding == world.nodes[0].membership.state.founding)
        }
        world.run(milliseconds: 60_000)
        #expect(world.reports.count == count)
    }

    /// Until the last seed has come there is no cluster; with it, at once.
    @Test func allSeedsMustCome() {
        let world = GossipWorld(seed: 2)
        let members = (0..<3).map { world.member($0) }
        for member in members[..<2] { world.start(member, seeds: members.map(\.peerAddress)) }
        world.run(milliseconds: 30_000)
        #expect(world.reports.isEmpty && world.nodes.allSatisfy { !$0.membership.isFounded })
        #expect(throws: MembershipRefusal.notFounded) {
            try world.nodes[0].meet(NodeAddress(host: "10.9.9.9", port: 1))
        }
        world.start(members[2], seeds: members.reversed().map(\.peerAddress))
        let taken = world.run(until: { world.nodes.allSatisfy { $0.membership.isFounded } }, limit: 2000)
        #expect(taken != nil)
    }

    @Test(arguments: 1...4) func foundingSurvivesABadNetwork(seed: UInt64) {
        let world = GossipWorld(seed: seed)
        world.faults.loss = 0.4
        world.faults.duplication = 0.3
        world.faults.straggling = 0.3
        let members = (0..<5).map { world.member($0) }
        for member in members { world.start(member, seeds: members.map(\.peerAddress)) }
        #expect(world.run(until: { world.nodes.allSatisfy { $0.membership.isFounded } }, limit: 60_000) != nil)
        world.faults = GossipFaults()
        #expect(agree(world, limit: 120_000))
        #expect(Set(world.nodes.map { $0.membership.state.founding }).count == 1)
    }

    private func agree(_ world: GossipWorld, limit: Int64) -> Bool {
        world.run(
            until: { world.nodes.allSatisfy { $0.membership.counts.alive == world.nodes.count - 1 } }, limit: limit)
            != nil
    }

    @Test func differentSeedsFoundNothing() {
        let world = GossipWorld(seed: 4)
        let members = (0..<3).map { world.member($0) }
        world.start(members[0], seeds: members.map(\.peerAddress))
        world.start(members[1], seeds: members.map(\.peerAddress))
        world.start(members[2], seeds: [members[0].peerAddress, members[2].peerAddress])
        world.run(milliseconds: 20_000)
        #expect(world.nodes.allSatisfy { !$0.membership.isFounded })
        #expect(events(world, 2).contains(.refused(by: members[0].peerAddress, .seedsDiffer)))
        #expect(events(world, 0).contains(.stranger(members[2].id, at: members[2].peerAddress, .seedsDiffer)))
        // Told once, however often they ask.
        #expect(world.reports.count <= 6)
    }

    @Test func whoIsNotNamedDoesNotBelong() {
        let world = GossipWorld(seed: 5)
        let members = (0..<3).map { world.member($0) }
        let seeds = members[..<2].map(\.peerAddress)
        for member in members { world.start(member, seeds: seeds) }
        world.run(milliseconds: 20_000)
        #expect(world.nodes[0].isFounded && world.nodes[1].isFounded)
        #expect(!world.nodes[2].isFounded)
        #expect(world.nodes[0].members.count == 2)
    }

    /// A node that comes later is told why it may not join.
    @Test func theRingIsFixed() {
        let world = found(3)
        let late = world.member(3)
        world.start(late, seeds: world.nodes.map(\.address) + [late.peerAddress])
        world.run(milliseconds: 10_000)
        #expect(!world.nodes[3].isFounded)
        #expect(events(world, 3).contains(.refused(by: world.nodes[0].address, .ringIsFixed)))
        #expect(events(world, 0).contains(.stranger(late.id, at: late.peerAddress, .ringIsFixed)))
        #expect(world.nodes[..<3].allSatisfy { $0.membership.members.count == 3 })
        #expect(throws: MembershipRefusal.ringIsFixed) { try world.nodes[0].meet(late.peerAddress) }
        #expect(throws: Never.self) { try world.nodes[0].meet(world.nodes[1].address) }
        #expect(throws: MembershipRefusal.holdsSlots) {
            try world.nodes[0].forget(world.nodes[1].membership.id)
        }
        #expect(throws: MembershipRefusal.unknownNode) { try world.nodes[0].forget(late.id) }
    }

    @Test func strangersAreNotHeard() {
        let world = found(2)
        let (foreign, forger) = (world.member(2), world.member(3))
        let seeds = world.nodes.map(\.address)
        world.start(foreign, seeds: seeds + [foreign.peerAddress], clusterName: "other")
        world.start(forger, seeds: seeds + [forger.peerAddress], secret: [UInt8](repeating: 8, count: 32))
        world.run(milliseconds: 10_000)
        let refused = world.nodes[0].statistics.refused
        #expect(refused[Int(GossipError.cluster.rawValue)] >= 9)
        #expect(refused[Int(GossipError.forged.rawValue)] >= 9)
        #expect(events(world, 0) == [.founded(members: 2)] && events(world, 2).isEmpty && events(world, 3).isEmpty)
    }

    /// Two clusters of one name and secret, by mistake: they tell, and stay apart.
    @Test func foundedDifferentlyStaysApart() {
        let world = GossipWorld(seed: 6)
        let members = (0..<4).map { world.member($0) }
        for pair in [members[..<2], members[2...]] {
            for member in pair {
                world.start(
                    member, seeds: pair.map(\.peerAddress),
                    restored: MembershipState(id: member.id, clusterName: "test", founders: Array(pair)))
            }
        }
        world.run(milliseconds: 2000)
        var ping = GossipWriter(ClusterKey(cluster: "test", secret: [UInt8](repeating: 7, count: 32)))
        ping.begin(
            .ping, from: members[2].id, to: members[0].id, founding: world.nodes[2].membership.state.founding, nonce: 1)
        world.inject(ping.finish(), from: 2, to: 0)
        world.run(milliseconds: 2000)
        #expect(events(world, 0) == [.stranger(members[2].id, at: members[2].peerAddress, .foundedDifferently)])
        #expect(events(world, 2) == [.refused(by: members[0].peerAddress, .foundedDifferently)])
        #expect(world.nodes.allSatisfy { $0.membership.members.count == 2 })
    }

    /// Also of two nodes, where there is nobody who could agree.
    @Test(arguments: [2, 3, 5]) func aCrashIsNoticedAndAReturnToo(count: Int) {
        let world = found(count)
        let victim = world.nodes[1].membership.id
        let view = world.nodes[0].viewNumber
        world.crash(1)
        let others = world.nodes.indices.filter { $0 != 1 }
        let noticed = world.run(
            until: { others.allSatisfy { world.nodes[$0].membership.liveness(of: victim) == .down } }, limit: 15_000)
        #expect(noticed != nil)
        #expect(world.nodes[0].viewNumber > view)
        for report in world.reports where isDown(report) {
            guard case .down(let id, let sources) = report.event else { continue }
            #expect(id == victim && (sources.count >= 2 || count == 2) && !sources.contains(victim))
        }
        #expect(world.nodes[0].members.count == count)
        world.restart(1)
        #expect(
            world.run(
                until: { others.allSatisfy { world.nodes[$0].membership.liveness(of: victim) == .alive } },
                limit: 15_000) != nil)
        #expect(world.nodes[1].isFounded)
        #expect(events(world, 0).last == .returned(victim))
    }

    /// A node that hears nothing suspects everybody, and is alone with it: nobody else is marked down.
    @Test(arguments: 1...5) func whoIsAloneIsNotBelieved(seed: UInt64) {
        let world = found(6, seed: seed)
        world.isCut = { _, to in to == 0 }
        world.run(milliseconds: 60_000)
        let deaf = world.nodes[0].membership.id
        for report in world.reports where isDown(report) && report.node != 0 {
            guard case .down(let id, _) = report.event else { continue }
            #expect(id == deaf)
        }
        #expect(world.nodes[1...].allSatisfy { $0.membership.liveness(of: deaf) == .down })
        #expect(world.nodes[0].counts.alive == 0)
        // It came to that only once there was nobody left, as far as it could know, who might have agreed.
        let own = events(world, 0)
        let first = own.firstIndex { if case .down = $0 { true } else { false } }!
        #expect(own[..<first].count { if case .suspected = $0 { true } else { false } } == 5)
        world.isCut = { _, _ in false }
        #expect(agree(world, limit: 60_000))
    }

    /// Two members do not reach each other, but all others reach both: nobody is even suspected.
    @Test func othersReachWhomOneDoesNot() {
        let world = found(5)
        world.isCut = { from, to in min(from, to) == 0 && max(from, to) == 1 }
        world.run(milliseconds: 120_000)
        #expect(world.reports.count == 5)
    }

    /// Stopped for some seconds, a node is suspected or marked down by others; when it goes on it accuses nobody,
    /// whatever it had been waiting for, and is back.
    @Test(arguments: 1...8) func aPauseAccusesNobody(seed: UInt64) {
        let world = found(5, seed: seed)
        world.faults.delay = 100...190
        world.run(milliseconds: 10_000 + Int64(seed) * 130)
        let reports = world.reports.count
        world.pause(2)
        world.run(milliseconds: 5000 + Int64(seed) * 1000)
        let paused = world.nodes[2].membership.id
        #expect(world.nodes[0].liveness(of: paused) != .alive)
        world.resume(2)
        #expect(agree(world, limit: 10_000))
        world.run(milliseconds: 60_000)
        for report in world.reports[reports...] {
            switch report.event {
            case .suspected(paused, _), .down(paused, _), .returned(paused), .refuted: break
            default: Issue.record("\(report)")
            }
        }
        #expect(world.nodes[2].localHealth == 0)
    }

    /// A suspicion in the midst of a pause is not over because of it: the objection may have come, unread.
    @Test func aPauseEndsNoSuspicion() {
        let world = found(4)
        let suspect = world.nodes[1].membership.id
        world.pause(1)
        #expect(world.run(until: { world.nodes[2].liveness(of: suspect) == .suspect }, step: 10, limit: 10_000) != nil)
        world.pause(2)
        world.resume(1)
        world.run(milliseconds: 20_000)
        let reports = world.reports.count
        world.resume(2)
        world.run(milliseconds: 20_000)
        #expect(!world.reports[reports...].contains(where: isDown))
        #expect(agree(world, limit: 1000))
    }

    /// One accuser is none: who is told by one only that a member is down suspects it, until others agree or it
    /// objects.
    @Test func oneAccuserIsNotEnough() {
        let world = GossipWorld(seed: 11)
        world.startFounded(4)
        let ids = world.nodes.map { $0.membership.id }
        // Nobody hears anything but what is injected.
        world.isCut = { _, _ in true }
        let founding = world.nodes[0].membership.state.founding
        func accuse(_ sources: [NodeID], to receiver: NodeID? = nil) {
            var writer = GossipWriter(ClusterKey(cluster: "test", secret: [UInt8](repeating: 7, count: 32)))
            writer.begin(.gossip, from: ids[3], to: receiver ?? ids[0], founding: founding, nonce: 1)
            let fits = writer.append(Update.down(.init(id: ids[1], incarnation: 1, sources: sources)))
            #expect(fits)
            world.inject(writer.finish(), from: 3, to: 0)
        }
        accuse([ids[3], ids[2]], to: ids[2])
        #expect(world.nodes[0].liveness(of: ids[1]) == .alive)
        #expect(world.nodes[0].statistics.refused[Int(GossipError.misdirected.rawValue)] == 1)
        accuse([ids[3]])
        #expect(world.nodes[0].liveness(of: ids[1]) == .suspect)
        accuse([ids[3], ids[2]])
        #expect(world.nodes[0].liveness(of: ids[1]) == .down)
    }

    /// An address that changes over a restart becomes known.
    @Test func aNewAddressBecomesKnown() {
        let world = found(3)
        world.crash(1)
        world.run(milliseconds: 2000)
        var moved = world.nodes[1].membership.identity
        moved.clientPort = 7000
        moved.host = "10.7.7.7"
        world.start(moved, seeds: [], restored: world.nodes[1].membership.state)
        world.run(milliseconds: 10_000)
        for node in [0, 2] {
            #expect(world.nodes[node].membership.members.contains { $0.host == "10.7.7.7" && $0.clientPort == 7000 })
            #expect(events(world, node).contains(.changed(moved.id)))
            #expect(world.nodes[node].membership.liveness(of: moved.id) == .alive)
        }
    }

    /// Two nodes that have each other for down, in incarnations that both are past: each hears only accusations that it has
    /// long objected to.
    @Test func whoIsPastEachOtherFindsTogether() {
        let world = GossipWorld(seed: 12)
        world.startFounded(4)
        let ids = world.nodes.map { $0.membership.id }
        let founding = world.nodes[0].membership.state.founding
        world.isCut = { _, _ in true }
        func tell(_ node: Int, _ update: Update) {
            var writer = GossipWriter(ClusterKey(cluster: "test", secret: [UInt8](repeating: 7, count: 32)))
            writer.begin(.gossip, from: ids[3], to: ids[node], founding: founding, nonce: 1)
            let fits = writer.append(update)
            #expect(fits)
            world.inject(writer.finish(), from: 3, to: node)
        }
        for node in 0...1 {
            let sources = [ids[2], ids[3]]
            tell(node, .suspect(.init(id: ids[node], incarnation: 5, sources: sources)))
            tell(node, .down(.init(id: ids[1 - node], incarnation: 3, sources: sources)))
            #expect(world.nodes[node].membership.state.incarnation == 6)
            #expect(world.nodes[node].liveness(of: ids[1 - node]) == .down)
        }
        world.crash(2)
        world.crash(3)
        world.run(milliseconds: 60_000)
        world.isCut = { _, _ in false }
        let found = world.run(
            until: { (0...1).allSatisfy { world.nodes[$0].liveness(of: ids[1 - $0]) == .alive } }, limit: 20_000)
        #expect(found != nil)
    }

    /// What was recorded and is sent again, to whomever, changes nothing.
    @Test func replayedDatagramsChangeNothing() {
        let world = GossipWorld(seed: 9)
        var recorded: [(from: Int, to: Int, bytes: [UInt8])] = []
        world.onSend = { recorded.append(($0, $1, $2)) }
        world.startFounded(5)
        world.run(milliseconds: 10_000)
        // So that suspicions and refutations are among it.
        world.pause(3)
        world.run(milliseconds: 15_000)
        world.resume(3)
        world.run(milliseconds: 20_000)
        #expect(agree(world, limit: 10_000))
        world.onSend = nil
        let (reports, states) = (world.reports.count, world.nodes.map { $0.membership.state })
        var random = PRNG(seed: 9)
        for _ in 0..<20_000 {
            let old = recorded[Int(random.below(UInt64(recorded.count)))]
            world.inject(old.bytes, from: old.from, to: random.below(4) == 0 ? Int(random.below(5)) : old.to)
            if random.below(20) == 0 { world.run(milliseconds: Int64(random.below(40))) }
        }
        #expect(world.reports.count == reports)
        #expect(world.nodes.map { $0.membership.state } == states)
    }

    /// News that gossip never told is found by comparing maps, datagram by datagram.
    @Test func mapsAreCompared() {
        var options = MembershipOptions()
        options.gossipTargets = 0
        options.retransmissions = 0
        let world = GossipWorld(seed: 10, options: options)
        world.startFounded(150)
        world.run(milliseconds: 2000)
        for i in stride(from: 0, to: 150, by: 10) { world.restart(i) }
        let restarted = stride(from: 0, to: 150, by: 10).map { world.nodes[$0].membership.identity }
        let known = world.run(
            until: {
                world.nodes.allSatisfy { node in restarted.allSatisfy { node.knows($0) } }
            }, step: 8000, limit: 600_000)
        #expect(known != nil)
    }
}

extension GossipWorld.Node {
    /// That it has the member's record of this incarnation, or a later one.
    fileprivate func knows(_ member: Member) -> Bool {
        guard let index = membership.indices[member.id] else { return false }
        return membership.known[index].member.incarnation >= member.incarnation
    }
}
