import Base
import Keyspace
import RESP

/// Popping from the first of several lists that has something, waiting for one if need be.
extension Call {
    /// BLPOP, BRPOP key [key ...] timeout
    func popWaiting(_ side: ListSide) {
        guard let deadline = secondsDeadline(count - 1) else { return }
        if popFirst(1..<count - 1, side, limit: nil) { return }
        wait(Wait(.list, keys: 1..<count - 1, deadline: deadline))
    }

    /// LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]
    func popFromAny() {
        guard let words = popWords(1) else { return }
        if !popFirst(words.keys, words.side, limit: words.limit) { reply.nullArray() }
    }

    /// BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]
    func popFromAnyWaiting() {
        guard let words = popWords(2), let deadline = secondsDeadline(1) else { return }
        if popFirst(words.keys, words.side, limit: words.limit) { return }
        wait(Wait(.list, keys: words.keys, deadline: deadline))
    }

    /// What LMPOP's words say, from `numkeys` on.
    private func popWords(_ numkeys: Int) -> (keys: Range<Int>, side: ListSide, limit: Int)? {
        let tooFew: StaticString = "ERR numkeys should be greater than 0"
        guard let number = integer(numkeys, error: tooFew) else { return nil }
        if number <= 0 {
            fail(tooFew)
            return nil
        }
        if number >= Int64(count - numkeys - 1) {
            fail(ErrorText.syntax)
            return nil
        }
        let keys = numkeys + 1..<numkeys + 1 + Int(number)
        guard let side = listSide(keys.upperBound), let limit = popLimit(keys.upperBound + 1) else { return nil }
        return (keys, side, limit)
    }

    private func popLimit(_ word: Int) -> Int? {
        if word == count { return 1 }
        if word + 2 != count || !self[word].isWord("count") {
            // A second COUNT is no option, but the first is read before.
            if word + 2 > count || !self[word].isWord("count") || limit(word + 1) != nil { fail(ErrorText.syntax) }
            return nil
        }
        return limit(word + 1)
    }

    private func limit(_ word: Int) -> Int? {
        let tooFew: StaticString = "ERR count should be greater than 0"
        guard let limit = integer(word, error: tooFew) else { return nil }
        if limit > 0 { return Int(limit) }
        fail(tooFew)
        return nil
    }

    /// Pops from the first of the keys that is there, and replies with the key and one element (no limit), or an
    /// array of elements. Answers false, and has not replied, if there is none.
    private func popFirst(_ words: Range<Int>, _ side: ListSide, limit: Int?) -> Bool {
        for word in words where looksAt(word) {
            let key = key(word)
            let access = access(key)
            guard let slot = access.find(key) else { continue }
            if isServing && access.entry(slot).type != .list { return true }
            guard isA(.list, access.entry(slot)) else { return true }
            let list = ListValue(access, slot, key)
            reply.array(2)
            reply.bulk(key.view)
            if let limit {
                popAndReply(list, min(limit, list.count), side)
            } else {
                list.withEnd(side) { reply.bulk($0) }
                takeAway(list, 1, side)
            }
            return true
        }
        return false
    }
}
