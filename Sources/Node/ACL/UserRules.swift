import Base
import RESP

/// Everything that is set about a user but its name.
struct UserRules: Equatable, Sendable {
    /// What DUMP payloads of this user's are to be checked (a flag that is kept and shown).
    enum Sanitizing: Sendable {
        case unsaid, always, never
    }

    var isOn = false
    /// Any password is right.
    var needsNoPassword = false
    var sanitizing = Sanitizing.unsaid
    /// SHA-256, as 64 hexadecimal digits each.
    var passwords: [[UInt8]] = []
    var root: Selector
    var selectors: [Selector] = []

    /// A new user's: off, allowed nothing but, if asked for, all channels.
    init(_ commands: RuleCommands, allChannels: Bool) {
        root = Selector(commands, allChannels: allChannels)
    }

    /// The default user's before anybody changes it: may do everything without a password.
    static func open(_ commands: RuleCommands) -> UserRules {
        var rules = UserRules(commands, allChannels: true)
        rules.root.setAll(true, commands)
        rules.root.allKeys = true
        rules.isOn = true
        rules.needsNoPassword = true
        return rules
    }

    var allSelectors: [Selector] { [root] + selectors }

    /// Applies one rule. `allChannels`: what `acl-pubsub-default` says of new selectors.
    mutating func apply(_ rule: ByteView, _ commands: RuleCommands, allChannels: Bool) throws(RuleError) {
        let word = rule.untilNUL
        if rule.isEmpty {
            return
        } else if word.isWord("on") || word.isWord("off") {
            isOn = word.isWord("on")
        } else if word.isWord("sanitize-payload") {
            sanitizing = .always
        } else if word.isWord("skip-sanitize-payload") {
            sanitizing = .never
        } else if word.isWord("nopass") || word.isWord("resetpass") {
            needsNoPassword = word.isWord("nopass")
            passwords = []
        } else if word.isWord("clearselectors") {
            selectors = []
        } else if word.isWord("reset") {
            reset(commands, allChannels: allChannels)
        } else if rule[0] == UInt8(ascii: "(") && rule[rule.count - 1] == UInt8(ascii: ")") {
            try addSelector(rule.slice(1, rule.count - 1).untilNUL, commands, allChannels: allChannels)
        } else if let sign = "><#!".utf8.first(where: { $0 == rule[0] }) {
            try changePasswords(sign, rule.slice(1, rule.count))
        } else {
            try root.apply(rule, commands)
        }
    }

    private mutating func reset(_ commands: RuleCommands, allChannels: Bool) {
        self = UserRules(commands, allChannels: allChannels)
        sanitizing = .always
    }

    private mutating func addSelector(
        _ text: ByteView, _ commands: RuleCommands, allChannels: Bool
    ) throws(RuleError) {
        var selector = Selector(commands, allChannels: allChannels)
        for rule in ConfigurationText.words(text.bytes) ?? [] {
            try rule.withView { view throws(RuleError) in try selector.apply(view, commands) }
        }
        selectors.append(selector)
    }

    /// `>` and `#` add a password or its hash, `<` and `!` take one away.
    private mutating func changePasswords(_ sign: UInt8, _ text: ByteView) throws(RuleError) {
        let isClear = sign == UInt8(ascii: ">") || sign == UInt8(ascii: "<")
        if !isClear && !UserRules.isHash(text) { throw .badHash }
        let hash = isClear ? SHA256.hexDigest(text) : text.bytes
        if sign == UInt8(ascii: ">") || sign == UInt8(ascii: "#") {
            if !passwords.contains(hash) { passwords.append(hash) }
            needsNoPassword = false
        } else {
            guard let known = passwords.firstIndex(of: hash) else { throw .noSuchPassword }
            passwords.remove(at: known)
        }
    }

    private static func isHash(_ text: ByteView) -> Bool {
        text.count == 64
            && (0..<64).allSatisfy { i in
                (text[i] >= UInt8(ascii: "a") && text[i] <= UInt8(ascii: "f"))
                    || (text[i] >= UInt8(ascii: "0") && text[i] <= UInt8(ascii: "9"))
            }
    }

    // MARK: passwords

    /// Whether the password, given as its hash, is one of this user's. Takes the same time for every wrong one.
    func accepts(hash: [UInt8]) -> Bool {
        var isRight = false
        for password in passwords {
            var difference: UInt8 = 0
            for i in 0..<64 { difference |= password[i] ^ hash[i] }
            if difference == 0 { isRight = true }
        }
        return isRight
    }
}

/// Rules as they were given, word by word.
enum RuleWords {
    /// Joins selectors that are spread over several words. Failure: the word whose parenthesis nobody closes.
    static func merged(_ words: [[UInt8]]) -> Result<[[UInt8]], Unmatched> {
        var merged: [[UInt8]] = []
        var open: (start: [UInt8], text: [UInt8])?
        for word in words {
            let closes = word.last == UInt8(ascii: ")")
            if word.first == UInt8(ascii: "(") && !closes {
                open = (word, word)
            } else if let opened = open {
                let text = opened.text + [32] + word.withView { $0.untilNUL.bytes }
                open = closes ? nil : (opened.start, text)
                if closes { merged.append(text) }
            } else {
                merged.append(word)
            }
        }
        if let open { return .failure(Unmatched(word: open.start)) }
        return .success(merged)
    }

    struct Unmatched: Error {
        let word: [UInt8]
    }
}
