import Base

extension WordsRule {
    /// The normal form of the words, or Redis' text of refusal.
    func normalized(_ words: [String], current: String) throws(Refusal) -> String {
        switch self {
        case .bind:
            if words.count > 16 { throw Refusal(text: "Too many bind addresses specified.") }
            return words.joined(separator: " ")
        case .save: return try WordsRule.save(words)
        case .outputLimits:
            var limits = OutputLimits(text: current)
            try limits.change(words)
            return limits.text
        case .shutdown: return try WordsRule.shutdown(words)
        case .scores: return try WordsRule.scores(words)
        case .percentiles: return try WordsRule.percentiles(words)
        case .keyspaceEvents:
            if words.count > 1 { throw Refusal(text: "wrong number of arguments") }
            guard let events = KeyspaceEvents(text: words.first ?? "") else {
                throw Refusal(text: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
            }
            return events.text
        case .replicaOf: return try WordsRule.replicaOf(words)
        case .ignoredWarnings: return words.joined(separator: " ")
        }
    }

    /// Pairs of seconds and changes; none: never.
    private static func save(_ words: [String]) throws(Refusal) -> String {
        let invalid = Refusal(text: "Invalid save parameters")
        guard words.count % 2 == 0 else { throw invalid }
        for (i, word) in words.enumerated() {
            guard let value = Units.lenientInteger(word), value >= (i % 2 == 0 ? 1 : 0) else { throw invalid }
        }
        return words.joined(separator: " ")
    }

    private static func shutdown(_ words: [String]) throws(Refusal) -> String {
        let known = ["default", "save", "nosave", "now", "force"]
        let given = words.map { $0.lowercased() }
        guard !given.isEmpty, given.allSatisfy({ known.contains($0) }) else { throw Parameter.notOne(of: known) }
        if given.contains("save") && given.contains("nosave") {
            throw Refusal(text: "shutdown options SAVE and NOSAVE can't be used simultaneously")
        }
        let chosen = known.dropFirst().filter { given.contains($0) }
        return chosen.isEmpty ? "default" : chosen.joined(separator: " ")
    }

    private static func scores(_ words: [String]) throws(Refusal) -> String {
        guard words.count == 3 else { throw Refusal(text: "wrong number of arguments") }
        for word in words {
            guard let value = Units.lenientInteger(word), value >= -2000 && value <= 2000 else {
                throw Refusal(text: "Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
            }
        }
        return words.map { "\(Units.lenientInteger($0)!)" }.joined(separator: " ")
    }

    private static func percentiles(_ words: [String]) throws(Refusal) -> String {
        let name = "latency-tracking-info-percentiles"
        var texts: [String] = []
        for word in words {
            guard let value = word.withView({ $0.double }) else { throw Refusal(text: "Invalid \(name) parameters") }
            guard value >= 0 && value <= 100 else {
                throw Refusal(text: "\(name) parameters should sit between [0.0,100.0]")
            }
            texts.append(Units.decimal(value))
        }
        return texts.joined(separator: " ")
    }

    private static func replicaOf(_ words: [String]) throws(Refusal) -> String {
        if words.isEmpty { return "" }
        guard words.count == 2 else { throw Refusal(text: "wrong number of arguments") }
        if words[0].lowercased() == "no" && words[1].lowercased() == "one" { return "" }
        guard let port = Units.integer(words[1]), port >= 0 && port <= 65535 else {
            throw Refusal(text: "Invalid master port")
        }
        return words.joined(separator: " ")
    }
}

/// The classes of `notify-keyspace-events`.
public struct KeyspaceEvents: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let generic = KeyspaceEvents(rawValue: 1 << 0)
    public static let string = KeyspaceEvents(rawValue: 1 << 1)
    public static let list = KeyspaceEvents(rawValue: 1 << 2)
    public static let set = KeyspaceEvents(rawValue: 1 << 3)
    public static let hash = KeyspaceEvents(rawValue: 1 << 4)
    public static let sortedSet = KeyspaceEvents(rawValue: 1 << 5)
    public static let expired = KeyspaceEvents(rawValue: 1 << 6)
    public static let evicted = KeyspaceEvents(rawValue: 1 << 7)
    public static let stream = KeyspaceEvents(rawValue: 1 << 8)
    public static let module = KeyspaceEvents(rawValue: 1 << 9)
    public static let newKey = KeyspaceEvents(rawValue: 1 << 10)
    public static let keyspace = KeyspaceEvents(rawValue: 1 << 11)
    public static let keyevent = KeyspaceEvents(rawValue: 1 << 12)
    public static let keyMiss = KeyspaceEvents(rawValue: 1 << 13)

    /// What `A` stands for.
    public static let all = KeyspaceEvents(rawValue: 0x3ff)

    /// In the order in which Redis shows them.
    private static let letters: [(KeyspaceEvents, Character)] = [
        (.generic, "g"), (.string, "$"), (.list, "l"), (.set, "s"), (.hash, "h"), (.sortedSet, "z"),
        (.expired, "x"), (.evicted, "e"), (.stream, "t"), (.module, "d"), (.newKey, "n"), (.keyspace, "K"),
        (.keyevent, "E"), (.keyMiss, "m"),
    ]

    /// Letters in any order; nil for an unknown one.
    public init?(text: String) {
        self = []
        for letter in text {
            if letter == "A" {
                formUnion(.all)
            } else if let known = KeyspaceEvents.letters.first(where: { $0.1 == letter }) {
                insert(known.0)
            } else {
                return nil
            }
        }
    }

    /// All letters that are on, `A` for its own.
    public var text: String {
        let all = contains(.all)
        let rest = KeyspaceEvents.letters.filter { contains($0.0) && !(all && KeyspaceEvents.all.contains($0.0)) }
        return (all ? "A" : "") + String(rest.map(\.1))
    }
}
