import Base
import CSystem

extension Stream {
    /// The longest sum of an entry's fields and values, and of a piece (Redis' STREAM_LISTPACK_MAX_SIZE).
    public static let entryBytesMax = 1 << 30
    /// A new piece gets at most this much room in advance.
    private static let pieceBytesFirst = 4096

    /// Adds an entry behind all others: `id` is greater than `lastID`, the fields are not longer than
    /// `entryBytesMax`.
    @inline(__always)
    func add(_ id: StreamID, _ fields: StreamFields, _ limits: PackingLimits, _ version: UInt64) {
        let bytes = fields.byteCount
        let room = StreamPiece.room(for: fields, bytes: bytes)
        if let tail = head.pointee.tail, !Stream.isFull(StreamPiece(tail), bytes, limits) {
            appendToTail(StreamPiece(tail), id, fields, room, version)
        } else {
            startPiece(id, fields, room, version)
        }
        if count == 1 { head.pointee.firstID = id }
        head.pointee.lastID = id
        head.pointee.entriesAdded &+= 1
    }

    /// Whether an entry of so many bytes must go to a new piece.
    @inline(__always)
    private static func isFull(_ piece: StreamPiece, _ bytes: Int, _ limits: PackingLimits) -> Bool {
        let configured = limits[.streamNodeBytes]
        let limit = configured <= 0 || configured > entryBytesMax ? entryBytesMax : configured
        if piece.nodeByteCount &+ bytes >= limit { return true }
        let entries = limits[.streamNodeEntries]
        if entries == 0 { return false }
        let live = piece.live
        return live >= entries || live &+ piece.deleted >= entries
    }

    @inline(__always)
    private func appendToTail(
        _ tail: StreamPiece, _ id: StreamID, _ fields: StreamFields, _ room: Int, _ version: UInt64
    ) {
        var piece = tail
        if _slowPath(tail.used &+ room > tail.capacity || tail.base.isShared) {
            piece = enlargedTail(tail, room)
        }
        if _slowPath(piece.base.header.pointee.touch(version)) { spine.markDirty(spine.last.unsafelyUnwrapped) }
        piece.append(id, fields)
        head.pointee.spine.addToLast(1)
    }

    @inline(never)
    private func enlargedTail(_ tail: StreamPiece, _ room: Int) -> StreamPiece {
        let used = tail.used
        // Doubles while it is small, then grows by quarters.
        let spare = used < Stream.pieceBytesFirst / 2 ? used : used / 4
        let wanted = used + room > tail.capacity ? used + max(room, spare) : tail.capacity
        let place = spine.last.unsafelyUnwrapped
        spine.markDirty(place)
        return exchanged(place, tail, room: wanted)
    }

    @inline(never)
    private func startPiece(_ id: StreamID, _ fields: StreamFields, _ room: Int, _ version: UInt64) {
        var wanted = room
        if let tail = head.pointee.tail {
            // The next piece will probably be as long as this one, which grows no more.
            let old = StreamPiece(tail)
            wanted = max(room, min(old.used + room, Stream.pieceBytesFirst))
            if old.isRoomy && !tail.isShared {
                _ = exchanged(spine.last!, old, room: old.used)
            }
        }
        let piece = StreamPiece.make(id: makePieceID(), version: version, first: id, room: wanted)
        piece.begin(fields)
        piece.append(id, fields)
        head.pointee.spine.append(piece.base, count: 1, key: id.ms)
        head.pointee.tail = piece.base
    }

    /// Deletes an entry by its ID. False if it is not there.
    func delete(_ id: StreamID, _ version: UInt64) -> Bool {
        var cursor = entries(from: id, to: id)
        guard cursor.next() else { return false }
        let place = cursor.piecePlace
        if StreamPiece(place.piece).live == 1 {
            removePiece(place)
        } else {
            own(place, room: 0, version).markDeleted(cursor.entryAt)
            head.pointee.spine.add(-1, at: place)
        }
        head.pointee.maxDeletedID = max(head.pointee.maxDeletedID, id)
        if id == firstID { refreshFirstID() }
        return true
    }

    /// What XSETID sets.
    func set(lastID: StreamID, entriesAdded: Int64, maxDeletedID: StreamID) {
        head.pointee.lastID = lastID
        head.pointee.entriesAdded = entriesAdded
        head.pointee.maxDeletedID = maxDeletedID
    }
}

// MARK: trimming

/// Which of the oldest entries to remove.
public enum StreamTrim {
    /// All but so many.
    case toCount(Int)
    /// Those with lesser IDs.
    case before(StreamID)
    /// So many.
    case oldest(Int)
}

extension Stream {
    /// Removes the oldest entries; answers how many. `whole`: only whole pieces go, and as many of them as have no
    /// more than `limit` entries together (0: no limit).
    func trim(_ rule: StreamTrim, whole: Bool, limit: Int, _ version: UInt64) -> Int {
        var removed = 0
        while let place = spine.first {
            let piece = StreamPiece(place.piece)
            let live = piece.live
            if case .toCount(let wanted) = rule, count <= wanted { break }
            if limit > 0 && live > limit - removed { break }
            if removesAll(rule, of: piece, live, removed) {
                removePiece(place)
                removed += live
                continue
            }
            if !whole { removed += trimInside(place, rule, removed, version) }
            break
        }
        if removed > 0 { refreshFirstID() }
        return removed
    }

    private func removesAll(_ rule: StreamTrim, of piece: StreamPiece, _ live: Int, _ removed: Int) -> Bool {
        switch rule {
        case .toCount(let wanted): count - live >= wanted
        case .before(let id): piece.last < id
        case .oldest(let wanted): live <= wanted - removed
        }
    }

    /// Removes entries at a piece's beginning; answers how many.
    private func trimInside(_ place: Spine.Place, _ rule: StreamTrim, _ removed: Int, _ version: UInt64) -> Int {
        var most = Int.max
        var bound = StreamID.max
        switch rule {
        case .toCount(let wanted): most = count - wanted
        case .before(let id): bound = id
        case .oldest(let wanted): most = wanted - removed
        }
        if most <= 0 { return 0 }
        let doomed = countDoomed(place, most, bound)
        if doomed == 0 { return 0 }
        if doomed == StreamPiece(place.piece).live {
            removePiece(place)
            return doomed
        }
        let piece = own(place, room: 0, version)
        var cursor = entries()
        for _ in 0..<doomed where cursor.next() { piece.markDeleted(cursor.entryAt) }
        head.pointee.spine.add(-doomed, at: place)
        return doomed
    }

    /// Live entries of the first piece before `bound`, at most so many.
    private func countDoomed(_ place: Spine.Place, _ most: Int, _ bound: StreamID) -> Int {
        var cursor = entries()
        var doomed = 0
        while doomed < most, cursor.next(), cursor.piecePlace == place, cursor.id < bound { doomed += 1 }
        return doomed
    }
}
