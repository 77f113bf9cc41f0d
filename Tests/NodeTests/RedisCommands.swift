import Commands
import Foundation
import Testing

@testable import Node

/// The commands of redis-server 7.0.15 (Tests/Golden/acl-commands.txt), as far as access rules look at them.
struct RedisCommands {
    /// "get", "client|getname".
    let byName: [String: Command]

    init(source: String = #filePath) throws {
        let folder = URL(fileURLWithPath: source).deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: folder.appendingPathComponent("Golden/acl-commands.txt"), encoding: .utf8)
        var byName: [String: Command] = [:]
        for line in text.split(separator: "\n") {
            let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [Any])
            let name = try #require(fields[0] as? String)
            byName[name] = try RedisCommands.command(name, fields)
        }
        self.byName = byName
    }

    /// The server's families made to have exactly Redis' commands: what is missing here is added without doing
    /// anything, what Redis does not have is left out.
    var families: [[Command]] {
        var there: Set<String> = []
        var families = Node.families.map { family in
            family.compactMap { command -> Command? in
                guard byName[command.name] != nil else { return nil }
                there.insert(command.name)
                return completed(command)
            }
        }
        let missing = byName.keys.filter { !$0.contains("|") && !there.contains($0) }.sorted()
        families.append(missing.map { completed(byName[$0]!) })
        return families
    }

    /// The command with Redis' subcommands.
    private func completed(_ command: Command) -> Command {
        let prefix = command.name + "|"
        let wanted = byName.keys.filter { $0.hasPrefix(prefix) }.sorted()
        let subcommands = wanted.map { full in
            command.subcommands.first { prefix + $0.name == full } ?? byName[full]!
        }
        return Command(
            command.name, arity: command.arity, command.flags, categories: command.categories, keys: command.keys,
            group: command.group, since: command.since, summary: command.summary, locking: command.locking,
            subcommands: subcommands, run: command.run)
    }

    private static func command(_ full: String, _ fields: [Any]) throws -> Command {
        let flagWords = try #require(fields[2] as? [String])
        let categoryWords = try #require(fields[3] as? [String])
        var flags: CommandFlags = []
        for (flag, word) in CommandFlags.words where flagWords.contains("\(word)") { flags.insert(flag) }
        var categories: Categories = []
        for (category, word) in Categories.words where categoryWords.contains("\(word)") { categories.insert(category) }
        return Command(
            full.split(separator: "|").last.map(String.init)!, arity: try #require(fields[1] as? Int),
            flags.subtracting(.movableKeys), categories: categories,
            keys: try #require(fields[4] as? [[Any]]).map { try keySpec($0) }, group: .generic, since: "1.0.0",
            summary: "")
    }

    private static func keySpec(_ fields: [Any]) throws -> KeySpec {
        let words = try #require(fields[0] as? [String])
        let begin = try #require(fields[1] as? [Any])
        let find = try #require(fields[2] as? [Any])
        func number(_ fields: [Any], _ i: Int) throws -> Int { try #require(fields[i] as? Int) }
        let start: KeySpec.Begin =
            switch begin[0] as? String {
            case "index": .index(try number(begin, 1))
            case "keyword": .keyword(try #require(begin[1] as? String), from: try number(begin, 2))
            default: .unknown
            }
        let rest: KeySpec.Find =
            switch find[0] as? String {
            case "range": .range(last: try number(find, 1), step: try number(find, 2), limit: try number(find, 3))
            case "keynum": .numbered(count: try number(find, 1), first: try number(find, 2), step: try number(find, 3))
            default: .unknown
            }
        var flags: KeySpec.Flags = []
        for bit in 0..<11 {
            let flag = KeySpec.Flags(rawValue: 1 << UInt16(bit))
            if let word = flag.words.first, words.contains("\(word)") { flags.insert(flag) }
        }
        return KeySpec(flags, start, rest)
    }
}
