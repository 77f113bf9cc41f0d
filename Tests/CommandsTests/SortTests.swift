import Base
import Commands
import Testing

@testable import Keyspace

@Suite struct SortTests {
    private static let families = [
        SortCommands.commands, KeyCommands.commands, StringCommands.commands, HashCommands.commands,
        SetCommands.commands, ListCommands.commands, SortedSetCommands.commands,
    ]

    /// Thousands of random requests answer what redis-server 7.0.15 answered; their mutations rebuild the key space.
    @Test func repliesAreRedis() throws {
        let trace = try GoldenTrace("sort")
        #expect(trace.steps.count > 5000)
        let harness = CommandHarness(Self.families)
        let sink = RecordingSink()
        harness.keyspace.shared.pointee.sink = sink
        var failures = 0
        for step in trace.steps {
            if step.words[0] == Array("@resp".utf8) {
                harness.version = step.words[1] == [0x33] ? 3 : 2
                continue
            }
            harness.now += 1
            let reply = harness.run(step.words)
            if reply == step.reply { continue }
            failures += 1
            Issue.record(
                """
                line \(step.line): \(step.words.map(GoldenTrace.shown).joined(separator: " ").prefix(1500))
                Redis: \(GoldenTrace.shown(step.reply).prefix(1500))
                ours:  \(GoldenTrace.shown(reply).prefix(1500))
                """)
            if failures == 12 { break }
        }
        let replica = CommandHarness(Self.families).keyspace
        for mutation in sink.mutations { #expect(mutation.apply(to: replica)) }
        #expect(replica.state.keys == harness.keyspace.state.keys)
    }

    /// Ten thousand elements come out in order, whatever they were in.
    @Test(arguments: ["RPUSH", "SADD", "ZADD"])
    func largeValues(command: String) {
        let harness = CommandHarness(Self.families)
        var random = PRNG(seed: 5)
        var numbers: Set<Int> = []
        while numbers.count < 10_000 { numbers.insert(Int(random.below(1 << 40)) - 1 << 39) }
        for number in numbers {
            let words = command == "ZADD" ? [command, "k", "1", "\(number)"] : [command, "k", "\(number)"]
            _ = harness.run(words.map { Array($0.utf8) })
        }
        let sorted = numbers.sorted()
        #expect(harness.run("SORT", "k", "LIMIT", "5000", "3") == bulk(sorted[5000..<5003]))
        #expect(harness.run("SORT", "k", "DESC", "LIMIT", "0", "2") == bulk(sorted.reversed()[..<2]))
        #expect(harness.run("SORT", "k", "STORE", "l") == ":10000\r\n")
        #expect(harness.run("LRANGE", "l", "9998", "-1") == bulk(sorted[9998...]))
    }

    private func bulk(_ numbers: some Collection<Int>) -> String {
        "*\(numbers.count)\r\n" + numbers.map { "$\("\($0)".count)\r\n\($0)\r\n" }.joined()
    }
}
