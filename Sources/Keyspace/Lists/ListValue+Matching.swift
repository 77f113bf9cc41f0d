import Base
import CSystem

/// LREM: takes away elements with a certain value.
extension ListValue {
    /// Removes the elements equal to `value`, at most `limit` of them, the first or (from the back) the last ones.
    /// Answers how many, and whether the list has become empty.
    public func removeAll(_ value: ByteView, limit: Int, from side: ListSide) -> (removed: Int, isGone: Bool) {
        let probe = Listpack.Probe(value)
        let all = count
        if limit >= all && consistsOf(probe) {
            access.removeEmptied(slot, key, .list(.remove(at: 0, count: all)))
            return (all, true)
        }
        if !isPacked { return (removeFromPieces(probe, limit, side), false) }
        var storage = PackedValue(access, slot, key)
        var taken: [Int] = []
        let removed = storage.removeAll(probe, limit, side) { taken.append($0) }
        emit(taken, from: 0)
        return (removed, false)
    }

    private func consistsOf(_ probe: Listpack.Probe) -> Bool {
        var cursor = entry.listCursor(from: 0)
        while let element = cursor.next() {
            if !probe.equals(element) { return false }
        }
        return true
    }

    /// Stamps and emits the removal of elements, given by their indices from `start` on when each was taken.
    private func emit(_ indices: [Int], from start: Int) {
        for index in indices { access.changed(slot, key, .list(.remove(at: start + index, count: 1))) }
    }

    private func removeFromPieces(_ probe: Listpack.Probe, _ limit: Int, _ side: ListSide) -> Int {
        let spine = entry.listSpine
        var removed = 0
        // Forwards, the first element yet to be looked at; backwards, the one behind the last.
        var position = side == .front ? 0 : count
        while removed < limit && (side == .front ? position < spine.pointee.count : position > 0) {
            let place = spine.pointee.locate(side == .front ? position : position - 1).place
            let here = ListPiece(place.piece).elementCount
            let start = side == .front ? position : position - here
            let taken = remove(probe, limit - removed, side, place, start)
            removed += taken
            position = side == .front ? start + here - taken : start
        }
        packIfSmall()
        return removed
    }

    /// Removes matches from one piece, whose first element is the list's `start`th.
    private func remove(
        _ probe: Listpack.Probe, _ limit: Int, _ side: ListSide, _ place: Spine.Place, _ start: Int
    ) -> Int {
        let old = ListPiece(place.piece)
        if old.isPlain {
            if !probe.equals(Listpack.Element(bytes: old.plain.start, old.plain.count)) { return 0 }
            pieces.drop(place)
            emit([0], from: start)
            return 1
        }
        let pack = old.pack
        if pack.find(probe, from: pack.first, step: 1) == pack.end { return 0 }
        let pieces = pieces
        var piece = pieces.own(place)
        var taken: [Int] = []
        let removed = piece.removeAll(probe, limit, side) { taken.append($0) }
        piece.trim()
        pieces.put(piece, place)
        if piece.pack.isEmpty {
            pieces.head.pointee.spine.add(-removed, at: place)
            pieces.drop(place)
        } else {
            pieces.head.pointee.spine.add(-removed, at: place)
            // With what has been looked at: the next look begins at a piece's end.
            pieces.join(place, side)
        }
        emit(taken, from: start)
        return removed
    }
}

extension PackedStorage {
    /// Removes elements equal to `probe`, at most `limit`, the first or the last ones. `note` is told the index of
    /// each, in this order, when those before it are gone already. Answers how many.
    fileprivate mutating func removeAll(
        _ probe: Listpack.Probe, _ limit: Int, _ side: ListSide, _ note: (Int) -> Void
    ) -> Int {
        let pack = pack
        var (from, index) = side == .front ? (pack.first, 0) : firstOfLast(probe, limit)
        // What is kept moves down over what is not, until the rest is one gap.
        var kept = from
        var removed = 0
        while from < pack.end && removed < limit {
            let next = pack.next(from)
            if probe.equals(pack.element(from)) {
                note(index)
                removed += 1
            } else {
                if kept != from { memmove(start + kept, start + from, next - from) }
                kept += next - from
                index += 1
            }
            from = next
        }
        if removed == 0 { return 0 }
        let total = pack.byteCount
        splice(at: kept, removing: from - kept, inserting: 0)
        settle(total - (from - kept), adding: -removed)
        return removed
    }

    /// Where the last `limit` elements equal to `probe` begin (or all, if there are fewer), and that one's index.
    private func firstOfLast(_ probe: Listpack.Probe, _ limit: Int) -> (Int, Int) {
        let pack = pack
        var at = pack.end
        var index = pack.count
        var found = 0
        while at > pack.first && found < limit {
            at = pack.previous(at)
            index -= 1
            if probe.equals(pack.element(at)) { found += 1 }
        }
        return (at, index)
    }
}
