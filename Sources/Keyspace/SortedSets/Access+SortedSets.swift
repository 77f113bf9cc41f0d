import Base
import CSystem

extension Access {
    /// Makes an absent key hold a sorted set of one element, in the form that Redis would choose. Invalidates slots.
    @inline(__always)
    public func makeSortedSet(_ key: Key, _ member: ByteView, _ score: Double) -> SortedSetEditor {
        let isLarge = packing[.sortedSetEntries] == 0 || member.count > packing[.sortedSetValue]
        let editor = isLarge ? makeLargeSet(key, member, score) : makeSmallSet(key, member, score)
        changed(editor.slot, key, .sortedSet(.put(member, score)))
        return editor
    }

    @inline(__always)
    private func makeSmallSet(_ key: Key, _ member: ByteView, _ score: Double) -> SortedSetEditor {
        var element = SortedSetElement(score + 0, member)
        let place = withUnsafePointer(to: &element) { start in
            let elements = UnsafeBufferPointer(start: start, count: 1)
            let (shape, tails) = ScoreRun.shape(elements, tagWidth: 0)
            let entry = makeValue(key, .sortedSet, .packed, valueCount: shape.byteCount(1, tails: tails))
            ScoreRun.write(elements, shape, tails: tails, to: entry.packed.start)
            return tables.pointee.entries.find(key).unsafelyUnwrapped
        }
        return SortedSetEditor(self, place, key)
    }

    private func makeLargeSet(_ key: Key, _ member: ByteView, _ score: Double) -> SortedSetEditor {
        let tree = SortedSetTree.make(elementsMax: packing[.sortedSetPiece])
        tree.insert(member, SortedSetTree.indexHash(member), score, version: nextVersion(key))
        makeValue(key, .sortedSet, .pieces, valueCount: Entry.headBytes).head = UnsafeMutableRawPointer(tree.head)
        return SortedSetEditor(self, tables.pointee.entries.find(key).unsafelyUnwrapped, key)
    }

    /// Makes the key hold a set of these elements, which are one or more, in order, and no member twice. `slot` is
    /// what `find` answered. Invalidates slots.
    public func putSortedSet(_ key: Key, _ elements: UnsafeBufferPointer<SortedSetElement>, _ slot: Slot?) {
        putEntry(makeDetachedSet(key, elements), key, slot)
    }

    /// The same as an entry for `putEntry`. Its form is what Redis would choose, or would if no member were long.
    func makeDetachedSet(
        _ key: Key, _ elements: UnsafeBufferPointer<SortedSetElement>, deadline: Int64? = nil,
        looksAtLengths: Bool = true
    ) -> Entry {
        let (shape, tails) = ScoreRun.shape(elements, tagWidth: 0)
        let byteCount = shape.byteCount(elements.count, tails: tails)
        let valueMax = looksAtLengths ? packing[.sortedSetValue] : Int.max
        let isSmall =
            elements.count <= packing[.sortedSetEntries] && elements.allSatisfy { $0.member.count <= valueMax }
            && byteCount < 1 << 30
        if !isSmall {
            let tree = SortedSetTree.make(
                elements, elementsMax: packing[.sortedSetPiece], version: nextVersion(key))
            let entry = makeDetached(
                key, .sortedSet, .pieces, valueCount: Entry.headBytes, deadline: deadline)
            entry.head = UnsafeMutableRawPointer(tree.head)
            return entry
        }
        if byteCount <= PackedValue.inlineMax {
            let entry = makeDetached(key, .sortedSet, .packed, valueCount: byteCount, deadline: deadline)
            ScoreRun.write(elements, shape, tails: tails, to: entry.packed.start)
            return entry
        }
        var block = StringBlock.make(capacity: sizeClass(byteCount))
        ScoreRun.write(elements, shape, tails: tails, to: block.bytes)
        block.count = byteCount
        let entry = makeDetached(
            key, .sortedSet, .packedBlock, valueCount: StringBlock.stride, deadline: deadline)
        entry.block = block
        return entry
    }
}

extension PackedValue: RunStorage {
    @inline(__always)
    mutating func resize(_ old: Int, to new: Int) {
        if new >= old {
            splice(at: old, removing: 0, inserting: new &- old)
        } else {
            splice(at: new, removing: old &- new, inserting: 0)
        }
    }
}
