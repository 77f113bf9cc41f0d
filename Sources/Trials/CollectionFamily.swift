import Base

/// Sets, hashes, lists and sorted sets to which every client adds elements of its own, and from which some are removed.
/// Concurrent branches are decided as a whole; where nothing ever goes wrong, every element is there once.
final class CollectionFamily: Family {
    private enum Kind: Int, CaseIterable {
        case set, hash, list, sortedSet
    }

    private struct Element {
        var isAcknowledged = false
        var isRefused = false
        var isBeingRemoved = false
        var isRemoved = false
    }

    private final class Key {
        let kind: Kind
        let name: String
        var elements: [Element] = []

        init(_ kind: Kind, _ name: String) { (self.kind, self.name) = (kind, name) }
    }

    private let findings: Findings
    private let keys: [Key]

    init(_ findings: Findings) {
        self.findings = findings
        keys = Kind.allCases.map { Key($0, "\($0)") }
    }

    func request(_ random: inout PRNG, now: Int64) -> Request {
        let key = keys[Int(random.below(UInt64(keys.count)))]
        switch random.below(6) {
        case 0: return read(key)
        case 1: return remove(key, &random)
        default: return add(key)
        }
    }

    func questions(now: Int64) -> [Request] { keys.map { read($0) } }

    private func add(_ key: Key) -> Request {
        let number = key.elements.count
        key.elements.append(Element())
        let command: [String] =
            switch key.kind {
            case .set: ["SADD", key.name, "e\(number)"]
            case .hash: ["HSET", key.name, "e\(number)", "x"]
            case .list: ["RPUSH", key.name, "e\(number)"]
            case .sortedSet: ["ZADD", key.name, "\(number)", "e\(number)"]
            }
        return Request([command]) { [self] reply, _ in
            switch findings.fate(reply, command.joined(separator: " ")) {
            case .unknown: break
            case .refused: key.elements[number].isRefused = true
            case .acknowledged: key.elements[number].isAcknowledged = true
            }
        }
    }

    private func remove(_ key: Key, _ random: inout PRNG) -> Request {
        if key.elements.isEmpty { return read(key) }
        let number = Int(random.below(UInt64(key.elements.count)))
        // Of one that is being added nobody knows which comes first.
        if !key.elements[number].isAcknowledged { return read(key) }
        key.elements[number].isBeingRemoved = true
        let command: [String] =
            switch key.kind {
            case .set: ["SREM", key.name, "e\(number)"]
            case .hash: ["HDEL", key.name, "e\(number)"]
            case .list: ["LREM", key.name, "1", "e\(number)"]
            case .sortedSet: ["ZREM", key.name, "e\(number)"]
            }
        return Request([command]) { [self] reply, _ in
            if case .acknowledged(.number(1)) = findings.fate(reply, command.joined(separator: " ")) {
                key.elements[number].isRemoved = true
            }
        }
    }

    private func read(_ key: Key) -> Request {
        let command: [String] =
            switch key.kind {
            case .set: ["SMEMBERS", key.name]
            case .hash: ["HKEYS", key.name]
            case .list: ["LRANGE", key.name, "0", "-1"]
            case .sortedSet: ["ZRANGE", key.name, "0", "-1"]
            }
        let before = key.elements
        return Request([command]) { [self] reply, _ in
            guard let reply = findings.expect(reply, command[0]) else { return }
            guard case .list(let parts?) = reply else {
                return findings.violate("\(command[0]) is answered \(reply)")
            }
            check(key, parts, before)
        }
    }

    private func check(_ key: Key, _ parts: [Reply], _ before: [Element]) {
        var shown = Numbers()
        for part in parts {
            guard case .text(let text?) = part, text.hasPrefix("e"), let number = Int(text.dropFirst()),
                number < key.elements.count, !key.elements[number].isRefused, !shown.contains(number)
            else { return findings.violate("\(key.name) has \(part)") }
            shown.insert(number)
        }
        if !findings.promises.isCalm || !(findings.promises.readsAreFresh || findings.isFinal) { return }
        for (number, element) in before.enumerated() {
            if element.isRemoved && shown.contains(number) {
                findings.violate("\(key.name) has e\(number), which had been removed")
            }
            if element.isAcknowledged && !key.elements[number].isBeingRemoved && !shown.contains(number) {
                findings.violate("\(key.name) has not e\(number), which had been acknowledged")
            }
        }
    }
}
