import CSystem

/// The pieces of a large ordered value (list, sorted set, stream) in their order: a counted B+ tree, which finds
/// the piece at a position, or where an element belongs, in O(log n), and walks both ways.
///
/// Each piece is known with the number of its elements and an order key: an unsigned number that never falls
/// from piece to piece (a sorted set's score, a stream's milliseconds; lists leave it 0), which spares most looks
/// into pieces. Both are the owner's to keep right. Pieces belong to the owner; the spine only orders them.
///
/// A spine is a value of pointers: `free` or `copy` it explicitly. Used under its partition's lock.
public struct Spine {
    typealias Node = UnsafeMutablePointer<SpineNode>

    private(set) var root: Node
    private var firstNode: Node
    private var lastNode: Node
    public private(set) var pieceCount = 0
    /// Elements of all pieces.
    public private(set) var count = 0
    /// Changes of the first and last piece's counts that the tree does not know yet: pushing and popping at
    /// the ends must not walk it.
    private var firstDelta = 0
    private var lastDelta = 0

    public init() {
        root = SpineNode.make(level: 0, capacity: 4)
        firstNode = root
        lastNode = root
    }

    /// Frees the tree, not the pieces.
    public func free() { Spine.free(root) }

    private static func free(_ node: Node) {
        if node.pointee.level > 0 {
            for i in 0..<node.used { free(node.node(i)) }
        }
        node.free()
    }

    /// Another spine with the same pieces, all dirty; `share` is told of each.
    public func copy(_ share: (Piece) -> Void) -> Spine {
        var other = self
        other.root = Spine.copy(root, share)
        other.root.pointee.parent = nil
        other.refreshEnds()
        return other
    }

    private static func copy(_ node: Node, _ share: (Piece) -> Void) -> Node {
        let twin = SpineNode.make(level: Int(node.pointee.level), capacity: Int(node.pointee.capacity))
        node.append(0, node.used, into: twin)
        twin.pointee.dirty = SpineNode.mask(node.used)
        for i in 0..<node.used {
            if node.pointee.level == 0 {
                share(node.children[i])
            } else {
                twin.children[i] = UnsafeMutableRawPointer(copy(node.node(i), share))
            }
        }
        twin.renumber()
        return twin
    }

    /// Bytes of the tree itself.
    public var memoryBytes: Int { Spine.bytes(root) }

    private static func bytes(_ node: Node) -> Int {
        var sum = SpineNode.bytes(Int(node.pointee.capacity))
        if node.pointee.level > 0 {
            for i in 0..<node.used { sum += bytes(node.node(i)) }
        }
        return sum
    }

    // MARK: places

    /// The place of a piece. Valid until a piece is inserted or removed.
    public struct Place {
        let node: Node
        let index: Int

        @inline(__always)
        public var piece: Piece { node.children[index] }

        /// The piece's order key.
        public var key: UInt64 { node.keys[index] }

        @inline(__always)
        public static func == (a: Place, b: Place) -> Bool { a.node == b.node && a.index == b.index }
    }

    /// The first piece; nil if there is none.
    @inline(__always)
    public var first: Place? { pieceCount == 0 ? nil : Place(node: firstNode, index: 0) }

    /// The last piece; nil if there is none.
    @inline(__always)
    public var last: Place? { pieceCount == 0 ? nil : Place(node: lastNode, index: lastNode.used &- 1) }

    /// The piece behind one; nil at the end.
    @inline(__always)
    public func next(_ place: Place) -> Place? {
        if place.index &+ 1 < place.node.used { return Place(node: place.node, index: place.index &+ 1) }
        return neighbour(place.node, 1)
    }

    /// The piece before one; nil at the beginning.
    @inline(__always)
    public func previous(_ place: Place) -> Place? {
        if place.index > 0 { return Place(node: place.node, index: place.index &- 1) }
        return neighbour(place.node, -1)
    }

    /// The nearest place in the next leaf node to the right (1) or left (-1).
    private func neighbour(_ leaf: Node, _ step: Int) -> Place? {
        var node = leaf
        while let parent = node.pointee.parent {
            let index = Int(node.pointee.indexInParent) + step
            if index >= 0 && index < parent.used {
                var below = parent.node(index)
                while below.pointee.level > 0 { below = below.node(step > 0 ? 0 : below.used - 1) }
                return Place(node: below, index: step > 0 ? 0 : below.used - 1)
            }
            node = parent
        }
        return nil
    }

    /// The piece that holds the element at `position` (0 ..< count), and how many of its elements come before it.
    public mutating func locate(_ position: Int) -> (place: Place, offset: Int) {
        precondition(position >= 0 && position < count, "a position outside the value")
        settle()
        var node = root
        var rest = position
        while true {
            var i = 0
            while rest >= node.counts[i] {
                rest &-= node.counts[i]
                i &+= 1
            }
            if node.pointee.level == 0 { return (Place(node: node, index: i), rest) }
            node = node.node(i)
        }
    }

    /// Elements before the piece's first.
    public mutating func position(of place: Place) -> Int {
        settle()
        var sum = 0
        var node = place.node
        var index = place.index
        while true {
            for i in 0..<index { sum &+= node.counts[i] }
            guard let parent = node.pointee.parent else { return sum }
            index = Int(node.pointee.indexInParent)
            node = parent
        }
    }

    /// The last piece whose first element is not after what is looked for: what is there belongs into that piece.
    /// The order of pieces with a key other than `key` is known; `isBefore` decides for those with the same
    /// (whether the piece's first element is at or before it). The first piece if all are after.
    @inline(__always)
    public func search(_ key: UInt64, _ isBefore: (Piece) -> Bool) -> Place? {
        if pieceCount == 0 { return nil }
        var node = root
        while true {
            let i = Spine.childIndex(node, key, isBefore)
            if node.pointee.level == 0 { return Place(node: node, index: i) }
            node = node.node(i)
        }
    }

    @inline(__always)
    private static func childIndex(_ node: Node, _ key: UInt64, _ isBefore: (Piece) -> Bool) -> Int {
        // Children in 0 ..< low are before, those from high on are after.
        var low = 0
        var high = node.used
        let keys = node.keys
        while low < high {
            let middle = (low &+ high) >> 1
            let known = keys[middle]
            if known < key || (known == key && isBefore(node.firstPiece(middle))) {
                low = middle &+ 1
            } else {
                high = middle
            }
        }
        return max(0, low &- 1)
    }

    // MARK: changing

    /// Elements were added to (or taken from) a piece.
    public mutating func add(_ elements: Int, at place: Place) {
        count &+= elements
        Spine.add(elements, place.node, place.index)
    }

    /// The same for the first piece, without a walk.
    @inline(__always)
    public mutating func addToFirst(_ elements: Int) {
        count &+= elements
        firstDelta &+= elements
    }

    /// The same for the last piece, without a walk.
    @inline(__always)
    public mutating func addToLast(_ elements: Int) {
        count &+= elements
        lastDelta &+= elements
    }

    private mutating func settle() {
        if firstDelta != 0 { Spine.add(firstDelta, firstNode, 0) }
        if lastDelta != 0 { Spine.add(lastDelta, lastNode, lastNode.used - 1) }
        firstDelta = 0
        lastDelta = 0
    }

    private static func add(_ elements: Int, _ leaf: Node, _ at: Int) {
        var node = leaf
        var index = at
        while true {
            node.counts[index] &+= elements
            guard let parent = node.pointee.parent else { return }
            index = Int(node.pointee.indexInParent)
            node = parent
        }
    }

    /// The first element of the piece has another order key now.
    public mutating func setKey(_ key: UInt64, at place: Place) { Spine.setKey(key, place.node, place.index) }

    private static func setKey(_ key: UInt64, _ leaf: Node, _ at: Int) {
        var node = leaf
        var index = at
        while true {
            node.keys[index] = key
            guard index == 0, let parent = node.pointee.parent else { return }
            index = Int(node.pointee.indexInParent)
            node = parent
        }
    }

    /// Puts another piece in a piece's place (a copy of its own, or a block that has grown).
    @inline(__always)
    public func replace(_ place: Place, with piece: Piece) { place.node.children[place.index] = piece }

    /// Adds a piece behind all others. Invalidates places.
    public mutating func append(_ piece: Piece, count elements: Int, key: UInt64 = 0) {
        insert(piece, elements, key, lastNode, lastNode.used)
    }

    /// Adds a piece before all others. Invalidates places.
    public mutating func prepend(_ piece: Piece, count elements: Int, key: UInt64 = 0) {
        insert(piece, elements, key, firstNode, 0)
    }

    /// Adds a piece behind another. Invalidates places.
    public mutating func insert(_ piece: Piece, count elements: Int, key: UInt64 = 0, after place: Place) {
        insert(piece, elements, key, place.node, place.index + 1)
    }

    private mutating func insert(_ piece: Piece, _ elements: Int, _ key: UInt64, _ node: Node, _ index: Int) {
        settle()
        let (leaf, at) = makeRoom(node, index)
        leaf.open(at)
        leaf.set(at, piece, count: 0, key: key)
        Spine.add(elements, leaf, at)
        if at == 0 { Spine.setKey(key, leaf, 0) }
        Spine.mark(leaf, at)
        count += elements
        pieceCount += 1
        refreshEnds()
    }

    /// Takes a piece out; it is the caller's. Invalidates places.
    public mutating func remove(_ place: Place) {
        settle()
        let elements = place.node.counts[place.index]
        Spine.add(-elements, place.node, place.index)
        count -= elements
        pieceCount -= 1
        takeOut(place.node, place.index)
        refreshEnds()
    }

    // MARK: the tree

    private mutating func refreshEnds() {
        firstNode = root
        while firstNode.pointee.level > 0 { firstNode = firstNode.node(0) }
        lastNode = root
        while lastNode.pointee.level > 0 { lastNode = lastNode.node(lastNode.used - 1) }
    }

    /// Sees to it that a child can be inserted at `index` of the node: answers where, since nodes grow and split.
    private mutating func makeRoom(_ node: Node, _ index: Int) -> (Node, Int) {
        if node.used < Int(node.pointee.capacity) { return (node, index) }
        if Int(node.pointee.capacity) < SpineNode.capacityMax { return (enlarged(node), index) }
        return split(node, index)
    }

    /// The node with a larger capacity, in its old place.
    private mutating func enlarged(_ node: Node) -> Node {
        let larger = SpineNode.make(
            level: Int(node.pointee.level), capacity: SpineNode.capacity(for: node.used + 1))
        node.append(0, node.used, into: larger)
        larger.renumber()
        larger.pointee.parent = node.pointee.parent
        larger.pointee.indexInParent = node.pointee.indexInParent
        if let parent = node.pointee.parent {
            parent.children[Int(node.pointee.indexInParent)] = UnsafeMutableRawPointer(larger)
        } else {
            root = larger
        }
        node.free()
        return larger
    }

    /// Splits a full node in two: in the middle, but at the end when that is where the tree grows, so that
    /// appending leaves full nodes behind.
    private mutating func split(_ node: Node, _ index: Int) -> (Node, Int) {
        let used = node.used
        let cut = index == used ? used - 1 : index == 0 ? 1 : used / 2
        let right = SpineNode.make(
            level: Int(node.pointee.level), capacity: SpineNode.capacity(for: used - cut + 1))
        node.append(cut, used, into: right)
        node.pointee.used = UInt32(cut)
        node.pointee.dirty &= SpineNode.mask(cut)
        right.renumber()
        if node.pointee.parent == nil { raise() }
        let (parent, at) = makeRoom(node.pointee.parent!, Int(node.pointee.indexInParent) + 1)
        parent.open(at)
        parent.set(at, UnsafeMutableRawPointer(right), count: right.total, key: right.keys[0])
        parent.counts[at - 1] = node.total
        if right.pointee.dirty != 0 { Spine.mark(parent, at) }
        parent.renumber(from: at - 1)
        return index > cut ? (right, index - cut) : (node, index)
    }

    /// A new root over the old one.
    private mutating func raise() {
        let top = SpineNode.make(level: Int(root.pointee.level) + 1, capacity: 4)
        top.open(0)
        top.set(0, UnsafeMutableRawPointer(root), count: root.total, key: root.keys[0])
        top.pointee.dirty = root.pointee.dirty == 0 ? 0 : 1
        top.renumber()
        root = top
    }

    /// Sums and keys of a node's place in its ancestors, computed anew.
    private static func refresh(_ start: Node) {
        var node = start
        while let parent = node.pointee.parent {
            let index = Int(node.pointee.indexInParent)
            parent.counts[index] = node.total
            parent.keys[index] = node.keys[0]
            node = parent
        }
    }

    private mutating func takeOut(_ node: Node, _ index: Int) {
        node.close(index)
        node.renumber(from: index)
        if node.used == 0 {
            guard let parent = node.pointee.parent else { return }
            let at = Int(node.pointee.indexInParent)
            node.free()
            return takeOut(parent, at)
        }
        if index == 0 { Spine.refresh(node) }
        mergeIfSparse(node)
        while root.pointee.level > 0 && root.used == 1 {
            let only = root.node(0)
            root.free()
            only.pointee.parent = nil
            root = only
        }
    }

    /// Joins a node that is mostly empty with its right or left neighbour under the same parent.
    private mutating func mergeIfSparse(_ node: Node) {
        guard node.used < SpineNode.capacityMax / 4, let parent = node.pointee.parent else { return }
        let at = Int(node.pointee.indexInParent)
        let left = at + 1 < parent.used ? at : at - 1
        guard left >= 0, left + 1 < parent.used else { return }
        let wanted = parent.node(left).used + parent.node(left + 1).used
        if wanted > SpineNode.capacityMax * 3 / 4 { return }
        let joined = SpineNode.make(level: Int(node.pointee.level), capacity: SpineNode.capacity(for: wanted))
        for i in left...left + 1 {
            let part = parent.node(i)
            part.append(0, part.used, into: joined)
            part.free()
        }
        joined.renumber()
        let sum = parent.counts[left] + parent.counts[left + 1]
        parent.set(left, UnsafeMutableRawPointer(joined), count: sum, key: joined.keys[0])
        joined.pointee.parent = parent
        joined.pointee.indexInParent = UInt32(left)
        if joined.pointee.dirty != 0 { parent.pointee.dirty |= 1 << UInt64(left) }
        takeOut(parent, left + 1)
    }

    /// For tests: what is wrong with the tree, nil if nothing.
    func brokenInvariant() -> String? {
        var pieces = 0
        var sum = 0
        func check(_ node: Node) -> String? {
            if node.used == 0 && node != root { return "an empty node" }
            for i in 0..<node.used {
                if i > 0 && node.keys[i - 1] > node.keys[i] { return "keys out of order" }
                if node.pointee.level == 0 {
                    pieces += 1
                    sum += node.counts[i]
                    continue
                }
                let child = node.node(i)
                if child.pointee.parent != node || child.pointee.indexInParent != i { return "a lost child" }
                if child.total != node.counts[i] { return "a wrong count" }
                if child.keys[0] != node.keys[i] { return "a wrong key" }
                if child.pointee.dirty & ~SpineNode.mask(child.used) != 0 { return "a dirty child that is not there" }
                if child.pointee.dirty != 0 && node.pointee.dirty >> UInt64(i) & 1 == 0 { return "hidden dirt" }
                if let found = check(child) { return found }
            }
            return nil
        }
        if root.pointee.parent != nil { return "a root with a parent" }
        if let found = check(root) { return found }
        if pieces != pieceCount { return "pieceCount" }
        return sum + firstDelta + lastDelta == count ? nil : "count"
    }
}
