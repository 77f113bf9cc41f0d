import Base
import Keyspace
import RESP

extension Call {
    /// LPOP, RPOP key [count]
    @inline(__always)
    func popFromList(_ side: ListSide) {
        if _slowPath(count != 2) { return popCount(side) }
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else { return reply.null() }
        guard isA(.list, access.entry(slot)) else { return }
        let list = ListValue(access, slot, key)
        list.withEnd(side) { reply.bulk($0) }
        takeAway(list, 1, side)
    }

    @inline(never)
    private func popCount(_ side: ListSide) {
        if count > 3 { return replyWrongArity(side == .front ? "lpop" : "rpop") }
        guard let wanted = integer(2, error: Call.mustBePositive) else { return }
        if wanted < 0 { return fail(Call.mustBePositive) }
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key) else { return reply.nullArray() }
        guard isA(.list, access.entry(slot)) else { return }
        if wanted == 0 { return reply.array(0) }
        popAndReply(ListValue(access, slot, key), min(Int(wanted), access.entry(slot).listCount), side)
    }

    private static let mustBePositive: StaticString = "ERR value is out of range, must be positive"

    /// Replies with elements from an end, and takes them away; so many are there.
    func popAndReply(_ list: ListValue, _ wanted: Int, _ side: ListSide) {
        let entry = list.access.entry(list.slot)
        reply.array(wanted)
        if side == .front {
            entry.forEachListRun(from: 0, wanted) { reply.bulks($0) }
        } else {
            var cursor = entry.listCursor(from: entry.listCount - 1, towards: .front)
            for _ in 0..<wanted { cursor.next().map { reply.bulk($0) } }
        }
        takeAway(list, wanted, side)
    }

    /// Takes elements away, and announces it.
    @inline(__always)
    func takeAway(_ list: ListValue, _ elements: Int, _ side: ListSide) {
        let isGone = list.pop(elements, side)
        list.access.notify(.list, side.popEvent, list.key)
        if isGone { list.access.notify(.generic, "del", list.key) }
    }

    /// LTRIM key start stop. Counts as a change even if nothing goes, as in Redis.
    func trimList() {
        guard let (start, stop) = rangeWords() else { return }
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.list, key, access)
        guard isRight else { return }
        guard let slot else { return reply.ok() }
        let list = ListValue(access, slot, key)
        let all = list.count
        let (from, kept) = listRange(start, stop, all)
        let isGone = kept == 0
        if isGone {
            list.pop(all, .back)
        } else {
            list.pop(all - from - kept, .back)
            if from > 0 { list.pop(from, .front) }
        }
        access.notify(.list, "ltrim", key)
        if isGone { access.notify(.generic, "del", key) }
        reply.ok()
    }

    /// LREM key count element
    func removeFromList() {
        guard let wanted = integer(2) else { return }
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.list, key, access)
        guard isRight else { return }
        guard let slot else { return reply.integer(0) }
        let limit = wanted == 0 ? Int.max : Int(clamping: wanted.magnitude)
        let (removed, isGone) = ListValue(access, slot, key)
            .removeAll(self[3], limit: limit, from: wanted < 0 ? .back : .front)
        if removed > 0 { access.notify(.list, "lrem", key) }
        if isGone { access.notify(.generic, "del", key) }
        reply.integer(removed)
    }
}
