import Base

/// Why a rule was refused, in Redis' words.
enum RuleError: Error {
    case syntax, unknownCommand, keyAfterAll, channelAfterAll, noSuchPassword, badHash, firstWordOfSubcommand

    var text: String {
        switch self {
        case .syntax: "Syntax error"
        case .unknownCommand: "Unknown command or category name in ACL"
        case .keyAfterAll: RuleError.afterAll("allkeys", "resetkeys", "patterns")
        case .channelAfterAll: RuleError.afterAll("allchannels", "resetchannels", "channels")
        case .noSuchPassword: "The password you are trying to remove from the user does not exist"
        case .badHash:
            "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
        case .firstWordOfSubcommand: "Allowing first-arg of a subcommand is not supported"
        }
    }

    private static func afterAll(_ flag: String, _ reset: String, _ what: String) -> String {
        "Adding a pattern after the * pattern (or the '\(flag)' flag) is not valid and does not have any effect. "
            + "Try '\(reset)' to start with an empty list of \(what)"
    }
}

extension Selector {
    /// Applies one rule about commands, keys or channels (redis.io, "ACL rules").
    mutating func apply(_ rule: ByteView, _ commands: RuleCommands) throws(RuleError) {
        let word = rule.untilNUL
        if word.isWord("allkeys") || word.isWord("~*") {
            allKeys = true
            keys = []
        } else if word.isWord("resetkeys") {
            allKeys = false
            keys = []
        } else if word.isWord("allchannels") || word.isWord("&*") {
            allChannels = true
            channels = []
        } else if word.isWord("resetchannels") {
            allChannels = false
            channels = []
        } else if word.isWord("allcommands") || word.isWord("+@all") {
            setAll(true, commands)
        } else if word.isWord("nocommands") || word.isWord("-@all") {
            setAll(false, commands)
        } else {
            try applyPattern(rule, commands)
        }
    }

    private mutating func applyPattern(_ rule: ByteView, _ commands: RuleCommands) throws(RuleError) {
        switch rule.isEmpty ? 0 : rule[0] {
        case UInt8(ascii: "~"), UInt8(ascii: "%"): try addKeys(rule)
        case UInt8(ascii: "&"): try addChannels(rule)
        case UInt8(ascii: "+"), UInt8(ascii: "-"): try changeCommands(rule.untilNUL, commands)
        default: throw .syntax
        }
    }

    // MARK: keys and channels

    private mutating func addKeys(_ rule: ByteView) throws(RuleError) {
        if allKeys { throw .keyAfterAll }
        var access: KeyAccess = [.read, .write]
        var start = 1
        if rule[0] == UInt8(ascii: "%") {
            access = []
            while start < rule.count && rule[start] != UInt8(ascii: "~") {
                let letter = ByteView.lowercased(rule[start])
                let kind: KeyAccess =
                    letter == UInt8(ascii: "r") ? .read : letter == UInt8(ascii: "w") ? .write : []
                if kind.isEmpty || access.contains(kind) { throw .syntax }
                access.insert(kind)
                start += 1
            }
            start = min(start + 1, rule.count)
            if access.isEmpty { throw .syntax }
        }
        let glob = rule.slice(start, rule.count)
        if glob.hasSpaces { throw .syntax }
        if let known = keys.firstIndex(where: { $0.glob.withView { $0 == glob } }) {
            keys[known].access.formUnion(access)
        } else {
            keys.append(KeyPattern(glob: glob.bytes, access: access))
        }
    }

    private mutating func addChannels(_ rule: ByteView) throws(RuleError) {
        if allChannels { throw .channelAfterAll }
        let glob = rule.slice(1, rule.count)
        if glob.hasSpaces { throw .syntax }
        if !channels.contains(where: { $0.withView { $0 == glob } }) { channels.append(glob.bytes) }
    }

    // MARK: commands

    private mutating func changeCommands(_ rule: ByteView, _ commands: RuleCommands) throws(RuleError) {
        let allows = rule[0] == UInt8(ascii: "+")
        let name = rule.slice(1, rule.count).bytes
        if name.first == UInt8(ascii: "@") {
            guard let category = commands.category(name.dropFirst()) else { throw .unknownCommand }
            return set(category, to: allows)
        }
        if allows, let bar = name.lastIndex(of: UInt8(ascii: "|")) {
            return try allowPart(name, bar, commands)
        }
        guard let index = commands.index(name) else { throw .unknownCommand }
        set(index, to: allows, commands)
    }

    /// `+container|subcommand`, or `+command|first-word`.
    private mutating func allowPart(_ name: [UInt8], _ bar: Int, _ commands: RuleCommands) throws(RuleError) {
        guard let whole = commands.index(name[..<bar]) else { throw .unknownCommand }
        if commands.isSubcommand[whole] { throw .firstWordOfSubcommand }
        let part = Array(name[(bar + 1)...])
        if part.isEmpty { throw .syntax }
        if commands.children[whole].isEmpty { return allowFirstWord(part, of: whole) }
        guard let index = commands.index(name) else { throw .unknownCommand }
        set(index, to: true, commands)
    }
}

extension ByteView {
    /// Whether there is white space or a NUL in it: rules with such could not be written down again.
    var hasSpaces: Bool {
        for i in 0..<count where self[i] == 32 || (self[i] >= 9 && self[i] <= 13) || self[i] == 0 { return true }
        return false
    }
}
