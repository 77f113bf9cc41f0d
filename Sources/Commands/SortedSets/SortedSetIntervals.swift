import Base
import CSystem
import Keyspace

/// Scores between two bounds.
struct ScoreInterval {
    var low: Double
    var high: Double
    var excludesLow: Bool
    var excludesHigh: Bool

    /// The ranks of a set's elements in it; ascending.
    func ranks(in set: SortedSet) -> Range<Int> {
        let from = set.rank(below: low, orSame: excludesLow)
        let to = set.rank(below: high, orSame: !excludesHigh)
        return from..<max(from, to)
    }
}

/// Members between two bounds.
struct MemberInterval {
    enum Bound {
        case lowest, highest
        case member(ByteView, isExcluded: Bool)
    }

    var low: Bound
    var high: Bound

    /// The ranks of the elements in it, in a set whose scores are all the same.
    func ranks(in set: SortedSet) -> Range<Int> {
        let from = rank(low, in: set, isHigh: false)
        let to = rank(high, in: set, isHigh: true)
        return from..<max(from, to)
    }

    private func rank(_ bound: Bound, in set: SortedSet, isHigh: Bool) -> Int {
        switch bound {
        case .lowest: 0
        case .highest: set.count
        case .member(let member, let isExcluded): set.rank(below: member, orSame: isExcluded != isHigh)
        }
    }
}

extension Call {
    /// The scores between two words; replies and answers nil if they are no bounds.
    func scoreInterval(_ low: Int, _ high: Int) -> ScoreInterval? {
        guard let (low, excludesLow) = scoreBound(self[low]), let (high, excludesHigh) = scoreBound(self[high]) else {
            fail("ERR min or max is not a float")
            return nil
        }
        return ScoreInterval(low: low, high: high, excludesLow: excludesLow, excludesHigh: excludesHigh)
    }

    private func scoreBound(_ word: ByteView) -> (Double, Bool)? {
        let isExcluded = !word.isEmpty && word[0] == UInt8(ascii: "(")
        let text = isExcluded ? word.slice(1, word.count) : word
        var value = 0.0
        let start = UnsafeRawPointer(text.start).assumingMemoryBound(to: CChar.self)
        return cs_parse_bound(start, text.count, &value) == 0 ? (value, isExcluded) : nil
    }

    /// The members between two words; replies and answers nil if they are no bounds.
    func memberInterval(_ low: Int, _ high: Int) -> MemberInterval? {
        guard let low = memberBound(self[low]), let high = memberBound(self[high]) else {
            fail("ERR min or max not valid string range item")
            return nil
        }
        return MemberInterval(low: low, high: high)
    }

    private func memberBound(_ word: ByteView) -> MemberInterval.Bound? {
        if word.isEmpty { return nil }
        let isAlone = word.count == 1 || word[1] == 0
        switch word[0] {
        case UInt8(ascii: "-"): return isAlone ? .lowest : nil
        case UInt8(ascii: "+"): return isAlone ? .highest : nil
        case UInt8(ascii: "("): return .member(word.slice(1, word.count), isExcluded: true)
        case UInt8(ascii: "["): return .member(word.slice(1, word.count), isExcluded: false)
        default: return nil
        }
    }
}
