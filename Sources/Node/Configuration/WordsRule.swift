import Base
import Keyspace

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
            guard let events = KeyEvents(text: words.first ?? "") else {
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

/// `notify-keyspace-events`.
extension KeyEvents {
    /// What `A` stands for.
    static let all: KeyEvents = [
        .generic, .string, .list, .set, .hash, .sortedSet, .expired, .evicted, .stream, .module,
    ]

    /// In the order in which Redis shows them.
    private static let letters: [(KeyEvents, Character)] = [
        (.generic, "g"), (.string, "$"), (.list, "l"), (.set, "s"), (.hash, "h"), (.sortedSet, "z"),
        (.expired, "x"), (.evicted, "e"), (.stream, "t"), (.module, "d"), (.new, "n"), (.keyspace, "K"),
        (.keyevent, "E"), (.keyMiss, "m"),
    ]

    /// Letters in any order; nil for an unknown one.
    init?(text: String) {
        self = []
        for letter in text {
            if letter == "A" {
                formUnion(.all)
            } else if let known = KeyEvents.letters.first(where: { $0.1 == letter }) {
                insert(known.0)
            } else {
                return nil
            }
        }
    }

    /// All letters that are on, `A` for its own.
    var text: String {
        let named: KeyEvents = isSuperset(of: .all) ? .all : []
        return (named.isEmpty ? "" : "A")
            + String(KeyEvents.letters.filter { subtracting(named).contains($0.0) }.map(\.1))
    }

    /// The classes to be announced: none if nowhere.
    var announced: KeyEvents {
        isDisjoint(with: [.keyspace, .keyevent]) ? [] : subtracting([.keyspace, .keyevent])
    }
}
