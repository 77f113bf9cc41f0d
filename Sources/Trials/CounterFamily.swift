import Base

/// Counters that clients increment by one. While nodes agree on who is there, every increment comes after those that had
/// been acknowledged before it began; and where nothing ever goes wrong, none is missing.
final class CounterFamily: Family {
    private struct Increment {
        var began: Int64
        var ended: Int64
        var value: Int
    }

    private final class Key {
        let name: String
        var sent = 0
        var acknowledged = 0
        /// Those of the last seconds.
        var latest: [Increment] = []

        init(_ name: String) { self.name = name }
    }

    private let findings: Findings
    private let keys: [Key]
    /// How long one is remembered, ms.
    private static let memory: Int64 = 20_000

    init(_ findings: Findings, keys count: Int) {
        self.findings = findings
        keys = (0..<count).map { Key("counter:\($0)") }
    }

    func request(_ random: inout PRNG, now: Int64) -> Request {
        let key = keys[Int(random.below(UInt64(keys.count)))]
        key.sent += 1
        return Request("INCR", key.name) { [self] reply, end in
            guard case .acknowledged(let reply) = findings.fate(reply, "INCR of \(key.name)") else { return }
            guard case .number(let value) = reply else {
                return findings.violate("INCR of \(key.name) is answered \(reply)")
            }
            key.acknowledged += 1
            check(key, Increment(began: now, ended: end, value: value))
        }
    }

    /// Concurrent versions are decided by the clock, and as a whole: that is only promised while clocks agree, too.
    private func check(_ key: Key, _ increment: Increment) {
        if increment.value > key.sent { findings.violate("\(key.name) is \(increment.value) after \(key.sent) INCR") }
        key.latest.removeAll { $0.ended < increment.ended - Self.memory }
        defer { key.latest.append(increment) }
        if !findings.promises.writesAreFresh || findings.promises.skew > 0 { return }
        for earlier in key.latest where earlier.ended < increment.began && earlier.value >= increment.value {
            if findings.wasDisturbed(from: earlier.began, to: increment.ended) { continue }
            findings.violate(
                "INCR of \(key.name) from \(increment.began) to \(increment.ended) is answered \(increment.value), "
                    + "and an earlier one from \(earlier.began) to \(earlier.ended) \(earlier.value)")
        }
    }

    func questions(now: Int64) -> [Request] {
        keys.map { key in
            Request("GET", key.name) { [self] reply, _ in
                guard let reply = findings.expect(reply, "GET of \(key.name)") else { return }
                var value = 0
                if case .text(let text?) = reply { value = Int(text) ?? -1 }
                let isRight =
                    findings.promises.isCalm
                    ? (key.acknowledged...key.sent).contains(value) : (0...key.sent).contains(value)
                if !isRight {
                    findings.violate("\(key.name) is \(value) after \(key.acknowledged) of \(key.sent) INCR")
                }
            }
        }
    }
}
