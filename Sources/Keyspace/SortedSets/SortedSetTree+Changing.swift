import Base
import CSystem

extension SortedSetTree {
    // MARK: adding

    /// Adds an element that is not there.
    @inline(__always)
    func insert(_ member: ByteView, _ hash: UInt32, _ score: Double, version: UInt64) {
        guard let place = search(score, member) else { return insertFirst(member, hash, score, version) }
        let run = SortedSetLeaf(place.piece).run
        if _slowPath(run.count >= head.pointee.elementsMax || isFull(run, member)) {
            return insertSplitting(place, member, hash, score, version)
        }
        insert(into: place, member, hash, score, version)
    }

    @inline(__always)
    private func isFull(_ run: ScoreRun, _ member: ByteView) -> Bool {
        // Twelve: what an element takes at most, besides its tail and the tail's length of four bytes.
        run.byteCount &+ member.count &+ 12 > SortedSetTree.bytesMax
    }

    @inline(__always)
    private func insert(
        into place: Spine.Place, _ member: ByteView, _ hash: UInt32, _ score: Double, _ version: UInt64
    ) {
        let leaf = writable(place, version)
        let at = leaf.run.place(score, member)
        var storage = LeafStorage(leaf: leaf)
        storage.insert(member, score, tag: SortedSetTree.tag(hash), at: at)
        settle(storage, leaf, place)
        head.pointee.spine.add(1, at: place)
        if at.index == 0 { head.pointee.spine.setKey(scoreKey(score), at: place) }
        // The piece may have moved: `leaf` is where it was.
        head.pointee.index.insert(hash, storage.leaf.id)
    }

    /// The first element of all.
    private func insertFirst(_ member: ByteView, _ hash: UInt32, _ score: Double, _ version: UInt64) {
        let leaf = makeLeaf(member, hash, score, version)
        head.pointee.spine.append(leaf.base, count: 1, key: scoreKey(score))
    }

    /// A piece of one element, with its record, in no spine yet.
    private func makeLeaf(
        _ member: ByteView, _ hash: UInt32, _ score: Double, _ version: UInt64
    ) -> SortedSetLeaf {
        let shape = ScoreRun.Shape(
            scoreWidth: ScoreRun.width(of: score),
            lengthWidth: member.count - min(member.count, ScoreRun.prefixMax) > 255 ? 4 : 1, tagWidth: 1,
            prefixCount: min(member.count, ScoreRun.prefixMax))
        let leaf = SortedSetLeaf.make(takeNumber(), version, runBytes: shape.byteCount(0, tails: 0))
        ScoreRun.makeEmpty(leaf.run.start, shape, prefix: member.start)
        var storage = LeafStorage(leaf: leaf)
        storage.insert(member, score, tag: SortedSetTree.tag(hash), at: .init(index: 0, offset: 0))
        setLeaf(storage.leaf)
        head.pointee.index.insert(hash, storage.leaf.id)
        return storage.leaf
    }

    /// The piece is full. An element at one of its ends gets a piece of its own, so that elements that come in
    /// order leave full pieces behind; otherwise the piece is split.
    @inline(never)
    private func insertSplitting(
        _ place: Spine.Place, _ member: ByteView, _ hash: UInt32, _ score: Double, _ version: UInt64
    ) {
        let run = SortedSetLeaf(place.piece).run
        let at = run.place(score, member)
        if at.index == run.count {
            let leaf = makeLeaf(member, hash, score, version)
            return head.pointee.spine.insert(leaf.base, count: 1, key: scoreKey(score), after: place)
        }
        if at.index == 0 {
            // Only the first piece of all has elements before its first one.
            let leaf = makeLeaf(member, hash, score, version)
            return head.pointee.spine.prepend(leaf.base, count: 1, key: scoreKey(score))
        }
        split(place, version)
        insert(member, hash, score, version: version)
    }

    /// Moves the second half of a piece of two elements or more into a piece of its own. Invalidates places.
    private func split(_ place: Spine.Place, _ version: UInt64) {
        let leaf = writable(place, version)
        let run = leaf.run
        let cut = run.halfway
        let moved = run.count - cut
        let upper = SortedSetLeaf.make(takeNumber(), version, copying: run, cut, run.count)
        setLeaf(upper)
        reindex(upper, 0, moved, from: leaf.id)
        var storage = LeafStorage(leaf: leaf)
        storage.remove(run.position(cut), count: moved)
        settle(storage, leaf, place)
        head.pointee.spine.add(-moved, at: place)
        head.pointee.spine.insert(upper.base, count: moved, key: upper.firstKey, after: place)
    }

    /// Elements of a piece were in another: their records say where they are now.
    private func reindex(_ leaf: SortedSetLeaf, _ from: Int, _ to: Int, from old: UInt32) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(1, to - from)) { hashes in
            var i = 0
            leaf.run.forEach(from, to) { member, _ in
                let hash = member.withView { SortedSetTree.indexHash($0) }
                head.pointee.index.prefetch(hash)
                hashes[i] = hash
                i += 1
            }
            for hash in hashes[0..<i] {
                let place = head.pointee.index.find(hash, in: old).unsafelyUnwrapped
                head.pointee.index.setLeaf(leaf.id, at: place)
            }
        }
    }

    /// The piece at a place, one's own, marked as changed.
    @inline(__always)
    func writable(_ place: Spine.Place, _ version: UInt64) -> SortedSetLeaf {
        let leaf = SortedSetLeaf(place.piece)
        if _slowPath(leaf.base.isShared) { return unshare(leaf, place, version) }
        if _slowPath(leaf.base.header.pointee.touch(version)) { head.pointee.spine.markDirty(place) }
        return leaf
    }

    @inline(never)
    private func unshare(_ leaf: SortedSetLeaf, _ place: Spine.Place, _ version: UInt64) -> SortedSetLeaf {
        let own = leaf.duplicate(version)
        head.pointee.spine.replace(place, with: own.base)
        head.pointee.spine.markDirty(place)
        setLeaf(own)
        leaf.letGo()
        return own
    }

    /// The piece may have moved in memory.
    @inline(__always)
    private func settle(_ storage: LeafStorage, _ leaf: SortedSetLeaf, _ place: Spine.Place) {
        if storage.leaf.base == leaf.base { return }
        head.pointee.spine.replace(place, with: storage.leaf.base)
        setLeaf(storage.leaf)
    }

    // MARK: changing scores

    /// Gives an element another score, which is not equal to the one it has.
    func move(_ found: Found, _ member: ByteView, _ hash: UInt32, to score: Double, version: UInt64) {
        if staysInside(found, score) { return moveInside(found, member, hash, score, version) }
        remove(found, member, version: version)
        insert(member, hash, score, version: version)
    }

    /// Whether the element, given another score, has neighbours on both sides in its piece, now and then, and takes
    /// no more room: then nobody but the piece needs to know.
    @inline(__always)
    private func staysInside(_ found: Found, _ score: Double) -> Bool {
        let run = found.leaf.run
        let last = run.count &- 1
        return found.at.index > 0 && found.at.index < last && run.score(0) < score && score < run.score(last)
            && ScoreRun.width(of: score) <= run.scoreWidth && !found.leaf.base.isShared
    }

    @inline(__always)
    private func moveInside(
        _ found: Found, _ member: ByteView, _ hash: UInt32, _ score: Double, _ version: UInt64
    ) {
        if _slowPath(found.leaf.base.header.pointee.touch(version)) {
            head.pointee.spine.markDirty(search(found.score, member).unsafelyUnwrapped)
        }
        found.leaf.run.move(found.at, member, to: score, tag: SortedSetTree.tag(hash))
    }

    // MARK: removing

    /// Takes an element out.
    func remove(_ found: Found, _ member: ByteView, version: UInt64) {
        head.pointee.index.remove(found.place)
        let place = search(found.score, member).unsafelyUnwrapped
        removeAndMerge(place, found.at, count: 1, version: version)
    }

    /// Takes elements out of the piece at a place; their records are the caller's to remove. Answers whether the
    /// piece is still there; if not, places are invalid.
    private func remove(_ place: Spine.Place, _ at: ScoreRun.Position, count: Int, version: UInt64) -> Bool {
        if count == SortedSetLeaf(place.piece).run.count {
            drop(place)
            return false
        }
        let leaf = writable(place, version)
        var storage = LeafStorage(leaf: leaf)
        storage.remove(at, count: count)
        settle(storage, leaf, place)
        head.pointee.spine.add(-count, at: place)
        if at.index == 0 { head.pointee.spine.setKey(storage.leaf.firstKey, at: place) }
        return true
    }

    /// Forgets which piece a member of this hash is in.
    @inline(__always)
    func forget(_ hash: UInt32, _ leaf: UInt32) {
        head.pointee.index.remove(head.pointee.index.find(hash, in: leaf).unsafelyUnwrapped)
    }

    /// Brings the record of the first or last element towards the cache: who takes one out takes the next out soon.
    func prefetchEnds(_ isFirst: Bool) {
        let spine = head.pointee.spine
        guard let place = isFirst ? spine.first : spine.last else { return }
        let run = SortedSetLeaf(place.piece).run
        run.member(run.position(isFirst ? 0 : run.count &- 1)).withView {
            head.pointee.index.prefetch(SortedSetTree.indexHash($0))
        }
    }

    /// Takes elements out whose records are gone.
    func removeAndMerge(_ place: Spine.Place, _ at: ScoreRun.Position, count: Int, version: UInt64) {
        if remove(place, at, count: count, version: version) { mergeIfSparse(place, version) }
    }

    /// Takes a whole piece out. Invalidates places.
    private func drop(_ place: Spine.Place) {
        let leaf = SortedSetLeaf(place.piece)
        giveNumberBack(leaf.id)
        head.pointee.spine.remove(place)
        leaf.letGo()
    }

    // MARK: merging

    /// Joins a piece that has become small with the one behind or before it.
    @inline(__always)
    private func mergeIfSparse(_ place: Spine.Place, _ version: UInt64) {
        let leaf = SortedSetLeaf(place.piece)
        if _fastPath(leaf.run.count &* 4 >= head.pointee.elementsMax) { return }
        // The first and last piece are left alone: sets that are queues are emptied from there.
        let spine = head.pointee.spine
        if place == spine.first.unsafelyUnwrapped || place == spine.last.unsafelyUnwrapped { return }
        merge(place, leaf, version)
    }

    @inline(never)
    private func merge(_ place: Spine.Place, _ leaf: SortedSetLeaf, _ version: UInt64) {
        if let next = head.pointee.spine.next(place), fits(leaf, SortedSetLeaf(next.piece)) {
            join(place, next, version)
        } else if let previous = head.pointee.spine.previous(place), fits(SortedSetLeaf(previous.piece), leaf) {
            join(previous, place, version)
        }
    }

    /// Whether two pieces make one that is not about to be split again.
    private func fits(_ a: SortedSetLeaf, _ b: SortedSetLeaf) -> Bool {
        (a.run.count + b.run.count) * 4 <= head.pointee.elementsMax * 3
            && (a.run.byteCount + b.run.byteCount) * 4 <= SortedSetTree.bytesMax * 3
    }

    /// Makes one piece of two neighbours, with the number of the larger. Invalidates places.
    private func join(_ left: Spine.Place, _ right: Spine.Place, _ version: UInt64) {
        let (a, b) = (SortedSetLeaf(left.piece), SortedSetLeaf(right.piece))
        let (lower, upper) = (a.run.count, b.run.count)
        let keepsLeft = lower >= upper
        let joined = SortedSetLeaf.make(keepsLeft ? a.id : b.id, version, joining: a.run, b.run)
        if keepsLeft {
            reindex(joined, lower, lower + upper, from: b.id)
        } else {
            reindex(joined, 0, lower, from: a.id)
        }
        giveNumberBack(keepsLeft ? b.id : a.id)
        setLeaf(joined)
        head.pointee.spine.replace(left, with: joined.base)
        head.pointee.spine.markDirty(left)
        head.pointee.spine.add(upper, at: left)
        head.pointee.spine.remove(right)
        a.letGo()
        b.letGo()
    }
}
