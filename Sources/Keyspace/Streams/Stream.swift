import Base
import CSystem

/// What a stream's head holds, in memory of its own whose address is the entry's value.
struct StreamHead {
    var lastID = StreamID.zero
    /// The first live entry's; 0-0 when there is none.
    var firstID = StreamID.zero
    var maxDeletedID = StreamID.zero
    /// Entries ever added.
    var entriesAdded: Int64 = 0
    var spine = Spine()
    /// The last piece, nil if there is none: adding must not look for it.
    var tail: Piece?
    var book = PieceBook(nextID: 1)
    var groups = NamedItems()
}

/// A stream: entries with ascending IDs in pieces (`StreamPiece`), ordered by a spine, and consumer groups.
///
/// A handle of a pointer, as long-lived as the key's value. Functions that change take the version with which
/// to mark the pieces that they touch (`Access.nextVersion`). All under the partition's lock.
public struct Stream {
    let head: UnsafeMutablePointer<StreamHead>

    @inline(__always)
    init(_ raw: UnsafeMutableRawPointer) { head = raw.assumingMemoryBound(to: StreamHead.self) }

    /// A stream without entries.
    static func make() -> Stream {
        let raw = cs_allocate(MemoryLayout<StreamHead>.stride)!
        raw.assumingMemoryBound(to: StreamHead.self).initialize(to: StreamHead())
        return Stream(raw)
    }

    @inline(__always)
    var spine: Spine { head.pointee.spine }

    /// Entries.
    @inline(__always)
    public var count: Int { head.pointee.spine.count }

    /// The ID of the latest entry ever added (or what XSETID said).
    @inline(__always)
    public var lastID: StreamID { head.pointee.lastID }

    /// The first entry's ID; 0-0 if there is none.
    public var firstID: StreamID { head.pointee.firstID }

    /// The greatest ID that was ever deleted by its name; 0-0: none.
    public var maxDeletedID: StreamID { head.pointee.maxDeletedID }

    /// Entries ever added.
    public var entriesAdded: Int64 { head.pointee.entriesAdded }

    public var pieceCount: Int { head.pointee.spine.pieceCount }

    // MARK: looking

    /// Where an entry with this ID is, if it is there; the first piece if all are behind it. Nil in an empty stream.
    @inline(__always)
    func place(of id: StreamID) -> Spine.Place? {
        if id == .zero { return spine.first }
        if id == .max { return spine.last }
        return spine.search(id.ms) { StreamPiece($0).first.seq <= id.seq }
    }

    /// The entries between two IDs, both included.
    public func entries(
        from: StreamID = .zero, to: StreamID = .max, reversed: Bool = false
    ) -> StreamCursor {
        StreamCursor(self, from: from, to: to, reversed: reversed)
    }

    /// Whether an entry of this ID is there.
    public func contains(_ id: StreamID) -> Bool {
        var cursor = entries(from: id, to: id)
        return cursor.next()
    }

    /// The last live entry's ID; nil in an empty stream.
    public var lastLiveID: StreamID? {
        // Usually it is the last that was added.
        var cursor = entries(reversed: true)
        return cursor.next() ? cursor.id : nil
    }

    // MARK: changing pieces

    /// The piece as one that only this stream holds, with room for so many bytes, marked as changed.
    @inline(__always)
    func own(_ place: Spine.Place, room: Int, _ version: UInt64) -> StreamPiece {
        let piece = StreamPiece(place.piece)
        if _fastPath(!piece.base.isShared && room <= piece.capacity) {
            if _slowPath(piece.base.header.pointee.touch(version)) { spine.markDirty(place) }
            return piece
        }
        let twin = exchanged(place, piece, room: max(room, piece.capacity))
        _ = twin.base.header.pointee.touch(version)
        spine.markDirty(place)
        return twin
    }

    /// Puts a copy with this much room into the place of a piece. If that is shared, the copy is dirty, which is the
    /// caller's to note.
    @inline(never)
    func exchanged(_ place: Spine.Place, _ piece: StreamPiece, room: Int) -> StreamPiece {
        let twin = piece.copy(room: room)
        head.pointee.spine.replace(place, with: twin.base)
        if head.pointee.tail == piece.base { head.pointee.tail = twin.base }
        StreamPiece.drop(piece.base)
        return twin
    }

    func removePiece(_ place: Spine.Place) {
        let base = place.piece
        head.pointee.book.noteRemoved(base.header.pointee.id)
        head.pointee.spine.remove(place)
        StreamPiece.drop(base)
        head.pointee.tail = head.pointee.spine.last?.piece
    }

    func makePieceID() -> UInt64 { head.pointee.book.takeID() }

    /// Sets the first entry's ID anew after entries were removed.
    func refreshFirstID() {
        var cursor = entries()
        head.pointee.firstID = cursor.next() ? cursor.id : .zero
    }
}

extension Entry {
    /// The value of a stream's entry.
    @inline(__always)
    public var stream: Stream { Stream(head) }
}
