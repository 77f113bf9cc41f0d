import Base
import CSystem

extension ScoreRun {
    // MARK: members

    /// The member's part behind the prefix; nil if it does not begin with the prefix.
    @inline(__always)
    private func tail(of member: ByteView) -> ByteView? {
        let prefixCount = prefixCount
        if prefixCount == 0 { return member }
        if member.count < prefixCount || cs_equal(prefix, member.start, prefixCount) == 0 { return nil }
        return ByteView(member.start + prefixCount, member.count &- prefixCount)
    }

    /// The element with this member, all being looked at in turn.
    @inline(__always)
    func find(_ member: ByteView) -> Position? {
        guard let tail = tail(of: member) else { return nil }
        if _slowPath(lengthWidth != 1) { return findLong(tail) }
        if tail.count > 255 { return nil }
        return tail.count <= 8 ? findShort(tail) : findMedium(tail)
    }

    /// Tails of up to eight bytes are compared as numbers.
    private func findShort(_ tail: ByteView) -> Position? {
        let (lengths, count, wanted) = (lengths, count, tail.count)
        let bytes = cs_read_short(tail.start, wanted)
        var place = tails
        var index = 0
        while index < count {
            let length = Int(lengths[index])
            if length == wanted && cs_read_short(place, wanted) == bytes {
                return Position(index: index, offset: place - tails)
            }
            place += length
            index &+= 1
        }
        return nil
    }

    /// Of longer ones the last eight bytes are compared first: that is where members differ.
    private func findMedium(_ tail: ByteView) -> Position? {
        let (lengths, count, wanted) = (lengths, count, tail.count)
        let bytes = cs_read8(tail.start + (wanted &- 8))
        var place = tails
        var index = 0
        while index < count {
            let length = Int(lengths[index])
            if length == wanted && cs_read8(place + (wanted &- 8)) == bytes
                && cs_equal(place, tail.start, wanted) != 0
            {
                return Position(index: index, offset: place - tails)
            }
            place += length
            index &+= 1
        }
        return nil
    }

    @inline(never)
    private func findLong(_ tail: ByteView) -> Position? {
        var at = Position(index: 0, offset: 0)
        let count = count
        while at.index < count {
            if self.tail(at) == tail { return at }
            at = next(at)
        }
        return nil
    }

    @inline(__always)
    private static func areSame(_ bytes: UnsafePointer<UInt8>, _ tail: ByteView) -> Bool {
        if tail.count <= 8 { return cs_read_short(bytes, tail.count) == cs_read_short(tail.start, tail.count) }
        return cs_equal(bytes, tail.start, tail.count) != 0
    }

    /// The element with this member and tag.
    @inline(__always)
    func find(_ member: ByteView, tag: UInt8) -> Position? {
        guard let tail = tail(of: member) else { return nil }
        let (tags, count) = (tags, count)
        var first = 0
        while first < count {
            var found = cs_match16(tags + first, tag)
            if count &- first < 16 { found &= 1 << UInt32(truncatingIfNeeded: count &- first) &- 1 }
            while found != 0 {
                let index = first &+ found.trailingZeroBitCount
                if length(index) == tail.count {
                    let offset = offset(index)
                    if ScoreRun.areSame(tails + offset, tail) {
                        return Position(index: index, offset: offset)
                    }
                }
                found &= found &- 1
            }
            first &+= 16
        }
        return nil
    }

    /// Brings the first element with this tag towards the cache.
    @inline(__always)
    func prefetch(_ tag: UInt8) {
        let (tags, count) = (tags, count)
        var first = 0
        while first < count {
            let found = cs_match16(tags + first, tag)
            let index = first &+ found.trailingZeroBitCount
            if found != 0 && index < count {
                cs_prefetch(scores + index &* scoreWidth)
                return cs_prefetch(tails + offset(index))
            }
            first &+= 16
        }
    }

    // MARK: order

    /// How members compare with all that begins with the prefix: below 0 if they are before it, above if behind;
    /// 0: their tails decide.
    @inline(__always)
    private func compareWithPrefix(_ member: ByteView) -> Int32 {
        let prefixCount = prefixCount
        let order = memcmp(member.start, prefix, min(member.count, prefixCount))
        return order == 0 && member.count < prefixCount ? -1 : order
    }

    /// How an element's tail compares with another's: below 0 if it is before it.
    @inline(__always)
    private func compare(_ at: Position, _ tail: ByteView) -> Int {
        let length = length(at.index)
        let order = memcmp(tails + at.offset, tail.start, min(length, tail.count))
        return order != 0 ? Int(order) : length &- tail.count
    }

    /// How the first element's member compares with another: below 0 if it is before it.
    @inline(__always)
    func compareFirst(_ member: ByteView) -> Int {
        let order = compareWithPrefix(member)
        if order != 0 { return Int(0 &- order) }
        let prefixCount = prefixCount
        return compare(
            Position(index: 0, offset: 0), ByteView(member.start + prefixCount, member.count &- prefixCount))
    }

    /// The first element from `from` to `to` (or `to`) whose member is not before this one (`orSame`: that is
    /// behind it). The scores of these elements are the same.
    @inline(__always)
    func lowerBound(_ member: ByteView, orSame: Bool, _ from: Int, _ to: Int) -> Position {
        let order = compareWithPrefix(member)
        if order < 0 { return position(from) }
        if order > 0 { return position(to) }
        let prefixCount = prefixCount
        let tail = ByteView(member.start + prefixCount, member.count &- prefixCount)
        var low = position(from)
        var high = to
        while low.index < high {
            let middle = (low.index &+ high) >> 1
            let at = Position(index: middle, offset: low.offset &+ tailBytes(from: low.index, to: middle))
            let order = compare(at, tail)
            if order < 0 || (orSame && order == 0) { low = next(at) } else { high = middle }
        }
        return low
    }

    /// The first element whose score is not below this one (`orSame`: that is above it), or `count`.
    @inline(__always)
    func lowerBound(_ score: Double, orSame: Bool) -> Int {
        let scores = scores
        switch scoreWidth {
        case 8: return ScoreRun.bound(scores, 8, count, score, orSame)
        case 4: return ScoreRun.bound(scores, 4, count, score, orSame)
        case 2: return ScoreRun.bound(scores, 2, count, score, orSame)
        default: return ScoreRun.bound(scores, 1, count, score, orSame)
        }
    }

    /// Binary search without branches: the loop's length depends on the count alone.
    @inline(__always)
    private static func bound(
        _ scores: UnsafeMutablePointer<UInt8>, _ width: Int, _ count: Int, _ wanted: Double, _ orSame: Bool
    ) -> Int {
        var low = 0
        var rest = count
        while rest > 0 {
            let half = rest >> 1
            let score = score(scores, width, low &+ half)
            let isBefore = score < wanted || (orSame && score == wanted)
            low = isBefore ? low &+ half &+ 1 : low
            rest = isBefore ? rest &- half &- 1 : half
        }
        return low
    }

    /// Where an element belongs that is not there.
    @inline(__always)
    func place(_ score: Double, _ member: ByteView) -> Position {
        let low = lowerBound(score, orSame: false)
        if low == count || self.score(low) != score { return position(low) }
        return lowerBound(member, orSame: false, low, lowerBound(score, orSame: true))
    }
}
