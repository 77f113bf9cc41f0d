import Base
import Cluster
import Keyspace
import NodeSimulation
import Simulation
import Testing

@testable import Node

/// Clients' commands in a cluster of whole servers on a simulated network.
@Suite struct CoordinationTests {
    final class World {
        let cluster: SimulatedCluster
        var clients: [SimulatedClient]

        init(seed: UInt64 = 1, servers: Int = 3, loops: Int = 2, options: [String] = []) throws {
            let cluster = try SimulatedCluster(seed: seed, servers: servers, loops: loops, options: options)
            #expect(cluster.found())
            #expect(cluster.run(limit: 5000) { cluster.servers.allSatisfy { $0.node!.isCaughtUp.isOn } } != nil)
            self.cluster = cluster
            clients = (0..<servers).map { cluster.client(of: $0) }
        }

        @discardableResult
        func ask(_ server: Int, _ line: String) -> String {
            let first = cluster.exchange(clients[server], line)
            // What comes in pieces is there soon.
            cluster.run(milliseconds: 15)
            return first + clients[server].take()
        }

        func restart(_ server: Int) throws {
            try cluster.start(server)
            clients[server] = cluster.client(of: server)
        }

        /// Whole bulk strings of a reply.
        static func words(_ reply: String) -> [String] {
            reply.split(separator: "\r\n").map(String.init).filter { !$0.hasPrefix("$") && !$0.hasPrefix("*") }
        }

        /// Every server can reach all, and has compared what it has with them.
        var isWhole: Bool {
            cluster.servers.allSatisfy { server in
                cluster.servers.indices.allSatisfy { server.view.isReachable($0) } && server.node!.isSettled.isOn
            }
        }

        /// The servers that have a key's replicas, in the order of its list.
        func replicas(of key: String) -> [Int] {
            let view = cluster.servers[0].view
            let slot = key.withView { Key($0).slot }
            return (0..<view.replicaCount).map { rank in
                cluster.servers.firstIndex { $0.view.own == view.replica(slot, rank) }!
            }
        }

        /// What each server has of a key by itself.
        func local(_ key: String) -> [[UInt8]?] {
            cluster.servers.map { server in
                guard server.isRunning else { return nil }
                return server.executor().localString(key)
            }
        }
    }

    @Test func anyNodeAnswersAnything() throws {
        let world = try World()
        for i in 0..<30 { #expect(world.ask(i % 3, "SET key:\(i) value:\(i)") == "+OK\r\n") }
        for i in 0..<30 {
            for server in 0..<3 {
                let value = "value:\(i)"
                #expect(world.ask(server, "GET key:\(i)") == "$\(value.utf8.count)\r\n\(value)\r\n")
            }
        }
        // All three have everything.
        world.cluster.run(milliseconds: 100)
        for i in 0..<30 {
            #expect(world.local("key:\(i)") == [[UInt8]?](repeating: Array("value:\(i)".utf8), count: 3))
        }
    }

    @Test func collectionsTravelByTheirChanges() throws {
        let world = try World(seed: 2)
        for i in 0..<20 {
            #expect(world.ask(i % 3, "RPUSH list \(i)") == ":\(i + 1)\r\n")
            #expect(world.ask(i % 3, "HSET hash f\(i) \(i)") == ":1\r\n")
            #expect(world.ask(i % 3, "INCR counter") == ":\(i + 1)\r\n")
        }
        for server in 0..<3 {
            #expect(world.ask(server, "LLEN list") == ":20\r\n")
            #expect(world.ask(server, "HGET hash f7") == "$1\r\n7\r\n")
            #expect(world.ask(server, "GET counter") == "$2\r\n20\r\n")
        }
    }

    @Test func severalKeys() throws {
        let world = try World(seed: 3)
        #expect(world.ask(0, "MSET a 1 b 2 c 3 d 4") == "+OK\r\n")
        #expect(world.ask(1, "MGET a b nothing c d") == "*5\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$1\r\n3\r\n$1\r\n4\r\n")
        #expect(world.ask(2, "EXISTS a b c nothing") == ":3\r\n")
        #expect(world.ask(2, "DEL a b nothing") == ":2\r\n")
        #expect(world.ask(0, "MGET a b c") == "*3\r\n$-1\r\n$-1\r\n$1\r\n3\r\n")
        #expect(world.ask(0, "RENAME c e") == "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
        #expect(world.ask(0, "RENAME {c}c {c}e") == "-ERR no such key\r\n")
        #expect(world.ask(0, "MSET a 1 b") == "-ERR wrong number of arguments for 'mset' command\r\n")
    }

    @Test func theWholeCluster() throws {
        let world = try World(seed: 8)
        for i in 0..<40 { world.ask(i % 3, "SET key:\(i) \(i)") }
        #expect(world.ask(1, "DBSIZE") == ":40\r\n")
        let all = Set((0..<40).map { "key:\($0)" })
        let listed = world.ask(2, "KEYS *").split(separator: "\r\n").filter { $0.hasPrefix("key:") }.map(String.init)
        #expect(listed.count == 40 && Set(listed) == all)
        var scanned: [String] = []
        var cursor = "0"
        repeat {
            let lines = world.ask(0, "SCAN \(cursor) COUNT 7").split(separator: "\r\n").map(String.init)
            cursor = lines[2]
            scanned += lines.filter { $0.hasPrefix("key:") }
        } while cursor != "0" && scanned.count < 1000
        #expect(scanned.count == 40 && Set(scanned) == all)
        #expect(world.ask(0, "FLUSHALL") == "+OK\r\n")
        world.cluster.run(milliseconds: 100)
        for server in 0..<3 {
            #expect(world.ask(server, "DBSIZE") == ":0\r\n")
            #expect(world.ask(server, "GET key:3") == "$-1\r\n")
            #expect(world.local("key:\(server)") == [nil, nil, nil])
        }
    }

    @Test func scriptsAndMessagesEverywhere() throws {
        let world = try World(seed: 9)
        let sha = world.ask(0, "SCRIPT LOAD \"return redis.call('incr',KEYS[1])\"").split(separator: "\r\n")[1]
        for server in 0..<3 { #expect(world.ask(server, "EVALSHA \(sha) 1 counter") == ":\(server + 1)\r\n") }
        world.cluster.run(milliseconds: 100)
        #expect(world.local("counter") == [[UInt8]?](repeating: Array("3".utf8), count: 3))
        let listener = world.cluster.client(of: 2)
        #expect(world.cluster.exchange(listener, "SUBSCRIBE news").hasPrefix("*3\r\n$9\r\nsubscribe"))
        world.cluster.run(milliseconds: 15)
        _ = listener.take()
        #expect(world.ask(0, "PUBLISH news hello") == ":1\r\n")
        #expect(listener.take() == "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n")
    }

    /// Both sides of a split write with the same context; healed, both versions are there, and one write settles them.
    @Test func bothSidesOfASplit() throws {
        let world = try World(seed: 10)
        let words = World.words
        let context = words(world.ask(0, "VSET cart milk"))[0]
        #expect(words(world.ask(1, "VGET cart R ALL")).dropFirst() == ["milk"])
        world.cluster.split([0], [1, 2])
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(0, "VSET cart eggs CONTEXT \(context)").hasPrefix("-NOQUORUM "))
        #expect(world.ask(0, "VSET cart eggs CONTEXT \(context) W 1").hasPrefix("$"))
        #expect(world.ask(2, "VSET cart bread CONTEXT \(context) W 2").hasPrefix("$"))
        #expect(words(world.ask(0, "VGET cart R 1")).dropFirst() == ["eggs"])
        #expect(words(world.ask(1, "VGET cart")).dropFirst() == ["bread"])
        world.cluster.heal()
        world.cluster.run(milliseconds: 20_000)
        for server in 0..<3 {
            let seen = words(world.ask(server, "VGET cart R ALL"))
            #expect(Set(seen.dropFirst()) == ["eggs", "bread"])
        }
        let both = words(world.ask(1, "VGET cart"))[0]
        #expect(world.ask(0, "VSET cart \"eggs, bread\" CONTEXT \(both) W ALL").hasPrefix("$"))
        for server in 0..<3 { #expect(words(world.ask(server, "VGET cart R 1")).dropFirst() == ["eggs, bread"]) }
        // A context of before is worth nothing any more, and not dangerous.
        #expect(world.ask(2, "VDEL cart CONTEXT \(context) W ALL").hasPrefix("$"))
        #expect(words(world.ask(1, "VGET cart R ALL")).dropFirst() == ["eggs, bread"])
        #expect(world.ask(2, "VSET cart x W 4") == "-ERR W is more than there are replicas\r\n")
        #expect(world.ask(2, "VSET cart x CONTEXT abc").hasPrefix("-BADCONTEXT "))
    }

    /// martlet-sim, seed 60: what came between the two questions was compared, but not in the reply.
    @Test("A read that asks others later answers what those have compared")
    func askingOthersLater() throws {
        let world = try World(seed: 17)
        let cluster = world.cluster
        let replicas = world.replicas(of: "late")
        let (first, second) = (replicas[0], replicas[1])
        cluster.cut(first, second)
        #expect(world.ask(first, "SET late value") == "+OK\r\n")
        #expect(world.local("late").map { $0 == nil } == (0..<3).map { $0 == second })
        cluster.cut(second, first)
        world.clients[second].send("GET", "late")
        cluster.run(milliseconds: 8)
        cluster.mend(first, second)
        cluster.run(milliseconds: 12)
        #expect(world.local("late")[second] == Array("value".utf8))
        #expect(world.clients[second].take() == "")
        cluster.run(milliseconds: 40)
        #expect(world.clients[second].take() == "$5\r\nvalue\r\n")
    }

    /// Both clocks know the version that is left, so nothing was said of the key, and then they were equal.
    @Test("A replica that has missed the deletion of one of two versions catches up with it")
    func oneOfTwoIsDeleted() throws {
        let world = try World(seed: 19)
        let words = World.words
        let away = world.replicas(of: "pair")[2]
        let near = world.replicas(of: "pair")[0]
        let context = words(world.ask(near, "VSET pair one W ALL"))[0]
        // Without a context it stands beside whatever is there.
        world.ask(near, "VSET pair two W ALL")
        #expect(words(world.ask(away, "VGET pair R 1")).dropFirst().sorted() == ["one", "two"])
        world.cluster.split([away], [0, 1, 2].filter { $0 != away })
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(near, "VDEL pair CONTEXT \(context)").hasPrefix("$"))
        // Nobody tries any more to send it.
        world.cluster.run(milliseconds: 20_000)
        world.cluster.heal()
        #expect(world.cluster.run(limit: 60_000) { world.isWhole } != nil)
        world.cluster.run(milliseconds: 2000)
        #expect(words(world.ask(away, "VGET pair R 1")).dropFirst() == ["two"])
    }

    /// martlet-sim, seed 424: two that had nothing were taken to agree, though only one of them knew that it had been deleted.
    @Test("A read at a node that has missed both a write and its deletion does not show what somebody else still has")
    func agreementIsAsked() throws {
        let options = ["--cluster-replication", "5", "--cluster-catch-up", "no"]
        let world = try World(seed: 18, servers: 5, options: options)
        let cluster = world.cluster
        let replicas = world.replicas(of: "gone")
        let (first, reader, late) = (replicas[0], replicas[1], replicas[4])
        cluster.cut(first, reader)
        #expect(world.ask(first, "SET gone value") == "+OK\r\n")
        cluster.run(milliseconds: 20)
        cluster.cut(first, late)
        #expect(world.ask(first, "DEL gone") == ":1\r\n")
        cluster.run(milliseconds: 20)
        #expect(replicas.map { world.local("gone")[$0] != nil } == [false, false, false, false, true])
        // The third replica is asked at once, the last one as the others do not answer.
        cluster.cut(reader, first)
        cluster.cut(reader, replicas[3])
        #expect(world.ask(reader, "GET gone") == "$-1\r\n")
        // And it has told the last one.
        #expect(world.local("gone")[late] == nil)
    }

    @Test func transactionsWithinASlot() throws {
        let world = try World(seed: 4)
        for server in 0..<3 {
            #expect(world.ask(server, "MULTI") == "+OK\r\n")
            #expect(world.ask(server, "INCR {t}n") == "+QUEUED\r\n")
            #expect(world.ask(server, "RPUSH {t}l \(server)") == "+QUEUED\r\n")
            #expect(world.ask(server, "EXEC") == "*2\r\n:\(server + 1)\r\n:\(server + 1)\r\n")
        }
        #expect(world.ask(0, "MULTI") == "+OK\r\n")
        #expect(world.ask(0, "SET a 1") == "+QUEUED\r\n")
        #expect(world.ask(0, "SET b 1") == "+QUEUED\r\n")
        #expect(world.ask(0, "EXEC") == "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
        #expect(world.ask(0, "EXEC") == "-ERR EXEC without MULTI\r\n")
    }

    @Test("WATCH holds from any node, whoever changes the key, and whoever coordinates it by then")
    func watching() throws {
        let world = try World(seed: 11)
        for server in 0..<3 {
            let other = (server + 1) % 3
            func transaction() -> String {
                world.ask(server, "MULTI")
                world.ask(server, "INCR {w}n")
                return world.ask(server, "EXEC")
            }
            world.ask(other, "SET {w}k \(server)")
            world.ask(other, "SET {w}n 0")
            #expect(world.ask(server, "WATCH {w}k {w}n") == "+OK\r\n")
            #expect(transaction() == "*1\r\n:1\r\n")
            #expect(world.ask(server, "WATCH {w}k") == "+OK\r\n")
            #expect(world.ask(other, "APPEND {w}k x").hasPrefix(":"))
            #expect(transaction() == "*-1\r\n")
            #expect(transaction() == "*1\r\n:2\r\n")
            // Neither there nor here, nor that it has gone.
            #expect(world.ask(server, "WATCH {w}new") == "+OK\r\n")
            #expect(world.ask(other, "SET {w}new 1") == "+OK\r\n")
            #expect(transaction() == "*-1\r\n")
            #expect(world.ask(server, "WATCH {w}new") == "+OK\r\n")
            #expect(world.ask(other, "DEL {w}new") == ":1\r\n")
            #expect(transaction() == "*-1\r\n")
            #expect(world.ask(other, "SET {w}e 1 PX 200") == "+OK\r\n")
            #expect(world.ask(server, "WATCH {w}e") == "+OK\r\n")
            world.cluster.run(milliseconds: 300)
            #expect(transaction() == "*-1\r\n")
            #expect(world.ask(server, "WATCH {w}k") == "+OK\r\n")
            #expect(world.ask(server, "UNWATCH") == "+OK\r\n")
            #expect(world.ask(other, "SET {w}k y") == "+OK\r\n")
            #expect(transaction() == "*1\r\n:3\r\n")
            #expect(world.ask(server, "WATCH {1}a {2}a").hasPrefix("-CROSSSLOT "))
            #expect(world.ask(server, "MULTI") == "+OK\r\n")
            #expect(world.ask(server, "WATCH {w}k") == "-ERR WATCH inside MULTI is not allowed\r\n")
            #expect(world.ask(server, "DISCARD") == "+OK\r\n")
            // In one go.
            world.clients[server].send(
                Array("WATCH {w}k\r\nGET {w}k\r\nMULTI\r\nSET {w}k z\r\nEXEC\r\nGET {w}k\r\n".utf8))
            world.cluster.run(milliseconds: 100)
            let replies = "+OK\r\n$1\r\ny\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\nz\r\n"
            #expect(world.clients[server].take() == replies)
        }
    }

    /// A directory put back from a copy that was made after an orderly end looks as if its server had not written since.
    @Test func anOldDirectoryIsPutBack() throws {
        let world = try World(seed: 16, options: ["--appendonly", "yes", "--appendfsync", "always"])
        let cluster = world.cluster
        func restart() throws {
            try world.restart(0)
            let isBack = cluster.run(limit: 30_000) {
                cluster.servers.allSatisfy { $0.node!.isCaughtUp.isOn && $0.node!.isSettled.isOn }
            }
            #expect(isBack != nil)
        }
        func write(_ value: Int) {
            for i in 0..<20 { #expect(world.ask(0, "SET k\(i) \(value)") == "+OK\r\n") }
        }
        write(1)
        cluster.stop(0)
        let copy = cluster.servers[0].files.afterKill()
        try restart()
        write(2)
        cluster.crash(0)
        cluster.servers[0].files = copy
        try restart()
        write(3)
        cluster.run(milliseconds: 100)
        for i in 0..<20 { #expect(world.local("k\(i)") == [[UInt8]?](repeating: Array("3".utf8), count: 3)) }
    }

    /// Of two reads at a node that is behind, the first one brings it up to date; the second one has been answered before that.
    @Test func twoReadsAtOnceSeeTheSame() throws {
        let world = try World(seed: 15, options: ["--cluster-catch-up", "no"])
        #expect(world.ask(0, "SET k old") == "+OK\r\n")
        world.cluster.run(milliseconds: 100)
        world.cluster.split([2], [0, 1])
        #expect(world.cluster.run(limit: 20_000) { !world.cluster.servers[0].view.isReachable(2) } != nil)
        let server = (0..<2).first { world.ask($0, "SET k new") == "+OK\r\n" }
        #expect(server != nil)
        world.cluster.heal()
        world.cluster.run(milliseconds: 20_000)
        #expect(world.local("k")[2] == Array("old".utf8))
        let others = [world.cluster.client(of: 2), world.cluster.client(of: 2)]
        world.cluster.run(milliseconds: 20)
        for client in others { client.send("GET", "k") }
        for client in others {
            #expect(world.cluster.run(limit: 5000) { client.hasReply } != nil)
            #expect(client.take() == "$3\r\nnew\r\n")
        }
    }

    /// EXEC that misses its quorum ends the transaction.
    @Test func aTransactionWithoutAQuorumIsOver() throws {
        let world = try World(seed: 14)
        world.cluster.kill(1)
        world.cluster.kill(2)
        #expect(world.cluster.run(limit: 20_000) { world.ask(0, "SET a 1").hasPrefix("-NOQUORUM 1/2 ") } != nil)
        world.ask(0, "MULTI")
        #expect(world.ask(0, "SET a 1") == "+QUEUED\r\n")
        #expect(world.ask(0, "EXEC").hasPrefix("-NOQUORUM "))
        #expect(world.ask(0, "PING") == "+PONG\r\n")
        #expect(world.ask(0, "EXEC") == "-ERR EXEC without MULTI\r\n")
    }

    @Test func repliesKeepTheirOrder() throws {
        let world = try World(seed: 5)
        var text = "", expected = ""
        for i in 0..<50 {
            text += "SET k\(i) \(i)\r\nGET k\(i)\r\nPING\r\nNOSUCH\r\n"
            expected +=
                "+OK\r\n$\(String(i).utf8.count)\r\n\(i)\r\n+PONG\r\n"
                + "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"
        }
        let client = world.clients[0]
        client.send(Array(text.utf8))
        var received = ""
        _ = world.cluster.run(limit: 10_000) {
            received += client.take()
            return received.utf8.count >= expected.utf8.count
        }
        #expect(received == expected)
    }

    /// Replies that come a moment apart are sent together; one that is there waits no longer than that for the next.
    @Test func aReplyWaitsForTheNextForAMoment() throws {
        let world = try World(seed: 21)
        let keys = (0..<100).map { "k\($0)" }
        let answered = try #require(keys.first { world.replicas(of: $0)[0] == 1 })
        let unanswered = try #require(keys.first { world.replicas(of: $0)[0] == 2 })
        let client = world.clients[0]
        func time(_ lines: String) throws -> Int64 {
            client.send(Array(lines.utf8))
            var received = ""
            let came = world.cluster.run(limit: 1000) {
                received += client.take()
                return received.hasSuffix("\r\n")
            }
            #expect(received == "+OK\r\n")
            return try #require(came)
        }
        world.cluster.pause(2)
        let alone = try (0..<10).map { _ in try time("SET \(answered) 1\r\n") }
        #expect(try time("SET \(answered) 1\r\nSET \(unanswered) 1\r\n") <= alone.max()! + 1)
    }

    @Test func aNodeIsKilledAndComesBack() throws {
        let world = try World(seed: 6)
        for i in 0..<50 { world.ask(i % 3, "SET key:\(i) before") }
        world.ask(0, "SET gone x")
        world.cluster.kill(2)
        var answered = 0
        for i in 0..<200 where answered < 100 {
            if world.ask(i % 2, "SET key:\(i % 50) after") == "+OK\r\n" { answered += 1 }
        }
        #expect(answered == 100)
        for i in 0..<50 { #expect(world.ask(i % 2, "GET key:\(i)") == "$5\r\nafter\r\n") }
        #expect(world.ask(1, "DEL gone") == ":1\r\n")
        try world.restart(2)
        let back = world.cluster.run(limit: 30_000) { world.cluster.servers[2].node!.isCaughtUp.isOn }
        #expect(back != nil)
        for i in 0..<50 {
            #expect(world.cluster.servers[2].executor().localString("key:\(i)") == Array("after".utf8))
            #expect(world.ask(2, "GET key:\(i)") == "$5\r\nafter\r\n")
        }
        #expect(world.ask(2, "GET gone") == "$-1\r\n")
    }

    /// A node that is still reading its own data is asked in vain: what it took over would not be in its log.
    @Test func whoLoadsTakesNothing() throws {
        let world = try World(seed: 11)
        let server = world.cluster.servers[2]
        #expect(world.ask(0, "SET k 1") == "+OK\r\n")
        world.cluster.run(milliseconds: 100)
        #expect(world.local("k")[2] == Array("1".utf8))
        server.node!.beginLoading()
        #expect(world.ask(0, "CONSISTENCY W ALL") == "+OK\r\n")
        for i in 0..<10 { #expect(world.ask(0, "SET key:\(i) 2").hasPrefix("-NOQUORUM ")) }
        world.cluster.run(milliseconds: 10_000)
        for i in 0..<10 { #expect(world.local("key:\(i)")[2] == nil) }
        for loop in 0..<2 { server.executor(loop).endLoading() }
        world.cluster.run(milliseconds: 10_000)
        // What others have of it by then it gets.
        #expect(world.ask(0, "SET k 3") == "+OK\r\n")
        for i in 0..<10 {
            let others = world.local("key:\(i)")
            #expect(others[0] == others[2] && others[1] == others[2])
        }
    }

    @Test func withoutAQuorumNothingIsClaimed() throws {
        let world = try World(seed: 7)
        #expect(world.ask(0, "SET k 1") == "+OK\r\n")
        world.cluster.kill(1)
        world.cluster.kill(2)
        world.cluster.run(milliseconds: 20_000)
        #expect(world.ask(0, "SET k 2").hasPrefix("-NOQUORUM "))
        #expect(world.ask(0, "GET k").hasPrefix("-NOQUORUM "))
        #expect(world.ask(0, "CONSISTENCY R ONE W 1") == "+OK\r\n")
        #expect(world.ask(0, "SET k 3") == "+OK\r\n")
        #expect(world.ask(0, "GET k") == "$1\r\n3\r\n")
    }
}

extension Executor {
    /// What the node itself has under a key of database 0.
    fileprivate func localString(_ name: String) -> [UInt8]? {
        name.withView { name in
            let key = Key(name)
            return withAccess(key) { access in access.peek(key)?.withString { $0.bytes } }
        }
    }
}
