import Base
import Keyspace
import RESP

extension ReplyWriter {
    /// A sorted set's member as a bulk string.
    @inline(__always)
    func bulk(_ member: SortedSetMember) { bulk(member.first, member.second) }

    /// Begins the reply of so many elements: of members alone, or of members and scores, which RESP3 pairs.
    @inline(__always)
    func elements(_ count: Int, withScores: Bool) { array(withScores && !isRESP3 ? count * 2 : count) }

    /// One element of `elements`.
    @inline(__always)
    func element(_ member: SortedSetMember, _ score: Double, withScores: Bool) {
        if !withScores { return bulk(member) }
        if isRESP3 { array(2) }
        bulk(member)
        double(score)
    }
}

extension Call {
    /// The sorted set at a word for a reading command; `isRight` is false if the key holds something else: the reply
    /// is WRONGTYPE then.
    @inline(__always)
    func readSet(_ word: Int) -> (set: SortedSet?, isRight: Bool) {
        guard let entry = read(key(word)) else { return (nil, true) }
        return isA(.sortedSet, entry) ? (SortedSet(entry), true) : (nil, false)
    }

    /// Announces that elements are gone, and the key, if it is.
    func notifyRemoval(_ event: StaticString, _ access: Access, _ key: Key, isGone: Bool) {
        access.notify(.sortedSet, event, key)
        if isGone { access.notify(.generic, "del", key) }
    }

    /// A word that is a number of something and not negative; replies and answers nil if it is none.
    func unsigned(_ word: Int, error: StaticString = "ERR value is out of range, must be positive") -> Int? {
        guard let value = integer(word, error: error) else { return nil }
        if value >= 0 { return Int(value) }
        fail(error)
        return nil
    }

    /// The same for one that is not zero either.
    func positive(_ word: Int, error: StaticString) -> Int? {
        guard let value = unsigned(word, error: error) else { return nil }
        if value > 0 { return value }
        fail(error)
        return nil
    }

    /// Makes the key at a word hold these elements, which are in order, or nothing if there are none, and replies how
    /// many.
    func storeElements(_ elements: ElementTable, at word: Int, _ event: StaticString) {
        let key = key(word)
        let access = access(key)
        let slot = access.find(key)
        if elements.count > 0 {
            access.putSortedSet(key, elements.elements, slot)
            access.notify(.sortedSet, event, key)
        } else if let slot {
            access.remove(slot, key)
            access.notify(.generic, "del", key)
        }
        reply.integer(elements.count)
    }
}
