import Base
import CSystem

extension Parameter {
    /// The normal form of a value given by a configuration file's words, or Redis' text of refusal.
    ///
    /// `current` is what the parameter has now: some values change it in part.
    func normalized(words: [String], current: String) throws(Refusal) -> String {
        if case .words(let rule) = kind {
            let split = words.count == 1 ? Parameter.split(words[0]) : words
            return try rule.normalized(split, current: current)
        }
        guard words.count == 1 else { throw Refusal(text: "wrong number of arguments") }
        return try normalized(words[0], current: current)
    }

    /// At each single space: two spaces in a row surround an empty word, which no rule accepts.
    private static func split(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    }

    private func normalized(_ text: String, current: String) throws(Refusal) -> String {
        switch kind {
        case .yesNo:
            let lowered = text.lowercased()
            guard lowered == "yes" || lowered == "no" else { throw Refusal(text: "argument must be 'yes' or 'no'") }
            return lowered
        case .integer(let range): return try integer(text, range)
        case .octal(let limit):
            guard let value = UInt32(text, radix: 8) else {
                throw Refusal(text: "argument couldn't be parsed as an octal number")
            }
            guard value <= limit else {
                throw Refusal(text: "argument must be between 0 and \(String(limit, radix: 8)) inclusive")
            }
            return String(value, radix: 8)
        case .memory(let range):
            guard let value = Units.memory(text) else { throw Refusal(text: "argument must be a memory value") }
            guard range.contains(value) else { throw Parameter.outside(range) }
            return "\(value)"
        case .memoryOrPercent: return try memoryOrPercent(text)
        case .choice(let words):
            let lowered = text.lowercased()
            guard words.contains(lowered) else { throw Parameter.notOne(of: words) }
            return lowered
        case .text(let rule): return try rule.normalized(text, current: current, name: name)
        case .words: preconditionFailure("several words are for the rule")
        }
    }

    private func integer(_ text: String, _ range: ClosedRange<Int64>) throws(Refusal) -> String {
        guard let value = Units.integer(text) else {
            throw Refusal(text: "argument couldn't be parsed into an integer")
        }
        guard range.contains(value) else { throw Parameter.outside(range) }
        // Redis keeps its timer between 1 and 500 Hz without complaint.
        return name == "hz" ? "\(min(500, max(1, value)))" : "\(value)"
    }

    private func memoryOrPercent(_ text: String) throws(Refusal) -> String {
        let unparsed = Refusal(text: "argument must be a memory or percent value")
        if text.hasSuffix("%") {
            guard let percent = Units.integer(String(text.dropLast())), percent >= 0 else { throw unparsed }
            guard percent <= 100 else { throw Refusal(text: "percentage argument must be less or equal to 100") }
            return "\(percent)%"
        }
        guard let value = Units.memory(text) else { throw unparsed }
        guard value <= UInt64(Int64.max) else { throw Parameter.outside(0...UInt64(Int64.max)) }
        return "\(value)"
    }

    private static func outside<T>(_ range: ClosedRange<T>) -> Refusal {
        Refusal(text: "argument must be between \(range.lowerBound) and \(range.upperBound) inclusive")
    }

    static func notOne(of words: [String]) -> Refusal {
        Refusal(text: "argument(s) must be one of the following: " + words.joined(separator: ", "))
    }

    /// Whether a value other than the default is refused here: why, and what CONFIG SET answers.
    func refusal(of value: String) -> (reason: String, reply: String)? {
        guard case .refused(let reason, let reply) = use, value != initial else { return nil }
        return (reason, reply ?? reason)
    }
}

extension TextRule {
    func normalized(_ text: String, current: String, name: String) throws(Refusal) -> String {
        switch self {
        case .any: return text
        case .notPath:
            if text.contains("/") { throw Refusal(text: "\(name) can't be a path, just a filename") }
        case .notEmptyNotPath:
            if text.isEmpty { throw Refusal(text: "\(name) can't be empty") }
            if text.contains("/") { throw Refusal(text: "\(name) can't be a path, just a filename") }
        case .directoryName:
            if text.isEmpty { throw Refusal(text: "\(name) can't be empty") }
            if text.contains("/") { throw Refusal(text: "\(name) can't be a path, just a dirname") }
        case .directory:
            switch TextFile.directory(text, from: current) {
            case .success(let path): return path
            case .failure(let error): throw Refusal(text: error.text)
            }
        case .titleTemplate:
            if !TextRule.isTemplate(text) {
                throw Refusal(text: "template format is invalid or contains unknown variables")
            }
        case .hostname:
            if text.utf8.count >= 256 { throw Refusal(text: "Hostnames must be less than 256 characters") }
            if !text.utf8.allSatisfy(TextRule.isHostnameByte) {
                throw Refusal(text: "Hostnames may only contain alphanumeric characters, hyphens or dots")
            }
        case .address:
            if !text.isEmpty && cs_address_family(text) == 0 { throw Refusal(text: "argument must be an IP address") }
        case .clusterName, .seeds, .replication, .readQuorum, .writeQuorum, .label:
            if let refusal = ClusterSettings.refusal(of: text, self) { throw Refusal(text: refusal) }
        }
        return text
    }

    private static func isHostnameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, 45, 46: true
        default: false
        }
    }

    private static func isTemplate(_ text: String) -> Bool {
        let variables = ["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"]
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else { return false }
            if !variables.contains(String(rest[rest.index(after: open)..<close])) { return false }
            rest = rest[rest.index(after: close)...]
        }
        return true
    }
}
