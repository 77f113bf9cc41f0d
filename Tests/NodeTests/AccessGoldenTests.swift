import Commands
import Foundation
import Testing

@testable import Node

/// Thousands of requests about users, on connections of two loops, answered as redis-server 7.0.15 did.
struct AccessGoldenTests {
    /// Connections by number, made when they are first used and again after the server has closed them.
    private final class Clients {
        let shell: FakeShell
        var clients: [Int: FakeClient] = [:]
        var current: (number: Int, version: Int) = (0, 2)

        init() throws {
            shell = try FakeShell(
                loops: 2, options: ["--enable-debug-command", "yes"], families: RedisCommands().families)
        }

        func exchange(_ words: [[UInt8]]) -> [UInt8] {
            if let client = clients[current.number], !client.isOpen {
                clients[current.number] = nil
                return Array("closed".utf8)
            }
            if clients[current.number] == nil {
                let client = shell.connect(loop: current.number % 2)
                clients[current.number] = client
                if current.version == 3 { _ = shell.exchange(client, "HELLO 3\r\n") }
            }
            let client = clients[current.number]!
            client.unread += Array("*\(words.count)\r\n".utf8)
            for word in words { client.unread += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
            shell.settle()
            defer { client.received = [] }
            return client.received
        }
    }

    @Test func repliesAreRedis() throws {
        let trace = try GoldenTrace("acl")
        #expect(trace.steps.count > 4000)
        let clients = try Clients()
        var failures = 0
        for step in trace.steps {
            let words = step.words.map { String(decoding: $0, as: UTF8.self) }
            if words[0] == "@client" {
                clients.current = (Int(words[1])!, Int(words[2])!)
                continue
            }
            let reply = clients.exchange(step.words)
            if Self.comparable(words, reply) == Self.comparable(words, step.reply) { continue }
            failures += 1
            Issue.record(
                """
                line \(step.line): client \(clients.current): \(step.words.map(GoldenTrace.shown).joined(separator: " "))
                Redis: \(GoldenTrace.shown(step.reply))
                ours:  \(GoldenTrace.shown(reply))
                """)
            if failures == 20 { break }
        }
    }

    // MARK: what cannot be the same

    private static func comparable(_ words: [String], _ reply: [UInt8]) -> ReplyTree {
        let tree = ReplyTree(reply)
        switch (words[0].lowercased(), words.count > 1 ? words[1].lowercased() : "") {
        case ("acl", "cat") where words.count == 3: return inAnyOrder(tree)
        case ("acl", "log"): return withoutTimes(tree)
        case ("hello", _): return withoutIdentity(tree)
        default: return tree.mapping(sortingCommands)
        }
    }

    /// Redis lists single commands in the order of a hash table with a random seed.
    private static func sortingCommands(_ text: [UInt8]) -> [UInt8] {
        let words = text.split(separator: 32, omittingEmptySubsequences: false).map { Array($0) }
        guard words.contains(where: { $0.starts(with: Array("+@all".utf8)) || $0.starts(with: Array("-@all".utf8)) })
        else { return text }
        var sorted: [[UInt8]] = []
        var run: [[UInt8]] = []
        for word in words {
            let ends = word.last == UInt8(ascii: ")")
            let isCommand =
                (word.first == UInt8(ascii: "+") || word.first == UInt8(ascii: "-")) && word[1] != UInt8(ascii: "@")
            if isCommand { run.append(ends ? Array(word.dropLast()) : word) }
            if !isCommand || ends {
                sorted += run.sorted { $0.lexicographicallyPrecedes($1) }
                run = []
                sorted.append(isCommand ? [UInt8(ascii: ")")] : word)
            }
        }
        return Array((sorted + run.sorted { $0.lexicographicallyPrecedes($1) }).joined(separator: [32]))
    }

    private static func inAnyOrder(_ tree: ReplyTree) -> ReplyTree {
        .list(0, tree.elements.sorted { ($0.string ?? "") < ($1.string ?? "") })
    }

    /// Ages go, and of the description of the client what depends on the machine.
    private static func withoutTimes(_ tree: ReplyTree) -> ReplyTree {
        guard case .list(let kind, let entries) = tree else { return tree }
        return .list(
            kind,
            entries.map { entry in
                var fields = entry.elements
                guard fields.count == 14 else { return entry }
                let client = fields[13].string ?? ""
                let kept = client.split(separator: " ").filter { word in
                    ["name=", "flags=", "db=", "multi=", "cmd=", "user=", "resp="].contains { word.hasPrefix($0) }
                }
                fields[13] = .text(0, Array(kept.joined(separator: " ").utf8))
                fields[11] = .null
                return .list(0, fields)
            })
    }

    private static func withoutIdentity(_ tree: ReplyTree) -> ReplyTree {
        guard case .list(let kind, var elements) = tree else { return tree }
        if let id = elements.firstIndex(where: { $0.string == "id" }) { elements[id + 1] = .null }
        return .list(kind, elements)
    }
}
