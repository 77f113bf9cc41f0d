import Base
import Keyspace
import RESP

/// The sets that a command combines, in the order given; nil where there is no key. Lent for the time of the
/// command: nothing may change meanwhile.
struct SetOperands {
    private let entries: UnsafeMutablePointer<Entry?>
    private(set) var count: Int

    init(_ entries: UnsafeMutablePointer<Entry?>, _ count: Int) {
        self.entries = entries
        self.count = count
    }

    subscript(i: Int) -> Entry? { entries[i] }

    var hasMissing: Bool { (0..<count).contains { entries[$0] == nil } }

    static func size(_ entry: Entry?) -> Int { entry?.memberCount ?? 0 }

    /// Orders the operands from `first` on by size.
    func sort(from first: Int, ascending: Bool) {
        var part = UnsafeMutableBufferPointer(start: entries + first, count: count - first)
        part.sort {
            ascending ? SetOperands.size($0) < SetOperands.size($1) : SetOperands.size($0) > SetOperands.size($1)
        }
    }

    /// Whether any of the operands in this range has the member.
    func has(_ member: Listpack.Element, in range: Range<Int>) -> Bool {
        for i in range {
            if let entry = entries[i], entry.hasMember(member) { return true }
        }
        return false
    }

    // MARK: combining: each hands every member of the result over once, until `body` answers false

    /// Members of all operands. Walks over the smallest.
    func intersect(_ body: (Listpack.Element) -> Bool) {
        if hasMissing { return }
        sort(from: 0, ascending: true)
        let others = 1..<count
        entries[0]?.forEachMember { member in
            for i in others where !entries[i].unsafelyUnwrapped.hasMember(member) { return true }
            return body(member)
        }
    }

    /// Members of any operand.
    func unite(_ body: (Listpack.Element) -> Bool) {
        // Looking a member up in the operands before costs less than remembering all, if those are few.
        if count <= 3 {
            for i in 0..<count {
                entries[i]?.forEachMember { has($0, in: 0..<i) || body($0) }
            }
            return
        }
        var seen = SetBuilder()
        for i in 0..<count {
            entries[i]?.forEachMember { !seen.add($0) || body($0) }
        }
        seen.free()
    }

    /// Members of the first operand that no other has. Of two ways, as Redis does, the one with less to do: to
    /// look each member up in the others, or to take all members of the others out of a copy.
    func subtract(_ body: (Listpack.Element) -> Bool) {
        guard let first = entries[0] else { return }
        var all = 0
        for i in 0..<count { all += SetOperands.size(entries[i]) }
        if first.memberCount * count / 2 <= all {
            // The larger the set, the likelier it has the member.
            sort(from: 1, ascending: false)
            first.forEachMember { has($0, in: 1..<count) || body($0) }
        } else {
            subtractFromCopy(first, body)
        }
    }

    private func subtractFromCopy(_ first: Entry, _ body: (Listpack.Element) -> Bool) {
        var rest = SetBuilder()
        defer { rest.free() }
        first.forEachMember {
            rest.insert($0)
            return true
        }
        for i in 1..<count {
            entries[i]?.forEachMember {
                rest.remove($0)
                return rest.count > 0
            }
            if rest.count == 0 { return }
        }
        rest.forEach { body(Listpack.Element($0)) }
    }
}

extension Call {
    /// Runs `body` with the sets at the words from `first` up to `end`; replies WRONGTYPE if one is no set.
    private func withOperands(_ first: Int, _ end: Int, _ body: (SetOperands) -> Void) {
        withUnsafeTemporaryAllocation(of: Entry?.self, capacity: end - first) { entries in
            let start = entries.baseAddress.unsafelyUnwrapped
            for word in first..<end {
                let entry = read(key(word))
                if let entry, !isA(.set, entry) { return }
                (start + (word - first)).initialize(to: entry)
            }
            body(SetOperands(start, end - first))
        }
    }

    /// Replies the members that `combine` hands over.
    private func replyCombined(_ combine: (SetOperands, (Listpack.Element) -> Bool) -> Void) {
        withOperands(1, count) { operands in
            let writer = ReplyWriter(state.pointee.scratch, version: state.pointee.version)
            var found = 0
            combine(operands) {
                writer.bulk($0)
                found &+= 1
                return true
            }
            reply.set(found)
            replyScratch()
        }
    }

    /// Makes the key at word 1 hold the members that `combine` hands over.
    private func storeCombined(
        _ event: StaticString, _ combine: (SetOperands, (Listpack.Element) -> Bool) -> Void
    ) {
        withOperands(2, count) { operands in
            var result = SetBuilder()
            combine(operands) {
                result.insert($0)
                return true
            }
            let key = key(1)
            let access = access(key)
            let slot = access.find(key)
            let stored = result.count
            if stored > 0 {
                result.put(access, key, slot)
                access.notify(.set, event, key)
            } else {
                result.free()
                if let slot {
                    access.remove(slot, key)
                    access.notify(.generic, "del", key)
                }
            }
            reply.integer(stored)
        }
    }

    /// SINTER key [key ...]
    func setIntersection() {
        if count == 2 { return setMembers() }
        replyCombined { $0.intersect($1) }
    }

    /// SINTERSTORE destination key [key ...]
    func setIntersectionStore() { storeCombined("sinterstore") { $0.intersect($1) } }

    /// SUNION key [key ...]
    func setUnion() {
        if count == 2 { return setMembers() }
        replyCombined { $0.unite($1) }
    }

    /// SUNIONSTORE destination key [key ...]
    func setUnionStore() { storeCombined("sunionstore") { $0.unite($1) } }

    /// SDIFF key [key ...]
    func setDifference() { replyCombined { $0.subtract($1) } }

    /// SDIFFSTORE destination key [key ...]
    func setDifferenceStore() { storeCombined("sdiffstore") { $0.subtract($1) } }

    /// SINTERCARD numkeys key [key ...] [LIMIT limit]
    func setIntersectionCount() {
        guard let numberOfKeys = self[1].integer, numberOfKeys > 0 else {
            return fail("ERR numkeys should be greater than 0")
        }
        if Int(numberOfKeys) > count - 2 { return fail("ERR Number of keys can't be greater than number of args") }
        let end = 2 + Int(numberOfKeys)
        var limit = Int.max
        var word = end
        while word < count {
            guard self[word].isWord("limit"), word + 1 < count else { return fail(ErrorText.syntax) }
            guard let number = self[word + 1].integer, number >= 0 else { return fail("ERR LIMIT can't be negative") }
            limit = number == 0 ? .max : Int(number)
            word += 2
        }
        withOperands(2, end) { operands in
            var found = 0
            operands.intersect { _ in
                found &+= 1
                return found < limit
            }
            reply.integer(found)
        }
    }
}
