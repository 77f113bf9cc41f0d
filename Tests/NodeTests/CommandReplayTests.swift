import Base
import Commands
import Testing

@testable import Keyspace
@testable import Node

/// DESIGN: replaying the mutations of random commands into an empty key space rebuilds it in full. Here the commands
/// are all that write, whole: parsed, in transactions, in scripts, on clients that wait, on two loops, while keys expire.
@Suite struct CommandReplayTests {
    /// Clients of a node that send random commands.
    private final class Traffic {
        let shell: FakeShell
        let sink = RecordingSink()
        var random: PRNG
        private var clients: [FakeClient] = []
        /// Commands that were answered, and not with an error.
        var done: Set<String> = []

        init(_ seed: UInt64) throws {
            // Low limits for most, so that values change their form all the time.
            shell = try FakeShell(loops: 2, options: seed % 3 == 0 ? [] : ReplayMix.lowLimits)
            shell.node.keyspace.shared.pointee.sink = sink
            random = PRNG(seed: seed)
            clients = [shell.connect(loop: 0), shell.connect(loop: 1), shell.connect(loop: 1)]
        }

        func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

        /// One command, or several in a transaction. A client that waits is left alone.
        func step() {
            shell.now += Int64(below(8))
            for client in clients where !client.received.isEmpty { client.received = [] }
            let client = clients[below(3)]
            if isWaiting(client) { return shell.settle() }
            switch below(12) {
            case 0: transaction(client)
            case 1: restore(client)
            case 2:
                let words = ReplayMix.command(&random)
                if words[0].first != UInt8(ascii: "B") {
                    send(client, ["EVAL", "return redis.pcall(unpack(ARGV))", "0"].map { Array($0.utf8) } + words)
                }
            default: send(client, ReplayMix.command(&random))
            }
        }

        private func isWaiting(_ client: FakeClient) -> Bool {
            client.link.pointee.session!.assumingMemoryBound(to: Session.self).pointee.mode.contains(.suspended)
        }

        private func transaction(_ client: FakeClient) {
            send(client, [Array("MULTI".utf8)])
            for _ in 0...below(5) { send(client, ReplayMix.command(&random)) }
            send(client, [Array((below(5) == 0 ? "DISCARD" : "EXEC").utf8)])
        }

        private func restore(_ client: FakeClient) {
            let (source, target) = (ReplayMix.anyKey(&random), ReplayMix.anyKey(&random))
            let dump = send(client, [Array("DUMP".utf8), source])
            guard dump.first == UInt8(ascii: "$"), dump.count > 5, let start = dump.firstIndex(of: 10) else { return }
            let payload = Array(dump[(start + 1)..<(dump.count - 2)])
            let time = Array("\(below(2) * below(300))".utf8)
            send(client, [Array("RESTORE".utf8), target, time, payload, Array("REPLACE".utf8)])
        }

        @discardableResult
        private func send(_ client: FakeClient, _ words: [[UInt8]]) -> [UInt8] {
            client.unread += Array("*\(words.count)\r\n".utf8)
            for word in words { client.unread += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
            shell.settle()
            defer { client.received = [] }
            let reply = client.received
            if let first = reply.first, first != UInt8(ascii: "-"), reply != Array("+QUEUED\r\n".utf8) {
                done.insert(String(decoding: words[0], as: UTF8.self).lowercased())
                if words.count > 1 {
                    let names = words[0...1].map { String(decoding: $0, as: UTF8.self).lowercased() }
                    done.insert(names.joined(separator: "|"))
                }
            }
            return reply
        }
    }

    private func replica(of keyspace: Keyspace) -> Keyspace {
        let replica = Keyspace(
            databases: keyspace.databaseCount, reclaimer: Reclaimer(readers: 1), disposer: Disposer())
        for limit in PackingLimits.Limit.allCases {
            replica.shared.pointee.packing[limit] = keyspace.shared.pointee.packing[limit]
        }
        return replica
    }

    /// A string's encoding is left out: SETBIT and BITFIELD make it raw, as in Redis, also if they change nothing,
    /// which is no mutation.
    private func contents(_ keyspace: Keyspace) -> KeyspaceState {
        var state = keyspace.state
        for i in state.keys.indices where state.keys[i].type == "string" { state.keys[i].encoding = "" }
        return state
    }

    private func replay(_ traffic: Traffic, steps: Int, _ seed: UInt64) {
        let keyspace = traffic.shell.node.keyspace
        let replica = replica(of: keyspace)
        var replayed = 0
        for step in 1...steps {
            traffic.step()
            if step % 400 != 0 { continue }
            let mutations = traffic.sink.mutations
            for mutation in mutations[replayed...] { #expect(mutation.apply(to: replica)) }
            replayed = mutations.count
            let (expected, found) = (contents(keyspace), contents(replica))
            #expect(found.counters == expected.counters, "seed \(seed), step \(step)")
            for (mine, its) in zip(expected.keys, found.keys) where mine != its {
                Issue.record("seed \(seed), step \(step): \(String(decoding: mine.key, as: UTF8.self)): \(mine) \(its)")
                return
            }
            #expect(found.keys.count == expected.keys.count, "seed \(seed), step \(step)")
        }
        #expect(replayed > steps / 4)
        #expect(traffic.sink.mutations.allSatisfy { !$0.apply(to: replica) }, "a dot that is held must change nothing")
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func replayRebuildsTheKeyspace(seed: UInt64) throws {
        replay(try Traffic(seed), steps: 2000, seed)
    }

    /// The commands above are all there are.
    @Test func everyWritingCommandIsReplayed() throws {
        let traffic = try Traffic(100)
        let elsewhere: Set<String> = ["migrate", "restore-asking", "pfdebug"]
        let commands = traffic.shell.node.commands
        let writing = commands.commands.indices.filter { commands.commands[$0].flags.contains(.write) }
        let names = Set(writing.map { commands.fullNames[$0] }.filter { !$0.hasPrefix("function|") })
        #expect(names.count > 100)
        var missing = names.subtracting(elsewhere)
        for step in 1...60_000 where !missing.isEmpty {
            traffic.step()
            if step % 500 == 0 { missing.subtract(traffic.done) }
        }
        #expect(missing.isEmpty, "\(missing.sorted())")
    }
}
