import Testing

@testable import Node

@Suite struct ScriptGoldenTests {
    /// Scripts, functions and thousands of random calls of Lua's libraries answer what redis-server 7.0.15 answered.
    @Test func repliesAreRedis() throws {
        let trace = try GoldenTrace("scripts")
        #expect(trace.steps.count > 2000)
        let served = try ServedNode()
        var failures = 0
        for step in trace.steps {
            if step.words[0] == Array("@resp".utf8) {
                served.send([Array("hello".utf8), step.words[1]])
                continue
            }
            let reply = served.send(step.words)
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
}
