import Base
import Keyspace
import RESP

extension Call {
    /// SADD key member [member ...]
    @inline(__always)
    func setAdd() {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.set, key, access)
        if !isRight { return }
        var set = SetValue(access, key, slot)
        var added = 0
        var word = 2
        repeat {
            if set.add(self[word], expecting: count &- word) { added &+= 1 }
            word &+= 1
        } while word < count
        if added > 0 { access.notify(.set, "sadd", key) }
        reply.integer(added)
    }

    /// SREM key member [member ...]
    @inline(__always)
    func setRemove() {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.set, key, access)
        if !isRight { return }
        var set = SetValue(access, key, slot)
        var removed = 0
        var word = 2
        while word < count && set.slot != nil {
            if set.remove(self[word]) { removed &+= 1 }
            word &+= 1
        }
        if removed > 0 { noteRemoval("srem", set) }
        reply.integer(removed)
    }

    /// Announces that members went, and the key if it did.
    @inline(__always)
    private func noteRemoval(_ event: StaticString, _ set: SetValue) {
        set.access.notify(.set, event, set.key)
        if set.slot == nil { set.access.notify(.generic, "del", set.key) }
    }

    /// SMOVE source destination member
    func setMove() {
        let (source, destination) = (key(1), key(2))
        let (from, to) = (access(source), access(destination))
        // Looked up first: finding the source may remove it, but never adds anything.
        guard let first = from.find(source) else { return reply.integer(0) }
        guard isA(.set, from.entry(first)) else { return }
        if let second = to.find(destination), !isA(.set, to.entry(second)) { return }
        guard let slot = from.find(source) else { return reply.integer(0) }
        let member = self[3]
        if source.view == destination.view {
            return reply.integer(from.entry(slot).hasMember(member) ? 1 : 0)
        }
        var set = SetValue(from, source, slot)
        if !set.remove(member) { return reply.integer(0) }
        noteRemoval("srem", set)
        var target = SetValue(to, destination, to.find(destination))
        if target.add(member) { to.notify(.set, "sadd", destination) }
        reply.integer(1)
    }

    /// SMEMBERS key
    func setMembers() {
        guard let entry = read(key(1)) else { return reply.set(0) }
        guard isA(.set, entry) else { return }
        let reply = reply
        reply.set(entry.memberCount)
        entry.forEachMember {
            reply.bulk($0)
            return true
        }
    }

    /// SISMEMBER key member
    @inline(__always)
    func setIsMember() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isA(.set, entry) else { return }
        reply.integer(entry.hasMember(self[2]) ? 1 : 0)
    }

    /// SMISMEMBER key member [member ...]
    func setAreMembers() {
        let entry = read(key(1))
        if let entry, !isA(.set, entry) { return }
        reply.array(count - 2)
        for word in 2..<count { reply.integer(entry?.hasMember(self[word]) ?? false ? 1 : 0) }
    }

    /// SCARD key
    func setCount() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isA(.set, entry) else { return }
        reply.integer(entry.memberCount)
    }

    /// SSCAN key cursor [MATCH pattern] [COUNT count]
    func setScan() {
        scanElements(.set) { entry, cursor, request, writer, written in
            entry.scanMembers(cursor) { member in
                if !request.selects(member) { return }
                writer.bulk(member)
                written &+= 1
            }
        }
    }

    // MARK: at random

    /// SPOP key [count]
    @inline(__always)
    func setPop() {
        if _slowPath(count != 2) { return setPopMany() }
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else { return reply.null() }
        guard isA(.set, access.entry(slot)) else { return }
        var set = SetValue(access, key, slot)
        popMember(&set, reply)
        noteRemoval("spop", set)
    }

    @inline(__always)
    private func popMember(_ set: inout SetValue, _ reply: ReplyWriter) {
        set.pop(&state.pointee.random) { reply.bulk($0) }
    }

    @inline(never)
    private func setPopMany() {
        if count > 3 { return fail(ErrorText.syntax) }
        guard let wanted = integer(2, error: "ERR value is out of range, must be positive") else { return }
        if wanted < 0 { return fail("ERR value is out of range, must be positive") }
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else { return reply.set(0) }
        guard isA(.set, access.entry(slot)) else { return }
        if wanted == 0 { return reply.set(0) }
        let reply = reply
        let answers = min(Int(wanted), access.entry(slot).memberCount)
        reply.set(answers)
        var set = SetValue(access, key, slot)
        for _ in 0..<answers { popMember(&set, reply) }
        noteRemoval("spop", set)
    }

    /// SRANDMEMBER key [count]
    func setRandomMember() {
        if count > 3 { return fail(ErrorText.syntax) }
        if count == 3 { return setRandomMembers() }
        guard let entry = read(key(1)) else { return reply.null() }
        guard isA(.set, entry) else { return }
        reply.bulk(entry.member(entry.randomMember(&state.pointee.random)))
    }

    private func setRandomMembers() {
        guard let wanted = randomCount() else { return }
        guard let entry = read(key(1)) else { return reply.array(0) }
        guard isA(.set, entry), isBearable(wanted) else { return }
        let reply = reply
        let total = entry.memberCount
        reply.array(wanted < 0 ? -wanted : min(wanted, total))
        if wanted < 0 {
            for _ in 0 ..< -wanted { reply.bulk(entry.member(entry.randomMember(&state.pointee.random))) }
        } else if Sampling.drawsSingly(wanted, of: total) {
            Sampling.distinct(wanted, { entry.randomMember(&state.pointee.random) }, { $0.identity }) {
                reply.bulk(entry.member($0))
            }
        } else {
            var selection = Selection(min(wanted, total), of: total)
            entry.forEachMember { member in
                if selection.isDone { return false }
                if selection.takesNext(&state.pointee.random) { reply.bulk(member) }
                return true
            }
        }
    }
}
