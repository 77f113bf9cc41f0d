import CSystem

/// A node of a Spine: up to 62 children, which are pieces (level 0) or nodes of the level below.
///
///     32 bytes         SpineNode
///     8 x capacity     elements below each child
///     8 x capacity     order key of each child's first piece
///     8 x capacity     the children
struct SpineNode {
    var parent: UnsafeMutablePointer<SpineNode>?
    var indexInParent: UInt32 = 0
    var used: UInt32 = 0
    let capacity: UInt32
    let level: UInt32
    /// Which children are dirty pieces, or nodes with some below (then again, those may have been saved meanwhile).
    var dirty: UInt64 = 0

    /// Capacities grow so that a node fills the allocator's size classes 128, 320, 768 and 1536.
    static let capacityMax = 62

    /// A bit for each of the first `count` children.
    @inline(__always)
    static func mask(_ count: Int) -> UInt64 { 1 << UInt64(count) &- 1 }

    static func capacity(for wanted: Int) -> Int { wanted <= 4 ? 4 : wanted <= 12 ? 12 : wanted <= 30 ? 30 : 62 }

    static func bytes(_ capacity: Int) -> Int {
        capacity == 4 ? 128 : capacity == 12 ? 320 : capacity == 30 ? 768 : 1536
    }

    static func make(level: Int, capacity: Int) -> UnsafeMutablePointer<SpineNode> {
        let node = cs_allocate(bytes(capacity))!.assumingMemoryBound(to: SpineNode.self)
        node.initialize(to: SpineNode(parent: nil, capacity: UInt32(capacity), level: UInt32(level)))
        return node
    }

    private init(parent: UnsafeMutablePointer<SpineNode>?, capacity: UInt32, level: UInt32) {
        self.parent = parent
        self.capacity = capacity
        self.level = level
    }
}

extension UnsafeMutablePointer where Pointee == SpineNode {
    @inline(__always)
    var used: Int { Int(pointee.used) }

    @inline(__always)
    private var arrays: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + 32 }

    @inline(__always)
    var counts: UnsafeMutablePointer<Int> { arrays.assumingMemoryBound(to: Int.self) }

    @inline(__always)
    var keys: UnsafeMutablePointer<UInt64> {
        (arrays + 8 &* Int(pointee.capacity)).assumingMemoryBound(to: UInt64.self)
    }

    @inline(__always)
    var children: UnsafeMutablePointer<Piece> {
        (arrays + 16 &* Int(pointee.capacity)).assumingMemoryBound(to: Piece.self)
    }

    @inline(__always)
    func node(_ i: Int) -> UnsafeMutablePointer<SpineNode> { children[i].assumingMemoryBound(to: SpineNode.self) }

    /// Elements below the node.
    var total: Int {
        var sum = 0
        for i in 0..<used { sum &+= counts[i] }
        return sum
    }

    /// The leftmost piece below child `i`.
    func firstPiece(_ i: Int) -> Piece {
        if pointee.level == 0 { return children[i] }
        return node(i).firstPiece(0)
    }

    func free() { cs_release(self, SpineNode.bytes(Int(pointee.capacity))) }

    /// Makes room for a child at `i`.
    func open(_ i: Int) {
        let rest = used - i
        let before = SpineNode.mask(i)
        pointee.dirty = pointee.dirty & before | (pointee.dirty & ~before) << 1
        memmove(counts + i + 1, counts + i, rest * 8)
        memmove(keys + i + 1, keys + i, rest * 8)
        memmove(children + i + 1, children + i, rest * 8)
        pointee.used += 1
    }

    /// Takes child `i` out.
    func close(_ i: Int) {
        let rest = used - i - 1
        let before = SpineNode.mask(i)
        pointee.dirty = pointee.dirty & before | (pointee.dirty >> 1) & ~before
        memmove(counts + i, counts + i + 1, rest * 8)
        memmove(keys + i, keys + i + 1, rest * 8)
        memmove(children + i, children + i + 1, rest * 8)
        pointee.used -= 1
    }

    func set(_ i: Int, _ child: Piece, count: Int, key: UInt64) {
        children[i] = child
        counts[i] = count
        keys[i] = key
    }

    /// Copies children `from..<to` to another node's end.
    func append(_ from: Int, _ to: Int, into other: UnsafeMutablePointer<SpineNode>) {
        let at = other.used
        other.pointee.dirty |= (pointee.dirty >> UInt64(from) & SpineNode.mask(to - from)) << UInt64(at)
        memcpy(other.counts + at, counts + from, (to - from) * 8)
        memcpy(other.keys + at, keys + from, (to - from) * 8)
        memcpy(other.children + at, children + from, (to - from) * 8)
        other.pointee.used += UInt32(to - from)
    }

    /// Tells the child nodes from `i` on where they are.
    func renumber(from i: Int = 0) {
        if pointee.level == 0 { return }
        for index in i..<Swift.max(i, used) {
            node(index).pointee.parent = self
            node(index).pointee.indexInParent = UInt32(index)
        }
    }
}
