import Base
import Testing

@testable import Trials

/// What checks a cluster's answers, against a store that answers right, and against ones with a flaw each, which must be noticed.
@Suite struct FamilyTests {
    enum Flaw: CaseIterable {
        /// Now and then an acknowledged write is gone.
        case loses
        /// What a write has superseded, or deleted, comes back.
        case resurrects
        /// A version stays beside the one that has superseded it.
        case keepsSuperseded
        /// A value that nobody has written.
        case invents
        /// A write that was refused is there.
        case makesRefused
        /// Deadlines are ignored; or the key is gone before.
        case neverExpires
        case expiresEarly
        /// An increment is made on an old value.
        case countsFromOld
        /// An element is there twice; or an acknowledged one is not.
        case doubles
        /// Of a transaction only a part.
        case tears
    }

    /// One client's view of a store without faults, apart from its flaw.
    final class Store {
        struct Version {
            var value: String
            var number: Int
            var deadline: Int64?
        }

        let flaw: Flaw?
        var now: Int64 = 0
        private var random = PRNG(seed: 5)
        private var versions: [String: [Version]] = [:]
        private var superseded: [String: [Version]] = [:]
        private var plain: [String: Version] = [:]
        private var old: [String: Version] = [:]
        private var lists: [String: [String]] = [:]
        private var numbers = 0

        init(_ flaw: Flaw?) { self.flaw = flaw }

        private func flaws(_ flaw: Flaw, one in: UInt64 = 20) -> Bool { self.flaw == flaw && random.below(`in`) == 0 }

        func answer(_ commands: [[String]]) -> Reply {
            if commands[0] == ["MULTI"] {
                var commands = commands[1..<(commands.count - 1)]
                if commands.count == 3 && flaws(.tears, one: 3) { commands.remove(at: commands.startIndex) }
                return .list(commands.map { answer($0) })
            }
            return answer(commands[0])
        }

        private func answer(_ words: [String]) -> Reply {
            let key = words.count > 1 ? words[1] : ""
            switch words[0] {
            case "VSET": return setVersion(key, words)
            case "VDEL" where words.count > 3:
                supersede(key, words[3])
                return .text(words[3])
            case "VGET": return getVersions(key)
            case "SET": return set(key, words)
            case "GET": return get(key)
            case "DEL", "UNLINK", "VDEL", "GETDEL":
                let before = get(key)
                let gone = plain.removeValue(forKey: key)
                if let gone { old[key] = gone }
                return words[0] == "GETDEL" ? before : words[0] == "VDEL" ? .text("?") : .number(gone == nil ? 0 : 1)
            case "INCR":
                var value = Int(plain[key]?.value ?? "0")! + 1
                if flaws(.countsFromOld) { value = max(1, value - 2) }
                plain[key] = Version(value: "\(value)", number: 0)
                return .number(value)
            case "EVAL":
                plain[words[3]] = Version(value: words[6], number: 0)
                if !flaws(.tears, one: 3) { plain[words[4]] = Version(value: words[6], number: 0) }
                return answer(["INCR", words[5]])
            case "SADD", "RPUSH": return add(key, words[2])
            case "HSET": return add(key, words[2])
            case "ZADD": return add(key, words[3])
            case "SREM", "HDEL", "ZREM": return remove(key, words[2])
            case "LREM": return remove(key, words[3])
            default: return elements(key)
            }
        }

        // MARK: versions

        private func setVersion(_ key: String, _ words: [String]) -> Reply {
            let context = words.firstIndex(of: "CONTEXT").map { words[$0 + 1] } ?? ""
            if random.below(30) == 0 {
                if flaw == .makesRefused { versions[key, default: []].append(Version(value: words[2], number: -1)) }
                return .error("NOQUORUM 1/2 replicas answered in time")
            }
            supersede(key, context)
            numbers += 1
            let life = words.firstIndex(of: "PX").map { Int64(words[$0 + 1])! }
            if !flaws(.loses) {
                versions[key, default: []].append(
                    Version(value: words[2], number: numbers, deadline: life.map { now + $0 }))
            }
            return .text(context + ",\(numbers)")
        }

        private func supersede(_ key: String, _ context: String) {
            let covered = Set(context.split(separator: ",").map { Int($0)! })
            for version in versions[key] ?? [] where covered.contains(version.number) {
                superseded[key, default: []].append(version)
            }
            if flaws(.keepsSuperseded) { return }
            versions[key]?.removeAll { covered.contains($0.number) }
        }

        private func getVersions(_ key: String) -> Reply {
            let deadline = now + (flaw == .expiresEarly ? 400 : flaw == .neverExpires ? -4000 : 0)
            var shown = (versions[key] ?? []).filter { $0.deadline ?? .max >= deadline }
            if flaws(.resurrects), let back = superseded[key]?.first { shown.append(back) }
            if flaws(.invents) { shown.append(Version(value: "\(key)=99999", number: 0)) }
            let all = (versions[key] ?? []) + (superseded[key] ?? [])
            let context = all.map { "\($0.number)" }.joined(separator: ",")
            return .list([.text(context), .list(shown.map { .text($0.value) })])
        }

        // MARK: the others

        private func set(_ key: String, _ words: [String]) -> Reply {
            let life = words.count > 4 ? Int64(words[4]) : nil
            if !flaws(.loses) {
                plain[key] = Version(value: words[2], number: 0, deadline: life.map { now + $0 })
            }
            return .status("OK")
        }

        private func get(_ key: String) -> Reply {
            if flaws(.invents) { return .text("-5") }
            if flaws(.resurrects, one: 2), let back = old[key] { return .text(back.value) }
            let deadline = now + (flaw == .expiresEarly ? 400 : flaw == .neverExpires ? -4000 : 0)
            guard let there = plain[key], there.deadline ?? .max >= deadline else { return .text(nil) }
            return .text(there.value)
        }

        private func add(_ key: String, _ element: String) -> Reply {
            if !flaws(.loses) { lists[key, default: []].append(element) }
            if flaws(.doubles) { lists[key, default: []].append(element) }
            return .number(1)
        }

        private func remove(_ key: String, _ element: String) -> Reply {
            guard let place = lists[key]?.firstIndex(of: element) else { return .number(0) }
            if !flaws(.resurrects, one: 3) { lists[key]!.remove(at: place) }
            return .number(1)
        }

        private func elements(_ key: String) -> Reply {
            let there = lists[key] ?? []
            return .list((there + (flaws(.invents) ? ["e99999"] : [])).map { .text($0) })
        }
    }

    /// Answers requests one after the other. Answers what was wrong with the answers.
    private func run(_ flaw: Flaw?, _ make: (Findings) -> any Family) -> [String] {
        var promises = Promises()
        promises.isCalm = true
        (promises.readsAreFresh, promises.writesAreFresh) = (true, true)
        let findings = Findings(promises)
        let family = make(findings)
        let store = Store(flaw)
        var random = PRNG(seed: 77)
        findings.now = { store.now }
        for _ in 0..<600 where findings.violations.isEmpty {
            let request = family.request(&random, now: store.now)
            store.now += 3
            let reply = store.answer(request.commands)
            store.now += Int64(3 + random.below(200))
            request.ended(reply, store.now)
        }
        findings.isFinal = true
        for question in family.questions(now: store.now) {
            question.ended(store.answer(question.commands), store.now + 1)
        }
        return findings.violations
    }

    private static let families: [(String, @Sendable (Findings) -> any Family, [Flaw])] = [
        (
            "versions", { VersionFamily($0, keys: 2, expires: false) },
            [.loses, .resurrects, .keepsSuperseded, .invents, .makesRefused]
        ),
        (
            "short versions", { VersionFamily($0, keys: 2, expires: true) },
            [.loses, .resurrects, .keepsSuperseded, .invents, .makesRefused, .neverExpires, .expiresEarly]
        ),
        ("once", { OnceFamily($0) }, [.loses, .resurrects, .invents, .neverExpires, .expiresEarly]),
        ("counters", { CounterFamily($0, keys: 2) }, [.countsFromOld]),
        ("collections", { CollectionFamily($0) }, [.loses, .resurrects, .invents, .doubles]),
        ("transactions", { TransactionFamily($0) }, [.tears, .invents]),
    ]

    @Test(arguments: families.indices)
    func rightAnswersAreRight(index: Int) {
        #expect(run(nil, Self.families[index].1) == [])
    }

    @Test(arguments: families.indices)
    func everyFlawIsNoticed(index: Int) {
        let (name, make, flaws) = Self.families[index]
        for flaw in flaws { #expect(!run(flaw, make).isEmpty, "\(name): \(flaw)") }
    }
}
