import Base
import Commands
import Foundation
import Testing

@testable import Keyspace

@Suite struct StreamGoldenTests {
    private static let families = [StreamCommands.commands, KeyCommands.commands, StringCommands.commands]

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

    /// A reply without the times in it: when entries were delivered, how long ago that was or a consumer was seen.
    private static func withoutTimes(_ words: [[UInt8]], _ reply: [UInt8]) -> String {
        let text = String(decoding: reply, as: UTF8.self)
        let names = words.prefix(2).map { String(decoding: $0, as: UTF8.self).uppercased() }
        // Which of two integers in turn is a time; times since 1970 are known by their size.
        var turn: Int?
        if names[0] == "XPENDING" && words.count > 3 { turn = 0 }
        if names == ["XINFO", "CONSUMERS"] { turn = 1 }
        if turn == nil && !(names == ["XINFO", "STREAM"] && words.count > 3) { return text }
        var seen = -1
        return text.components(separatedBy: "\r\n").map { line in
            guard line.hasPrefix(":"), let number = Int(line.dropFirst()) else { return line }
            seen += 1
            let isTime = turn.map { seen % 2 == $0 } ?? (1_000_000_000_000..<3_000_000_000_000 ~= number)
            return isTime ? ":time" : line
        }.joined(separator: "\r\n")
    }

    /// Thousands of random commands on streams and groups, nodes small and large, answer what redis-server 7.0.15 did.
    @Test func repliesAreRedis() throws {
        let trace = try GoldenTrace("streams")
        #expect(trace.steps.count > 6000)
        let harness = CommandHarness(Self.families)
        var failures = 0
        for step in trace.steps where !Self.adjust(harness, step.words) {
            let reply = harness.run(step.words)
            let (expected, found) = (Self.withoutTimes(step.words, step.reply), Self.withoutTimes(step.words, reply))
            if expected == found { continue }
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
    @Test func mutationsOfCommandsRebuildTheKeyspace() throws {
        let (harness, replica) = (CommandHarness(Self.families), CommandHarness(Self.families))
        let sink = RecordingSink()
        harness.keyspace.shared.pointee.sink = sink
        var replayed = 0
        func compare() {
            let mutations = sink.mutations
            for mutation in mutations[replayed...] { #expect(mutation.apply(to: replica.keyspace)) }
            replayed = mutations.count
            let (expected, found) = (harness.keyspace.state, replica.keyspace.state)
            #expect(found.counters == expected.counters)
            #expect(found.keys == expected.keys)
        }
        for (i, step) in try GoldenTrace("streams").steps.enumerated() {
            if Self.adjust(harness, step.words) {
                // Replay under the limits that held: they are no mutation.
                compare()
                _ = Self.adjust(replica, step.words)
                continue
            }
            harness.now += 1
            _ = harness.run(step.words)
            if i % 100 == 99 { compare() }
        }
        compare()
        #expect(replayed > 2000)
    }
}
