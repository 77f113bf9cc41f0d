import Base
import Commands
import Testing

@testable import Keyspace

@Suite struct KeyGoldenTests {
    private static let families = [KeyCommands.commands, StringCommands.commands, BitCommands.commands]

    /// Does what a trace's line says about the client; false if it is a command.
    private static func adjust(_ harness: CommandHarness, _ words: [[UInt8]]) -> Bool {
        switch String(decoding: words[0], as: UTF8.self) {
        case "@resp": harness.version = words[1] == [0x33] ? 3 : 2
        case "@db": harness.database = Int(String(decoding: words[1], as: UTF8.self))!
        default: return false
        }
        return true
    }

    /// Thousands of random key and database commands answer what redis-server 7.0.15 answered.
    @Test func repliesAreRedis() throws {
        let trace = try GoldenTrace("keys")
        #expect(trace.steps.count > 5000)
        let harness = CommandHarness(Self.families)
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

    /// Replaying the mutations of all these commands into an empty key space rebuilds it in full.
    @Test(arguments: ["keys", "strings"])
    func mutationsOfCommandsRebuildTheKeyspace(name: String) throws {
        let harness = CommandHarness(Self.families)
        let sink = RecordingSink()
        harness.keyspace.shared.pointee.sink = sink
        for (i, step) in try GoldenTrace(name).steps.enumerated() where !Self.adjust(harness, step.words) {
            if step.words[0] == Array("RPUSH".utf8) { continue }
            harness.now += 1
            _ = harness.run(step.words)
            // The trace empties databases now and then: compare on the way, too.
            if i % 500 == 499 { compare(harness.keyspace, sink) }
        }
        compare(harness.keyspace, sink)
    }

    private func compare(_ keyspace: Keyspace, _ sink: RecordingSink) {
        let replica = CommandHarness(Self.families).keyspace
        for mutation in sink.mutations { #expect(mutation.apply(to: replica)) }
        let (expected, found) = (keyspace.state, replica.state)
        #expect(found.counters == expected.counters)
        #expect(found.keys == expected.keys)
    }
}
