import Base
import NodeSimulation
import Testing

@testable import Node

/// Blocking commands in a cluster, from whichever node they are sent.
@Suite struct WaitingElsewhereTests {
    private let world: CoordinationTests.World

    init() throws { world = try CoordinationTests.World(seed: 21) }

    /// Sends without waiting for the reply.
    private func begin(_ client: SimulatedClient, _ lines: String...) {
        client.send(Array(lines.map { $0 + "\r\n" }.joined().utf8))
        world.cluster.run(milliseconds: 50)
    }

    /// What has come after a while.
    private func replies(_ client: SimulatedClient) -> String {
        world.cluster.run(milliseconds: 50)
        return client.take()
    }

    /// All servers' clients wait for the list. Answers at which server they do: there the two others' guests are.
    private func everybodyWaits() throws -> Int {
        for server in 0..<3 { begin(world.clients[server], "BLPOP q 0") }
        let guests = world.cluster.servers.map { server in
            (0..<2).reduce(0) { $0 + server.executor($1).coordinator.guests.count }
        }
        return try #require(guests.firstIndex(of: 2))
    }

    private static func popped(_ value: String) -> String { "*2\r\n$1\r\nq\r\n$\(value.utf8.count)\r\n\(value)\r\n" }

    @Test("Whoever waits is served, whichever node it asked and whichever the other")
    func served() {
        for i in 0..<9 {
            let waiting = world.clients[i % 3]
            begin(waiting, "BLPOP q 0")
            #expect(waiting.take() == "")
            let other = world.cluster.client(of: i / 3)
            #expect(world.cluster.exchange(other, "RPUSH q v\(i)") == ":1\r\n")
            #expect(replies(waiting) == Self.popped("v\(i)"))
        }
        for server in 0..<3 { #expect(world.ask(server, "EXISTS q") == ":0\r\n") }
    }

    @Test("First come, first served, over all nodes")
    func order() {
        for server in [2, 0, 1] { begin(world.clients[server], "BLPOP q 0") }
        let other = world.cluster.client(of: 1)
        #expect(world.cluster.exchange(other, "RPUSH q a b c") == ":3\r\n")
        for (server, value) in zip([2, 0, 1], ["a", "b", "c"]) {
            #expect(replies(world.clients[server]) == Self.popped(value))
        }
    }

    @Test("The time that a client waits is over everywhere")
    func timeout() {
        for server in 0..<3 { begin(world.clients[server], "BLPOP q 0.3") }
        world.cluster.run(milliseconds: 500)
        for server in 0..<3 { #expect(world.clients[server].take() == "*-1\r\n") }
        #expect(world.ask(0, "RPUSH q x") == ":1\r\n")
        for server in 0..<3 { #expect(world.ask(server, "LRANGE q 0 -1") == "*1\r\n$1\r\nx\r\n") }
    }

    @Test("Nothing is taken for a client that has gone")
    func gone() {
        for server in 0..<3 {
            let client = world.cluster.client(of: server)
            begin(client, "BLPOP q 0")
            client.close()
            world.cluster.run(milliseconds: 50)
        }
        #expect(world.ask(0, "RPUSH q x") == ":1\r\n")
        for server in 0..<3 { #expect(world.ask(server, "LLEN q") == ":1\r\n") }
        for server in world.cluster.servers {
            for loop in 0..<2 { #expect(server.executor(loop).coordinator.guests.isEmpty) }
        }
    }

    @Test("CLIENT UNBLOCK ends a wait at another node")
    func unblock() {
        for server in 0..<3 {
            let client = world.cluster.client(of: server)
            let id = world.cluster.exchange(client, "CLIENT ID").dropFirst().dropLast()
            begin(client, "BLPOP q 0")
            #expect(world.ask(server, "CLIENT UNBLOCK \(id)") == ":1\r\n")
            #expect(replies(client) == "*-1\r\n")
            #expect(world.ask(server, "CLIENT UNBLOCK \(id)") == ":0\r\n")
            begin(client, "BLPOP q 0")
            #expect(world.ask(server, "INFO clients").contains("blocked_clients:1\r\n"))
            #expect(world.ask(server, "CLIENT UNBLOCK \(id) ERROR") == ":1\r\n")
            #expect(replies(client) == "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
            #expect(world.cluster.exchange(client, "PING") == "+PONG\r\n")
        }
        #expect(world.ask(0, "RPUSH q x") == ":1\r\n")
        #expect(world.ask(1, "LLEN q") == ":1\r\n")
    }

    @Test("A client's commands take effect in their order, also around one that waits")
    func pipeline() {
        for server in 0..<3 {
            let client = world.clients[server]
            let (asker, pusher) = ((server + 1) % 3, (server + 2) % 3)
            begin(client, "SET a 1", "GET b", "BLPOP q 0", "SET a 2", "BLPOP q 0", "PING")
            #expect(client.take() == "+OK\r\n$-1\r\n")
            #expect(world.ask(asker, "GET a") == "$1\r\n1\r\n")
            #expect(world.ask(pusher, "RPUSH q x") == ":1\r\n")
            #expect(replies(client) == Self.popped("x") + "+OK\r\n")
            #expect(world.ask(asker, "GET a") == "$1\r\n2\r\n")
            #expect(world.ask(pusher, "RPUSH q y") == ":1\r\n")
            #expect(replies(client) == Self.popped("y") + "+PONG\r\n")
        }
    }

    @Test("Streams and sorted sets, too; and a command that need not wait")
    func others() {
        for server in 0..<3 {
            let client = world.clients[server]
            let other = (server + 1) % 3
            begin(client, "XREAD BLOCK 0 STREAMS s $")
            #expect(world.ask(other, "XADD s \(server + 1)-1 f v") == "$3\r\n\(server + 1)-1\r\n")
            #expect(replies(client).hasPrefix("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n\(server + 1)-1\r\n"))
            begin(client, "BZPOPMIN z 0")
            #expect(world.ask(other, "ZADD z 1 m") == ":1\r\n")
            #expect(replies(client) == "*3\r\n$1\r\nz\r\n$1\r\nm\r\n$1\r\n1\r\n")
            #expect(world.ask(other, "RPUSH q there") == ":1\r\n")
            #expect(world.ask(server, "BLPOP q 0") == Self.popped("there"))
            #expect(world.ask(server, "BLPOP {1}a {2}b 0").hasPrefix("-CROSSSLOT "))
        }
    }

    @Test("Who is served by a write hears of it when that has its quorum, or that it has none")
    func quorum() throws {
        let coordinator = try everybodyWaits()
        world.cluster.split([coordinator], (0..<3).filter { $0 != coordinator })
        let other = world.cluster.client(of: coordinator)
        begin(other, "RPUSH q a b c")
        #expect(world.clients[coordinator].take() == "")
        world.cluster.run(milliseconds: 10_000)
        #expect(other.take().hasPrefix("-NOQUORUM "))
        #expect(world.clients[coordinator].take().hasPrefix("-NOQUORUM "))
    }

    @Test("When the coordinator dies, those who wait hear of it, and may ask again")
    func coordinatorDies() throws {
        let coordinator = try everybodyWaits()
        world.cluster.kill(coordinator)
        world.cluster.run(milliseconds: 20_000)
        for server in 0..<3 where server != coordinator {
            #expect(world.clients[server].take().hasPrefix("-UNBLOCKED "))
            begin(world.clients[server], "BLPOP q 0")
            let other = world.cluster.client(of: server)
            #expect(world.cluster.exchange(other, "RPUSH q x") == ":1\r\n")
            #expect(replies(world.clients[server]) == Self.popped("x"))
        }
        // The one who stands in for it hands the queue back.
        let waiting = (coordinator + 1) % 3
        begin(world.clients[waiting], "BLPOP q 0")
        try world.restart(coordinator)
        world.cluster.run(milliseconds: 20_000)
        #expect(world.clients[waiting].take().hasPrefix("-UNBLOCKED "))
    }
}
