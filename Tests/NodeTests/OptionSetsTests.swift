import Base
import Foundation
import Simulation
import Testing

@testable import Keyspace
@testable import Node

/// One list of commands under many sets of options, with values that leave memory and restarts: the same answers, and the
/// same contents in the end.
@Suite struct OptionSetsTests {
    struct OptionSet: Sendable, CustomTestStringConvertible {
        var number: Int
        var options: [String] = []
        var persists = true
        var sync = "always"
        var loops = 2
        /// After how many commands, 0: never.
        var rounds = 0, departures = 0, restarts = 0
        var testDescription: String { "\(number)" }
    }

    /// Thirty of them, drawn once and for all.
    static let sets: [OptionSet] = (1...30).map { number in
        var random = PRNG(seed: UInt64(number))
        func pick<T>(_ choices: [T]) -> T { choices[Int(random.below(UInt64(choices.count)))] }
        var set = OptionSet(number: number)
        set.persists = number % 6 != 0
        set.options = ["--dir", "/tmp", "--appendonly", set.persists ? "yes" : "no", "--databases", "3"]
        set.options += ["--flush-log-size", pick(["4096", "20000", "67108864"])]
        set.options += ["--log-compression", pick(["yes", "no"])]
        set.options += ["--table-compression", pick(["none", "lz4", "zstd"])]
        set.options += ["--block-cache-size", pick(["0", "65536", "8388608"])]
        for name in ["hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-intset-entries"] {
            set.options += ["--\(name)", pick(["2", "8", "128", "512"])]
        }
        for name in ["hash-max-listpack-value", "zset-max-listpack-value"] {
            set.options += ["--\(name)", pick(["4", "20", "64"])]
        }
        set.options += ["--list-max-listpack-size", pick(["1", "4", "-2", "-5"])]
        set.options += ["--stream-node-max-entries", pick(["2", "10", "100"])]
        set.sync = pick(["always", "no"])
        set.loops = pick([1, 2, 3])
        if set.persists {
            set.rounds = pick([0, 17, 50, 200])
            set.departures = set.rounds == 0 ? 0 : pick([0, 23, 60])
            set.restarts = pick([0, 90, 300])
        }
        return set
    }

    /// Words, and whether the reply's order says nothing.
    static let commands: [(words: [[UInt8]], isUnordered: Bool)] = {
        var random = PRNG(seed: 99)
        var list: [(words: [[UInt8]], isUnordered: Bool)] = []
        while list.count < 600 {
            if list.count % 4 == 3 {
                let key = ReplayMix.anyKey(&random)
                let read = [
                    "TYPE", "HGETALL", "SMEMBERS", "LRANGE 0 -1", "ZRANGE 0 -1 WITHSCORES", "XRANGE - +", "GET", "PTTL",
                    "PFCOUNT", "XINFO GROUPS", "EXISTS", "STRLEN",
                ][Int(random.below(12))].split(separator: " ").map { Array($0.utf8) }
                let isGroups = read.count > 1 && read[0] == Array("XINFO".utf8)
                let words = isGroups ? read + [key] : [read[0], key] + read.dropFirst()
                list.append((words, [Array("HGETALL".utf8), Array("SMEMBERS".utf8)].contains(words[0])))
                continue
            }
            let words = ReplayMix.command(&random)
            let name = String(decoding: words[0], as: UTF8.self)
            // Which elements SPOP takes, and how much an approximate trim does, depends on the form; so does who waits.
            if name == "SPOP" || name == "SELECT" || name == "DBSIZE" || words.contains(Array("~".utf8)) { continue }
            if name.hasPrefix("B") && !name.hasPrefix("BIT") || words.contains(Array("BLOCK".utf8)) { continue }
            list.append((words, false))
        }
        return list
    }()

    private static let contextCommands: Set<[UInt8]> = [Array("VSET".utf8), Array("VDEL".utf8)]

    private static func play(_ set: OptionSet) throws -> (replies: [String], contents: Contents) {
        var files = DiskNode.disk(seed: UInt64(set.number))
        var node = try DiskNode(files, sync: set.sync, loops: set.loops, set.options)
        var replies: [String] = []
        for (i, command) in commands.enumerated() {
            node.shell.now += 5
            let client = node.shell.connect(loop: i % set.loops)
            client.unread = Array("*\(command.words.count)\r\n".utf8)
            for word in command.words { client.unread += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
            node.shell.settle()
            let reply = client.take()
            replies.append(
                // A context names the node, which has another id in each life.
                contextCommands.contains(command.words[0])
                    ? String(reply.prefix(1))
                    : command.isUnordered ? reply.split(separator: "\r\n").sorted().joined(separator: " ") : reply)
            if set.rounds > 0 && i % set.rounds == set.rounds - 1 {
                #expect(node.keeper!.runRound() == nil)
                node.compact()
            }
            if set.departures > 0 && i % set.departures == set.departures - 1 { node.setAside() }
            if set.restarts > 0 && i % set.restarts == set.restarts - 1 {
                let now = node.shell.now
                node.close()
                files = files.kill()
                node = try DiskNode(files, sync: set.sync, now: now, loops: set.loops, set.options)
            }
        }
        if set.persists { #expect(node.bringBack()) }
        var contents = Contents(node.keyspace).without(expiredAt: node.shell.now)
        for i in contents.keys.indices {
            contents.keys[i].encoding = ""
            contents.keys[i].order = []
        }
        return (replies, contents)
    }

    private static let expected = Result {
        try play(OptionSet(number: 0, options: DiskNode.options + ["--databases", "3"]))
    }

    @Test(arguments: sets)
    func sameAnswers(set: OptionSet) throws {
        let expected = try Self.expected.get()
        let found = try Self.play(set)
        let wrong = found.replies.indices.filter { found.replies[$0] != expected.replies[$0] }
        if let first = wrong.first {
            let words = Self.commands[first].words.map { String(decoding: $0.prefix(40), as: UTF8.self) }
            let replies = "\(found.replies[first].prefix(200)) / \(expected.replies[first].prefix(200))"
            Issue.record(
                Comment(rawValue: "\(wrong.count) differ, the first is \(first), \(words): \(replies)\n\(set)"))
        }
        if found.contents != expected.contents {
            Issue.record(Comment(rawValue: "\(set): \(found.contents.difference(expected.contents))"))
        }
    }

    @Test func thereIsSomethingToAnswer() throws {
        let replies = try Self.expected.get().replies
        #expect(replies.filter { $0.hasPrefix("-") }.count < replies.count / 3)
        #expect(try Self.expected.get().contents.keys.count > 12)
    }
}
