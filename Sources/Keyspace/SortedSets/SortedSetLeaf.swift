import Base
import CSystem

/// A piece of a large sorted set: up to about 128 neighbouring elements, in a block of memory of a few KB.
///
///     24 bytes   PieceHeader
///     4 bytes    bytes of the block
///     4 bytes    unused
///     the rest   ScoreRun, with tags
struct SortedSetLeaf {
    let base: Piece

    static let runOffset = 32
    /// Tags are compared sixteen at a time, behind the last one's too: so many bytes follow the run.
    static let slack = 16

    @inline(__always)
    init(_ base: Piece) { self.base = base }

    @inline(__always)
    var run: ScoreRun { ScoreRun((base + SortedSetLeaf.runOffset).assumingMemoryBound(to: UInt8.self)) }

    /// Names the piece within its set; 0 names none.
    @inline(__always)
    var id: UInt32 { UInt32(truncatingIfNeeded: base.header.pointee.id) }

    @inline(__always)
    var capacity: Int { Int(base.load(fromByteOffset: 24, as: UInt32.self)) }

    @inline(__always)
    var firstKey: UInt64 { scoreKey(run.score(0)) }

    @inline(__always)
    static func blockBytes(_ runBytes: Int) -> Int { sizeClass(runOffset &+ slack &+ runBytes) }

    /// A piece for a run of this many bytes, yet to be written.
    static func make(_ id: UInt32, _ version: UInt64, runBytes: Int) -> SortedSetLeaf {
        let capacity = blockBytes(runBytes)
        let base = cs_allocate(capacity)!
        base.header.initialize(to: PieceHeader(id: UInt64(id), version: version))
        base.storeBytes(of: UInt32(capacity), toByteOffset: 24, as: UInt32.self)
        return SortedSetLeaf(base)
    }

    /// A piece with some elements of a run, in that run's shape (but with tags).
    static func make(_ id: UInt32, _ version: UInt64, copying source: ScoreRun, _ from: Int, _ to: Int) -> SortedSetLeaf
    {
        var shape = source.shape
        shape.tagWidth = 1
        let tails = source.tailBytes(from: from, to: to)
        let leaf = make(id, version, runBytes: shape.byteCount(to - from, tails: tails))
        ScoreRun.makeEmpty(leaf.run.start, shape, prefix: source.prefix)
        leaf.run.count = to - from
        leaf.run.tailBytes = tails
        leaf.run.fill(0, from: source, from, to)
        return leaf
    }

    /// A piece with the elements of two, all of the one before all of the other.
    static func make(_ id: UInt32, _ version: UInt64, joining a: ScoreRun, _ b: ScoreRun) -> SortedSetLeaf {
        let prefixCount = a.commonPrefix(b.prefixView)
        let longest = max(
            a.longestTail + a.prefixCount - prefixCount, b.longestTail + b.prefixCount - prefixCount)
        let shape = ScoreRun.Shape(
            scoreWidth: max(a.scoreWidth, b.scoreWidth), lengthWidth: longest > 255 ? 4 : 1, tagWidth: 1,
            prefixCount: prefixCount)
        let tails =
            a.tailBytes + a.count * (a.prefixCount - prefixCount)
            + b.tailBytes + b.count * (b.prefixCount - prefixCount)
        let leaf = make(id, version, runBytes: shape.byteCount(a.count + b.count, tails: tails))
        ScoreRun.makeEmpty(leaf.run.start, shape, prefix: a.prefix)
        leaf.run.count = a.count + b.count
        leaf.run.tailBytes = tails
        leaf.run.fill(0, from: a, 0, a.count)
        leaf.run.fill(a.count, from: b, 0, b.count)
        return leaf
    }

    /// A copy of the piece for the value that is about to change it.
    func duplicate(_ version: UInt64) -> SortedSetLeaf {
        let bytes = run.byteCount
        let copy = SortedSetLeaf.make(id, version, runBytes: bytes)
        memcpy(copy.run.start, run.start, bytes)
        return copy
    }

    /// Frees the block.
    func release() { cs_release(base, capacity) }

    /// One value less holds the piece.
    @inline(__always)
    func letGo() { if base.letGo() { release() } }
}

/// A piece that is being changed; its block may move.
struct LeafStorage: RunStorage {
    var leaf: SortedSetLeaf

    @inline(__always)
    var start: UnsafeMutablePointer<UInt8> { leaf.run.start }

    @inline(__always)
    mutating func resize(_ old: Int, to new: Int) {
        let capacity = leaf.capacity
        let wanted = SortedSetLeaf.runOffset &+ SortedSetLeaf.slack &+ new
        if _fastPath(wanted <= capacity && wanted &* 2 > capacity) { return }
        move(min(old, new), to: new)
    }

    @inline(never)
    private mutating func move(_ kept: Int, to new: Int) {
        let size = SortedSetLeaf.blockBytes(new)
        if size == leaf.capacity { return }
        let base = cs_allocate(size)!
        memcpy(base, leaf.base, SortedSetLeaf.runOffset + kept)
        base.storeBytes(of: UInt32(size), toByteOffset: 24, as: UInt32.self)
        leaf.release()
        leaf = SortedSetLeaf(base)
    }
}
