import Base
import CSystem
import Keyspace
import RESP

extension Call {
    /// INCR key
    @inline(__always)
    func increment() { add(1) }

    /// DECR key
    func decrement() { add(-1) }

    /// INCRBY key increment
    func incrementBy() {
        guard let increment = integer(2) else { return }
        add(increment)
    }

    /// DECRBY key decrement
    func decrementBy() {
        guard let decrement = integer(2) else { return }
        if decrement == .min { return fail("ERR decrement would overflow") }
        add(-decrement)
    }

    /// Adds to the key's integer: in place if it is stored as one.
    @inline(__always)
    private func add(_ increment: Int64) {
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else {
            access.putInteger(key, increment, nil)
            access.notify(.string, "incrby", key)
            return reply.integer(increment)
        }
        let entry = access.entry(slot)
        guard isString(entry) else { return }
        if _slowPath(entry.encoding != .integer) { return addToText(access, key, slot, increment) }
        let (sum, overflow) = entry.integer.addingReportingOverflow(increment)
        if _slowPath(overflow) { return fail(ErrorText.overflow) }
        access.addInteger(key, slot, increment)
        access.notify(.string, "incrby", key)
        reply.integer(sum)
    }

    /// The same for a string that spells an integer but was not stored as one (after APPEND, say).
    @inline(never)
    private func addToText(_ access: Access, _ key: Key, _ slot: Access.Slot, _ increment: Int64) {
        guard let value = access.entry(slot).stringBytes?.integer else { return fail(ErrorText.notInteger) }
        let (sum, overflow) = value.addingReportingOverflow(increment)
        if overflow { return fail(ErrorText.overflow) }
        access.putInteger(key, sum, slot, deadline: .keep)
        access.notify(.string, "incrby", key)
        reply.integer(sum)
    }

    /// The longest text of a long double without an exponent, and more.
    static var floatTextMax: Int { 5 * 1024 }

    /// INCRBYFLOAT key increment. The sum is stored as text even if it is whole, as Redis does.
    func incrementByFloat() {
        let key = key(1)
        let access = access(key)
        let slot = access.find(key)
        guard isStringOrMissing(access, slot) else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Call.floatTextMax) { text in
            let out = text.baseAddress.unsafelyUnwrapped
            let length =
                slot.map { access.entry($0).withString { addFloat($0, self[2], out) } }
                ?? addFloat(ByteView("0"), self[2], out)
            switch length {
            case -1, -2: fail(ErrorText.notFloat)
            case -3: fail("ERR increment would produce NaN or Infinity")
            default:
                let sum = ByteView(UnsafePointer(out), length)
                access.putText(key, sum, slot, deadline: .keep)
                access.notify(.string, "incrbyfloat", key)
                reply.bulk(sum)
            }
        }
    }

    /// Writes `old` plus the increment at `out`, which has room for `floatTextMax` bytes; answers the length, or what
    /// cs_add_long_doubles finds wrong.
    func addFloat(_ old: ByteView, _ increment: ByteView, _ out: UnsafeMutablePointer<UInt8>) -> Int {
        old.start.withMemoryRebound(to: CChar.self, capacity: old.count) { a in
            increment.start.withMemoryRebound(to: CChar.self, capacity: increment.count) { b in
                out.withMemoryRebound(to: CChar.self, capacity: Call.floatTextMax) { sum in
                    Int(cs_add_long_doubles(a, old.count, b, increment.count, sum, Call.floatTextMax))
                }
            }
        }
    }
}
