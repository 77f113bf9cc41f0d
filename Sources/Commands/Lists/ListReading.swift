import Base
import Keyspace
import RESP

extension Call {
    /// LLEN key
    @inline(__always)
    func listLength() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        if isA(.list, entry) { reply.integer(entry.listCount) }
    }

    /// LINDEX key index
    func listElement() {
        guard let entry = read(key(1)) else { return reply.null() }
        guard isA(.list, entry), let wanted = integer(2) else { return }
        guard let index = listIndex(wanted, entry.listCount) else { return reply.null() }
        entry.withListElement(at: index) { reply.bulk($0) }
    }

    /// LRANGE key start stop
    @inline(__always)
    func listRange() {
        guard let (start, stop) = rangeWords() else { return }
        guard let entry = read(key(1)) else { return reply.array(0) }
        guard isA(.list, entry) else { return }
        let (from, length) = listRange(start, stop, entry.listCount)
        reply.array(length)
        entry.forEachListRun(from: from, length) { reply.bulks($0) }
    }

    /// Words 2 and 3 as indices; replies and answers nil if they are none.
    @inline(__always)
    func rangeWords() -> (Int64, Int64)? {
        guard let start = integer(2), let stop = integer(3) else { return nil }
        return (start, stop)
    }

    /// The elements from index `start` to `stop` (negative: from the end): where they begin, and how many are there.
    @inline(__always)
    func listRange(_ start: Int64, _ stop: Int64, _ count: Int) -> (from: Int, length: Int) {
        let count = Int64(count)
        let from = start < 0 ? max(0, start + count) : start
        let to = min(stop < 0 ? stop + count : stop, count - 1)
        if from > to || from >= count { return (0, 0) }
        return (Int(from), Int(to - from + 1))
    }

    /// LPOS key element [RANK rank] [COUNT count] [MAXLEN length]
    func listPositions() {
        guard let options = positionOptions() else { return }
        guard let entry = read(key(1)) else {
            return options.limit == nil ? reply.null() : reply.array(0)
        }
        guard isA(.list, entry) else { return }
        guard let limit = options.limit else {
            var found: Int?
            visitMatches(entry, options) {
                found = $0
                return false
            }
            return found.map { reply.integer($0) } ?? reply.null()
        }
        replyDeferredArray { writer in
            var written = 0
            visitMatches(entry, options) {
                writer.integer($0)
                written += 1
                return limit == 0 || written < limit
            }
            return written
        }
    }

    private struct PositionOptions {
        /// The first match to be answered; negative: counted from the end.
        var rank: Int64 = 1
        /// COUNT; 0: all.
        var limit: Int?
        /// MAXLEN; 0: all.
        var compared = 0

        var side: ListSide { rank < 0 ? .front : .back }
        /// Matches before the first to be answered. Redis' negation of the smallest number is itself, and so comes
        /// before every match.
        var skipped: Int { rank == .min ? 0 : Int(rank.magnitude) - 1 }
    }

    private func positionOptions() -> PositionOptions? {
        var options = PositionOptions()
        var word = 3
        while word < count {
            let option = self[word]
            if word + 1 == count {
                fail(ErrorText.syntax)
                return nil
            }
            if option.isWord("rank") {
                guard let rank = integer(word + 1) else { return nil }
                if rank == 0 {
                    fail(Call.zeroRank)
                    return nil
                }
                options.rank = rank
            } else if option.isWord("count") {
                guard let limit = natural(word + 1, "ERR COUNT can't be negative") else { return nil }
                options.limit = limit
            } else if option.isWord("maxlen") {
                guard let compared = natural(word + 1, "ERR MAXLEN can't be negative") else { return nil }
                options.compared = compared
            } else {
                fail(ErrorText.syntax)
                return nil
            }
            word += 2
        }
        return options
    }

    private static let zeroRank: StaticString = """
        ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
        or use negative to start from the end of the list
        """

    private func natural(_ word: Int, _ error: StaticString) -> Int? {
        guard let value = integer(word, error: error) else { return nil }
        if value >= 0 { return Int(value) }
        fail(error)
        return nil
    }

    /// Tells `body` the index of each match, until it answers false.
    private func visitMatches(_ list: Entry, _ options: PositionOptions, _ body: (Int) -> Bool) {
        let probe = Listpack.Probe(self[2])
        let all = list.listCount
        let (toSkip, isForward) = (options.skipped, options.side == .back)
        var cursor = list.listCursor(from: isForward ? 0 : all - 1, towards: options.side)
        var compared = 0
        var skipped = 0
        while options.compared == 0 || compared < options.compared, let element = cursor.next() {
            if probe.equals(element) {
                if skipped < toSkip {
                    skipped += 1
                } else if !body(isForward ? compared : all - 1 - compared) {
                    return
                }
            }
            compared += 1
        }
    }
}

extension ReplyWriter {
    /// Elements of a list as bulk strings.
    @inline(__always)
    func bulks(_ run: ListRun) {
        if let view = run.plain { return bulk(view) }
        var at = run.at
        var rest = run.count
        while rest > 0 {
            bulk(run.pack.element(at))
            at = run.pack.next(at)
            rest &-= 1
        }
    }
}
