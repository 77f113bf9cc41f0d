import Base

/// Keys that are only written by VSET and VDEL with contexts, and what causality says of every value: what was
/// acknowledged is there until something that has seen it takes its place, and never after that; two values are
/// there beside each other only if neither writer had seen the other's.
final class VersionFamily: Family {
    private struct Write {
        /// What its context covers: the writes whose values were seen, those they had seen, and so on.
        var past: Numbers
        var isDeletion: Bool
        /// When its deadline passes, ms: at the earliest, at the latest.
        var expires: (Int64, Int64)?
        /// Not refused.
        var mayBeThere = true
    }

    private final class Key {
        let name: String
        var writes: [Write] = []
        /// Values that have been acknowledged.
        var acknowledged = Numbers()
        /// What acknowledged writes supersede: it must not be seen any more.
        var gone = Numbers()
        /// What writes that may have been made supersede.
        var maybeGone = Numbers()
        /// Contexts that clients have got, with the writes that they cover.
        var contexts: [(token: String, past: Numbers)] = []

        init(_ name: String) { self.name = name }

        func keep(_ token: String, _ past: Numbers) {
            contexts.append((token, past))
            if contexts.count > 6 { contexts.removeFirst() }
        }
    }

    private let findings: Findings
    private let keys: [Key]
    private let expires: Bool

    init(_ findings: Findings, keys count: Int, expires: Bool) {
        self.findings = findings
        self.expires = expires
        keys = (0..<count).map { Key("\(expires ? "versions:short" : "versions"):\($0)") }
    }

    func request(_ random: inout PRNG, now: Int64) -> Request {
        let key = keys[Int(random.below(UInt64(keys.count)))]
        switch random.below(10) {
        case 0..<5: return read(key, now)
        case 5: return delete(key, &random, now)
        default: return write(key, &random, now)
        }
    }

    func questions(now: Int64) -> [Request] { keys.map { read($0, now) } }

    // MARK: writing

    private func write(_ key: Key, _ random: inout PRNG, _ now: Int64) -> Request {
        let number = key.writes.count
        var words = ["VSET", key.name, "\(key.name)=\(number)"]
        var past = Numbers()
        // Without a context it stands beside whatever is there; there must not come to be too many.
        if !key.contexts.isEmpty, random.below(10) != 0 || number > 30 {
            let context = context(key, &random)
            words += ["CONTEXT", context.token]
            past = context.past
        }
        var deadline: (Int64, Int64)?
        if expires && random.below(2) == 0 {
            let life = Int64(200 + random.below(3000))
            words += ["PX", "\(life)"]
            // Until it is acknowledged nobody knows when it was written.
            deadline = (now + life - 2 * findings.promises.skew - 5, .max)
        }
        key.writes.append(Write(past: past, isDeletion: false, expires: deadline))
        key.maybeGone.formUnion(past)
        let life = deadline.map { $0.0 - now + 2 * findings.promises.skew + 5 }
        return Request([words]) { [self] reply, end in
            let question = "VSET of \(words[2])"
            switch findings.fate(reply, question) {
            case .unknown: break
            case .refused: refused(key, number)
            case .acknowledged(let reply):
                key.acknowledged.insert(number)
                key.gone.formUnion(past)
                if let life { key.writes[number].expires!.1 = end + life + 2 * findings.promises.skew + 5 }
                var covered = past
                covered.insert(number)
                keep(key, reply, covered, question)
            }
        }
    }

    private func delete(_ key: Key, _ random: inout PRNG, _ now: Int64) -> Request {
        guard !key.contexts.isEmpty else { return read(key, now) }
        let number = key.writes.count
        let context = context(key, &random)
        key.writes.append(Write(past: context.past, isDeletion: true))
        key.maybeGone.formUnion(context.past)
        return Request("VDEL", key.name, "CONTEXT", context.token) { [self] reply, _ in
            let question = "VDEL of \(key.name)"
            switch findings.fate(reply, question) {
            case .unknown: break
            case .refused: refused(key, number)
            case .acknowledged(let reply):
                key.gone.formUnion(context.past)
                keep(key, reply, context.past, question)
            }
        }
    }

    /// Mostly one of the latest.
    private func context(_ key: Key, _ random: inout PRNG) -> (token: String, past: Numbers) {
        let back = random.below(4) == 0 ? random.below(UInt64(key.contexts.count)) : 0
        return key.contexts[key.contexts.count - 1 - Int(back)]
    }

    private func keep(_ key: Key, _ reply: Reply, _ past: Numbers, _ question: String) {
        guard case .text(let token?) = reply else { return findings.violate("\(question) is answered \(reply)") }
        key.keep(token, past)
    }

    private func refused(_ key: Key, _ number: Int) {
        key.writes[number].mayBeThere = false
        key.maybeGone = Numbers()
        for write in key.writes where write.mayBeThere { key.maybeGone.formUnion(write.past) }
    }

    // MARK: reading

    private func read(_ key: Key, _ now: Int64) -> Request {
        let (acknowledged, gone) = (key.acknowledged, key.gone)
        return Request("VGET", key.name) { [self] reply, end in
            guard let reply = findings.expect(reply, "VGET of \(key.name)") else { return }
            guard case .list(let parts?) = reply, parts.count == 2, case .text(let token?) = parts[0],
                case .list(let values?) = parts[1], let shown = numbers(values, key)
            else { return findings.violate("VGET of \(key.name) is answered \(reply)") }
            check(key, shown, acknowledged, gone, began: now, end: end)
            var past = Numbers(shown)
            for number in shown { past.formUnion(key.writes[number].past) }
            key.keep(token, past)
        }
    }

    /// nil: something is there that nobody wrote.
    private func numbers(_ values: [Reply], _ key: Key) -> [Int]? {
        var shown: [Int] = []
        for value in values {
            guard case .text(let text?) = value, text.hasPrefix("\(key.name)="),
                let number = Int(text.dropFirst(key.name.count + 1)), number < key.writes.count,
                !key.writes[number].isDeletion, key.writes[number].mayBeThere, !shown.contains(number)
            else { return nil }
            shown.append(number)
        }
        return shown
    }

    /// `acknowledged`, `gone`: as it was when the read began.
    private func check(
        _ key: Key, _ shown: [Int], _ acknowledged: Numbers, _ gone: Numbers, began: Int64, end: Int64
    ) {
        func violate(_ text: String) {
            findings.violate("\(key.name) shows \(shown), read from \(began) to \(end): \(text)")
        }
        let all = Numbers(shown)
        for number in shown {
            let write = key.writes[number]
            let both = all.intersection(write.past)
            if !both.isEmpty { violate("\(both.all) beside \(number), whose writer had seen it") }
            if let expires = write.expires, expires.1 < began { violate("the deadline of \(number) has passed") }
        }
        if !findings.promises.readsAreFresh && !findings.isFinal { return }
        let back = all.intersection(gone)
        if !back.isEmpty { violate("\(back.all) had been superseded") }
        for number in acknowledged.subtracting(key.maybeGone).subtracting(all).all {
            if let expires = key.writes[number].expires, expires.0 <= end { continue }
            violate("\(number) had been acknowledged")
        }
    }
}
