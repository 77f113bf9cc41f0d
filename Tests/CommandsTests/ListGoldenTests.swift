import Base
import Commands
import Testing

@testable import Keyspace

@Suite struct ListGoldenTests {
    private static let families = [
        ListCommands.commands, KeyCommands.commands, StringCommands.commands,
    ]

    private static func harness(_ listSize: Int) -> CommandHarness {
        let harness = CommandHarness(families)
        harness.keyspace.shared.pointee.packing[.listSize] = listSize
        return harness
    }

    /// Does what a trace's line says about the client; false if it is a command.
    private static func adjust(_ harness: CommandHarness, _ words: [[UInt8]]) -> Bool {
        if words[0] != Array("@resp".utf8) { return false }
        harness.version = words[1] == [0x33] ? 3 : 2
        return true
    }

    /// Thousands of random list commands answer what redis-server 7.0.15 answered, however small the pieces are.
    @Test(arguments: [-2, 1, 3, -1])
    func repliesAreRedis(listSize: Int) throws {
        let trace = try GoldenTrace("lists")
        #expect(trace.steps.count > 5000)
        let harness = Self.harness(listSize)
        var failures = 0
        for step in trace.steps where !Self.adjust(harness, step.words) {
            let reply = harness.run(step.words)
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

    /// Replaying the mutations of all these commands into an empty key space rebuilds it in full, in pieces of any
    /// other size, too.
    @Test(arguments: [-2, 2])
    func mutationsOfCommandsRebuildTheKeyspace(listSize: Int) throws {
        let harness = Self.harness(-2)
        let sink = RecordingSink()
        harness.keyspace.shared.pointee.sink = sink
        for (i, step) in try GoldenTrace("lists").steps.enumerated() where !Self.adjust(harness, step.words) {
            harness.now += 1
            _ = harness.run(step.words)
            if i % 1500 == 1499 { compare(harness.keyspace, sink, listSize) }
        }
        compare(harness.keyspace, sink, listSize)
    }

    private func compare(_ keyspace: Keyspace, _ sink: RecordingSink, _ listSize: Int) {
        let replica = Self.harness(listSize).keyspace
        for mutation in sink.mutations { #expect(mutation.apply(to: replica)) }
        let (expected, found) = (keyspace.state, replica.state)
        #expect(found.counters == expected.counters)
        #expect(found.keys == expected.keys)
    }
}
