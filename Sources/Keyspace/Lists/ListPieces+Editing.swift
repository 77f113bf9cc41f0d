import Base
import CSystem

/// Changes between the ends: O(log n), and the size of a piece.
extension ListPieces {
    /// Puts an element before the one at `index`, or at the end.
    func insert(_ element: Listpack.NewElement, at index: Int) {
        let count = head.pointee.spine.count
        if index == 0 { return push(element, .front) }
        if index == count { return push(element, .back) }
        let (place, offset) = head.pointee.spine.locate(index)
        if fits(element, place) { return insert(element, place, offset) }
        if offset > 0 {
            // Where the element belongs, the piece is cut; its first part, or the second, may take it.
            split(place, offset)
            let (first, length) = head.pointee.spine.locate(index - 1)
            if fits(element, first) { return insert(element, first, length + 1) }
            return insertBetween(element, first)
        }
        let before = head.pointee.spine.previous(place).unsafelyUnwrapped
        if fits(element, before) { return insert(element, before, ListPiece(before.piece).elementCount) }
        insertBetween(element, before)
    }

    /// Puts an element behind a piece that cannot take it: into the next one, or a piece of its own.
    private func insertBetween(_ element: Listpack.NewElement, _ before: Spine.Place) {
        if let after = head.pointee.spine.next(before), fits(element, after) { return insert(element, after, 0) }
        head.pointee.spine.markDirty(before)
        head.pointee.spine.insert(makePiece(element, .back).base, count: 1, after: before)
    }

    private func fits(_ element: Listpack.NewElement, _ place: Spine.Place) -> Bool {
        let piece = ListPiece(place.piece)
        return !piece.isPlain && !limits.isPlain(element) && limits.allow(piece.pack, adding: element.byteCount)
    }

    /// Inserts into a piece that has room, before its `offset`th element.
    private func insert(_ element: Listpack.NewElement, _ place: Spine.Place, _ offset: Int) {
        var piece = own(place)
        piece.insert(element, at: piece.pack.seek(offset) ?? piece.pack.end)
        put(piece, place)
        head.pointee.spine.add(1, at: place)
    }

    /// Makes two pieces of one: the second begins with its `offset`th element.
    private func split(_ place: Spine.Place, _ offset: Int) {
        var piece = own(place)
        let pack = piece.pack
        let at = pack.seek(offset).unsafelyUnwrapped
        let moved = pack.count - offset
        var second = ListPiece(room: pack.end - at, .back, newHeader())
        second.insert(copying: pack, from: at, to: pack.end, count: moved, at: second.pack.first)
        piece.remove(at: at, count: moved)
        piece.trim()
        put(piece, place)
        head.pointee.spine.add(-moved, at: place)
        head.pointee.spine.insert(second.base, count: moved, after: place)
    }

    /// Puts another element in the place of the one at `index`.
    func set(_ element: Listpack.NewElement, at index: Int) {
        let (place, offset) = head.pointee.spine.locate(index)
        let old = ListPiece(place.piece)
        let isAlone = old.elementCount == 1
        if !old.isPlain && !limits.isPlain(element) {
            let at = old.pack.seek(offset).unsafelyUnwrapped
            let growth = element.byteCount - (old.pack.next(at) - at)
            if growth <= 0 || isAlone || limits.allow(old.pack, adding: growth, elements: 0) {
                var piece = own(place)
                piece.replace(at: at, with: element)
                if isAlone { piece.trim() }
                return put(piece, place)
            }
        }
        if isAlone {
            let piece = makePiece(element, .back)
            head.pointee.spine.insert(piece.base, count: 1, after: place)
            let (first, _) = head.pointee.spine.locate(index)
            return drop(first)
        }
        // Inserted first: the list must not become empty, nor pieces be joined that the element then parts again.
        insert(element, at: index)
        remove(at: index + 1, count: 1)
    }

    /// Takes `count` elements away from `index` on; so many are there.
    func remove(at index: Int, count: Int) {
        if index == 0 { return pop(count, .front) }
        if index + count == head.pointee.spine.count { return pop(count, .back) }
        var rest = count
        while rest > 0 {
            let (place, offset) = head.pointee.spine.locate(index)
            let here = ListPiece(place.piece).elementCount
            let taken = min(rest, here - offset)
            if taken == here {
                drop(place)
            } else {
                var piece = own(place)
                piece.remove(at: piece.pack.seek(offset).unsafelyUnwrapped, count: taken)
                piece.trim()
                put(piece, place)
                head.pointee.spine.add(-taken, at: place)
            }
            rest -= taken
        }
        joinSmall(around: index)
    }

    /// Joins the piece at `index` with its neighbours while two of them fill less than half a piece.
    private func joinSmall(around index: Int) {
        let (place, _) = head.pointee.spine.locate(index)
        if let before = head.pointee.spine.previous(place), join(before, place) { return }
        if let after = head.pointee.spine.next(place) { _ = join(place, after) }
    }

    /// Joins a piece with its neighbour on a side if the two fill less than half a piece. Invalidates places.
    func join(_ place: Spine.Place, _ side: ListSide) {
        if side == .front {
            if let before = head.pointee.spine.previous(place) { _ = join(before, place) }
        } else if let after = head.pointee.spine.next(place) {
            _ = join(place, after)
        }
    }

    private func join(_ first: Spine.Place, _ second: Spine.Place) -> Bool {
        let from = ListPiece(second.piece)
        let to = ListPiece(first.piece)
        if from.isPlain || to.isPlain { return false }
        let count = from.pack.count
        let bytes = from.pack.byteCount + to.pack.byteCount
        if bytes > limits.bytes / 2 || to.pack.count + count > limits.elements { return false }
        var piece = own(first)
        piece.insert(
            copying: from.pack, from: from.pack.first, to: from.pack.end, count: count, at: piece.pack.end)
        put(piece, first)
        head.pointee.spine.add(count, at: first)
        drop(second)
        return true
    }
}
