import Base
import Keyspace
import RESP

/// What is left open by the name of a range command.
enum RangeKind {
    /// ZRANGE, ZRANGESTORE: the words say.
    case any
    case reversedRanks, scores, reversedScores, members, reversedMembers
}

/// What a range command asks for.
private struct RangeRequest {
    enum Span {
        case ranks(Int, Int)
        case scores(ScoreInterval)
        case members(MemberInterval)
    }

    var span = Span.ranks(0, 0)
    var isReversed = false
    var offset = 0
    /// Below 0: all.
    var limit = -1
    var withScores = false

    /// The ranks of a set's elements that are asked for; ascending, also in reverse.
    func ranks(in set: SortedSet) -> Range<Int> {
        switch span {
        case .ranks(let start, let end): Call.ranks(start, end, of: set.count, reversed: isReversed)
        case .scores(let interval): cut(interval.ranks(in: set))
        case .members(let interval): cut(interval.ranks(in: set))
        }
    }

    /// LIMIT's part of a range.
    private func cut(_ ranks: Range<Int>) -> Range<Int> {
        if offset < 0 || offset >= ranks.count { return 0..<0 }
        let count = limit < 0 ? ranks.count - offset : min(limit, ranks.count - offset)
        let from = isReversed ? ranks.upperBound - offset - count : ranks.lowerBound + offset
        return from..<from + count
    }
}

extension Call {
    /// The ranks from one to another, both included, negative ones counted from the end, of so many elements.
    static func ranks(_ start: Int, _ end: Int, of count: Int, reversed: Bool = false) -> Range<Int> {
        // Neither sum overflows: a count is far below the largest Int.
        let from = max(0, start < 0 ? start + count : start)
        let to = min(end < 0 ? end + count : end, count - 1)
        if from > to || from >= count { return 0..<0 }
        return reversed ? count - 1 - to..<count - from : from..<to + 1
    }

    /// ZRANGE and its older forms: key min max [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
    @inline(__always)
    func zrange(_ kind: RangeKind) {
        guard let request = rangeRequest(kind, keyAt: 1, stores: false) else { return }
        let (set, isRight) = readSet(1)
        if !isRight { return }
        guard let set else { return reply.array(0) }
        let (ranks, withScores) = (request.ranks(in: set), request.withScores)
        reply.elements(ranks.count, withScores: withScores)
        let writer = reply
        set.forEach(ranks, reversed: request.isReversed) { writer.element($0, $1, withScores: withScores) }
    }

    /// ZRANGESTORE destination source min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
    func zrangeStore() {
        guard let request = rangeRequest(.any, keyAt: 2, stores: true) else { return }
        let (set, isRight) = readSet(2)
        if !isRight { return }
        let elements = ElementTable()
        defer { elements.free() }
        if let set { set.forEach(request.ranks(in: set)) { elements.append($0, $1) } }
        storeElements(elements, at: 1, "zrangestore")
    }

    private func rangeRequest(_ kind: RangeKind, keyAt: Int, stores: Bool) -> RangeRequest? {
        var request = RangeRequest()
        var kind = kind
        request.isReversed = kind == .reversedRanks || kind == .reversedScores || kind == .reversedMembers
        if count > keyAt + 3 {
            guard readRangeOptions(&request, &kind, from: keyAt + 3, stores: stores) else { return nil }
        }
        let isByRank = kind == .any || kind == .reversedRanks
        if request.limit != -1 && isByRank {
            fail("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
            return nil
        }
        if request.withScores && (kind == .members || kind == .reversedMembers) {
            fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
            return nil
        }
        return readSpan(&request, kind, keyAt + 1) ? request : nil
    }

    private func readRangeOptions(
        _ request: inout RangeRequest, _ kind: inout RangeKind, from first: Int, stores: Bool
    ) -> Bool {
        let isOpen = kind == .any
        var word = first
        while word < count {
            if !stores && self[word].isWord("withscores") {
                request.withScores = true
            } else if self[word].isWord("limit") && word + 2 < count {
                guard let offset = integer(word + 1), let limit = integer(word + 2) else { return false }
                (request.offset, request.limit) = (Int(offset), Int(limit))
                word += 2
            } else if isOpen && !request.isReversed && self[word].isWord("rev") {
                request.isReversed = true
            } else if isOpen && kind == .any && self[word].isWord("bylex") {
                kind = .members
            } else if isOpen && kind == .any && self[word].isWord("byscore") {
                kind = .scores
            } else {
                fail(ErrorText.syntax)
                return false
            }
            word += 1
        }
        return true
    }

    /// Reads the bounds at a word and the next; in reverse the higher one comes first.
    private func readSpan(_ request: inout RangeRequest, _ kind: RangeKind, _ word: Int) -> Bool {
        let (low, high) = request.isReversed ? (word + 1, word) : (word, word + 1)
        switch kind {
        case .any, .reversedRanks:
            guard let start = integer(word), let end = integer(word + 1) else { return false }
            request.span = .ranks(Int(start), Int(end))
        case .scores, .reversedScores:
            guard let interval = scoreInterval(low, high) else { return false }
            request.span = .scores(interval)
        case .members, .reversedMembers:
            guard let interval = memberInterval(low, high) else { return false }
            request.span = .members(interval)
        }
        return true
    }
}
