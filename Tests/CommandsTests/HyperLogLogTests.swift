import Base
import Commands
import Testing

@testable import Keyspace

@Suite struct HyperLogLogTests {
    private static let families = [HyperLogLogCommands.commands, StringCommands.commands, KeyCommands.commands]

    /// Does what a trace's line says about the server; nil if it is a command.
    private func replyToNote(_ harness: CommandHarness, _ words: [[UInt8]]) -> [UInt8]? {
        switch String(decoding: words[0], as: UTF8.self) {
        case "@limit":
            harness.keyspace.shared.pointee.packing[.sparseBytes] = Int(String(decoding: words[1], as: UTF8.self))!
            return []
        case "SHA1":
            let value = harness.withEntry(words[1]) { $0?.withString { SHA1.hexDigest($0) } ?? "" }
            return [UInt8](value.utf8)
        default: return nil
        }
    }

    /// Thousands of random commands answer what redis-server 7.0.15 answered, and leave the same bytes; their
    /// mutations rebuild the key space.
    @Test func repliesAndBytesAreRedis() throws {
        let trace = try GoldenTrace("hyperloglog")
        #expect(trace.steps.count > 6000)
        let harness = CommandHarness(Self.families)
        let sink = RecordingSink()
        harness.keyspace.shared.pointee.sink = sink
        var failures = 0
        for (i, step) in trace.steps.enumerated() {
            harness.now += 1
            let reply = replyToNote(harness, step.words) ?? harness.run(step.words)
            if reply != step.reply && !(step.words[0] == Array("@limit".utf8)) {
                failures += 1
                Issue.record(
                    """
                    line \(step.line): \(step.words.map(GoldenTrace.shown).joined(separator: " ").prefix(2000))
                    Redis: \(GoldenTrace.shown(step.reply).prefix(2000))
                    ours:  \(GoldenTrace.shown(reply).prefix(2000))
                    """)
                if failures == 10 { break }
            }
            if i % 700 == 699 { compare(harness.keyspace, sink) }
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

    /// PFADD that raises one register of many emits that register, not the value.
    @Test func changesAreEmittedOneByOne() {
        let harness = CommandHarness(Self.families)
        for i in 0..<20_000 { harness.run("PFADD", "k", "element:\(i)") }
        #expect(harness.run("PFDEBUG", "ENCODING", "k") == "+dense\r\n")
        let sink = RecordingSink()
        harness.keyspace.shared.pointee.sink = sink
        for i in 20_000..<20_100 { harness.run("PFADD", "k", "element:\(i)") }
        #expect(!sink.mutations.isEmpty)
        for mutation in sink.mutations {
            #expect(mutation.read { if case .raise = $0.change { true } else { false } } == true)
        }
    }

    /// The standard error of 16384 registers is 0.81 %.
    @Test(arguments: [10, 100, 1000, 5000, 20_000, 200_000])
    func countsAreClose(elements: Int) {
        let harness = CommandHarness(Self.families)
        var random = PRNG(seed: UInt64(elements))
        for _ in 0..<elements / 10 {
            let words = (0..<10).map { _ in [UInt8]("\(random.next())".utf8) }
            _ = harness.run([Array("PFADD".utf8), Array("k".utf8)] + words)
        }
        let counted = Int(harness.run("PFCOUNT", "k").filter { $0.isNumber })!
        #expect(abs(counted - elements) <= max(1, elements * 3 / 100))
        // Kept with the key, and the same when it is computed for two keys.
        #expect(harness.run("PFCOUNT", "k") == ":\(counted)\r\n")
        #expect(harness.run("PFCOUNT", "k", "none") == ":\(counted)\r\n")
        #expect(harness.run("PFMERGE", "m", "k") == "+OK\r\n")
        #expect(harness.run("PFCOUNT", "m") == ":\(counted)\r\n")
    }

    /// Bytes of a client's own making: no reply but an error or a count, and nothing read or written outside them.
    @Test func foreignBytesDoNoHarm() {
        let harness = CommandHarness(Self.families)
        var random = PRNG(seed: 99)
        for _ in 0..<3000 {
            var bytes = Array("HYLL".utf8) + [1, 0, 0, 0] + [UInt8](repeating: 0, count: 7) + [0x80]
            for _ in 0..<random.below(40) {
                bytes.append(
                    [UInt8(random.below(256)), 0x7f, 0xff, 0x40 | UInt8(random.below(64))][Int(random.below(4))])
            }
            _ = harness.run([Array("SET".utf8), Array("k".utf8), bytes])
            for command in ["PFADD", "PFCOUNT", "PFMERGE", "PFDEBUG"] {
                let words = ["k", "\(random.below(100))"]
                let reply =
                    command == "PFDEBUG"
                    ? harness.run(command, "todense", "k") : harness.run(command, words[0], words[1])
                #expect(reply.hasPrefix(":") || reply.hasPrefix("+OK") || reply.hasPrefix("-INVALIDOBJ"))
                harness.run("DEL", words[1])
            }
        }
    }
}
