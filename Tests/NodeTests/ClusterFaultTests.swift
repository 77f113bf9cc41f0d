import Base
import Causality
import Cluster
import Foundation
import Keyspace
import NodeSimulation
import Replication
import Simulation
import Synchronization
import Testing

@testable import Node

/// A cluster under faults: what was acknowledged by a quorum is there in the end, what was deleted stays away, and all
/// replicas have the same.
@Suite struct ClusterFaultTests {
    /// `MARTLET_SEEDS` says how many.
    static let seeds: ClosedRange<UInt64> =
        1...(ProcessInfo.processInfo.environment["MARTLET_SEEDS"].flatMap { UInt64($0) } ?? 1)

    /// Clients that each have one request under way, and what became of them.
    final class Workload {
        enum Fate { case pending, acknowledged, failed }

        struct Written {
            var written = Fate.pending
            var deleted: Fate?
        }

        let cluster: SimulatedCluster
        var random: PRNG
        var keys: [Written] = []
        var acknowledged = 0
        /// Keys that have been acknowledged and that nobody has deleted.
        private var deletable: [Int] = []
        private var clients: [Client] = []
        /// There are more nodes than replicas of a key.
        private var isSloppy: Bool { cluster.servers.count > 3 }

        final class Client {
            let server: Int
            var connection: SimulatedClient
            var received = ""
            /// The key of its request, and whether it deletes it.
            var request: (key: Int, deletes: Bool)?

            init(_ server: Int, _ connection: SimulatedClient) { (self.server, self.connection) = (server, connection) }
        }

        init(_ cluster: SimulatedCluster, seed: UInt64) {
            self.cluster = cluster
            random = PRNG(seed: seed)
            for server in cluster.servers.indices {
                for _ in 0..<2 { clients.append(Client(server, cluster.client(of: server))) }
            }
        }

        /// Clients that can send do, for so long.
        func run(milliseconds: Int64) {
            for _ in 0..<max(1, milliseconds / 20) {
                for client in clients { step(client) }
                cluster.run(milliseconds: 20)
            }
        }

        private func step(_ client: Client) {
            client.received += client.connection.take()
            if client.request != nil && client.received.hasSuffix("\r\n") { answered(client) }
            if !client.connection.isOpen {
                fail(client)
                if !cluster.servers[client.server].isRunning { return }
                client.connection = cluster.client(of: client.server)
                client.received = ""
            }
            if client.request == nil && cluster.servers[client.server].isRunning { send(client) }
        }

        private func send(_ client: Client) {
            if random.below(4) == 0, !deletable.isEmpty {
                let key = deletable.remove(at: Int(random.below(UInt64(deletable.count))))
                keys[key].deleted = .pending
                client.request = (key, true)
                client.connection.send("DEL", "key:\(key)")
            } else {
                keys.append(Written())
                client.request = (keys.count - 1, false)
                client.connection.send("SET", "key:\(keys.count - 1)", "value:\(keys.count - 1)")
            }
        }

        private func answered(_ client: Client) {
            guard let (key, deletes) = client.request else { return }
            let isError = client.received.hasPrefix("-")
            if !isError { acknowledged += 1 }
            // Where nodes stand in, who answers may not have heard of the key yet: then it has deleted nothing.
            let isUnknown = isSloppy && client.received == ":0\r\n"
            if deletes { keys[key].deleted = isError || isUnknown ? .failed : .acknowledged }
            if !deletes { keys[key].written = isError ? .failed : .acknowledged }
            if !deletes && !isError { deletable.append(key) }
            client.request = nil
            client.received = ""
        }

        private func fail(_ client: Client) {
            guard let (key, deletes) = client.request else { return }
            if deletes { keys[key].deleted = .failed } else { keys[key].written = .failed }
            client.request = nil
        }

        /// What is wrong in the end, with all servers up and the network whole. Waits for all to have the same.
        func problems() -> [String] {
            run(milliseconds: 0)
            var problems: [String] = []
            for _ in 0..<60 {
                let isDone = cluster.servers.allSatisfy { $0.node!.isCaughtUp.isOn && hints($0) == 0 }
                if isDone && differences().isEmpty { break }
                cluster.run(milliseconds: 1000)
            }
            problems += differences().prefix(5)
            problems += cluster.servers.filter { hints($0) > 0 }.map { "\($0.index) holds \(hints($0)) hints" }
            for (i, key) in keys.enumerated() {
                let values = Set(cluster.servers.compactMap { $0.executor().value(of: "key:\(i)") })
                switch (key.written, key.deleted) {
                case (.acknowledged, nil):
                    if values != ["value:\(i)"] { problems.append("key \(i) was acknowledged and is \(values)") }
                case (.acknowledged, .acknowledged):
                    if !values.isEmpty { problems.append("key \(i) was deleted and is \(values)") }
                default:
                    if !values.isSubset(of: ["value:\(i)"]) { problems.append("key \(i) is \(values)") }
                }
            }
            return problems
        }

        private func hints(_ server: SimulatedServer) -> Int { server.node!.hints.withLock { $0.count } }

        /// Keys that not all replicas of their slot have the same versions of.
        private func differences() -> [String] {
            let view = cluster.servers[0].view
            let byMember = cluster.servers.sorted { $0.view.own < $1.view.own }
            return keys.indices.compactMap { i in
                let name = "key:\(i)"
                let slot = name.withView { Key($0).slot }
                let states = (0..<view.replicaCount).map {
                    byMember[view.replica(slot, $0)].executor().versions(of: name)
                }
                if Set(states).count == 1 { return nil }
                let more = cluster.servers.map { "\($0.view.own): \($0.executor().past(of: name))" }
                return "\(name) slot \(slot) is \(states), \(keys[i]) \(more)"
            }
        }
    }

    private func world(seed: UInt64, servers: Int, options: [String] = []) throws -> (SimulatedCluster, Workload) {
        let cluster = try SimulatedCluster(seed: seed, servers: servers, loops: 2, options: options)
        #expect(cluster.found())
        #expect(cluster.run(limit: 5000) { cluster.servers.allSatisfy { $0.node!.isCaughtUp.isOn } } != nil)
        return (cluster, Workload(cluster, seed: seed))
    }

    /// Connections break, one server after another is killed and comes back with nothing.
    @Test(arguments: seeds)
    func serversForgetOneAfterAnother(seed: UInt64) throws {
        let (cluster, load) = try world(seed: seed, servers: 3)
        cluster.faults.breaks = 0.002
        for _ in 0..<3 {
            load.run(milliseconds: 1000)
            let victim = Int(load.random.below(3))
            cluster.kill(victim)
            load.run(milliseconds: Int64(load.random.below(15_000)))
            try cluster.start(victim)
            load.run(milliseconds: 100)
            #expect(cluster.run(limit: 60_000) { cluster.servers.allSatisfy { $0.node!.isCaughtUp.isOn } } != nil)
        }
        cluster.faults.breaks = 0
        #expect(load.problems() == [])
        #expect(load.acknowledged > 200)
    }

    /// The network splits, in one way or another, and heals.
    @Test(arguments: seeds)
    func theNetworkSplits(seed: UInt64) throws {
        let servers = 3 + Int(seed % 2) * 2
        let (cluster, load) = try world(seed: seed, servers: servers)
        for _ in 0..<4 {
            load.run(milliseconds: 500)
            let cut = 1 + Int(load.random.below(UInt64(servers - 1)))
            let some = Array(0..<cut), others = Array(cut..<servers)
            if load.random.below(3) == 0 {
                for a in some { for b in others { cluster.cut(a, b) } }
            } else {
                cluster.split(some, others)
            }
            load.run(milliseconds: Int64(load.random.below(20_000)))
            cluster.heal()
            load.run(milliseconds: 2000)
        }
        #expect(load.problems() == [])
        #expect(load.acknowledged > 200)
    }

    /// Five nodes, of which others stand in for those that are split off, lose power or stand still: whatever was acknowledged
    /// is durable, also where only stand-ins have it.
    @Test(arguments: seeds)
    func othersStandIn(seed: UInt64) throws {
        let (cluster, load) = try world(
            seed: seed, servers: 5, options: ["--appendonly", "yes", "--appendfsync", "always"])
        for _ in 0..<3 {
            load.run(milliseconds: 1500)
            let first = Int(load.random.below(5))
            let small = [first, (first + 1 + Int(load.random.below(4))) % 5]
            cluster.split(small, (0..<5).filter { !small.contains($0) })
            load.run(milliseconds: 4000 + Int64(load.random.below(4000)))
            let victim = Int(load.random.below(5))
            if load.random.below(2) == 0 {
                cluster.crash(victim)
                load.run(milliseconds: Int64(load.random.below(4000)))
                try cluster.start(victim)
            } else {
                cluster.pause(victim)
                load.run(milliseconds: Int64(load.random.below(4000)))
                cluster.resume(victim)
            }
            load.run(milliseconds: Int64(load.random.below(3000)))
            cluster.heal()
            load.run(milliseconds: Int64(load.random.below(3000)))
        }
        #expect(load.problems() == [])
        #expect(load.acknowledged > 200)
        #expect(cluster.servers.reduce(0) { $0 + $1.node!.hints.withLock { $0.stored } } > 0)
    }

    /// What was acknowledged is on two nodes, whoever they are: one of five forgets everything while the network is split.
    @Test(arguments: seeds)
    func oneForgetsWhileOthersStandIn(seed: UInt64) throws {
        let (cluster, load) = try world(seed: seed, servers: 5)
        for _ in 0..<3 {
            load.run(milliseconds: 300)
            let first = Int(load.random.below(5))
            let small = [first, (first + 1 + Int(load.random.below(4))) % 5]
            cluster.split(small, (0..<5).filter { !small.contains($0) })
            load.run(milliseconds: 5000)
            let victim = Int(load.random.below(5))
            cluster.kill(victim)
            try cluster.start(victim)
            cluster.heal()
            #expect(cluster.run(limit: 60_000) { isWhole(cluster) } != nil)
        }
        #expect(load.problems() == [])
        #expect(load.acknowledged > 200)
    }

    /// All are there, have what was kept for them, and have caught up with each other since.
    private func isWhole(_ cluster: SimulatedCluster) -> Bool {
        cluster.servers.allSatisfy { server in
            server.node!.isCaughtUp.isOn && server.node!.isSettled.isOn && server.node!.hints.withLock { $0.count } == 0
                && cluster.servers.indices.allSatisfy(server.view.isReachable)
        }
    }
}

extension Executor {
    fileprivate func value(of name: String) -> String? {
        name.withView { name in
            let key = Key(name)
            return withAccess(key) { access in
                access.peek(key)?.withString { $0.text }
            }
        }
    }

    /// What the node knows of a key, for people.
    fileprivate func past(of name: String) -> String {
        name.withView { name in
            let key = Key(name)
            return withAccess(key) { access in
                let table = node.keyspace.actors.table
                func text(_ entries: some Collection<ClockEntry>) -> String {
                    entries.map { "\(table.id(at: $0.actor).high >> 48):\($0.counter)" }.sorted().joined(separator: " ")
                }
                let clock = node.keyspace.clock(of: key.slot, now: 0)
                let held = clock.held.map { "\(table.id(at: $0.actor).high >> 48):\($0.first.counter)-\($0.last)" }
                let known = try? access.siblings(of: key)
                return
                    "clock \(text(clock.base.entries)) beyond \(held) key context \(text(known?.context.base.entries ?? [])) dots \(text(known?.context.dots ?? []))"
            }
        }
    }

    fileprivate func versions(of name: String) -> [String] {
        name.withView { name in
            let key = Key(name)
            let dots = withAccess(key) { $0.versions(of: key) }
            return node.keyspace.actors.read { table in
                dots.map { "\(table.id(at: $0.actor)):\($0.counter)" }.sorted()
            }
        }
    }
}
