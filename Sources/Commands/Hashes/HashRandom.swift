import Base
import Keyspace
import RESP

extension Call {
    /// Answers to one request for random elements, repeated ones included: more is refused.
    private static var randomElementsMax: Int { 1 << 27 }

    /// The count of HRANDFIELD or SRANDMEMBER at word 2; replies and answers nil if it is none.
    func randomCount() -> Int? {
        guard let number = integer(2) else { return nil }
        if number == .min {
            fail("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
            return nil
        }
        return Int(number)
    }

    /// Whether so many random elements may be asked for of a collection that is there; replies if not.
    func isBearable(_ wanted: Int) -> Bool {
        if wanted >= -Call.randomElementsMax { return true }
        fail("ERR value is out of range")
        return false
    }

    /// HRANDFIELD key [count [WITHVALUES]]
    func hashRandomField() {
        if count > 2 { return hashRandomFields() }
        guard let entry = read(key(1)) else { return reply.null() }
        guard isA(.hash, entry) else { return }
        reply.bulk(entry.field(entry.randomField(&state.pointee.random)).0)
    }

    private func hashRandomFields() {
        guard let number = integer(2) else { return }
        let isSyntaxRight = count == 3 || count == 4 && self[3].isWord("withvalues")
        if number != .min {
            if !isSyntaxRight { return fail(ErrorText.syntax) }
            if count == 4 && (number < -(.max / 2) || number > .max / 2) { return fail("ERR value is out of range") }
        }
        guard let wanted = randomCount() else { return }
        guard let entry = read(key(1)) else { return reply.array(0) }
        guard isA(.hash, entry), isBearable(wanted) else { return }
        replyRandomFields(entry, wanted, withValues: count == 4)
    }

    private func replyRandomFields(_ entry: Entry, _ wanted: Int, withValues: Bool) {
        let reply = reply
        let total = entry.fieldCount
        let answers = wanted < 0 ? -wanted : min(wanted, total)
        reply.array(withValues && !reply.isRESP3 ? answers * 2 : answers)
        func write(_ field: Listpack.Element, _ value: Listpack.Element) {
            if withValues && reply.isRESP3 { reply.array(2) }
            reply.bulk(field)
            if withValues { reply.bulk(value) }
        }
        if wanted < 0 {
            for _ in 0..<answers {
                let (field, value) = entry.field(entry.randomField(&state.pointee.random))
                write(field, value)
            }
        } else if Sampling.drawsSingly(answers, of: total) {
            Sampling.distinct(answers, { entry.randomField(&state.pointee.random) }, { $0.identity }) {
                let (field, value) = entry.field($0)
                write(field, value)
            }
        } else {
            var selection = Selection(answers, of: total)
            entry.forEachField { field, value in
                if selection.isDone { return false }
                if selection.takesNext(&state.pointee.random) { write(field, value) }
                return true
            }
        }
    }
}
