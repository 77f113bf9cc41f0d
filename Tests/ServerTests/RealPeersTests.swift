import Base
import CSystem
import Cluster
import Glibc
import Keyspace
import Reactor
import Simulation
import Synchronization
import Testing

@testable import Node

/// Two nodes with real loops, threads and sockets in this process: loops of one ask loops of the other. What the network
/// may do to them is for `PeersTests`; here it is the event loop under the node that counts, and threads that meet.
@Suite struct RealPeersTests {
    /// Answers with what was asked; counts what it is told.
    final class Echo: PeerRequests, @unchecked Sendable {
        unowned let executor: Executor
        let answers = Atomic<Int>(0)
        let wrong = Atomic<Int>(0)
        let losses = Atomic<Int>(0)
        private let payload: [UInt8]

        init(_ executor: Executor, payloadBytes: Int) {
            self.executor = executor
            payload = (0..<payloadBytes).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        }

        func ask(_ member: Int, _ count: Int) {
            for id in 0..<count {
                let isTaken = payload.withView {
                    executor.peers.request(member, code: 1, id: UInt64(id), timeLeft: 60_000, payload: $0)
                }
                if !isTaken { losses.add(1, ordering: .relaxed) }
            }
        }

        func answered(_ id: UInt64, from member: Int, code: UInt8, payload: ByteView) {
            if payload.bytes != self.payload { wrong.add(1, ordering: .relaxed) }
            answers.add(1, ordering: .relaxed)
        }

        func lost(_ member: Int) { losses.add(1, ordering: .relaxed) }
        func ended(_ connection: PeerReturn) {}

        func asked(by member: Int, id: UInt64, code: UInt8, timeLeft: UInt32, payload: ByteView, via: PeerReturn) {
            executor.peers.respond(via, id: id, code: 2, payload: payload)
        }
    }

    final class Server: @unchecked Sendable {
        let node: Node
        let port: UInt16
        let echoes: [Echo]
        private let loops: [EventLoop]
        private var threads: [pthread_t] = []
        private let files = SimulatedFileSystem(seed: 1, directories: ["/tmp"])
        private let listeners: [Int32]

        static func listen(_ loops: Int) -> ([Int32], UInt16) {
            let first = cs_listen_tcp("127.0.0.1", 0, 64, 1)
            let port = cs_local_port(first)
            return ([first] + (1..<loops).map { _ in cs_listen_tcp("127.0.0.1", port, 64, 1) }, UInt16(port))
        }

        init(_ index: Int, seeds: String, _ listeners: [Int32], _ port: UInt16, payloadBytes: Int) throws {
            (self.listeners, self.port) = (listeners, port)
            let configuration = try Configuration.load([
                "--io-threads", "\(listeners.count)", "--dir", "/tmp", "--save", "", "--cluster-enabled", "yes",
                "--cluster-seeds", seeds, "--cluster-node-timeout", "3000", "--node-weight", "1",
            ])
            var doors = Doors(disposer: Disposer(), log: { _, _ in }, shutDown: {}, sleep: { usleep(UInt32($0)) })
            doors.files = files
            node = Node(configuration: configuration, doors: doors, wall: cs_wall_us() / 1000, seed: UInt64(index))
            let address = ClusterAddress(host: "127.0.0.1", clientPort: index + 1, peerPort: Int(port))
            try node.openCluster(address, now: RealPeersTests.now)
            echoes = node.executors.map { Echo($0, payloadBytes: payloadBytes) }
            loops = node.executors.map { executor in
                let loop = EventLoop(handler: executor, keepalive: { 0 })
                executor.connect(wake: { loop.wake() })
                return loop
            }
            for (echo, executor) in zip(echoes, node.executors) { executor.peers.handler = echo }
            for (loop, listener) in zip(loops, listeners) {
                loop.add(EventLoop.Listener(descriptor: listener, isTCP: true, isForPeers: true))
            }
        }

        func start() {
            for loop in loops {
                var thread = pthread_t()
                let failure = pthread_create(
                    &thread, nil,
                    { raw in
                        Unmanaged<EventLoop>.fromOpaque(raw!).takeRetainedValue().run()
                        return nil
                    }, Unmanaged.passRetained(loop).toOpaque())
                precondition(failure == 0)
                threads.append(thread)
            }
        }

        func stop() {
            for loop in loops { loop.stop() }
            for thread in threads { pthread_join(thread, nil) }
        }
    }

    static var now: Int64 { Int64(cs_monotonic_ns() / 1_000_000) }

    /// Plays the thread `gossip` for both, until the condition holds.
    private static func gossip(_ servers: [Server], until condition: () -> Bool) -> Bool {
        final class Letters { var all: [(from: UInt16, to: UInt16, bytes: [UInt8])] = [] }
        let letters = Letters()
        for server in servers {
            let port = server.port
            server.node.cluster!.send = { letters.all.append((port, $1.port, $0.bytes)) }
        }
        defer { for server in servers { server.node.cluster!.send = { _, _ in } } }
        // Long enough for any machine: nothing here takes a second.
        let end = now + 120_000
        while !condition() {
            if now > end { return false }
            let arrived = letters.all
            letters.all = []
            for letter in arrived {
                let sender = NodeAddress(host: "127.0.0.1", port: letter.from)
                for server in servers where server.port == letter.to {
                    letter.bytes.withView { server.node.cluster!.received($0, from: sender, now: now) }
                }
            }
            for server in servers { server.node.cluster!.tick(now: now) }
            usleep(1000)
        }
        return true
    }

    @Test(arguments: [(20, 2000), (300_000, 40)]) func loopsOfTwoNodesAskEachOther(_ bytes: Int, _ count: Int) throws {
        let sockets = (0..<2).map { _ in Server.listen(2) }
        let seeds = sockets.enumerated().map { "127.0.0.1:\($0 + 1)@\($1.1)" }.joined(separator: ",")
        let servers = try sockets.enumerated().map {
            try Server($0, seeds: seeds, $1.0, $1.1, payloadBytes: bytes)
        }
        for server in servers { server.start() }
        #expect(Self.gossip(servers) { servers.allSatisfy { $0.node.cluster!.view.isFounded } })
        let echoes = servers.flatMap(\.echoes)
        let rounds = 5
        for round in 1...rounds {
            for server in servers {
                let target = 1 - server.node.cluster!.view.own
                for (executor, echo) in zip(server.node.executors, server.echoes) {
                    executor.mailbox.post { _ in echo.ask(target, count / rounds) }
                }
            }
            let wanted = count / rounds * round
            #expect(
                Self.gossip(servers) {
                    echoes.allSatisfy {
                        $0.answers.load(ordering: .relaxed) + $0.losses.load(ordering: .relaxed) >= wanted
                    }
                })
        }
        for server in servers { server.stop() }
        #expect(echoes.map { $0.answers.load(ordering: .relaxed) } == [Int](repeating: count, count: 4))
        #expect(echoes.allSatisfy { $0.wrong.load(ordering: .relaxed) == 0 })
    }
}
