import Base
import Commands
import Testing

@testable import Keyspace
@testable import Node

/// DESIGN: replaying the mutations of random commands into an empty key space rebuilds it in full. Here the commands
/// are all that write, whole: parsed, in transactions, in scripts, on clients that wait, on two loops, while keys expire.
@Suite struct CommandReplayTests {
    private func replica(of keyspace: Keyspace) -> Keyspace {
        let replica = Keyspace(
            databases: keyspace.databaseCount, reclaimer: Reclaimer(readers: 1), disposer: Disposer())
        for limit in PackingLimits.Limit.allCases {
            replica.shared.pointee.packing[limit] = keyspace.shared.pointee.packing[limit]
        }
        keyspace.withActorMutation(timestamp: 0) { #expect(RecordedMutation($0).apply(to: replica)) }
        return replica
    }

    /// A string's encoding is left out: SETBIT and BITFIELD make it raw, as in Redis, also if they change nothing,
    /// which is no mutation.
    private func contents(_ keyspace: Keyspace) -> KeyspaceState {
        var state = keyspace.state
        for i in state.keys.indices where state.keys[i].type == "string" { state.keys[i].encoding = "" }
        return state
    }

    private func replay(_ traffic: RandomTraffic, _ sink: RecordingSink, steps: Int, _ seed: UInt64) {
        let keyspace = traffic.shell.node.keyspace
        let replica = replica(of: keyspace)
        var replayed = 0
        for step in 1...steps {
            traffic.step()
            if step % 400 != 0 { continue }
            let mutations = sink.mutations
            for mutation in mutations[replayed...] { #expect(mutation.apply(to: replica)) }
            replayed = mutations.count
            let (expected, found) = (contents(keyspace), contents(replica))
            #expect(found.counters == expected.counters, "seed \(seed), step \(step)")
            #expect(replica.siblingsShown == keyspace.siblingsShown, "seed \(seed), step \(step)")
            for (mine, its) in zip(expected.keys, found.keys) where mine != its {
                Issue.record("seed \(seed), step \(step): \(String(decoding: mine.key, as: UTF8.self)): \(mine) \(its)")
                return
            }
            #expect(found.keys.count == expected.keys.count, "seed \(seed), step \(step)")
        }
        #expect(replayed > steps / 4)
        #expect(sink.mutations.allSatisfy { !$0.apply(to: replica) }, "a dot that is held must change nothing")
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func replayRebuildsTheKeyspace(seed: UInt64) throws {
        let traffic = try RandomTraffic(FakeShell(loops: 2, options: RandomTraffic.options(seed)), seed)
        let sink = RecordingSink()
        traffic.shell.node.keyspace.shared.pointee.sink = sink
        replay(traffic, sink, steps: 2000, seed)
    }

    /// The commands above are all there are.
    @Test func everyWritingCommandIsReplayed() throws {
        let traffic = try RandomTraffic(FakeShell(loops: 2, options: ReplayMix.lowLimits), 100)
        traffic.shell.node.keyspace.shared.pointee.sink = RecordingSink()
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
