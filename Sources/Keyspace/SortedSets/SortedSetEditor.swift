import Base
import CSystem

/// A sorted set that is being changed. Each change of an element is one mutation; events are the caller's to
/// announce. Under the partition's lock; the slot is the key's.
public struct SortedSetEditor {
    public let access: Access
    public let slot: Access.Slot
    public let key: Key

    @inline(__always)
    public init(_ access: Access, _ slot: Access.Slot, _ key: Key) {
        self.access = access
        self.slot = slot
        self.key = key
    }

    /// The set as it is now.
    @inline(__always)
    public var set: SortedSet { SortedSet(access.entry(slot)) }

    // MARK: looking up

    /// Whether a member is there, and where. Valid until the set changes.
    public struct Found {
        let hash: UInt32
        let isThere: Bool
        let at: ScoreRun.Position
        let inTree: SortedSetTree.Found?
        private let known: Double

        @inline(__always)
        init(_ set: SortedSet, _ member: ByteView) {
            if set.isSmall {
                let found = set.run.find(member)
                hash = 0
                isThere = found != nil
                at = found ?? ScoreRun.Position(index: 0, offset: 0)
                inTree = nil
                known = found.map { set.run.score($0.index) } ?? 0
            } else {
                hash = SortedSetTree.indexHash(member)
                inTree = set.tree.find(member, hash)
                isThere = inTree != nil
                at = inTree?.at ?? ScoreRun.Position(index: 0, offset: 0)
                known = inTree?.score ?? 0
            }
        }

        /// The member's score; nil if it is not there.
        @inline(__always)
        public var score: Double? { isThere ? known : nil }
    }

    /// Looks a member up, for one of the changes below.
    @inline(__always)
    public func find(_ member: ByteView) -> Found { Found(set, member) }

    // MARK: changing

    /// Adds a member that `find` did not find.
    @inline(__always)
    public func insert(_ member: ByteView, _ score: Double, _ found: Found) {
        if _fastPath(set.isSmall) {
            if _slowPath(isTooLarge(member)) {
                convert()
                set.tree.insert(
                    member, SortedSetTree.indexHash(member), score, version: access.nextVersion(key))
            } else {
                // A listpack, which this form is to clients, does not tell -0 from 0.
                insertSmall(member, score + 0)
            }
        } else {
            set.tree.insert(member, found.hash, score, version: access.nextVersion(key))
        }
        access.changed(slot, key, .sortedSet(.put(member, score)))
    }

    @inline(__always)
    private func insertSmall(_ member: ByteView, _ score: Double) {
        var storage = PackedValue(access, slot, key)
        storage.insert(member, score, tag: 0, at: storage.run.place(score, member))
    }

    /// Gives a member that is there another score.
    @inline(__always)
    public func update(_ member: ByteView, _ score: Double, _ found: Found) {
        if let inTree = found.inTree {
            set.tree.move(inTree, member, found.hash, to: score, version: access.nextVersion(key))
        } else if ScoreRun.width(of: score + 0) <= set.run.scoreWidth {
            set.run.move(found.at, member, to: score + 0, tag: 0)
        } else {
            var storage = PackedValue(access, slot, key)
            storage.remove(found.at)
            insertSmall(member, score + 0)
        }
        access.changed(slot, key, .sortedSet(.put(member, score)))
    }

    /// Takes a member out that is there. Answers whether the key is gone with it, and the slot invalid.
    @discardableResult
    public func remove(_ member: ByteView, _ found: Found) -> Bool {
        if set.count == 1 {
            access.removeEmptied(slot, key, .sortedSet(.remove(member)))
            return true
        }
        if let inTree = found.inTree {
            set.tree.remove(inTree, member, version: access.nextVersion(key))
        } else {
            var storage = PackedValue(access, slot, key)
            storage.remove(found.at)
        }
        access.changed(slot, key, .sortedSet(.remove(member)))
        return false
    }

    /// Takes the elements with these ranks out; `body` sees each before, in order or in reverse. Answers whether
    /// the key is gone, and the slot invalid.
    @inline(__always)
    public func remove(
        _ ranks: Range<Int>, reversed: Bool = false, _ body: (SortedSetMember, Double) -> Void
    ) -> Bool {
        set.forEach(ranks, reversed: reversed, body)
        if ranks.count == set.count {
            access.remove(slot, key)
            return true
        }
        if set.isSmall { removeSmall(ranks) } else { removeLarge(ranks) }
        return false
    }

    private func removeSmall(_ ranks: Range<Int>) {
        let start = set.run.offset(ranks.lowerBound)
        var at = ScoreRun.Position(index: ranks.lowerBound, offset: start)
        while at.index < ranks.upperBound {
            emitRemoval(set.run.member(at))
            at = set.run.next(at)
        }
        var storage = PackedValue(access, slot, key)
        storage.remove(ScoreRun.Position(index: ranks.lowerBound, offset: start), count: ranks.count)
    }

    /// The member lies in the entry, which may move when it is stamped: a record of it needs a copy.
    @inline(__always)
    private func emitRemoval(_ member: SortedSetMember) {
        if _fastPath(access.shared.pointee.sink == nil) { return access.changed(slot, key, .delete) }
        member.bytes.withView { copy in access.changed(slot, key, .sortedSet(.remove(copy))) }
    }

    private func removeLarge(_ ranks: Range<Int>) {
        let tree = set.tree
        var left = ranks.count
        while left > 0 {
            let version = access.nextVersion(key)
            let start = tree.head.pointee.spine.locate(ranks.lowerBound)
            let leaf = SortedSetLeaf(start.place.piece)
            let run = leaf.run
            let end = min(run.count, start.offset + left)
            run.forEach(start.offset, end) { member, _ in
                member.withView { view in
                    tree.forget(SortedSetTree.indexHash(view), leaf.id)
                    access.changed(slot, key, .sortedSet(.remove(view)))
                }
            }
            left -= end - start.offset
            tree.removeAndMerge(start.place, run.position(start.offset), count: end - start.offset, version: version)
        }
        tree.prefetchEnds(ranks.lowerBound == 0)
    }

    // MARK: forms

    /// Whether a small set would be too large with one more member (Redis' limits; a gigabyte is its limit, too).
    @inline(__always)
    private func isTooLarge(_ member: ByteView) -> Bool {
        let run = set.run
        return run.count >= access.packing[.sortedSetEntries] || member.count > access.packing[.sortedSetValue]
            || run.byteCount > 1 << 30
    }

    /// Gives the set its large form.
    @inline(never)
    private func convert() {
        let entry = access.entry(slot)
        let tree = SortedSetTree.make(
            set.run, elementsMax: access.packing[.sortedSetPiece], version: access.nextVersion(key))
        let block = entry.encoding == .packedBlock ? entry.block : nil
        let new = access.recast(slot, key, .pieces, valueCount: Entry.headBytes)
        new.head = UnsafeMutableRawPointer(tree.head)
        if let block { cs_release(block.bytes, block.capacity) }
    }
}

extension ScoreRun {
    /// Gives an element another score, which needs no more bytes than the others, and its new place.
    @inline(__always)
    func move(_ at: Position, _ member: ByteView, to score: Double, tag: UInt8) {
        let index = at.index
        let isBehind = index == 0 || self.score(index &- 1) < score
        if isBehind && (index &+ 1 == count || score < self.score(index &+ 1)) { return writeScore(index, score) }
        let prefixCount = prefixCount
        close(at, 1)
        open(place(score, member), ByteView(member.start + prefixCount, member.count &- prefixCount), score, tag)
    }
}
