import Base
import Keyspace
import RESP

extension Call {
    /// SET key value [options]. Without options there is nothing to read but the words.
    @inline(__always)
    func set() {
        if _slowPath(count != 3) { return setWithOptions() }
        let key = key(1)
        let access = access(key)
        access.putString(key, self[2], access.find(key))
        access.notify(.string, "set", key)
        reply.ok()
    }

    /// SETNX key value
    func setIfMissing() {
        let key = key(1)
        let access = access(key)
        if access.find(key) != nil { return reply.integer(0) }
        access.putString(key, self[2], nil)
        access.notify(.string, "set", key)
        reply.integer(1)
    }

    /// SETEX key seconds value
    func setExpiring() { setExpiring(.seconds, "setex") }

    /// PSETEX key milliseconds value
    func setExpiringMilliseconds() { setExpiring(.milliseconds, "psetex") }

    private func setExpiring(_ unit: ExpireUnit, _ name: StaticString) {
        guard let deadline = deadline(2, unit, name) else { return }
        let key = key(1)
        let access = access(key)
        access.putString(key, self[3], access.find(key), deadline: .set(deadline))
        access.notify(.string, "set", key)
        access.notify(.generic, "expire", key)
        reply.ok()
    }

    /// MSET key value [key value ...]
    func setMany() {
        guard count & 1 == 1 else { return replyWrongArity("mset") }
        putPairs()
        reply.ok()
    }

    /// MSETNX key value [key value ...]: all or none; all partitions are locked.
    func setManyIfNoneExists() {
        guard count & 1 == 1 else { return replyWrongArity("msetnx") }
        var word = 1
        while word < count {
            let key = key(word, ordinal: word >> 1)
            if access(key).find(key) != nil { return reply.integer(0) }
            word &+= 2
        }
        putPairs()
        reply.integer(1)
    }

    private func putPairs() {
        var ahead = 0
        while ahead < Call.prefetchDistance {
            prefetchEntry(ordinal: ahead)
            ahead &+= 1
        }
        var word = 1
        while word < count {
            prefetchEntry(ordinal: word >> 1 &+ Call.prefetchDistance)
            let key = key(word, ordinal: word >> 1)
            let access = access(key)
            access.putString(key, self[word &+ 1], access.find(key))
            access.notify(.string, "set", key)
            word &+= 2
        }
    }

    /// GETSET key value
    func getSet() {
        let key = key(1)
        let access = access(key)
        let slot = access.findToRead(key)
        guard replyOld(access, slot) else { return }
        access.putString(key, self[2], slot)
        access.notify(.string, "set", key)
    }

    /// GETDEL key
    func getDelete() {
        let key = key(1)
        let access = access(key)
        let slot = access.findToRead(key)
        guard replyOld(access, slot), let slot else { return }
        access.remove(slot, key)
        access.notify(.generic, "del", key)
    }

    /// Answers the string that a write is about to replace (null: none); false when it is no string.
    func replyOld(_ access: Access, _ slot: Access.Slot?) -> Bool {
        guard let slot else {
            reply.null()
            return true
        }
        let entry = access.entry(slot)
        guard isString(entry) else { return false }
        replyString(entry)
        return true
    }

    /// The slot of a key that holds a string or nothing; replies WRONGTYPE and answers false otherwise.
    @inline(__always)
    func isStringOrMissing(_ access: Access, _ slot: Access.Slot?) -> Bool {
        guard let slot else { return true }
        return isString(access.entry(slot))
    }

    /// Whether `offset` + `more` bytes may be a string's length; replies if not.
    func fits(_ offset: Int, _ more: Int) -> Bool {
        let (total, overflow) = offset.addingReportingOverflow(more)
        if !overflow && total <= state.pointee.bulkBytesMax { return true }
        fail(ErrorText.tooLong)
        return false
    }

    /// APPEND key value
    func append() {
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else {
            access.putString(key, self[2], nil)
            access.notify(.string, "append", key)
            return reply.integer(self[2].count)
        }
        let entry = access.entry(slot)
        guard isString(entry) else { return }
        let length = entry.stringCount
        guard fits(length, self[2].count) else { return }
        reply.integer(access.splice(key, slot, offset: length, self[2]))
        access.notify(.string, "append", key)
    }

    /// SETRANGE key offset value. An empty value changes nothing, not even a missing key.
    func setRange() {
        guard let offset = integer(2) else { return }
        if offset < 0 { return fail("ERR offset is out of range") }
        let value = self[3]
        let key = key(1)
        let access = access(key)
        let slot = access.find(key)
        guard isStringOrMissing(access, slot) else { return }
        if value.isEmpty { return reply.integer(slot.map { access.entry($0).stringCount } ?? 0) }
        guard fits(Int(offset), value.count) else { return }
        reply.integer(access.splice(key, slot, offset: Int(offset), value))
        access.notify(.string, "setrange", key)
    }
}
