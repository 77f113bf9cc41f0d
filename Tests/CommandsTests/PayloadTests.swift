import Base
import Commands
import Testing

@testable import Keyspace

/// DUMP and RESTORE against what redis-server 7.0.15 wrote and read.
@Suite struct PayloadTests {
    private static let families = [
        KeyCommands.commands, StringCommands.commands, HashCommands.commands, SetCommands.commands,
        HyperLogLogCommands.commands, ListCommands.commands,
        SortedSetCommands.commands, GeoCommands.commands, StreamCommands.commands,
    ]

    /// Values of every kind dump to Redis' payloads; what Redis, old or new, has written is read; what it refuses
    /// is refused.
    @Test func payloadsAreRedis() throws {
        let trace = try GoldenTrace("payloads")
        #expect(trace.steps.count > 1000)
        let harness = CommandHarness(Self.families)
        var failures = 0
        for step in trace.steps {
            let isPayload = step.words[0] == Array("PAYLOAD".utf8)
            let reply = harness.run(isPayload ? [Array("DUMP".utf8), step.words[1]] : step.words)
            if isPayload ? canonical(reply) == canonical(step.reply) : reply == step.reply { continue }
            failures += 1
            Issue.record(
                """
                line \(step.line): \(step.words.map(GoldenTrace.shown).joined(separator: " ").prefix(1500))
                Redis: \(GoldenTrace.shown(step.reply).prefix(1500))
                ours:  \(GoldenTrace.shown(reply).prefix(1500))
                """)
            if failures == 12 { break }
        }
    }

    /// A payload (as a bulk reply) with its strings expanded, the parts of unordered collections sorted.
    private func canonical(_ reply: [UInt8]) -> [[UInt8]] {
        let start = reply.firstIndex(of: 10)! + 1
        return reply[start..<reply.count - 2].withUnsafeBufferPointer { bytes -> [[UInt8]] in
            let payload = ByteView(bytes.baseAddress!, bytes.count)
            guard Payload.isIntact(payload) else { return [[UInt8]("not intact".utf8)] }
            return (try? parts(payload)) ?? [[UInt8]("unreadable".utf8)]
        }
    }

    private func parts(_ payload: ByteView) throws -> [[UInt8]] {
        var reader = PayloadReader(payload.slice(0, payload.count - Payload.footerBytes))
        let kind = try reader.byte()
        var parts: [[UInt8]] = []
        switch PayloadKind(rawValue: kind)! {
        case .string, .hashListpack, .setIntegers, .sortedSetListpack:
            parts.append(try reader.text().withView { $0.bytes })
        case .sortedSet2:
            for _ in 0..<(try reader.elementCount()) {
                let member = try reader.text().withView { $0.bytes }
                parts.append(member + (try reader.take(8).bytes))
            }
            parts.sort { $0.lexicographicallyPrecedes($1) }
        case .hash:
            for _ in 0..<(try reader.elementCount()) {
                let field = try reader.text().withView { $0.bytes }
                parts.append(field + [0, 255, 0] + (try reader.text().withView { $0.bytes }))
            }
            parts.sort { $0.lexicographicallyPrecedes($1) }
        case .set:
            for _ in 0..<(try reader.elementCount()) { parts.append(try reader.text().withView { $0.bytes }) }
            parts.sort { $0.lexicographicallyPrecedes($1) }
        case .quicklist2:
            // Where one node ends and the next begins is each server's own.
            for _ in 0..<(try reader.elementCount()) {
                let isPlain = try reader.number() == 1
                let text = try reader.text()
                let bytes = text.withView { $0.bytes }
                if isPlain {
                    parts.append(bytes)
                } else {
                    bytes.withView { _ = CheckedListpack($0).forEach { $0.withView { parts.append($0.bytes) } } }
                }
            }
        default: return [payload.bytes]
        }
        #expect(reader.rest == 0)
        return [[kind]] + parts
    }

    /// Payloads of the trace, bytes changed and the checksum made right: refused, or a value that dumps to one
    /// that can be read again. Nothing read outside the payload, no assertion met.
    @Test func changedPayloadsDoNoHarm() throws {
        let trace = try GoldenTrace("payloads")
        let harness = CommandHarness(Self.families)
        var random = PRNG(seed: 17)
        var taken = 0
        for step in trace.steps where step.words[0] == Array("RESTORE".utf8) && step.words[3].count < 3000 {
            for _ in 0..<30 {
                let reply = harness.run([
                    step.words[0], step.words[1], step.words[2], changed(step.words[3], &random), Array("REPLACE".utf8),
                ])
                if reply.first != UInt8(ascii: "+") { continue }
                taken += 1
                let again = harness.run([Array("DUMP".utf8), step.words[1]])
                let start = again.firstIndex(of: 10)! + 1
                let copy = [
                    Array("RESTORE".utf8), Array("copy".utf8), Array("0".utf8), Array(again[start..<again.count - 2]),
                    Array("REPLACE".utf8),
                ]
                #expect(harness.run(copy) == Array("+OK\r\n".utf8))
                #expect(canonical(harness.run([Array("DUMP".utf8), Array("copy".utf8)])) == canonical(again))
            }
        }
        #expect(taken > 100)
    }

    private func changed(_ payload: [UInt8], _ random: inout PRNG) -> [UInt8] {
        var bytes = Array(payload.dropLast(Payload.footerBytes))
        for _ in 0...random.below(4) where !bytes.isEmpty {
            let at = Int(random.below(UInt64(bytes.count)))
            switch random.below(6) {
            case 0: bytes[at] = UInt8(random.below(256))
            case 1: bytes[at] ^= 1 << UInt8(random.below(8))
            case 2: bytes[at] = [0, 0xff, 0x80, 0x7f, 0xfe, 0xf0, 0xc3][Int(random.below(7))]
            case 3: bytes.remove(at: at)
            case 4: bytes.insert(UInt8(random.below(256)), at: at)
            default: bytes[at] = bytes[at] &+ 1
            }
        }
        bytes += [10, 0]
        let crc = bytes.withView { CRC64.checksum($0) }
        return bytes + withUnsafeBytes(of: crc.littleEndian) { Array($0) }
    }

    /// A deadline, idle time or frequency given with the payload.
    @Test func restoreOptions() {
        let harness = CommandHarness(Self.families)
        harness.run("SET", "k", "value")
        let dump = harness.run([Array("DUMP".utf8), Array("k".utf8)])
        let payload = Array(dump[(dump.firstIndex(of: 10)! + 1)..<dump.count - 2])
        func restore(_ words: String...) -> String {
            let all =
                ["RESTORE", "r", words[0]].map { Array($0.utf8) } + [payload] + words.dropFirst().map { Array($0.utf8) }
            return String(decoding: harness.run(all), as: UTF8.self)
        }
        #expect(restore("5000") == "+OK\r\n")
        #expect(harness.deadline("r") == harness.now + 5000)
        #expect(restore("0").hasPrefix("-BUSYKEY Target key name already exists."))
        #expect(restore("0", "replace") == "+OK\r\n")
        #expect(harness.deadline("r") == -1)
        #expect(restore("\(harness.now + 77)", "ABSTTL", "REPLACE") == "+OK\r\n")
        #expect(harness.deadline("r") == harness.now + 77)
        #expect(restore("0", "REPLACE", "IDLETIME", "1000") == "+OK\r\n")
        #expect(harness.run("OBJECT", "IDLETIME", "r") == ":1000\r\n")
        #expect(restore("-1", "REPLACE") == "-ERR Invalid TTL value, must be >= 0\r\n")
        #expect(restore("0", "REPLACE", "IDLETIME", "-1") == "-ERR Invalid IDLETIME value, must be >= 0\r\n")
        #expect(restore("0", "REPLACE", "FREQ", "256") == "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n")
        #expect(restore("0", "REPLACE", "FREQ", "1", "IDLETIME", "1") == "-ERR syntax error\r\n")
        #expect(restore("1", "ABSTTL", "REPLACE") == "+OK\r\n")
        #expect(harness.deadline("r") == -2)
    }
}
