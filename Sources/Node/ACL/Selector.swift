import Base

/// One set of permissions of a user: commands, keys and channels that go together. A user has one (the root),
/// and more if it was given some in parentheses; a request has to be allowed by one of them as a whole.
struct Selector: Equatable, Sendable {
    struct KeyPattern: Equatable, Sendable {
        var glob: [UInt8]
        var access: KeyAccess
    }

    var commands: CommandBits
    /// Made by allowing everything and taking away: shown as `+@all -x` instead of `-@all +y`.
    var startsFromAll = false
    /// Commands that are allowed with certain first words only (`+select|0`), by index.
    var firstWords: [Int: [[UInt8]]] = [:]
    var allKeys = false
    var keys: [KeyPattern] = []
    var allChannels: Bool
    var channels: [[UInt8]] = []

    /// Allows nothing but, if asked for, all channels (`acl-pubsub-default`).
    init(_ commands: RuleCommands, allChannels: Bool) {
        self.commands = CommandBits(count: commands.count)
        self.allChannels = allChannels
    }

    /// Whether nothing is out of its reach.
    func allowsEverything(_ commands: RuleCommands) -> Bool {
        allKeys && allChannels && self.commands.count == commands.count
    }

    // MARK: commands

    mutating func setAll(_ value: Bool, _ commands: RuleCommands) {
        self.commands = value ? CommandBits(allOf: commands.count) : CommandBits(count: commands.count)
        startsFromAll = value
        firstWords = [:]
    }

    /// Allows or forbids a command, a container with all its subcommands.
    mutating func set(_ index: Int, to value: Bool, _ commands: RuleCommands) {
        self.commands[index] = value
        firstWords[index] = nil
        for child in commands.children[index] { self.commands[child] = value }
    }

    mutating func set(_ category: RuleCommands.Category, to value: Bool) {
        commands.set(category.reach, to: value)
        for index in firstWords.keys where category.members[index] { firstWords[index] = nil }
    }

    mutating func allowFirstWord(_ word: [UInt8], of index: Int) {
        let known = firstWords[index, default: []]
        let isKnown = word.withView { view in known.contains { $0.withView { $0.equalsIgnoringCase(view) } } }
        if !isKnown { firstWords[index] = known + [word] }
    }
}

extension ByteView {
    /// Whether both are the same in any ASCII case.
    func equalsIgnoringCase(_ other: ByteView) -> Bool {
        count == other.count
            && (0..<count).allSatisfy { ByteView.lowercased(self[$0]) == ByteView.lowercased(other[$0]) }
    }

    /// The bytes before the first NUL, which is where Redis' rules end.
    var untilNUL: ByteView {
        var end = 0
        while end < count && self[end] != 0 { end += 1 }
        return slice(0, end)
    }
}
