import Base

/// Walks over a list's elements from one to the next. Valid while the list is not changed.
public struct ListCursor {
    private let spine: UnsafeMutablePointer<Spine>?
    private var place: Spine.Place?
    private let direction: ListSide
    private var pack: Listpack
    /// A plain piece, whose only element has not been answered yet.
    private var plain: ByteView?
    /// Forwards: the next element's position; backwards: that of the one answered last.
    private var at = 0

    /// Starts at the element at `index` (0 ..< count), which is the first to be answered, and goes towards `end`.
    init(_ list: Entry, from index: Int, towards end: ListSide) {
        direction = end
        if list.encoding == .pieces {
            let spine = list.listSpine
            let (place, offset) = spine.pointee.locate(index)
            self.spine = spine
            pack = ListCursor.nothing
            open(place, offset)
        } else {
            spine = nil
            pack = list.packed
            seek(index)
        }
    }

    nonisolated(unsafe) private static let nothing = {
        let start = UnsafeMutablePointer<UInt8>.allocate(capacity: Listpack.emptyBytes)
        Listpack.makeEmpty(start)
        return Listpack(start)
    }()

    private mutating func seek(_ index: Int) {
        at = pack.seek(index).unsafelyUnwrapped
        if direction == .front { at = pack.next(at) }
    }

    private mutating func open(_ place: Spine.Place, _ offset: Int) {
        self.place = place
        let piece = ListPiece(place.piece)
        if piece.isPlain {
            plain = piece.plain
            // When that has been answered, `next` finds nothing here.
            pack = ListCursor.nothing
            at = pack.end
            return
        }
        pack = piece.pack
        seek(offset)
    }

    /// The next element; nil at the end.
    @inline(__always)
    public mutating func next() -> Listpack.Element? {
        if _fastPath(plain == nil) {
            if direction == .back {
                if _fastPath(at < pack.end) {
                    let element = pack.element(at)
                    at = pack.next(at)
                    return element
                }
            } else if _fastPath(at > pack.first) {
                at = pack.previous(at)
                return pack.element(at)
            }
        }
        return nextPiece()
    }

    @inline(never)
    private mutating func nextPiece() -> Listpack.Element? {
        if let view = plain {
            plain = nil
            return Listpack.Element(bytes: view.start, view.count)
        }
        guard let spine, let place else { return nil }
        let following = direction == .back ? spine.pointee.next(place) : spine.pointee.previous(place)
        guard let following else { return nil }
        open(following, direction == .back ? 0 : ListPiece(following.piece).elementCount - 1)
        return next()
    }
}

/// Elements of a list that lie side by side.
public struct ListRun {
    public let pack: Listpack
    /// Where the first is.
    public let at: Int
    public let count: Int
    /// A large element by itself; `pack` is meaningless then.
    public let plain: ByteView?
}

extension Entry {
    /// A cursor over a list, from the element at `index` (0 ..< count), which it answers first, towards an end.
    public func listCursor(from index: Int, towards end: ListSide = .back) -> ListCursor {
        ListCursor(self, from: index, towards: end)
    }

    /// Visits `count` elements of a list from `index` on, in runs; so many are there.
    @inline(__always)
    public func forEachListRun(from index: Int, _ count: Int, _ body: (ListRun) -> Void) {
        if count <= 0 { return }
        if encoding != .pieces {
            let pack = packed
            return body(ListRun(pack: pack, at: pack.seek(index).unsafelyUnwrapped, count: count, plain: nil))
        }
        let spine = listSpine
        var (place, offset) = index == 0 ? (spine.pointee.first.unsafelyUnwrapped, 0) : spine.pointee.locate(index)
        var rest = count
        while true {
            let piece = ListPiece(place.piece)
            if _slowPath(piece.isPlain) {
                body(ListRun(pack: Listpack(piece.start), at: 0, count: 1, plain: piece.plain))
                rest -= 1
            } else {
                let pack = piece.pack
                let here = min(rest, pack.count - offset)
                body(ListRun(pack: pack, at: pack.seek(offset).unsafelyUnwrapped, count: here, plain: nil))
                rest -= here
            }
            if rest == 0 { return }
            offset = 0
            place = spine.pointee.next(place).unsafelyUnwrapped
        }
    }

    /// The list's element at `index` (0 ..< count).
    public func withListElement<R>(at index: Int, _ body: (Listpack.Element) -> R) -> R {
        if encoding != .pieces { return body(packed.element(packed.seek(index).unsafelyUnwrapped)) }
        let (place, offset) = listSpine.pointee.locate(index)
        let piece = ListPiece(place.piece)
        if piece.isPlain { return body(Listpack.Element(bytes: piece.plain.start, piece.plain.count)) }
        return body(piece.pack.element(piece.pack.seek(offset).unsafelyUnwrapped))
    }
}
