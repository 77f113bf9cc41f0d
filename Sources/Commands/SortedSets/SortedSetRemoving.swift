import Base
import Keyspace
import RESP

/// Which end of a sorted set elements are taken from.
enum SortedSetEnd {
    case lowest, highest

    var event: StaticString { self == .lowest ? "zpopmin" : "zpopmax" }

    /// The ranks of so many elements at this end of `total`.
    @inline(__always)
    func ranks(_ count: Int, of total: Int) -> Range<Int> {
        let taken = min(count, total)
        return self == .lowest ? 0..<taken : total &- taken..<total
    }
}

extension Call {
    /// ZREM key member [member ...]
    func zrem() {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.sortedSet, key, access)
        if !isRight { return }
        guard let slot else { return reply.integer(0) }
        let editor = SortedSetEditor(access, slot, key)
        var removed = 0
        var isGone = false
        var word = 2
        while word < count && !isGone {
            let found = editor.find(self[word])
            if found.score != nil {
                isGone = editor.remove(self[word], found)
                removed &+= 1
            }
            word &+= 1
        }
        if removed > 0 { notifyRemoval("zrem", access, key, isGone: isGone) }
        reply.integer(removed)
    }

    // MARK: ranges

    /// ZREMRANGEBYRANK key start stop
    func zremRangeByRank() {
        guard let start = integer(2), let end = integer(3) else { return }
        removeRange("zremrangebyrank") { Call.ranks(Int(start), Int(end), of: $0.count) }
    }

    /// ZREMRANGEBYSCORE key min max
    func zremRangeByScore() {
        guard let interval = scoreInterval(2, 3) else { return }
        removeRange("zremrangebyscore") { interval.ranks(in: $0) }
    }

    /// ZREMRANGEBYLEX key min max
    func zremRangeByMember() {
        guard let interval = memberInterval(2, 3) else { return }
        removeRange("zremrangebylex") { interval.ranks(in: $0) }
    }

    private func removeRange(_ event: StaticString, _ ranks: (SortedSet) -> Range<Int>) {
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.sortedSet, key, access)
        if !isRight { return }
        guard let slot else { return reply.integer(0) }
        let editor = SortedSetEditor(access, slot, key)
        let range = ranks(editor.set)
        let isGone = editor.remove(range) { _, _ in }
        if !range.isEmpty { notifyRemoval(event, access, key, isGone: isGone) }
        reply.integer(range.count)
    }

    // MARK: taking out

    /// ZPOPMIN and ZPOPMAX key [count]
    @inline(__always)
    func zpop(_ end: SortedSetEnd) {
        if _slowPath(count > 3) { return fail(ErrorText.syntax) }
        var wanted = 1
        if count == 3 {
            guard let number = unsigned(2) else { return }
            wanted = number
        }
        let key = key(1)
        let access = access(key)
        let (slot, isRight) = find(.sortedSet, key, access)
        if !isRight { return }
        guard let slot, wanted > 0 else { return reply.array(0) }
        let editor = SortedSetEditor(access, slot, key)
        let taken = min(wanted, editor.set.count)
        // With a count, RESP3 pairs members and scores.
        let pairs = count == 3 && reply.isRESP3
        reply.array(pairs ? taken : taken &* 2)
        takeOut(editor, end, taken, pairs: pairs)
    }

    /// Takes elements out and replies with them, as pairs or in a row.
    @inline(__always)
    private func takeOut(_ editor: SortedSetEditor, _ end: SortedSetEnd, _ taken: Int, pairs: Bool) {
        let writer = reply
        let ranks = end.ranks(taken, of: editor.set.count)
        let isGone = editor.remove(ranks, reversed: end == .highest) { member, score in
            if pairs { writer.array(2) }
            writer.bulk(member)
            writer.double(score)
        }
        notifyRemoval(end.event, editor.access, editor.key, isGone: isGone)
    }

    /// ZMPOP numkeys key [key ...] MIN | MAX [COUNT count]
    func zpopFromMany() {
        guard let request = manyRequest(1) else { return }
        if popFirst(request) == nil { reply.nullArray() }
    }

    /// BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]
    func zpopFromManyWaiting() {
        guard let request = manyRequest(2), let deadline = secondsDeadline(1) else { return }
        if popFirst(request) == nil { wait(Wait(.sortedSet, keys: request.keys, deadline: deadline)) }
    }

    private struct ManyRequest {
        var keys: Range<Int>
        var end = SortedSetEnd.lowest
        var count = 1
    }

    private func manyRequest(_ word: Int) -> ManyRequest? {
        guard let keys = positive(word, error: "ERR numkeys should be greater than 0") else { return nil }
        // The words end before an Int does.
        if keys >= count - word - 1 {
            fail(ErrorText.syntax)
            return nil
        }
        var request = ManyRequest(keys: word + 1..<word + 1 + keys)
        let end = request.keys.upperBound
        if self[end].isWord("max") {
            request.end = .highest
        } else if !self[end].isWord("min") {
            fail(ErrorText.syntax)
            return nil
        }
        if end + 1 == count { return request }
        guard end + 3 == count, self[end + 1].isWord("count") else {
            // A second COUNT is one word too many, but only after the first has been read.
            if end + 2 < count, self[end + 1].isWord("count"),
                positive(end + 2, error: "ERR count should be greater than 0") == nil
            {
                return nil
            }
            fail(ErrorText.syntax)
            return nil
        }
        guard let count = positive(end + 2, error: "ERR count should be greater than 0") else { return nil }
        request.count = count
        return request
    }

    /// Pops from the first key that has something. Answers nil, having replied nothing, if none has.
    private func popFirst(_ request: ManyRequest) -> Void? {
        for word in request.keys where looksAt(word) {
            guard let slot = waitedSet(word) else { continue }
            guard let slot else { return () }
            let editor = SortedSetEditor(access(key(word)), slot, key(word))
            let taken = min(request.count, editor.set.count)
            reply.array(2)
            reply.bulk(self[word])
            reply.array(taken)
            return takeOut(editor, request.end, taken, pairs: true)
        }
        return nil
    }

    /// BZPOPMIN and BZPOPMAX key [key ...] timeout
    func zpopWaiting(_ end: SortedSetEnd) {
        guard let deadline = secondsDeadline(count - 1) else { return }
        for word in 1..<count - 1 where looksAt(word) {
            guard let slot = waitedSet(word) else { continue }
            guard let slot else { return }
            reply.array(3)
            reply.bulk(self[word])
            return takeOut(SortedSetEditor(access(key(word)), slot, key(word)), end, 1, pairs: false)
        }
        wait(Wait(.sortedSet, keys: 1..<count - 1, deadline: deadline))
    }

    /// The set at a word that may be waited for: nil if there is none; nil within if the key holds something else,
    /// which is an error unless the command has been waiting.
    private func waitedSet(_ word: Int) -> Access.Slot?? {
        let key = key(word)
        let access = access(key)
        guard let slot = access.find(key) else { return nil }
        if access.entry(slot).type == .sortedSet { return .some(slot) }
        if isServing { return nil }
        fail(ErrorText.wrongType)
        return .some(nil)
    }
}
