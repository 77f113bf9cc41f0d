import Base
import Cluster
import Commands
import Keyspace
import NodeSimulation
import Simulation
import Storage
import Testing

@testable import Node

/// Loops of different servers that ask each other, on a simulated network.
@Suite struct PeersTests {
    /// Notes what comes, and answers requests: in the same turn, or when it is told to.
    final class Recorder: PeerRequests {
        let executor: Executor
        var answers: [(id: UInt64, member: Int, code: UInt8, payload: [UInt8])] = []
        var losses: [Int] = []
        var requests: [(member: Int, id: UInt64, code: UInt8, timeLeft: UInt32, payload: [UInt8], via: PeerReturn)] = []
        var answersAtOnce = true

        init(_ executor: Executor) {
            self.executor = executor
            executor.peers.handler = self
        }

        func answered(_ id: UInt64, from member: Int, code: UInt8, payload: ByteView) {
            answers.append((id, member, code, payload.bytes))
        }

        func lost(_ member: Int) { losses.append(member) }
        func ended(_ connection: PeerReturn) {}

        func asked(by member: Int, id: UInt64, code: UInt8, timeLeft: UInt32, payload: ByteView, via: PeerReturn) {
            requests.append((member, id, code, timeLeft, payload.bytes, via))
            if answersAtOnce { answer(requests.count - 1) }
        }

        /// With the request's payload and one byte more.
        func answer(_ i: Int) {
            let request = requests[i]
            (request.payload + [33]).withView {
                executor.peers.respond(request.via, id: request.id, code: request.code + 1, payload: $0)
            }
        }

        func ask(_ member: Int, _ id: UInt64, _ payload: [UInt8] = [1, 2, 3]) -> Bool {
            payload.withView {
                executor.peers.request(member, code: 7, id: id, timeLeft: 1000, payload: $0)
            }
        }
    }

    final class World {
        let cluster: SimulatedCluster
        var recorders: [[Recorder]] = []
        /// The index on the ring of each server.
        let members: [Int]

        init(seed: UInt64 = 1, servers: Int = 3, loops: Int = 2, options: [String] = []) throws {
            // Nobody but the test asks for anything.
            cluster = try SimulatedCluster(
                seed: seed, servers: servers, loops: loops, options: ["--cluster-catch-up", "no"] + options)
            #expect(cluster.found())
            members = cluster.servers.map(\.view.own)
            record()
            cluster.run(milliseconds: 10)
        }

        func record() {
            recorders = cluster.servers.map { server in
                server.isRunning ? server.node!.executors.map(Recorder.init) : []
            }
        }

        /// Has a loop do something in a turn of its own.
        func inTurn(_ server: Int, _ loop: Int = 0, _ body: @escaping @Sendable (Executor) -> Void) {
            cluster.servers[server].node!.executors[loop].mailbox.post(body)
        }

        /// Asks in a turn; answers whether it was taken.
        @discardableResult
        func ask(_ from: Int, _ to: Int, ids: [UInt64], loop: Int = 0, payload: [UInt8] = [1, 2, 3]) -> Bool {
            let target = members[to]
            final class Outcome: @unchecked Sendable { var isTaken = true }
            let outcome = Outcome()
            inTurn(from, loop) { executor in
                let recorder = executor.peers.handler as! Recorder
                for id in ids where !recorder.ask(target, id, payload) { outcome.isTaken = false }
            }
            cluster.run(milliseconds: 1)
            return outcome.isTaken
        }
    }

    @Test func everyLoopAsksEveryMember() throws {
        let world = try World()
        for from in 0..<3 {
            for to in 0..<3 where to != from {
                for loop in 0..<2 { #expect(world.ask(from, to, ids: [UInt64(to), 100], loop: loop)) }
            }
        }
        world.cluster.run(milliseconds: 100)
        for from in 0..<3 {
            for loop in 0..<2 {
                let recorder = world.recorders[from][loop]
                for to in 0..<3 where to != from {
                    let answers = recorder.answers.filter { $0.member == world.members[to] }
                    #expect(answers.map(\.id) == [UInt64(to), 100])
                    #expect(answers.allSatisfy { $0.code == 8 && $0.payload == [1, 2, 3, 33] })
                }
                #expect(recorder.answers.count == 4 && recorder.losses.isEmpty)
            }
        }
        let asked = world.recorders.joined().flatMap(\.requests)
        #expect(asked.count == 24 && asked.allSatisfy { $0.code == 7 && $0.timeLeft > 900 && $0.timeLeft <= 1000 })
    }

    @Test func anAnswerMayComeInALaterTurn() throws {
        let world = try World()
        for recorder in world.recorders[1] { recorder.answersAtOnce = false }
        world.ask(0, 1, ids: [5, 6])
        world.cluster.run(milliseconds: 300)
        #expect(world.recorders[0][0].answers.isEmpty)
        let loop = try #require(world.recorders[1].firstIndex { $0.requests.count == 2 })
        world.inTurn(1, loop) { executor in
            let recorder = executor.peers.handler as! Recorder
            recorder.answer(1)
            recorder.answer(0)
        }
        world.cluster.run(milliseconds: 50)
        #expect(world.recorders[0][0].answers.map(\.id) == [6, 5])
    }

    /// Each request that was taken is either answered, or its member told of as lost afterwards.
    @Test(arguments: 1...6) func nothingIsLostSilently(_ seed: UInt64) throws {
        let world = try World(seed: seed)
        world.cluster.faults.breaks = 0.01
        var taken = 0
        for round in 0..<150 {
            if world.ask(0, 1 + round % 2, ids: [UInt64(round)]) { taken += 1 }
            if round == 70 { world.cluster.kill(2) }
            if round == 90 {
                try world.cluster.start(2)
                world.recorders[2] = world.cluster.servers[2].node!.executors.map(Recorder.init)
            }
            world.cluster.run(milliseconds: 40)
        }
        world.cluster.faults.breaks = 0
        world.cluster.run(milliseconds: 5000)
        let recorder = world.recorders[0][0]
        #expect(taken > 60 && recorder.answers.count > 40 && recorder.answers.count < taken)
        #expect(Set(recorder.answers.map(\.id)).count == recorder.answers.count)
        #expect(!recorder.losses.isEmpty)
        // It finds back to both.
        for (target, id) in [(1, UInt64(1000)), (2, 1001)] {
            #expect(world.cluster.run(limit: 12_000) { world.ask(0, target, ids: [id]) } != nil)
            world.cluster.run(milliseconds: 100)
            #expect(recorder.answers.last?.id == id)
        }
    }

    @Test func whoCannotBeReachedIsRefusedAtOnce() throws {
        let world = try World()
        world.cluster.kill(1)
        #expect(world.ask(0, 1, ids: [1]))
        world.cluster.run(milliseconds: 20)
        #expect(world.recorders[0][0].losses == [world.members[1]])
        #expect(!world.ask(0, 1, ids: [2]))
    }

    @Test func aCutConnectionTimesOutAndComesBack() throws {
        let world = try World()
        world.cluster.split([0], [1])
        #expect(world.ask(0, 1, ids: [1]))
        world.cluster.run(milliseconds: 2100)
        #expect(world.recorders[0][0].losses.count == 1)
        world.cluster.heal()
        let answered = world.cluster.run(limit: 12_000) {
            world.ask(0, 1, ids: [2])
            return !world.recorders[0][0].answers.isEmpty
        }
        #expect(answered != nil)
    }

    /// Who connects has to prove in time who it is.
    @Test func whoSaysNothingIsCutOff() throws {
        let world = try World()
        let silent = world.cluster.client(of: 0, port: SimulatedServer.peerPort)
        world.cluster.run(milliseconds: 1900)
        #expect(silent.isOpen)
        world.cluster.run(milliseconds: 200)
        #expect(!silent.isOpen && silent.take() == "")
    }

    @Test(arguments: ["PING\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", String(repeating: "x", count: 10_000)])
    func whoSpeaksSomethingElseIsCutOff(_ text: String) throws {
        let world = try World()
        let client = world.cluster.client(of: 0, port: SimulatedServer.peerPort)
        client.send(Array(text.utf8))
        // What could still become the length of a frame is waited for.
        #expect(world.cluster.run(limit: 2100) { !client.isOpen } != nil)
        #expect(world.ask(1, 0, ids: [1]))
        world.cluster.run(milliseconds: 100)
        #expect(world.recorders[1][0].answers.map(\.id) == [1])
    }

    @Test func notTooManyGreetAtATime() throws {
        let world = try World(loops: 1)
        let clients = (0..<300).map { _ in world.cluster.client(of: 0, port: SimulatedServer.peerPort) }
        world.cluster.run(milliseconds: 100)
        #expect(clients.filter(\.isOpen).count == Peers.greetingsMax)
        world.cluster.run(milliseconds: 2100)
        #expect(!clients.contains { $0.isOpen })
        #expect(world.ask(1, 0, ids: [1]))
        world.cluster.run(milliseconds: 100)
        #expect(world.recorders[1][0].answers.map(\.id) == [1])
    }

    /// A member that asks and does not listen is cut off before its answers fill the memory.
    @Test func whoDoesNotReadItsAnswersIsCutOff() throws {
        let world = try World(loops: 1)
        world.ask(0, 1, ids: [0])
        world.cluster.run(milliseconds: 50)
        let via = try #require(world.recorders[1][0].requests.first?.via)
        // Nothing gets from the second server to the first one any more.
        world.cluster.servers[1].stopSending()
        for _ in 0..<80 {
            world.inTurn(1) { executor in
                [UInt8](repeating: 7, count: 1 << 20).withView {
                    executor.peers.respond(via, id: 1, code: 0, payload: $0)
                }
            }
            world.cluster.run(milliseconds: 1)
        }
        world.cluster.run(milliseconds: 50)
        #expect(world.recorders[0][0].losses == [world.members[1]])
        #expect(world.cluster.servers[1].node!.executors[0].peers.linkCount == 0)
    }

    /// A node that is stopped for a while answers late what it can, and is one of them again.
    @Test func aPausedNodeAnswersLater() throws {
        let world = try World(loops: 1)
        world.ask(0, 1, ids: [1])
        world.cluster.run(milliseconds: 50)
        world.cluster.pause(1)
        #expect(world.ask(0, 1, ids: [2]))
        let view = { world.cluster.servers[0].view }
        #expect(world.cluster.run(limit: 60_000) { view().liveness[world.members[1]] == .down } != nil)
        #expect(world.recorders[0][0].answers.map(\.id) == [1])
        world.cluster.resume(1)
        #expect(world.cluster.run(limit: 20_000) { view().isReachable(world.members[1]) } != nil)
        #expect(world.cluster.servers[1].lines.contains { $0.contains("others took this node for down; it objects") })
        world.ask(0, 1, ids: [3])
        world.cluster.run(milliseconds: 100)
        #expect(world.recorders[0][0].answers.map(\.id) == [1, 2, 3])
    }

    /// Back-off does not outlast the news that the member is back.
    @Test func whoIsBackIsConnectedToAtOnce() throws {
        let world = try World(loops: 1)
        world.cluster.kill(1)
        for round in 0..<300 {
            world.ask(0, 1, ids: [UInt64(round)])
            world.cluster.run(milliseconds: 100)
        }
        let view = { world.cluster.servers[0].view }
        #expect(!view().isReachable(world.members[1]))
        try world.cluster.start(1)
        world.recorders[1] = world.cluster.servers[1].node!.executors.map(Recorder.init)
        #expect(world.cluster.run(limit: 20_000) { view().isReachable(world.members[1]) } != nil)
        world.cluster.run(milliseconds: 50)
        #expect(world.ask(0, 1, ids: [1000]))
        world.cluster.run(milliseconds: 50)
        #expect(world.recorders[0][0].answers.map(\.id) == [1000])
    }

    /// A connection over which nothing gets ends at both sides, and does not keep what was sent for later.
    @Test func aCutConnectionEnds() throws {
        let world = try World(loops: 1)
        world.ask(0, 1, ids: [1])
        world.cluster.run(milliseconds: 50)
        #expect(world.recorders[0][0].answers.count == 1)
        world.cluster.split([0], [1])
        #expect(world.ask(0, 1, ids: [2]))
        world.cluster.run(milliseconds: 5000)
        #expect(world.recorders[0][0].losses.isEmpty)
        world.cluster.run(milliseconds: 1500)
        #expect(world.recorders[0][0].losses == [world.members[1]])
        world.cluster.heal()
        let answered = world.cluster.run(limit: 20_000) {
            world.ask(0, 1, ids: [3])
            return world.recorders[0][0].answers.last?.id == 3
        }
        #expect(answered != nil)
        #expect(!world.recorders[1][0].requests.map(\.id).contains(2))
        #expect(world.cluster.servers[1].node!.executors[0].peers.linkCount == 1)
    }

    @Test func longPayloadsGoThrough() throws {
        let world = try World()
        var random = PRNG(seed: 3)
        let payload = (0..<3_000_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        world.ask(0, 1, ids: [1, 2], payload: payload)
        world.ask(0, 1, ids: [3])
        world.cluster.run(milliseconds: 500)
        #expect(world.recorders[0][0].answers.map(\.id) == [1, 2, 3])
        #expect(world.recorders[0][0].answers[1].payload == payload + [33])
    }

    @Test func oneSeedOneCourse() throws {
        func course() throws -> (UInt64, [String]) {
            let world = try World(seed: 9)
            world.cluster.faults.loss = 0.2
            world.cluster.faults.breaks = 0.02
            for round in 0..<30 {
                world.ask(round % 3, (round + 1) % 3, ids: [UInt64(round)])
                world.cluster.run(milliseconds: 100)
            }
            return (world.cluster.trace, world.cluster.servers.flatMap(\.lines))
        }
        let (first, second) = (try course(), try course())
        #expect(first == second)
    }

    /// Sets the key that a request names to itself, and answers at once or later.
    final class Writer: PeerRequests {
        let executor: Executor
        var answersAtOnce = true
        var unanswered: [(id: UInt64, via: PeerReturn)] = []

        init(_ executor: Executor) {
            self.executor = executor
            executor.peers.handler = self
        }

        func answered(_ id: UInt64, from member: Int, code: UInt8, payload: ByteView) {}
        func lost(_ member: Int) {}
        func ended(_ connection: PeerReturn) {}

        func asked(by member: Int, id: UInt64, code: UInt8, timeLeft: UInt32, payload: ByteView, via: PeerReturn) {
            let access = Access(
                executor.partitions + Key(payload).partition, database: 0, moment: executor.state.pointee.moment)
            access.putString(Key(payload), payload, nil)
            executor.node.keyspace.shared.pointee.commit()
            unanswered.append((id, via))
            if answersAtOnce { answer() }
        }

        func answer() {
            for (id, via) in unanswered { executor.peers.respond(via, id: id, code: 0, payload: ByteView("")) }
            unanswered = []
        }
    }

    /// Under `appendfsync always` an answer means that what came before it is durable.
    @Test func answersWaitForTheLog() throws {
        let world = try World(loops: 1, options: ["--appendonly", "yes", "--appendfsync", "always"])
        let writer = Writer(world.cluster.servers[1].executor())
        defer { withExtendedLifetime(writer) {} }
        for id in 1...20 {
            world.ask(0, 1, ids: [UInt64(id)], payload: Array("key:\(id)".utf8))
            let arrived = world.cluster.run(limit: 1000) { world.recorders[0][0].answers.count == id }
            #expect(arrived != nil)
            let persistence = world.cluster.servers[1].node!.persistence!
            #expect(persistence.log.durable == UInt64(id))
        }
    }

    /// While the disk refuses, nothing that was changed is confirmed, in whatever turn it is answered; all else is answered.
    @Test func whatIsAnsweredLaterWaitsForTheLogToo() throws {
        let world = try World(loops: 1, options: ["--appendonly", "yes", "--appendfsync", "always"])
        let server = world.cluster.servers[1]
        let writer = Writer(server.executor())
        writer.answersAtOnce = false
        world.ask(0, 1, ids: [1], payload: Array("key".utf8))
        world.cluster.run(milliseconds: 100)
        #expect(writer.unanswered.count == 1)
        server.files.failAt(1, .error, of: .write, persistent: true)
        server.node!.persistence!.step()
        #expect(server.node!.persistence!.refusesWrites)
        world.inTurn(1) { executor in (executor.peers.handler as! Writer).answer() }
        world.cluster.run(milliseconds: 1000)
        #expect(world.recorders[0][0].answers.isEmpty)
        server.files.stopFailing()
        #expect(world.cluster.run(limit: 1000) { world.recorders[0][0].answers.count == 1 } != nil)
        #expect(server.node!.persistence!.log.durable == 1)
    }
}
