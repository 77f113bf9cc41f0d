import Base
import Keyspace
import RESP

extension Call {
    /// ZCARD key
    func zcard() {
        let (set, isRight) = readSet(1)
        if isRight { reply.integer(set?.count ?? 0) }
    }

    /// ZSCORE key member
    @inline(__always)
    func zscore() {
        let (set, isRight) = readSet(1)
        if !isRight { return }
        if let score = set?.score(of: self[2]) { reply.double(score) } else { reply.null() }
    }

    /// ZMSCORE key member [member ...]
    func zmscore() {
        let (set, isRight) = readSet(1)
        if !isRight { return }
        reply.array(count - 2)
        for word in 2..<count {
            if let score = set?.score(of: self[word]) { reply.double(score) } else { reply.null() }
        }
    }

    /// ZRANK and ZREVRANK key member
    func zrank(reversed: Bool) {
        let (set, isRight) = readSet(1)
        if !isRight { return }
        guard let set, let rank = set.rank(of: self[2]) else { return reply.null() }
        reply.integer(reversed ? set.count - 1 - rank : rank)
    }

    /// ZCOUNT key min max
    func zcount() {
        guard let interval = scoreInterval(2, 3) else { return }
        let (set, isRight) = readSet(1)
        if isRight { reply.integer(set.map { interval.ranks(in: $0).count } ?? 0) }
    }

    /// ZLEXCOUNT key min max
    func zlexcount() {
        guard let interval = memberInterval(2, 3) else { return }
        let (set, isRight) = readSet(1)
        if isRight { reply.integer(set.map { interval.ranks(in: $0).count } ?? 0) }
    }

    /// ZSCAN key cursor [MATCH pattern] [COUNT count]
    func zscan() {
        scanElements(.sortedSet) { entry, cursor, request, writer, written in
            var found = 0
            let isSmall = SortedSet(entry).isSmall
            let next = SortedSet(entry).scan(cursor, count: request.count) { member, score in
                if let pattern = request.pattern, !member.withView({ Glob.matches(pattern, $0) }) { return }
                writer.bulk(member)
                scanned(score, isSmall: isSmall, writer)
                found &+= 2
            }
            written &+= found
            return next
        }
    }

    /// A score as a listpack keeps it, that is whole ones with all their digits, or as text otherwise.
    private func scanned(_ score: Double, isSmall: Bool, _ writer: ReplyWriter) {
        if isSmall && abs(score) <= 0x1p62, let whole = Int64(exactly: score) { return writer.bulkInteger(whole) }
        ReplyWriter(writer.output, version: 2).double(score)
    }
}
