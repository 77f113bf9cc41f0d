import Base
import CSystem

/// Pushing and popping: O(1), without a walk of the tree.
extension ListPieces {
    @inline(__always)
    func end(_ side: ListSide) -> Spine.Place? { side == .front ? head.pointee.spine.first : head.pointee.spine.last }

    @inline(__always)
    func addToEnd(_ elements: Int, _ side: ListSide) {
        if side == .front {
            head.pointee.spine.addToFirst(elements)
        } else {
            head.pointee.spine.addToLast(elements)
        }
    }

    /// Adds an element at an end.
    @inline(__always)
    func push(_ element: Listpack.NewElement, _ side: ListSide) {
        if let place = end(side) {
            let bytes = element.byteCount
            if _fastPath(ListPiece(place.piece).canTake(bytes, side, limits)) && !limits.isPlain(element) {
                var piece = own(place)
                piece.insert(element, at: side == .front ? piece.pack.first : piece.pack.end)
                put(piece, place)
                return addToEnd(1, side)
            }
        }
        pushPiece(element, side)
    }

    /// Adds an element in a new piece. The one that was last is trimmed: a list grows at its ends.
    @inline(never)
    private func pushPiece(_ element: Listpack.NewElement, _ side: ListSide) {
        if let place = end(side) {
            if !place.piece.isShared {
                var piece = ListPiece(place.piece, limits)
                piece.trim()
                put(piece, place)
            }
            // A piece is saved with what comes behind it.
            if side == .back { head.pointee.spine.markDirty(place) }
        }
        let piece = makePiece(element, side)
        if side == .front {
            head.pointee.spine.prepend(piece.base, count: 1)
        } else {
            head.pointee.spine.append(piece.base, count: 1)
        }
    }

    /// A piece with one element, with room for more on one side, if it may have more.
    func makePiece(_ element: Listpack.NewElement, _ side: ListSide) -> ListPiece {
        if limits.isPlain(element) { return ListPiece(plain: element.view, newHeader()) }
        let bytes = element.byteCount
        let room = bytes * 2 > limits.bytes ? bytes : max(bytes, min(512, bytes * min(16, limits.elements)))
        var piece = ListPiece(room: room, side, newHeader())
        piece.append(element)
        return ListPiece(piece.base, limits)
    }

    /// Lends the element at an end. The list is not empty.
    @inline(__always)
    func withEnd<R>(_ side: ListSide, _ body: (Listpack.Element) -> R) -> R {
        let piece = ListPiece(end(side).unsafelyUnwrapped.piece)
        if _slowPath(piece.isPlain) { return body(Listpack.Element(bytes: piece.plain.start, piece.plain.count)) }
        let pack = piece.pack
        return body(pack.element(side == .front ? pack.first : pack.last))
    }

    /// Takes one element away at an end. The list is not empty.
    @inline(__always)
    func popOne(_ side: ListSide) {
        let place = end(side).unsafelyUnwrapped
        let old = ListPiece(place.piece)
        if _slowPath(old.isPlain || old.pack.count == 1) { return drop(place) }
        var piece = own(place)
        piece.remove(at: side == .front ? piece.pack.first : piece.pack.last)
        put(piece, place)
        addToEnd(-1, side)
    }

    /// Takes `count` elements away at an end; so many are there. Whole pieces go without being looked into.
    func pop(_ count: Int, _ side: ListSide) {
        var rest = count
        while rest > 0, let place = end(side) {
            let here = ListPiece(place.piece).elementCount
            if here <= rest {
                drop(place)
                rest -= here
                continue
            }
            var piece = own(place)
            let pack = piece.pack
            piece.remove(at: side == .front ? pack.first : pack.seek(here - rest).unsafelyUnwrapped, count: rest)
            put(piece, place)
            addToEnd(-rest, side)
            rest = 0
        }
    }
}
