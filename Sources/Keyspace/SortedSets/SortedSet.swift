import Base
import CSystem

/// A sorted set for reading, whichever form it has. Valid until the key changes; under its partition's lock.
public struct SortedSet {
    public let entry: Entry

    /// The set that an entry of the type holds.
    @inline(__always)
    public init(_ entry: Entry) { self.entry = entry }

    /// Whether it has the form that is a listpack to clients.
    @inline(__always)
    public var isSmall: Bool { entry.encoding != .pieces }

    @inline(__always)
    var run: ScoreRun { ScoreRun(entry.packed.start) }

    @inline(__always)
    var tree: SortedSetTree { SortedSetTree(entry.head) }

    /// Elements.
    @inline(__always)
    public var count: Int { isSmall ? run.count : tree.count }

    // MARK: members

    /// A member's score; nil if it is not there.
    @inline(__always)
    public func score(of member: ByteView) -> Double? {
        if isSmall {
            let run = run
            return run.find(member).map { run.score($0.index) }
        }
        return tree.find(member, SortedSetTree.indexHash(member)).map { $0.score }
    }

    /// Elements before the member, from the lowest score on; nil if it is not there.
    public func rank(of member: ByteView) -> Int? {
        if isSmall { return run.find(member).map { $0.index } }
        return tree.find(member, SortedSetTree.indexHash(member)).map { tree.rank($0, member) }
    }

    // MARK: ranges

    /// Elements whose score is below this one (`orSame`: or equal to it).
    @inline(__always)
    public func rank(below score: Double, orSame: Bool) -> Int {
        isSmall ? run.lowerBound(score, orSame: orSame) : tree.rank(below: score, orSame: orSame)
    }

    /// Elements whose member is before this one (`orSame`: or the same). Their order is that of members only
    /// among equal scores.
    public func rank(below member: ByteView, orSame: Bool) -> Int {
        if isSmall { return run.lowerBound(member, orSame: orSame, 0, run.count).index }
        return tree.rank(below: member, orSame: orSame)
    }

    /// Visits the elements with these ranks, which exist, in order or in reverse.
    @inline(__always)
    public func forEach(_ ranks: Range<Int>, reversed: Bool = false, _ body: (SortedSetMember, Double) -> Void) {
        switch (isSmall, reversed) {
        case (true, false): run.forEach(ranks.lowerBound, ranks.upperBound, body)
        case (true, true): run.forEachReversed(ranks.lowerBound, ranks.upperBound, body)
        case (false, false): tree.forEach(ranks.lowerBound, ranks.count, body)
        case (false, true): tree.forEachReversed(ranks.lowerBound, ranks.count, body)
        }
    }

    // MARK: walks

    /// One step of a walk over all elements, about `count` of them; answers the next cursor, 0 at the end. What is
    /// there from the first step to the last is met at least once, whatever changes in between: a small set is
    /// walked at once, a large one in the order of its members' hashes, which do not change.
    public func scan(_ cursor: UInt64, count: Int, _ body: (SortedSetMember, Double) -> Void) -> UInt64 {
        if isSmall {
            run.forEach(0, run.count, body)
            return 0
        }
        return tree.scan(cursor, count: count, body)
    }
}

extension SortedSetTree {
    /// A cursor is the first hash that has not been visited.
    func scan(_ cursor: UInt64, count wanted: Int, _ body: (SortedSetMember, Double) -> Void) -> UInt64 {
        guard let from = UInt32(exactly: cursor), count > 0 else { return 0 }
        // So many hashes belong to the wanted number of elements, give or take some.
        let width = (UInt64(1) << 32) / UInt64(count)
        let (steps, overflow) = width.multipliedReportingOverflow(by: UInt64(max(1, wanted)))
        let last = overflow || steps > UInt64(UInt32.max - from) ? UInt32.max : from + UInt32(steps)
        head.pointee.index.forEach(from...last) { hash, id in
            let run = leaf(id).run
            for index in 0..<run.count where run.tags[index] == SortedSetTree.tag(hash) {
                let member = run.member(run.position(index))
                if member.withView({ SortedSetTree.indexHash($0) }) == hash { body(member, run.score(index)) }
            }
        }
        return last == UInt32.max ? 0 : UInt64(last) + 1
    }
}
