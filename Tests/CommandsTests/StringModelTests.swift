import Base
import Causality
import Commands
import Keyspace
import Testing

/// Random in-place changes against a string kept as a plain array, across all layouts (inline, block,
/// integer) and with a sink that replays every mutation into a second keyspace.
@Suite struct StringModelTests {
    private final class Replica: MutationSink, @unchecked Sendable {
        let harness = CommandHarness([StringCommands.commands])
        var dots: [UInt64] = []

        override func record(_ mutation: Mutation) {
            dots.append(mutation.dot.counter)
            #expect(mutation.apply(to: harness.keyspace))
        }
    }

    private let harness = CommandHarness([StringCommands.commands, BitCommands.commands])
    private let replica = Replica()
    private let key = [UInt8]("key".utf8)

    private func call(_ name: String, _ words: [UInt8]...) -> [UInt8] {
        harness.run([[UInt8](name.utf8), key] + words)
    }

    private func text(_ number: Int) -> [UInt8] { [UInt8]("\(number)".utf8) }

    private func reply(_ number: Int) -> [UInt8] { [UInt8](":\(number)\r\n".utf8) }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func changesInPlace(seed: UInt64) {
        var random = PRNG(seed: seed)
        func below(_ n: Int) -> Int { Int(random.below(UInt64(n))) }
        harness.keyspace.shared.pointee.sink = replica
        var model: [UInt8]?
        for step in 0..<4000 {
            // Mostly short, now and then past what lives inside an entry.
            let reach = below(20) == 0 ? 5000 : 60
            let bytes = (0..<below(reach / 4 + 1)).map { _ in UInt8(truncatingIfNeeded: below(256)) }
            let at = below(reach)
            switch below(9) {
            case 0:
                let value = below(3) == 0 ? text(below(100_000)) : bytes
                _ = call("SET", value)
                model = value
            case 1:
                if below(4) == 0 {
                    _ = call("GETDEL")
                    model = nil
                }
            case 2:
                model = (model ?? []) + bytes
                #expect(call("APPEND", bytes) == reply(model!.count))
            case 3:
                if !bytes.isEmpty { write(bytes, at, &model) }
                #expect(call("SETRANGE", text(at), bytes) == reply(model?.count ?? 0))
            case 4:
                let bit = below(2)
                let old = read(model, at, 1)
                writeBits(bit, at, 1, &model)
                #expect(call("SETBIT", text(at), text(bit)) == reply(old))
            case 5:
                let width = 1 + below(63), value = Int(random.next() >> UInt64(64 - width))
                let old = read(model, at, width)
                writeBits(value, at, width, &model)
                let words = ["SET", "u\(width)", "\(at)", "\(value)"].map { [UInt8]($0.utf8) }
                #expect(harness.run([[UInt8]("BITFIELD".utf8), key] + words) == [UInt8]("*1\r\n".utf8) + reply(old))
            case 6:
                let width = 1 + below(63)
                let words = ["GET", "u\(width)", "\(at)"].map { [UInt8]($0.utf8) }
                let answer = [UInt8]("*1\r\n".utf8) + reply(read(model, at, width))
                #expect(harness.run([[UInt8]("BITFIELD_RO".utf8), key] + words) == answer)
            case 7:
                let end = at + below(reach)
                let slice = Array((model ?? []).dropFirst(at).prefix(end - at + 1))
                #expect(
                    call("GETRANGE", text(at), text(end)) == [UInt8]("$\(slice.count)\r\n".utf8) + slice + [13, 10])
            default: checkBits(model, from: at, length: below(reach * 8))
            }
            #expect(harness.bytes("key") == model, "step \(step)")
            #expect(replica.harness.bytes("key") == model, "replayed, step \(step)")
        }
        // Every write took the slot's next dot.
        #expect(replica.dots == (1...replica.dots.count).map { UInt64($0) })
    }

    private func checkBits(_ model: [UInt8]?, from: Int, length: Int) {
        let total = (model?.count ?? 0) * 8
        let end = from + length
        let bits = from < total ? (from...min(end, total - 1)).map { read(model, $0, 1) } : []
        let unit = [UInt8]("BIT".utf8)
        #expect(call("BITCOUNT", text(from), text(end), unit) == reply(bits.reduce(0, +)))
        guard model != nil else { return }
        for bit in 0...1 {
            let found = bits.firstIndex(of: bit).map { $0 + from } ?? -1
            #expect(call("BITPOS", text(bit), text(from), text(end), unit) == reply(found))
        }
    }

    private func write(_ bytes: [UInt8], _ at: Int, _ model: inout [UInt8]?) {
        var string = model ?? []
        while string.count < at + bytes.count { string.append(0) }
        string.replaceSubrange(at..<at + bytes.count, with: bytes)
        model = string
    }

    private func read(_ model: [UInt8]?, _ at: Int, _ width: Int) -> Int {
        var value = 0
        for bit in at..<at + width {
            let byte = bit / 8 < (model?.count ?? 0) ? model![bit / 8] : 0
            value = value << 1 | Int(byte >> UInt8(7 - bit % 8)) & 1
        }
        return value
    }

    private func writeBits(_ value: Int, _ at: Int, _ width: Int, _ model: inout [UInt8]?) {
        var string = model ?? []
        while string.count <= (at + width - 1) / 8 { string.append(0) }
        for i in 0..<width {
            let bit = at + i, mask = UInt8(0x80) >> UInt8(bit % 8)
            if value >> (width - 1 - i) & 1 == 1 { string[bit / 8] |= mask } else { string[bit / 8] &= ~mask }
        }
        model = string
    }

    @Test func watchersHearOfRealChangesOnly() {
        let flag = WatchFlag()
        func watch() {
            flag.clear()
            key.withView { view in
                let key = Key(view)
                Access(harness.keyspace.partition(of: key), database: 0, moment: harness.state.pointee.moment)
                    .watch(key, flag)
            }
        }
        harness.run("SET", "key", "abc")
        watch()
        for words in [
            ["GET", "key"], ["SETNX", "key", "x"], ["SETRANGE", "key", "0", ""], ["SETBIT", "key", "0", "0"],
            ["GETEX", "key"], ["GETEX", "key", "PERSIST"], ["BITFIELD", "key", "SET", "u8", "0", "97"],
            ["BITFIELD", "key", "OVERFLOW", "FAIL", "INCRBY", "u8", "0", "200"], ["INCR", "key"],
            ["SET", "other", "x"],
        ] {
            _ = harness.run(words.map { [UInt8]($0.utf8) })
            #expect(!flag.isSet, "after \(words)")
        }
        for words in [
            ["SET", "key", "1"], ["INCR", "key"], ["APPEND", "key", "1"], ["SETRANGE", "key", "0", "2"],
            ["SETBIT", "key", "0", "1"], ["GETEX", "key", "EX", "9"], ["MSET", "key", "3"], ["GETDEL", "key"],
            ["SETBIT", "key", "0", "0"], ["BITFIELD", "key", "SET", "u8", "0", "9"], ["BITOP", "NOT", "key", "key"],
        ] {
            flag.clear()
            _ = harness.run(words.map { [UInt8]($0.utf8) })
            #expect(flag.isSet, "after \(words)")
        }
    }
}
