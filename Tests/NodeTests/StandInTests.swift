import Base
import Causality
import Cluster
import Keyspace
import NodeSimulation
import Replication
import Simulation
import Synchronization
import Testing

@testable import Node

/// Nodes that take writes for replicas which cannot be reached, and hand them over (docs/cluster.md, "Stand-ins and hints").
@Suite struct StandInTests {
    typealias World = CoordinationTests.World

    private let words = World.words

    /// A key so many of whose replicas are among these servers.
    private func key(_ world: World, _ prefix: String, replicas count: Int, among servers: [Int]) -> String {
        let view = world.cluster.servers[0].view
        let members = Set(servers.map { world.cluster.servers[$0].view.own })
        for i in 0..<10_000 {
            let name = "\(prefix):\(i)"
            let slot = name.withView { Key($0).slot }
            let replicas = (0..<view.replicaCount).map { view.replica(slot, $0) }
            if replicas.count(where: members.contains) == count { return name }
        }
        preconditionFailure("no slot is placed like that")
    }

    /// The servers that have a key's replicas, in the order of its list; then those that have none.
    private func places(_ world: World, _ key: String) -> (replicas: [Int], others: [Int]) {
        let replicas = world.replicas(of: key)
        return (replicas, world.cluster.servers.indices.filter { !replicas.contains($0) })
    }

    private func figure(_ world: World, _ server: Int, _ name: String) -> Int {
        let lines = world.ask(server, "INFO cluster").split(separator: "\r\n")
        return lines.first { $0.hasPrefix("\(name):") }.flatMap { Int($0.dropFirst(name.utf8.count + 1)) } ?? -1
    }

    private func held(_ world: World) -> [Int] {
        world.cluster.servers.map { $0.node?.hints.withLock { $0.count } ?? 0 }
    }

    /// All are there, whatever was kept for others has been handed over, and all have caught up with each other.
    private func drain(_ world: World) -> Bool {
        let isDrained = world.cluster.run(limit: 60_000) {
            held(world).allSatisfy { $0 == 0 } && world.isWhole
        }
        // What has been drained is told, and compared once more.
        world.cluster.run(milliseconds: 5000)
        return isDrained != nil
    }

    /// Who has anything of a key.
    private func holders(_ world: World, _ name: String) -> [Int] {
        world.cluster.servers.indices.filter { world.cluster.servers[$0].executor().knows(name) }
    }

    /// SPEC: five nodes, N = 3, W = 2, split 2 to 3. Wherever the key's replicas are, both sides take a VSET with the same
    /// context; healed, both versions are there, and one write settles them.
    @Test(arguments: [0, 1, 2])
    func bothSidesTakeWrites(onTheSmallSide count: Int) throws {
        let world = try World(seed: 20 + UInt64(count), servers: 5)
        let small = [1, 3], large = [0, 2, 4]
        let cart = key(world, "cart", replicas: count, among: small)
        let context = words(world.ask(0, "VSET \(cart) milk W ALL"))[0]
        world.cluster.split(small, large)
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(1, "VSET \(cart) eggs CONTEXT \(context)").hasPrefix("$"))
        #expect(world.ask(2, "VSET \(cart) bread CONTEXT \(context)").hasPrefix("$"))
        for server in small { #expect(words(world.ask(server, "VGET \(cart)")).dropFirst() == ["eggs"]) }
        for server in large { #expect(words(world.ask(server, "VGET \(cart)")).dropFirst() == ["bread"]) }
        // On a side with one replica or none somebody stands in.
        #expect(held(world).reduce(0, +) > 0)
        world.cluster.heal()
        #expect(drain(world))
        for server in 0..<5 {
            #expect(Set(words(world.ask(server, "VGET \(cart) R ALL")).dropFirst()) == ["eggs", "bread"])
        }
        let both = words(world.ask(3, "VGET \(cart)"))[0]
        #expect(world.ask(4, "VSET \(cart) all CONTEXT \(both) W ALL").hasPrefix("$"))
        for server in 0..<5 { #expect(words(world.ask(server, "VGET \(cart)")).dropFirst() == ["all"]) }
        // Who stood in has nothing of it any more.
        #expect(holders(world, cart) == places(world, cart).replicas.sorted())
        for server in 0..<5 {
            #expect(figure(world, server, "cluster_hints_held") == 0)
            #expect(figure(world, server, "cluster_hints_dropped") == 0)
            let (stored, replayed) = (
                figure(world, server, "cluster_hints_stored"), figure(world, server, "cluster_hints_replayed")
            )
            #expect(stored == replayed)
        }
    }

    /// Everything that changes a value works where there is no replica, and is there when the network is whole again.
    @Test func everyKindOfWriteOnTheFarSide() throws {
        let world = try World(seed: 30, servers: 5)
        let small = [0, 4]
        let names = ["s", "n", "l", "h", "d", "e"].map { key(world, $0, replicas: 0, among: small) }
        let (s, n, l, h, d, e) = (names[0], names[1], names[2], names[3], names[4], names[5])
        #expect(world.ask(1, "SET \(d) before") == "+OK\r\n")
        world.cluster.split(small, [1, 2, 3])
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(0, "SET \(s) one") == "+OK\r\n")
        #expect(world.ask(4, "SET \(s) two") == "+OK\r\n")
        for i in 1...3 { #expect(world.ask(i % 2 * 4, "INCR \(n)") == ":\(i)\r\n") }
        for i in 1...3 { #expect(world.ask(i % 2 * 4, "RPUSH \(l) \(i)") == ":\(i)\r\n") }
        #expect(world.ask(0, "HSET \(h) a 1 b 2") == ":2\r\n")
        #expect(world.ask(4, "HDEL \(h) a") == ":1\r\n")
        #expect(world.ask(0, "SET \(e) here") == "+OK\r\n")
        #expect(world.ask(4, "DEL \(e)") == ":1\r\n")
        #expect(world.ask(4, "GET \(s)") == "$3\r\ntwo\r\n")
        #expect(world.ask(0, "GET \(n)") == "$1\r\n3\r\n")
        #expect(world.ask(0, "GET \(e)") == "$-1\r\n")
        // Nobody here knows whether there is such a key.
        #expect(world.ask(0, "GET \(d)").hasPrefix("-NOQUORUM "))
        #expect(world.ask(4, "DEL \(d)").hasPrefix("-NOQUORUM "))
        world.cluster.heal()
        #expect(drain(world))
        for server in 0..<5 {
            #expect(world.ask(server, "GET \(s)") == "$3\r\ntwo\r\n")
            #expect(world.ask(server, "GET \(n)") == "$1\r\n3\r\n")
            #expect(world.ask(server, "LRANGE \(l) 0 -1") == "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n")
            #expect(world.ask(server, "HGETALL \(h)") == "*2\r\n$1\r\nb\r\n$1\r\n2\r\n")
            #expect(world.ask(server, "GET \(d)") == "$6\r\nbefore\r\n")
            #expect(world.ask(server, "VGET \(s)").hasPrefix("*2\r\n"))
        }
        for name in [s, n, l, h] { #expect(holders(world, name) == places(world, name).replicas.sorted()) }
        // Versions that were superseded before they were handed over leave no gaps.
        for name in names { #expect(gaps(world, name) == 0) }
    }

    /// Gaps in the clocks of a key's slot, at all of its replicas.
    private func gaps(_ world: World, _ key: String) -> Int {
        let slot = key.withView { Key($0).slot }
        return places(world, key).replicas.reduce(0) { sum, server in
            sum + world.cluster.servers[server].executor().gaps(of: slot)
        }
    }

    /// A replica is away: W of the others are not enough without who stands in, and STRICT says so.
    @Test func strictCountsReplicasOnly() throws {
        let world = try World(seed: 31, servers: 5)
        let name = key(world, "k", replicas: 3, among: [0, 1, 2])
        let (replicas, others) = places(world, name)
        #expect(world.ask(others[0], "SET \(name) 1") == "+OK\r\n")
        world.cluster.kill(replicas[1])
        world.cluster.kill(replicas[2])
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(others[0], "CONSISTENCY STRICT") == "+OK\r\n")
        #expect(world.ask(others[0], "CONSISTENCY").contains("STRICT"))
        #expect(
            world.ask(others[0], "SET \(name) 2") == "-NOQUORUM 1/2 replicas answered in time\r\n")
        #expect(world.ask(others[0], "GET \(name)").hasPrefix("-NOQUORUM "))
        #expect(held(world) == [0, 0, 0, 0, 0])
        #expect(world.ask(others[0], "CONSISTENCY SLOPPY") == "+OK\r\n")
        #expect(world.ask(others[0], "SET \(name) 3") == "+OK\r\n")
        #expect(held(world).reduce(0, +) == 2)
        // Who stands in has what was written, and may say so.
        #expect(world.ask(others[1], "GET \(name)") == "$1\r\n3\r\n")
        world.cluster.kill(replicas[0])
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(others[0], "GET \(name)") == "$1\r\n3\r\n")
        #expect(world.ask(others[1], "CONSISTENCY STRICT") == "+OK\r\n")
        #expect(world.ask(others[1], "SET \(name) 4") == "-NOQUORUM 0/2 replicas answered in time\r\n")
        #expect(world.ask(others[1], "CONSISTENCY W ANY") == "+OK\r\n")
        #expect(world.ask(others[1], "SET \(name) 5") == "+OK\r\n")
        for server in replicas { try world.restart(server) }
        #expect(drain(world))
        for server in 0..<5 { #expect(world.ask(server, "GET \(name)") == "$1\r\n5\r\n") }
    }

    /// W ANY: one node is left, and takes what it is given.
    @Test func anyNodeTakesAnything() throws {
        let world = try World(seed: 32, servers: 5)
        for server in 1..<5 { world.cluster.kill(server) }
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(0, "SET key:0 x").hasPrefix("-NOQUORUM "))
        #expect(world.ask(0, "CONSISTENCY W ANY") == "+OK\r\n")
        for i in 0..<50 { #expect(world.ask(0, "SET key:\(i) \(i)") == "+OK\r\n") }
        #expect(figure(world, 0, "cluster_hints_held") > 0)
        for server in 1..<5 { try world.restart(server) }
        #expect(drain(world))
        for i in 0..<50 { #expect(world.ask(1 + i % 4, "GET key:\(i)") == "$\("\(i)".utf8.count)\r\n\(i)\r\n") }
    }

    /// Hints outlast the process that keeps them: as safe as all it has under `appendfsync always`.
    @Test func hintsAreDurable() throws {
        let world = try World(seed: 33, servers: 5, options: ["--appendonly", "yes", "--appendfsync", "always"])
        let small = [2, 3]
        let names = (0..<20).map { key(world, "k\($0)", replicas: 0, among: small) }
        #expect(world.ask(0, "SET \(names[1]) before") == "+OK\r\n")
        world.cluster.split(small, [0, 1, 4])
        world.cluster.run(milliseconds: 20_000)
        for (i, name) in names.enumerated() { #expect(world.ask(2 + i % 2, "SET \(name) \(i)") == "+OK\r\n") }
        #expect(world.ask(2, "SET \(names[0]) again") == "+OK\r\n")
        #expect(world.ask(2, "DEL \(names[1])") == ":1\r\n")
        // As a loss of power, after a flush of one of them.
        let persistence = world.cluster.servers[2].node!.persistence!
        persistence.writeAll()
        #expect(persistence.keeper?.runRound() == .some(nil))
        for server in small { world.cluster.crash(server) }
        for server in small { try world.restart(server) }
        world.cluster.run(milliseconds: 20_000)
        #expect(held(world)[2] > 0 && held(world)[3] > 0)
        #expect(world.ask(3, "GET \(names[2])") == "$1\r\n2\r\n")
        world.cluster.heal()
        #expect(drain(world))
        for server in 0..<5 {
            #expect(world.ask(server, "GET \(names[0])") == "$5\r\nagain\r\n")
            // It was written before the split, and what deleted it knew of another write only.
            #expect(world.ask(server, "GET \(names[1])") == "$6\r\nbefore\r\n")
            for i in 2..<20 { #expect(world.ask(server, "GET \(names[i])") == "$\("\(i)".utf8.count)\r\n\(i)\r\n") }
        }
        // Nor do copies come back that have been handed over.
        for server in small { world.cluster.crash(server) }
        for server in small { try world.restart(server) }
        #expect(drain(world))
        for name in names { #expect(holders(world, name) == places(world, name).replicas.sorted()) }
    }

    /// Past the bound a hint is not taken, and does not count.
    @Test func hintsAreBounded() throws {
        let world = try World(seed: 34, servers: 5, options: ["--cluster-hints-max", "4"])
        let names = (0..<20).map { key(world, "k\($0)", replicas: 3, among: [0, 1, 2]) }
        world.cluster.kill(1)
        world.cluster.kill(2)
        world.cluster.run(milliseconds: 20_000)
        var taken: [String] = []
        for name in names where world.ask(0, "SET \(name) x") == "+OK\r\n" { taken.append(name) }
        #expect(held(world) == [0, 0, 0, 4, 4] && taken.count >= 4 && taken.count <= 8)
        #expect(figure(world, 3, "cluster_hints_dropped") > 0 && figure(world, 4, "cluster_hints_dropped") > 0)
        // One replica is enough for who says so, and what is dropped fails nobody's write.
        #expect(world.ask(0, "CONSISTENCY W ONE") == "+OK\r\n")
        for name in names { #expect(world.ask(0, "SET \(name) y") == "+OK\r\n") }
        for server in [1, 2] { try world.restart(server) }
        #expect(drain(world))
        for name in names { #expect(world.ask(1, "GET \(name)") == "$1\r\ny\r\n") }
    }

    /// A hint that comes late brings nothing back.
    @Test func lateHintsBringNothingBack() throws {
        let world = try World(seed: 35, servers: 5)
        let small = [0, 1]
        let name = key(world, "k", replicas: 0, among: small)
        let (replicas, _) = places(world, name)
        world.cluster.split(small, [2, 3, 4])
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(0, "SET \(name) late") == "+OK\r\n")
        // One of the two comes back to the others and hands over; the other one's hint is still on its way.
        let keeper = holders(world, name)
        #expect(keeper == small)
        world.cluster.heal()
        world.cluster.split([1], [0, 2, 3, 4])
        #expect(world.cluster.run(limit: 60_000) { held(world)[0] == 0 } != nil)
        world.cluster.run(milliseconds: 5000)
        #expect(held(world)[1] > 0)
        #expect(world.ask(2, "GET \(name)") == "$4\r\nlate\r\n")
        #expect(world.ask(2, "DEL \(name)") == ":1\r\n")
        world.cluster.heal()
        #expect(drain(world))
        for server in 0..<5 { #expect(world.ask(server, "GET \(name)") == "$-1\r\n") }
        for server in replicas { #expect(world.cluster.servers[server].executor().localVersions(name) == 0) }
    }

    /// Who handed over a version says nothing of it when it stands in again: a client there that has not seen it does not
    /// supersede it.
    @Test func standInsForgetWhatTheyHandedOver() throws {
        let world = try World(seed: 36, servers: 5)
        let small = [0, 1]
        let name = key(world, "k", replicas: 0, among: small)
        world.cluster.split(small, [2, 3, 4])
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(0, "VSET \(name) first").hasPrefix("$"))
        world.cluster.heal()
        #expect(drain(world))
        world.cluster.split(small, [2, 3, 4])
        world.cluster.run(milliseconds: 20_000)
        // Something else of the slot is here, so that the node would have a clock for it.
        #expect(world.ask(0, "VSET {\(name)}other x").hasPrefix("$"))
        let seen = words(world.ask(0, "VGET \(name) R 1"))
        if seen.first?.hasPrefix("-") ?? true {
            #expect(world.ask(0, "VSET \(name) second").hasPrefix("$"))
        } else {
            #expect(world.ask(0, "VSET \(name) second CONTEXT \(seen[0])").hasPrefix("$"))
        }
        world.cluster.heal()
        #expect(drain(world))
        for server in 0..<5 {
            #expect(Set(words(world.ask(server, "VGET \(name) R ALL")).dropFirst()) == ["first", "second"])
        }
    }
}

extension Executor {
    fileprivate func knows(_ name: String) -> Bool {
        name.withView { name in
            let key = Key(name)
            return withAccess(key) { $0.knows(key) }
        }
    }

    fileprivate func localVersions(_ name: String) -> Int {
        name.withView { name in
            let key = Key(name)
            return withAccess(key) { $0.versions(of: key).count }
        }
    }

    fileprivate func gaps(of slot: Int) -> Int {
        withPartition(slot >> 6) { _ in node.keyspace.clock(of: slot, now: 0).gaps.count }
    }
}
