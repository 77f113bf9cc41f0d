import Base
import CSystem

/// The head of a list in pieces: its value's address is what the entry holds. Used under the partition's lock,
/// through `ListValue`, which knows the key's version.
struct ListHead {
    var spine = Spine()
    var book = PieceBook(nextID: 0)
}

typealias ListHeadPointer = UnsafeMutablePointer<ListHead>

/// A list's elements in pieces of a few KB, each up to the size that `list-max-listpack-size` allows (Redis:
/// quicklist).
struct ListPieces: PiecedValue {
    let head: ListHeadPointer
    let limits: ListLimits
    /// What pieces that are changed are marked with.
    let version: UInt64

    @inline(__always)
    init(_ head: UnsafeMutableRawPointer, _ limits: ListLimits, version: UInt64) {
        self.head = head.assumingMemoryBound(to: ListHead.self)
        self.limits = limits
        self.version = version
    }

    static func makeHead() -> UnsafeMutableRawPointer {
        let head = cs_allocate(MemoryLayout<ListHead>.size)!
        head.initializeMemory(as: ListHead.self, to: ListHead())
        return head
    }

    static func spine(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Spine> {
        head.assumingMemoryBound(to: Spine.self)
    }

    // MARK: pieces

    /// A new piece's header.
    func newHeader() -> PieceHeader { PieceHeader(id: head.pointee.book.takeID(), version: version) }

    /// The piece at a place, to be changed: its own, and marked. What is done to it is completed with `put`.
    @inline(__always)
    func own(_ place: Spine.Place) -> ListPiece {
        var piece = ListPiece(place.piece, limits)
        if _slowPath(piece.base.isShared) { piece = unshared(piece, place) }
        if _slowPath(piece.base.header.pointee.touch(version)) { head.pointee.spine.markDirty(place) }
        return piece
    }

    @inline(never)
    private func unshared(_ piece: ListPiece, _ place: Spine.Place) -> ListPiece {
        let copy = ListPiece(copying: piece)
        ListPieces.letGo(piece.base)
        head.pointee.spine.replace(place, with: copy.base)
        head.pointee.spine.markDirty(place)
        return ListPiece(copy.base, limits)
    }

    /// The piece may have moved.
    @inline(__always)
    func put(_ piece: ListPiece, _ place: Spine.Place) {
        if piece.base != place.piece { head.pointee.spine.replace(place, with: piece.base) }
    }

    private static func letGo(_ base: Piece) {
        if base.letGo() { ListPiece(base).free() }
    }

    /// Takes a piece out and frees it. The one before it has another behind it then, which is saved with it (but for
    /// the last: a list ends where its head says).
    func drop(_ place: Spine.Place) {
        let base = place.piece
        if let before = head.pointee.spine.previous(place), head.pointee.spine.next(place) != nil {
            head.pointee.spine.markDirty(before)
        }
        head.pointee.book.noteRemoved(base.header.pointee.id)
        head.pointee.spine.remove(place)
        ListPieces.letGo(base)
    }

    // MARK: PiecedValue

    static func free(_ head: UnsafeMutableRawPointer) {
        var place = spine(head).pointee.first
        while let current = place {
            place = spine(head).pointee.next(current)
            letGo(current.piece)
        }
        spine(head).pointee.free()
        head.assumingMemoryBound(to: ListHead.self).pointee.book.free()
        cs_release(head, MemoryLayout<ListHead>.size)
    }

    static func copy(_ head: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        let copy = cs_allocate(MemoryLayout<ListHead>.size)!
        let old = head.assumingMemoryBound(to: ListHead.self)
        let spine = old.pointee.spine.copy { $0.share() }
        let book = PieceBook(nextID: old.pointee.book.nextID)
        copy.initializeMemory(as: ListHead.self, to: ListHead(spine: spine, book: book))
        return copy
    }

    static func memoryBytes(_ head: UnsafeMutableRawPointer, samples: Int) -> Int {
        var seen = 0
        var sum = 0
        var place = spine(head).pointee.first
        while let current = place, samples == 0 || seen < samples {
            sum += cs_usable_size(current.piece)
            seen += 1
            place = spine(head).pointee.next(current)
        }
        let pieces = spine(head).pointee.pieceCount
        let all = seen == 0 ? 0 : seen == pieces ? sum : Int(Double(sum) / Double(seen) * Double(pieces))
        let book = head.assumingMemoryBound(to: ListHead.self).pointee.book.memoryBytes
        return all + spine(head).pointee.memoryBytes + cs_usable_size(head) + book
    }

    static func count(_ head: UnsafeMutableRawPointer) -> Int { spine(head).pointee.count }

    static func forEachPiece(_ head: UnsafeMutableRawPointer, _ body: (PieceFigures) -> Void) {
        var place = spine(head).pointee.first
        while let current = place {
            let piece = ListPiece(current.piece)
            body(
                PieceFigures(
                    current.piece.header, elements: piece.elementCount, bytes: piece.contentBytes,
                    isDirty: spine(head).pointee.isDirty(current)))
            place = spine(head).pointee.next(current)
        }
    }
}
