import Base
import CSystem
import Keyspace
import RESP

extension Call {
    /// HSET key field value [field value ...]
    @inline(__always)
    func hashSet() {
        if _slowPath(count & 1 == 1) { return replyWrongArity("hset") }
        if let added = setFields() { reply.integer(added) }
    }

    /// HMSET key field value [field value ...]
    func hashSetMany() {
        if count & 1 == 1 { return replyWrongArity("hmset") }
        if setFields() != nil { reply.ok() }
    }

    /// Sets all fields given; answers how many are new, nil after an error.
    @inline(__always)
    private func setFields() -> Int? {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.hash, key, access)
        if !isRight { return nil }
        var hash = HashValue(access, key, slot)
        var added = 0
        var word = 2
        repeat {
            if hash.set(self[word], self[word &+ 1]) { added &+= 1 }
            word &+= 2
        } while word < count
        access.notify(.hash, "hset", key)
        return added
    }

    /// HSETNX key field value
    func hashSetIfMissing() {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.hash, key, access)
        if !isRight { return }
        if let slot, access.entry(slot).fieldValue(self[2]) != nil { return reply.integer(0) }
        var hash = HashValue(access, key, slot)
        _ = hash.set(self[2], self[3])
        access.notify(.hash, "hset", key)
        reply.integer(1)
    }

    /// HDEL key field [field ...]
    func hashDelete() {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.hash, key, access)
        if !isRight { return }
        var hash = HashValue(access, key, slot)
        var removed = 0
        for word in 2..<count where hash.slot != nil && hash.remove(self[word]) { removed &+= 1 }
        if removed > 0 {
            access.notify(.hash, "hdel", key)
            if hash.slot == nil { access.notify(.generic, "del", key) }
        }
        reply.integer(removed)
    }

    /// HINCRBY key field increment
    func hashIncrement() {
        guard let increment = integer(3) else { return }
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.hash, key, access)
        if !isRight { return }
        var old: Int64 = 0
        if let slot, let value = access.entry(slot).fieldValue(self[2]) {
            guard let number = value.view.map({ $0.integer }) ?? value.integer else {
                return fail("ERR hash value is not an integer")
            }
            old = number
        }
        let (sum, overflow) = old.addingReportingOverflow(increment)
        if overflow { return fail(ErrorText.overflow) }
        var hash = HashValue(access, key, slot)
        Decimal.withText(sum) { _ = hash.set(self[2], $0) }
        access.notify(.hash, "hincrby", key)
        reply.integer(sum)
    }

    /// HINCRBYFLOAT key field increment
    func hashIncrementByFloat() {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Call.floatTextMax) { text in
            let out = text.baseAddress.unsafelyUnwrapped
            // Redis looks at the increment before anything else.
            switch addFloat(ByteView("0"), self[3], out) {
            case -2: return fail(ErrorText.notFloat)
            case -3: return fail("ERR value is NaN or Infinity")
            default: break
            }
            let key = key(1)
            let access = access(key)
            let (slot, isRight) = find(.hash, key, access)
            if !isRight { return }
            let old = slot.flatMap { access.entry($0).fieldValue(self[2]) }
            let length = old?.withView { addFloat($0, self[3], out) } ?? addFloat(ByteView("0"), self[3], out)
            switch length {
            case -1: fail("ERR hash value is not a float")
            case -3: fail("ERR increment would produce NaN or Infinity")
            default:
                let sum = ByteView(UnsafePointer(out), length)
                var hash = HashValue(access, key, slot)
                _ = hash.set(self[2], sum)
                access.notify(.hash, "hincrbyfloat", key)
                reply.bulk(sum)
            }
        }
    }
}
