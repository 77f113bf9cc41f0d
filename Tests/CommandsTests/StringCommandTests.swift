import Base
import Commands
import Keyspace
import Testing

/// What the recorded trace cannot show: times from now on, encodings step by step, limits, mutations.
/// Expected values are what redis-server 7.0.15 answers.
@Suite struct StringCommandTests {
    let harness = CommandHarness([StringCommands.commands, BitCommands.commands])

    @Test func encodingsFollowRedis() {
        let steps: [([String], String?)] = [
            (["SET", "k", "12345"], "int"),
            (["INCR", "k"], "int"),
            (["APPEND", "k", "0"], "raw"),
            (["INCR", "k"], "int"),
            (["SET", "k", "0012"], "embstr"),
            (["SET", "k", String(repeating: "x", count: 44)], "embstr"),
            (["SET", "k", String(repeating: "x", count: 45)], "raw"),
            (["SET", "k", "abc"], "embstr"),
            (["SETRANGE", "k", "1", "z"], "raw"),
            (["SETRANGE", "new", "2", "z"], "raw"),
            (["APPEND", "fresh", "12"], "int"),
            (["APPEND", "fresh", ""], "raw"),
            (["SET", "k", "7"], "int"),
            (["SETBIT", "k", "7", "1"], "raw"),
            (["SET", "k", "7"], "int"),
            (["SETRANGE", "k", "0", ""], "int"),
            (["INCRBYFLOAT", "k", "1"], "embstr"),
            (["INCR", "k"], "int"),
            (["BITFIELD", "k", "GET", "u8", "0"], "int"),
            (["BITFIELD", "k", "SET", "u8", "0", "57"], "raw"),
            (["GETSET", "k", "5"], "int"),
            (["BITOP", "NOT", "k", "k"], "raw"),
            (["SET", "k", "9223372036854775807"], "int"),
            (["SET", "k", "9223372036854775808"], "embstr"),
            (["GETDEL", "k"], nil),
        ]
        for (words, encoding) in steps {
            _ = harness.run(words.map { [UInt8]($0.utf8) })
            #expect(harness.encoding(words[0] == "BITOP" ? words[2] : words[1]) == encoding, "after \(words)")
        }
    }

    @Test func deadlinesCountFromTheClock() {
        let now = harness.now
        harness.run("SET", "k", "v", "EX", "10")
        #expect(harness.deadline("k") == now + 10_000)
        harness.run("SET", "k", "v", "PX", "10", "GET")
        #expect(harness.deadline("k") == now + 10)
        harness.run("SETEX", "k", "3", "v")
        #expect(harness.deadline("k") == now + 3000)
        harness.run("PSETEX", "k", "3", "v")
        #expect(harness.deadline("k") == now + 3)
        harness.run("GETEX", "k", "EX", "7")
        #expect(harness.deadline("k") == now + 7000)
        // Kept by what changes the value in place, cleared by what replaces it.
        for words in [
            ["APPEND", "k", "1"], ["SETRANGE", "k", "0", "12"], ["INCR", "k"], ["SETBIT", "k", "1", "1"],
            ["SET", "k", "5", "KEEPTTL"], ["INCRBYFLOAT", "k", "1"], ["INCR", "k"],
            ["BITFIELD", "k", "SET", "u8", "0", "49"],
        ] {
            _ = harness.run(words.map { [UInt8]($0.utf8) })
            #expect(harness.deadline("k") == now + 7000, "after \(words)")
        }
        for words in [["SET", "k", "v"], ["GETSET", "k", "v"], ["MSET", "k", "v"], ["BITOP", "NOT", "k", "k"]] {
            harness.run("SET", "k", "v", "EX", "10")
            _ = harness.run(words.map { [UInt8]($0.utf8) })
            #expect(harness.deadline("k") == -1, "after \(words)")
        }
    }

    @Test func aPassedDeadlineHidesTheKey() {
        harness.run("SET", "k", "v", "PX", "10")
        harness.now += 10
        #expect(harness.run("GET", "k") == "$1\r\nv\r\n")
        harness.now += 1
        #expect(harness.run("GET", "k") == "$-1\r\n")
        harness.run("SET", "k", "v", "PX", "10")
        harness.now += 11
        #expect(harness.run("APPEND", "k", "x") == ":1\r\n")
        #expect(harness.deadline("k") == -1)
        harness.run("SET", "k", "v", "PX", "10")
        #expect(harness.run("GETEX", "k", "PXAT", "1") == "$1\r\nv\r\n")
        #expect(harness.deadline("k") == -2)
    }

    @Test func longestStringIsConfigurable() {
        harness.state.pointee.bulkBytesMax = 100
        let tooLong = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
        harness.run("SET", "k", String(repeating: "x", count: 99))
        #expect(harness.run("APPEND", "k", "yy") == tooLong)
        #expect(harness.run("APPEND", "k", "y") == ":100\r\n")
        #expect(harness.run("SETRANGE", "k", "100", "y") == tooLong)
        #expect(harness.run("SETRANGE", "k", "99", "y") == ":100\r\n")
        #expect(harness.run("SETBIT", "k", "800", "1") == "-ERR bit offset is not an integer or out of range\r\n")
        #expect(harness.run("SETBIT", "k", "799", "1") == ":1\r\n")
        #expect(
            harness.run("LCS", "k", "k")
                == "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n")
    }

    @Test func commonSubsequences() {
        harness.run("MSET", "a", "ohmytext", "b", "mynewtext", "long", String(repeating: "ab", count: 200))
        #expect(harness.run("LCS", "a", "b") == "$6\r\nmytext\r\n")
        #expect(harness.run("LCS", "a", "b", "LEN") == ":6\r\n")
        #expect(harness.run("LCS", "a", "none") == "$0\r\n\r\n")
        #expect(harness.run("LCS", "long", "long", "LEN") == ":400\r\n")
        harness.version = 3
        #expect(
            harness.run("LCS", "a", "b", "IDX", "MINMATCHLEN", "4", "WITHMATCHLEN")
                == "%2\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n")
    }

    @Test func manyKeysAtOnce() {
        let keys = (0..<500).map { "key:\($0)" }
        let pairs = keys.flatMap { [$0, "value of \($0)"] }
        #expect(harness.run((["MSET"] + pairs).map { [UInt8]($0.utf8) }) == [UInt8]("+OK\r\n".utf8))
        let replies = keys.map { "$\($0.utf8.count + 9)\r\nvalue of \($0)\r\n" }
        let reply = harness.run((["MGET"] + keys + ["none"]).map { [UInt8]($0.utf8) })
        #expect(String(decoding: reply, as: UTF8.self) == "*501\r\n" + replies.joined() + "$-1\r\n")
        #expect(harness.run("MSETNX", "new", "1", "key:499", "2") == ":0\r\n")
        #expect(harness.run("GET", "new") == "$-1\r\n")
        #expect(harness.run("MSET", "same", "1", "same", "2") == "+OK\r\n")
        #expect(harness.run("GET", "same") == "$1\r\n2\r\n")
    }

    /// INCRBYFLOAT's results must be operands again, however long.
    @Test func hugeFloats() {
        harness.run("SET", "k", "1e300")
        let once = harness.run("INCRBYFLOAT", "k", "0")
        #expect(once.hasPrefix("$301\r\n10000000000000000"))
        #expect(harness.run("INCRBYFLOAT", "k", "0") == once)
        harness.run("SET", "k", "1e4932")
        #expect(harness.run("INCRBYFLOAT", "k", "1e4932") == "-ERR increment would produce NaN or Infinity\r\n")
    }

    @Test func declarationsAreRedis() {
        let expected: [String: (Int, Set<String>)] = [
            "get": (2, ["readonly", "fast"]), "set": (-3, ["write", "denyoom"]),
            "getdel": (2, ["write", "fast"]), "mget": (-2, ["readonly", "fast"]),
            "bitop": (-4, ["write", "denyoom"]), "bitfield_ro": (-2, ["readonly", "fast"]),
            "lcs": (-3, ["readonly"]), "incrbyfloat": (3, ["write", "denyoom", "fast"]),
        ]
        for command in StringCommands.commands + BitCommands.commands {
            guard let (arity, flags) = expected[command.name] else { continue }
            #expect(command.arity == arity)
            #expect(Set(command.flags.words.map { "\($0)" }) == flags)
        }
        #expect(StringCommands.commands.count == 22)
        #expect(BitCommands.commands.count == 7)
    }
}
