import Base
import Keyspace
import RESP

extension Call {
    /// LPUSH, RPUSH key element [element ...]; LPUSHX, RPUSHX: only to a list that is there.
    @inline(__always)
    func pushToList(_ side: ListSide, onlyIfThere: Bool = false) {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.list, key, access)
        guard isRight else { return }
        if slot == nil && onlyIfThere { return reply.integer(0) }
        let length = access.pushToList(key, slot, state.pointee.arguments + 2, count &- 2, side)
        access.notify(.list, side.pushEvent, key)
        reply.integer(length)
    }

    /// LINSERT key BEFORE|AFTER pivot element
    func insertIntoList() {
        let isAfter = self[2].isWord("after")
        if !isAfter && !self[2].isWord("before") { return fail(ErrorText.syntax) }
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.list, key, access)
        guard isRight else { return }
        guard let slot else { return reply.integer(0) }
        let list = ListValue(access, slot, key)
        guard let index = index(of: self[3], in: access.entry(slot)) else { return reply.integer(-1) }
        list.insert(self[4], at: isAfter ? index + 1 : index)
        access.notify(.list, "linsert", key)
        reply.integer(list.count)
    }

    private func index(of value: ByteView, in list: Entry) -> Int? {
        let probe = Listpack.Probe(value)
        var cursor = list.listCursor(from: 0)
        var index = 0
        while let element = cursor.next() {
            if probe.equals(element) { return index }
            index += 1
        }
        return nil
    }

    /// LSET key index element
    func setListElement() {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.list, key, access)
        guard isRight else { return }
        guard let slot else { return fail(ErrorText.noSuchKey) }
        guard let wanted = integer(2) else { return }
        let list = ListValue(access, slot, key)
        let count = list.count
        guard let index = listIndex(wanted, count) else { return fail(ErrorText.outOfRange) }
        list.set(self[3], at: index)
        access.notify(.list, "lset", key)
        reply.ok()
    }

    /// An index as Redis counts (negative: from the end), if there is such an element.
    func listIndex(_ index: Int64, _ count: Int) -> Int? {
        let count = Int64(count)
        let position = index < 0 ? index + count : index
        return position >= 0 && position < count ? Int(position) : nil
    }
}

extension ListSide {
    var pushEvent: StaticString { self == .front ? "lpush" : "rpush" }
    var popEvent: StaticString { self == .front ? "lpop" : "rpop" }
}
