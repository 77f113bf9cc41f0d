import Base

/// Pairs of keys that are only ever written together. Where nothing ever goes wrong, they are always read as equal.
final class TransactionFamily: Family {
    private let findings: Findings
    private var written = 0
    private var refused = Numbers()
    private var acknowledged = 0

    private static let script = """
        redis.call('set', KEYS[1], ARGV[1]) redis.call('set', KEYS[2], ARGV[1]) return redis.call('incr', KEYS[3])
        """

    init(_ findings: Findings) { self.findings = findings }

    func request(_ random: inout PRNG, now: Int64) -> Request { random.below(3) == 0 ? read() : write(&random) }

    /// Transactions ask no quorum: what brings replicas up to date, where only reading does, is reading by itself.
    func questions(now: Int64) -> [Request] { ["{pair}a", "{pair}b", "{pair}count"].map { read($0) } + [read()] }

    private func read(_ name: String) -> Request {
        Request("GET", name) { [self] reply, _ in
            guard let reply = findings.expect(reply, "GET of \(name)") else { return }
            check([Self.number(reply)])
        }
    }

    /// -1: it is none.
    private static func number(_ reply: Reply) -> Int {
        if case .text(let text) = reply { text.map { Int($0) ?? -1 } ?? 0 } else { -1 }
    }

    private func check(_ values: [Int]) {
        let isInvented = values.contains { $0 < 0 || $0 > written }
        if isInvented { findings.violate("a pair is \(values) after \(written) transactions") }
    }

    private func write(_ random: inout PRNG) -> Request {
        written += 1
        let number = written
        var commands = [["SET", "{pair}a", "\(number)"], ["SET", "{pair}b", "\(number)"], ["INCR", "{pair}count"]]
        if random.below(3) == 0 {
            commands = [["EVAL", Self.script, "3", "{pair}a", "{pair}b", "{pair}count", "\(number)"]]
        } else {
            commands = [["MULTI"]] + commands + [["EXEC"]]
        }
        return Request(commands) { [self] reply, _ in
            switch findings.fate(reply, "a transaction") {
            case .unknown: break
            case .refused: refused.insert(number)
            case .acknowledged: acknowledged += 1
            }
        }
    }

    private func read() -> Request {
        let (fewest, isCalm) = (acknowledged, findings.promises.isCalm && findings.promises.readsAreFresh)
        return Request([["MULTI"], ["GET", "{pair}a"], ["GET", "{pair}b"], ["GET", "{pair}count"], ["EXEC"]]) {
            [self] reply, _ in
            guard let reply = findings.expect(reply, "a reading transaction") else { return }
            guard case .list(let parts?) = reply, parts.count == 3 else {
                return findings.violate("a reading transaction is answered \(reply)")
            }
            let values = parts.map { Self.number($0) }
            check(values)
            if values[..<2].contains(where: { refused.contains($0) }) {
                findings.violate("a pair is \(values), which was refused")
            }
            if !isCalm { return }
            if values[0] != values[1] { findings.violate("a pair is \(values)") }
            if values[2] < fewest { findings.violate("a pair's count is \(values[2]) after \(fewest) transactions") }
        }
    }
}
