import Base
import CSystem

extension SortedSetTree: PiecedValue {
    private func forEachLeaf(_ body: (SortedSetLeaf) -> Void) {
        var place = head.pointee.spine.first
        while let at = place {
            place = head.pointee.spine.next(at)
            body(SortedSetLeaf(at.piece))
        }
    }

    static func free(_ head: UnsafeMutableRawPointer) {
        let tree = SortedSetTree(head)
        tree.forEachLeaf { $0.letGo() }
        tree.head.pointee.spine.free()
        tree.head.pointee.index.free()
        tree.head.pointee.book.free()
        cs_release(tree.head.pointee.leaves, tree.head.pointee.leafCapacity * 8)
        cs_release(head, MemoryLayout<Head>.stride)
    }

    static func copy(_ head: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        let original = SortedSetTree(head).head.pointee
        let capacity = original.leafCapacity
        let leaves = cs_allocate(capacity * 8)!.assumingMemoryBound(to: UInt.self)
        memcpy(leaves, original.leaves, capacity * 8)
        let memory = cs_allocate(MemoryLayout<Head>.stride)!
        memory.assumingMemoryBound(to: Head.self).initialize(
            to: Head(
                spine: original.spine.copy { $0.share() }, index: original.index.copy(), leaves: leaves,
                leafCapacity: capacity, freeNumber: original.freeNumber, elementsMax: original.elementsMax))
        return memory
    }

    static func memoryBytes(_ head: UnsafeMutableRawPointer, samples: Int) -> Int {
        let tree = SortedSetTree(head)
        let own = cs_usable_size(head) + cs_usable_size(tree.head.pointee.leaves) + tree.head.pointee.book.memoryBytes
        let shared = tree.head.pointee.spine.memoryBytes + tree.head.pointee.index.memoryBytes
        let pieces = tree.head.pointee.spine.pieceCount
        var (seen, bytes) = (0, 0)
        var place = tree.head.pointee.spine.first
        while let at = place, samples == 0 || seen < samples {
            bytes += cs_usable_size(at.piece)
            seen += 1
            place = tree.head.pointee.spine.next(at)
        }
        return own + shared + (seen == 0 ? 0 : bytes * pieces / seen)
    }

    static func count(_ head: UnsafeMutableRawPointer) -> Int { SortedSetTree(head).count }

    static func forEachPiece(_ head: UnsafeMutableRawPointer, _ body: (PieceFigures) -> Void) {
        let spine = SortedSetTree(head).head.pointee.spine
        var place = spine.first
        while let at = place {
            place = spine.next(at)
            let run = SortedSetLeaf(at.piece).run
            body(
                PieceFigures(
                    at.piece.header, elements: run.count, bytes: run.byteCount, isDirty: spine.isDirty(at)))
        }
    }

    /// For tests: what is wrong with the set, nil if nothing.
    func brokenInvariant() -> String? {
        if let broken = head.pointee.spine.brokenInvariant() { return broken }
        if let broken = head.pointee.index.brokenInvariant(count: count) { return broken }
        var broken: String?
        var previous: (Double, [UInt8])?
        forEachLeaf { leaf in
            let run = leaf.run
            if run.count == 0 { broken = "an empty piece" }
            if self.leaf(leaf.id).base != leaf.base { broken = "a piece's number" }
            if leaf.capacity < SortedSetLeaf.runOffset + SortedSetLeaf.slack + run.byteCount {
                broken = "a small block"
            }
            run.forEach(0, run.count) { member, score in
                let bytes = member.bytes
                if let previous, !SortedSetTree.isBefore(previous, (score, bytes)) {
                    broken = "an element out of order"
                }
                previous = (score, bytes)
                let found = bytes.withView { self.find($0, SortedSetTree.indexHash($0)) }
                if found?.leaf.base != leaf.base { broken = "an element that is not found" }
            }
        }
        return broken
    }

    private static func isBefore(_ a: (Double, [UInt8]), _ b: (Double, [UInt8])) -> Bool {
        a.0 != b.0 ? a.0 < b.0 : a.1.lexicographicallyPrecedes(b.1)
    }
}
