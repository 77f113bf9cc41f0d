import Commands
import Testing

@Suite struct StringGoldenTests {
    /// Thousands of random string and bitmap commands answer what redis-server 7.0.15 answered.
    @Test func repliesAreRedis() throws {
        let trace = try GoldenTrace("strings")
        #expect(trace.steps.count > 3500)
        let harness = CommandHarness([StringCommands.commands, BitCommands.commands])
        var failures = 0
        for step in trace.steps {
            let words = step.words.map { String(decoding: $0, as: UTF8.self) }
            let reply: [UInt8]
            switch words[0] {
            case "@resp":
                harness.version = words[1] == "3" ? 3 : 2
                continue
            case "RPUSH":
                harness.plantForeign(words[1])
                continue
            case "OBJECT":
                if words[2] == "list" { continue }
                reply = [UInt8](encodingReply(harness, words[2]).utf8)
            case "PEXPIRETIME": reply = [UInt8](":\(harness.deadline(words[1]))\r\n".utf8)
            default: reply = harness.run(step.words)
            }
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
    }

    private func encodingReply(_ harness: CommandHarness, _ key: String) -> String {
        guard let name = harness.encoding(key) else { return harness.version == 3 ? "_\r\n" : "$-1\r\n" }
        return "$\(name.utf8.count)\r\n\(name)\r\n"
    }
}
