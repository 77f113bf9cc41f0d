import Base
import CSystem

/// A large sorted set: its elements in pieces (SortedSetLeaf), in order, under a Spine, and an index that says which
/// piece a member is in.
///
/// Changing an element dirties the piece that it is in; a score that takes it elsewhere dirties two. The index is
/// no piece: it follows from the pieces. Pieces have numbers, by which the index and nobody else calls them, so that
/// their memory may move and be shared.
struct SortedSetTree {
    struct Head {
        var spine = Spine()
        var index = MemberIndex()
        /// The pieces by number; of free numbers, the next free one, times two, plus one.
        var leaves: UnsafeMutablePointer<UInt>
        var leafCapacity: Int
        var freeNumber: UInt32 = 0
        /// Elements up to which a piece is not split.
        var elementsMax: Int
        var book = PieceBook(nextID: 0)
    }

    /// Elements of a piece, unless a test says otherwise.
    static let elementsMax = 128
    /// Bytes of a piece past which it is split, whatever the number of its elements.
    static let bytesMax = 4000

    let head: UnsafeMutablePointer<Head>

    @inline(__always)
    init(_ head: UnsafeMutableRawPointer) { self.head = head.assumingMemoryBound(to: Head.self) }

    static func make(elementsMax: Int) -> SortedSetTree {
        let memory = cs_allocate(MemoryLayout<Head>.stride)!
        let head = memory.assumingMemoryBound(to: Head.self)
        let leaves = cs_allocate(8 * 4)!.assumingMemoryBound(to: UInt.self)
        for i in 0..<4 { leaves[i] = i < 3 ? UInt(i + 1) << 1 | 1 : 1 }
        head.initialize(to: Head(leaves: leaves, leafCapacity: 4, freeNumber: 1, elementsMax: elementsMax))
        return SortedSetTree(memory)
    }

    @inline(__always)
    var count: Int { head.pointee.spine.count }

    // MARK: pieces by number

    @inline(__always)
    func leaf(_ id: UInt32) -> SortedSetLeaf {
        let address = head.pointee.leaves[Int(id)]
        return SortedSetLeaf(UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped)
    }

    func takeNumber() -> UInt32 {
        if head.pointee.freeNumber == 0 { growNumbers() }
        let id = head.pointee.freeNumber
        head.pointee.freeNumber = UInt32(head.pointee.leaves[Int(id)] >> 1)
        return id
    }

    private func growNumbers() {
        let old = head.pointee.leafCapacity
        let capacity = sizeClass(old * 8 + 8) / 8
        let larger = cs_allocate(capacity * 8)!.assumingMemoryBound(to: UInt.self)
        memcpy(larger, head.pointee.leaves, old * 8)
        for i in old..<capacity { larger[i] = i + 1 < capacity ? UInt(i + 1) << 1 | 1 : 1 }
        cs_release(head.pointee.leaves, old * 8)
        head.pointee.leaves = larger
        head.pointee.leafCapacity = capacity
        head.pointee.freeNumber = UInt32(old)
    }

    func giveNumberBack(_ id: UInt32) {
        head.pointee.book.noteRemoved(UInt64(id))
        head.pointee.leaves[Int(id)] = UInt(head.pointee.freeNumber) << 1 | 1
        head.pointee.freeNumber = id
    }

    @inline(__always)
    func setLeaf(_ leaf: SortedSetLeaf) { head.pointee.leaves[Int(leaf.id)] = UInt(bitPattern: leaf.base) }

    // MARK: finding members

    /// The hash's part that the index keeps, and its part that pieces keep as a tag.
    @inline(__always)
    static func indexHash(_ member: ByteView) -> UInt32 {
        UInt32(truncatingIfNeeded: cs_hash(member.start, member.count) >> 32)
    }

    @inline(__always)
    static func tag(_ hash: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: hash) }

    /// Where a member is, until the set changes.
    struct Found {
        let place: MemberIndex.Place
        let leaf: SortedSetLeaf
        let at: ScoreRun.Position

        @inline(__always)
        var score: Double { leaf.run.score(at.index) }
    }

    @inline(__always)
    func find(_ member: ByteView, _ hash: UInt32) -> Found? {
        var leaf: SortedSetLeaf?
        var at: ScoreRun.Position?
        let place = head.pointee.index.find(hash) { id in
            leaf = self.leaf(id)
            at = leaf.unsafelyUnwrapped.run.find(member, tag: SortedSetTree.tag(hash))
            return at != nil
        }
        guard let place else { return nil }
        return Found(place: place, leaf: leaf.unsafelyUnwrapped, at: at.unsafelyUnwrapped)
    }

    /// Brings what `find` reads towards the cache: the record, what of the piece says where the element is, the element.
    @inline(__always)
    func prefetch(_ member: ByteView, _ step: Entry.PrefetchStep) {
        let hash = SortedSetTree.indexHash(member)
        if step == .first { return head.pointee.index.prefetch(hash) }
        guard let id = head.pointee.index.guess(hash) else { return }
        let leaf = leaf(id)
        if step == .third { return leaf.run.prefetch(SortedSetTree.tag(hash)) }
        for line in 0..<4 { cs_prefetch(leaf.base + line &* 64) }
    }

    // MARK: places in the order

    /// The piece that an element is in or belongs into.
    @inline(__always)
    func search(_ score: Double, _ member: ByteView) -> Spine.Place? {
        head.pointee.spine.search(scoreKey(score)) { SortedSetLeaf($0).run.compareFirst(member) <= 0 }
    }

    /// Elements before one that is there.
    func rank(_ found: Found, _ member: ByteView) -> Int {
        let place = search(found.score, member).unsafelyUnwrapped
        return head.pointee.spine.position(of: place) &+ found.at.index
    }

    /// Elements whose score is below this one (`orSame`: or equal to it).
    func rank(below score: Double, orSame: Bool) -> Int {
        guard let place = head.pointee.spine.search(scoreKey(score), { _ in orSame }) else { return 0 }
        return head.pointee.spine.position(of: place)
            &+ SortedSetLeaf(place.piece).run.lowerBound(score, orSame: orSame)
    }

    /// Elements whose member is before this one (`orSame`: or the same), in a set whose scores are all the same.
    func rank(below member: ByteView, orSame: Bool) -> Int {
        guard let first = head.pointee.spine.first else { return 0 }
        let found = head.pointee.spine.search(SortedSetLeaf(first.piece).firstKey) {
            SortedSetLeaf($0).run.compareFirst(member) <= (orSame ? 0 : -1)
        }
        let place = found.unsafelyUnwrapped
        let run = SortedSetLeaf(place.piece).run
        return head.pointee.spine.position(of: place)
            &+ run.lowerBound(member, orSame: orSame, 0, run.count).index
    }

    // MARK: walking

    /// Visits `count` elements from a rank on; so many are there.
    @inline(__always)
    func forEach(_ rank: Int, _ count: Int, _ body: (SortedSetMember, Double) -> Void) {
        if count == 0 { return }
        let start = head.pointee.spine.locate(rank)
        var (place, offset, rest) = (start.place, start.offset, count)
        while true {
            let run = SortedSetLeaf(place.piece).run
            let end = min(run.count, offset &+ rest)
            run.forEach(offset, end, body)
            rest &-= end &- offset
            if rest == 0 { return }
            offset = 0
            place = head.pointee.spine.next(place).unsafelyUnwrapped
        }
    }

    /// The same from rank + count - 1 down.
    @inline(__always)
    func forEachReversed(_ rank: Int, _ count: Int, _ body: (SortedSetMember, Double) -> Void) {
        if count == 0 { return }
        let start = head.pointee.spine.locate(rank &+ count &- 1)
        var (place, end, rest) = (start.place, start.offset &+ 1, count)
        while true {
            let run = SortedSetLeaf(place.piece).run
            let first = max(0, end &- rest)
            run.forEachReversed(first, end, body)
            rest &-= end &- first
            if rest == 0 { return }
            place = head.pointee.spine.previous(place).unsafelyUnwrapped
            end = SortedSetLeaf(place.piece).run.count
        }
    }
}
