import Base
import Commands

/// The commands as access rules see them: by the names they were declared with, since renaming a command
/// changes nothing about who may run it. Made once, then only read.
final class RuleCommands: @unchecked Sendable {
    struct Category {
        let name: StaticString
        /// The commands of the category itself.
        let members: CommandBits
        /// What a rule about it changes: also the subcommands of its containers.
        let reach: CommandBits
    }

    /// "get", "client|getname"; by index.
    let fullNames: [String]
    /// Indices of commands that are no subcommands, in declaration order.
    let topLevel: [Int]
    /// Indices of subcommands, by container; empty for others.
    let children: [[Int]]
    let isSubcommand: [Bool]
    let categories: [Category]
    /// What each command touches, by index.
    let reaches: [CommandReach]
    let commands: [Command]
    private let indices: [String: Int]

    var count: Int { commands.count }

    /// Before any command of the table is renamed.
    init(_ table: CommandTable) {
        let count = table.commands.count
        commands = table.commands
        fullNames = table.fullNames
        topLevel = table.topLevel
        var children = [[Int]](repeating: [], count: count)
        var isSubcommand = [Bool](repeating: false, count: count)
        for (container, subcommands) in table.children {
            children[container] = subcommands
            for child in subcommands { isSubcommand[child] = true }
        }
        self.children = children
        self.isSubcommand = isSubcommand
        indices = Dictionary(uniqueKeysWithValues: fullNames.enumerated().map { ($1, $0) })
        reaches = commands.enumerated().map { CommandReach($1, isSubcommand: isSubcommand[$0]) }
        let all = commands.map(\.allCategories)
        categories = Categories.words.map { category, name in
            var members = CommandBits(count: count)
            for (i, its) in all.enumerated() where !its.isDisjoint(with: category) { members[i] = true }
            var reach = members
            for (i, subcommands) in children.enumerated() where members[i] {
                for child in subcommands { reach[child] = true }
            }
            return Category(name: name, members: members, reach: reach)
        }
    }

    /// The command of a full name in any case.
    func index(_ name: some Sequence<UInt8>) -> Int? {
        indices[String(decoding: name.map { ByteView.lowercased($0) }, as: UTF8.self)]
    }

    func category(_ name: some Sequence<UInt8>) -> Category? {
        let bytes = Array(name)
        return categories.first { category in bytes.withView { $0.isWord(category.name) } }
    }
}

/// What of a command's words access rules are about, worked out beforehand.
struct CommandReach: Sendable {
    enum Keys: Equatable, Sendable {
        case none
        /// One, always at this word and treated in one way.
        case one(word: Int, need: KeyAccess)
        /// To be looked for (`Command.keyUses`).
        case some
    }

    enum Channels: Sendable {
        case none
        /// PUBLISH: the first word.
        case first
        /// SUBSCRIBE: every word.
        case all
        /// PSUBSCRIBE: every word, and each is a pattern.
        case patterns
    }

    let keys: Keys
    let channels: Channels
    /// Anybody may run it: who is not yet known must be able to say who it is.
    let isFree: Bool

    init(_ command: Command, isSubcommand: Bool) {
        isFree = command.flags.contains(.noAuth)
        if !command.hasKeys {
            keys = .none
        } else if let (word, need) = CommandReach.single(command) {
            keys = .one(word: word, need: need)
        } else {
            keys = .some
        }
        switch command.name {
        case "publish", "spublish": channels = isSubcommand ? .none : .first
        case "subscribe", "ssubscribe": channels = isSubcommand ? .none : .all
        case "psubscribe": channels = isSubcommand ? .none : .patterns
        default: channels = .none
        }
    }

    private static func single(_ command: Command) -> (Int, KeyAccess)? {
        guard command.keys.count == 1, case .index(let word) = command.keys[0].begin,
            case .range(last: 0, step: _, limit: _) = command.keys[0].find,
            command.keys[0].flags.isDisjoint(with: [.incomplete, .variable])
        else { return nil }
        return (word, KeyAccess(command.keys[0].flags))
    }
}

/// What may be done, or is to be done, with a key.
struct KeyAccess: OptionSet, Sendable {
    let rawValue: UInt8

    static let read = KeyAccess(rawValue: 1)
    static let write = KeyAccess(rawValue: 2)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// What a use of a key needs: reading if it looks at the value, writing if it changes it. A use that only
    /// looks at whether the key is there, or how long it is, needs neither.
    init(_ flags: KeySpec.Flags) {
        self = []
        if flags.contains(.access) { insert(.read) }
        if !flags.isDisjoint(with: [.insert, .delete, .update]) { insert(.write) }
    }
}
