import Base

/// Keys that are written once, some of them with a deadline, and deleted once at most: what was acknowledged is there, what
/// was deleted stays away, and what has a deadline is seen before it and not after.
final class OnceFamily: Family {
    private struct Key {
        var written: Int64?
        var isRefused = false
        /// Some deletion has been sent; one has been acknowledged as having deleted it, at this time.
        var isBeingDeleted = false
        var deleted: Int64?
        var life: Int64?
        /// Before, after: ms.
        var expires: (Int64, Int64)?
    }

    private let findings: Findings
    private var keys: [Key] = []

    init(_ findings: Findings) { self.findings = findings }

    private func name(_ number: Int) -> String { "once:\(number)" }

    func request(_ random: inout PRNG, now: Int64) -> Request {
        if keys.isEmpty || random.below(3) == 0 { return write(&random, now) }
        // Mostly one of the latest.
        let span = UInt64(random.below(4) == 0 ? keys.count : min(keys.count, 10))
        let number = keys.count - 1 - Int(random.below(span))
        if random.below(3) == 0 && keys[number].written != nil && !keys[number].isBeingDeleted {
            return delete(number, &random)
        }
        return read(number, now)
    }

    func questions(now: Int64) -> [Request] { keys.indices.map { read($0, now) } }

    private func write(_ random: inout PRNG, _ now: Int64) -> Request {
        let number = keys.count
        var words = ["SET", name(number), "value:\(number)"]
        var key = Key()
        if random.below(4) == 0 {
            let life = Int64(300 + random.below(4000))
            words += ["PX", "\(life)"]
            key.life = life
            key.expires = (now + life - 2 * findings.promises.skew - 5, .max)
        }
        keys.append(key)
        return Request([words]) { [self] reply, end in
            switch findings.fate(reply, "SET of \(name(number))") {
            case .unknown: break
            case .refused: keys[number].isRefused = true
            case .acknowledged(let reply):
                if reply != .status("OK") { findings.violate("SET of \(name(number)) is answered \(reply)") }
                keys[number].written = end
                guard let life = keys[number].life else { return }
                keys[number].expires!.1 = end + life + 2 * findings.promises.skew + 5
            }
        }
    }

    private func delete(_ number: Int, _ random: inout PRNG) -> Request {
        keys[number].isBeingDeleted = true
        let word = ["DEL", "UNLINK", "GETDEL", "VDEL"][Int(random.below(4))]
        return Request(word, name(number)) { [self] reply, end in
            switch findings.fate(reply, "\(word) of \(name(number))") {
            // What it saw it deleted, and it need not say what that was.
            case .acknowledged where word == "VDEL" && !findings.promises.writesAreFresh: break
            case .acknowledged(.number(1)), .acknowledged(.text(.some)): keys[number].deleted = end
            default: break
            }
        }
    }

    private func read(_ number: Int, _ now: Int64) -> Request {
        let before = keys[number]
        return Request("GET", name(number)) { [self] reply, end in
            guard let reply = findings.expect(reply, "GET of \(name(number))") else { return }
            let key = keys[number]
            func violate(_ text: String) {
                findings.violate("\(name(number)) is \(reply), read from \(now) to \(end): \(text)")
            }
            let isThere = reply != .text(nil)
            if isThere && reply != .text("value:\(number)") { return violate("nobody wrote that") }
            if isThere && key.isRefused { return violate("it was refused") }
            if isThere, let expires = before.expires, expires.1 < now { return violate("its deadline has passed") }
            if !findings.promises.readsAreFresh && !findings.isFinal { return }
            if isThere && before.deleted != nil { return violate("it had been deleted") }
            let mayHaveExpired = key.expires.map { $0.0 <= end } ?? false
            if !isThere && before.written != nil && !key.isBeingDeleted && !mayHaveExpired {
                violate("it had been acknowledged at \(before.written!)")
            }
        }
    }
}
