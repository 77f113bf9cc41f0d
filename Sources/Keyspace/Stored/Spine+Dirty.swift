/// Which pieces have changed since they were saved: a bit of each in its node, and of each node in the one above, so
/// that the next dirty piece is found without looking at clean ones. A piece that is inserted is dirty.
///
/// Marks belong to the spine, not to its pieces: a copy of a value shares pieces, but is saved by itself.
extension Spine {
    /// Marks child `index` of a node, and the node's ancestors.
    static func mark(_ start: Node, _ index: Int) {
        var node = start
        var bit: UInt64 = 1 << UInt64(index)
        while true {
            let before = node.pointee.dirty
            node.pointee.dirty = before | bit
            // A node with any mark is marked above.
            guard before == 0, let parent = node.pointee.parent else { return }
            bit = 1 << UInt64(node.pointee.indexInParent)
            node = parent
        }
    }

    /// The piece has changed, or what is saved with it.
    func markDirty(_ place: Place) { Spine.mark(place.node, place.index) }

    func isDirty(_ place: Place) -> Bool { place.node.pointee.dirty >> UInt64(place.index) & 1 != 0 }

    /// The piece has been saved. (Ancestors find out when they are asked.)
    func clean(_ place: Place) { place.node.pointee.dirty &= ~(1 << UInt64(place.index)) }

    /// The first dirty piece, at this place or behind it; nil if there is none.
    func dirtyPlace(from place: Place? = nil) -> Place? {
        var node = place?.node ?? root
        var index = place?.index ?? 0
        while true {
            let marks = node.pointee.dirty & ~SpineNode.mask(index)
            if marks == 0 {
                guard let parent = node.pointee.parent else { return nil }
                index = Int(node.pointee.indexInParent) + 1
                node = parent
                continue
            }
            let found = marks.trailingZeroBitCount
            if node.pointee.level == 0 { return Place(node: node, index: found) }
            let below = node.node(found)
            if below.pointee.dirty == 0 {
                node.pointee.dirty &= ~(1 << UInt64(found))
            } else {
                (node, index) = (below, 0)
            }
        }
    }

    /// Marks all pieces, or none.
    func setAllDirty(_ isDirty: Bool) { Spine.setAll(root, isDirty) }

    private static func setAll(_ node: Node, _ isDirty: Bool) {
        node.pointee.dirty = isDirty ? SpineNode.mask(node.used) : 0
        if node.pointee.level == 0 { return }
        for i in 0..<node.used { setAll(node.node(i), isDirty) }
    }

    /// How many pieces are dirty: looks at the tree where some are, not at pieces.
    var dirtyCount: Int { Spine.dirtyCount(root) }

    private static func dirtyCount(_ node: Node) -> Int {
        if node.pointee.level == 0 { return node.pointee.dirty.nonzeroBitCount }
        var sum = 0
        for i in 0..<node.used where node.pointee.dirty >> UInt64(i) & 1 != 0 { sum += dirtyCount(node.node(i)) }
        return sum
    }
}

extension UnsafeMutablePointer where Pointee == Spine {
    /// Saves dirty pieces with `save`, which answers how many bytes that took, until they are as many as `budget`.
    /// Begins at the element `cursor` and goes round, so that pieces which change all the time do not keep the
    /// others from being saved. Answers whether dirty ones are left; `cursor` is where to go on then.
    func saveDirty(from cursor: inout Int, budget: inout Int, _ save: (Spine.Place) -> Int) -> Bool {
        var place: Spine.Place?
        var isRound = true
        if cursor > 0 && cursor < pointee.count {
            place = pointee.locate(cursor).place
            isRound = false
        }
        while true {
            guard let found = pointee.dirtyPlace(from: place) else {
                cursor = 0
                if isRound { return false }
                (place, isRound) = (nil, true)
                continue
            }
            if budget <= 0 {
                cursor = pointee.position(of: found)
                return true
            }
            budget -= save(found)
            pointee.clean(found)
            place = found
        }
    }
}
