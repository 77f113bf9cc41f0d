import Base
import Commands
import Testing

@testable import Keyspace

@Suite struct CollectionGoldenTests {
    private static let families = [
        HashCommands.commands, SetCommands.commands, SortedSetCommands.commands, GeoCommands.commands,
        KeyCommands.commands, StringCommands.commands,
    ]

    /// Does what a trace's line says about the client or the limits; false if it is a command.
    private static func adjust(_ harness: CommandHarness, _ words: [[UInt8]]) -> Bool {
        let words = words.map { String(decoding: $0, as: UTF8.self) }
        switch words[0] {
        case "@resp": harness.version = words[1] == "3" ? 3 : 2
        case "@limit":
            let limit = PackingLimits.Limit.allCases.first { "\($0)" == words[1] }!
            harness.keyspace.shared.pointee.packing[limit] = Int(words[2])!
        default: return false
        }
        return true
    }

    /// Thousands of random commands on hashes and sets, in all their forms, answer what redis-server 7.0.15 did.
    @Test(arguments: ["hashes", "sets", "sortedsets", "geo"])
    func repliesAreRedis(name: String) throws {
        let trace = try GoldenTrace(name)
        #expect(trace.steps.count > 3500)
        let harness = CommandHarness(Self.families)
        var failures = 0
        for step in trace.steps where !Self.adjust(harness, step.words) {
            let reply = GoldenTrace.normalized(harness.run(step.words), step.order)
            if reply == step.reply { continue }
            failures += 1
            Issue.record(
                """
                line \(step.line): \(step.words.map(GoldenTrace.shown).joined(separator: " "))
                Redis: \(GoldenTrace.shown(step.reply))
                ours:  \(GoldenTrace.shown(reply))
                """)
            if failures == 20 { break }
        }
        #expect(harness.keyspace.slotCountersAreRight)
    }

    /// Replaying the mutations of all these commands into an empty key space rebuilds it in full.
    @Test(arguments: ["hashes", "sets", "sortedsets", "geo"])
    func mutationsOfCommandsRebuildTheKeyspace(name: String) throws {
        let harness = CommandHarness(Self.families)
        let sink = RecordingSink()
        harness.keyspace.shared.pointee.sink = sink
        let replica = CommandHarness(Self.families)
        var replayed = 0
        func compare() {
            for mutation in sink.mutations[replayed...] { #expect(mutation.apply(to: replica.keyspace)) }
            replayed = sink.mutations.count
            let (expected, found) = (harness.keyspace.state, replica.keyspace.state)
            #expect(found.counters == expected.counters)
            #expect(found.keys.count == expected.keys.count)
            for (found, expected) in zip(found.keys, expected.keys) { #expect(found.isReplay(of: expected)) }
        }
        for (i, step) in try GoldenTrace(name).steps.enumerated() {
            if Self.adjust(harness, step.words) {
                // Replay under the limits that held: they are no mutation.
                compare()
                _ = Self.adjust(replica, step.words)
                continue
            }
            harness.now += 1
            _ = harness.run(step.words)
            if i % 500 == 499 { compare() }
        }
        compare()
    }
}
