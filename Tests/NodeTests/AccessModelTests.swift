import Base
import Commands
import Testing

@testable import Node

/// Random rules and requests: what the compiled permissions say is what one finds by going through the rules.
struct AccessModelTests {
    private static let families = try? RedisCommands().families
    private let commands = RuleCommands(CommandTable(families: families ?? []))

    private static let globs = ["a*", "b*", "a", "?", "[ab]*", "x", "k:*", "*"]
    private static let words = ["a", "b", "ab", "x", "k:1", "store", "STREAMS", "1", "2", "get", "0", "zz"]

    @Test(arguments: 1...30)
    func compiledRulesAreTheRules(_ seed: Int) throws {
        var random = PRNG(seed: UInt64(seed))
        for _ in 0..<20 {
            let lists = (0..<random.below(3) + 1).map { _ in ruleList(&random) }
            var rules = UserRules(commands, allChannels: false)
            for rule in lists[0] { try rule.withView { try rules.apply($0, commands, allChannels: false) } }
            for list in lists.dropFirst() {
                let selector = "(" + list.joined(separator: " ") + ")"
                try selector.withView { try rules.apply($0, commands, allChannels: false) }
            }
            let permissions = Permissions(rules, commands)
            for _ in 0..<100 {
                let request = request(&random)
                let expected = lists.contains { allows($0, request) }
                #expect(
                    (denial(permissions, request) == nil) == expected,
                    "\(lists) \(commands.fullNames[request.index]) \(request.words)")
            }
        }
    }

    /// What is written down says the same when it is read again.
    @Test(arguments: 1...30)
    func descriptionsMeanTheSame(_ seed: Int) throws {
        var random = PRNG(seed: UInt64(seed) &+ 1000)
        for _ in 0..<20 {
            var rules = UserRules(commands, allChannels: random.below(2) == 0)
            for rule in ruleList(&random) where !(rules.root.allChannels && rule.hasPrefix("&")) {
                try rule.withView { try rules.apply($0, commands, allChannels: false) }
            }
            try "(\(ruleList(&random).joined(separator: " ")))".withView {
                try rules.apply($0, commands, allChannels: false)
            }
            try ">secret".withView { try rules.apply($0, commands, allChannels: false) }
            let text = rules.description(commands)
            let words = text.split(separator: 32).map { Array($0) }
            guard case .success(let merged) = RuleWords.merged(words) else {
                Issue.record("unmatched: \(String(decoding: text, as: UTF8.self))")
                continue
            }
            var again = UserRules(commands, allChannels: random.below(2) == 0)
            for word in merged { try word.withView { try again.apply($0, commands, allChannels: false) } }
            #expect(again.description(commands) == text)
            #expect(again.allSelectors.map(\.commands) == rules.allSelectors.map(\.commands))
            #expect(again.allSelectors.map(\.keys) == rules.allSelectors.map(\.keys))
            #expect(again.allSelectors.map(\.channels) == rules.allSelectors.map(\.channels))
            #expect(again.passwords == rules.passwords)
        }
    }

    // MARK: random

    private func pick<T>(_ from: [T], _ random: inout PRNG) -> T { from[Int(random.below(UInt64(from.count)))] }

    /// Rules of one selector that are accepted in this order.
    private func ruleList(_ random: inout PRNG) -> [String] {
        var rules: [String] = []
        var takesKeys = true, takesChannels = true
        for _ in 0..<random.below(7) {
            let rule: String
            switch random.below(12) {
            case 0: rule = pick(["+@all", "-@all", "allcommands", "nocommands"], &random)
            case 1, 2: rule = "+" + pick(commands.fullNames, &random)
            case 3, 4: rule = "-" + pick(commands.fullNames, &random)
            case 5, 6: rule = "+@" + "\(pick(commands.categories, &random).name)"
            case 7: rule = "-@" + "\(pick(commands.categories, &random).name)"
            case 8: rule = "+" + pick(["select|0", "get|a", "debug|x", "select|1"], &random)
            case 9:
                rule = pick(["~", "%R~", "%W~", "%RW~"], &random) + pick(Self.globs.dropLast(), &random)
                if !takesKeys { continue }
            case 10:
                rule = pick(["allkeys", "resetkeys", "~*"], &random)
                takesKeys = rule == "resetkeys"
            default:
                rule = pick(["allchannels", "resetchannels", "&a*", "&b", "&x"], &random)
                if rule.hasPrefix("&") && !takesChannels { continue }
                if !rule.hasPrefix("&") { takesChannels = rule == "resetchannels" }
            }
            rules.append(rule)
        }
        return rules
    }

    private struct Request {
        var index: Int
        var words: [String]
    }

    private func request(_ random: inout PRNG) -> Request {
        let index = Int(random.below(UInt64(commands.count)))
        let arity = commands.commands[index].arity
        let count = abs(arity) + (arity < 0 ? Int(random.below(5)) : 0)
        let name = commands.fullNames[index].split(separator: "|").map(String.init)
        let rest = (0..<max(0, count - name.count)).map { _ in pick(Self.words, &random) }
        return Request(index: index, words: name + rest)
    }

    private func withWords<R>(_ words: [String], _ body: (UnsafeMutablePointer<ByteView>, Int) -> R) -> R {
        let storage = words.map { word in
            let bytes = Array(word.utf8)
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
            copy.initialize(from: bytes, count: bytes.count)
            return ByteView(UnsafePointer(copy), bytes.count)
        }
        let views = UnsafeMutablePointer<ByteView>.allocate(capacity: words.count)
        views.initialize(from: storage, count: words.count)
        defer {
            for view in storage { view.start.deallocate() }
            views.deallocate()
        }
        return body(views, words.count)
    }

    private func denial(_ permissions: Permissions, _ request: Request) -> Denial? {
        withWords(request.words) { permissions.denial(of: request.index, $0, $1) }
    }

    // MARK: the model

    private func allows(_ rules: [String], _ request: Request) -> Bool {
        let command = commands.commands[request.index]
        guard command.flags.contains(.noAuth) || allowsCommand(rules, request) else { return false }
        let uses = withWords(request.words) { command.keyUses($0, $1) }
        guard uses.allSatisfy({ allowsKey(rules, request.words[$0.word], $0.flags) }) else { return false }
        switch command.name {
        case "publish", "spublish": return allowsChannel(rules, request.words[1], isPattern: false)
        case "subscribe", "ssubscribe":
            return request.words.dropFirst().allSatisfy { allowsChannel(rules, $0, isPattern: false) }
        case "psubscribe": return request.words.dropFirst().allSatisfy { allowsChannel(rules, $0, isPattern: true) }
        default: return true
        }
    }

    /// The last rule that is about the command decides.
    private func allowsCommand(_ rules: [String], _ request: Request) -> Bool {
        let name = commands.fullNames[request.index]
        let container = name.contains("|") ? String(name.split(separator: "|")[0]) : nil
        let own = categories(of: name), inherited = container.map { categories(of: $0) } ?? []
        var allowed = false
        var firstWords: Set<String> = []
        for rule in rules {
            let value = rule.hasPrefix("+") || rule == "allcommands"
            if ["+@all", "-@all", "allcommands", "nocommands"].contains(rule) {
                allowed = value
                firstWords = []
            } else if rule.hasPrefix("+@") || rule.hasPrefix("-@") {
                let category = String(rule.dropFirst(2))
                if own.contains(category) { firstWords = [] }
                if own.contains(category) || inherited.contains(category) { allowed = value }
            } else if rule.hasPrefix("+") || rule.hasPrefix("-") {
                let target = String(rule.dropFirst())
                if target == name || target == container {
                    allowed = value
                    if target == name { firstWords = [] }
                } else if target.hasPrefix(name + "|") && commands.index(target.utf8) == nil {
                    firstWords.insert(String(target.dropFirst(name.count + 1)))
                }
            }
        }
        return allowed || (request.words.count > 1 && firstWords.contains(request.words[1].lowercased()))
    }

    private func categories(of name: String) -> Set<String> {
        let index = commands.fullNames.firstIndex(of: name)!
        return Set(commands.commands[index].allCategories.words.map { "\($0)" })
    }

    private func allowsKey(_ rules: [String], _ key: String, _ flags: KeySpec.Flags) -> Bool {
        let reads = flags.contains(.access)
        let writes = !flags.isDisjoint(with: [.insert, .update, .delete])
        var patterns: [String: Set<Character>] = [:]
        var all = false
        for rule in rules {
            if rule == "allkeys" || rule == "~*" || rule == "resetkeys" {
                all = rule != "resetkeys"
                patterns = [:]
            } else if let tilde = rule.firstIndex(of: "~"), rule.hasPrefix("~") || rule.hasPrefix("%") {
                let letters = rule.hasPrefix("~") ? ["R", "W"] : Set(rule[..<tilde].dropFirst())
                patterns[String(rule[rule.index(after: tilde)...]), default: []].formUnion(letters)
            }
        }
        return all
            || patterns.contains { glob, letters in
                (!reads || letters.contains("R")) && (!writes || letters.contains("W")) && matches(glob, key)
            }
    }

    private func allowsChannel(_ rules: [String], _ channel: String, isPattern: Bool) -> Bool {
        var all = false
        var globs: [String] = []
        for rule in rules {
            if rule == "allchannels" || rule == "resetchannels" {
                all = rule == "allchannels"
                globs = []
            } else if rule.hasPrefix("&") {
                globs.append(String(rule.dropFirst()))
            }
        }
        return all || globs.contains { isPattern ? $0 == channel : matches($0, channel) }
    }

    private func matches(_ glob: String, _ text: String) -> Bool {
        glob.withView { glob in text.withView { Glob.matches(glob, $0) } }
    }
}
