import Base
import CSystem

/// Walks over a stream's entries, forwards or backwards, between two IDs; passes over deleted ones.
///
///     while cursor.next() { cursor.id ...; cursor.forEachField { field, value in ... } }
///
/// Valid until the stream changes.
public struct StreamCursor {
    /// The entry's ID.
    public private(set) var id = StreamID.zero
    /// The entry's fields.
    public private(set) var fieldCount = 0

    private let stream: Stream
    private let bound: StreamID
    private let isReversed: Bool
    private var place: Spine.Place?
    private var bytes: StreamBytes
    private var used = 0
    /// The fields at the piece's beginning.
    private var sharedFieldCount = 0
    private var sharedFieldsAt = 0
    /// Forwards: where the next entry is, `skip` elements further on.
    private var at = 0
    private var skip = 0
    /// Backwards: the entries of the piece that are still to come, the next one last.
    private var marks: [Mark] = []
    /// Backwards: the piece's last entry comes next, the others are not listed yet.
    private var isBeforeLast = false
    private var isListed = false
    /// The next entry has been read already.
    private var isAhead = false
    private var isDeleted = false
    private var hasSameFields = false
    /// Where the entry's fields (or values alone) begin.
    private var contentAt = 0
    /// Where the entry begins: its control byte.
    private(set) var entryAt = 0

    /// An entry, and the ID before its own.
    private struct Mark {
        var at: Int
        var before: StreamID
    }

    /// The entries from `from` to `to`, both included; backwards if `reversed`, from `to` down.
    @inline(__always)
    init(_ stream: Stream, from: StreamID, to: StreamID, reversed: Bool) {
        self.stream = stream
        isReversed = reversed
        bound = reversed ? from : to
        let start = reversed ? to : from
        bytes = StreamBytes(start: UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped)
        place = stream.place(of: start)
        if from > to { place = nil }
        guard let place else { return }
        enter(place)
        seek(start)
    }

    /// The place of the piece that the entry is in.
    var piecePlace: Spine.Place { place.unsafelyUnwrapped }

    /// Goes to the next entry; false if there is none.
    @inline(__always)
    public mutating func next() -> Bool {
        while place != nil {
            if step() {
                if isReversed ? id < bound : id > bound {
                    place = nil
                    return false
                }
                if !isDeleted { return true }
            } else {
                leave()
            }
        }
        return false
    }

    /// Visits the entry's fields and values.
    @inline(__always)
    public mutating func forEachField(_ body: (Listpack.Element, Listpack.Element) -> Void) {
        var at = contentAt
        if hasSameFields {
            var fieldAt = sharedFieldsAt
            for _ in 0..<fieldCount {
                body(bytes.element(fieldAt), bytes.element(at))
                fieldAt = bytes.next(fieldAt)
                at = bytes.next(at)
            }
        } else {
            for _ in 0..<fieldCount {
                let valueAt = bytes.next(at)
                body(bytes.element(at), bytes.element(valueAt))
                at = bytes.next(valueAt)
            }
        }
        if !isReversed {
            self.at = at
            skip = 0
        }
    }

    // MARK: pieces

    private mutating func enter(_ place: Spine.Place) {
        let piece = StreamPiece(place.piece)
        self.place = place
        bytes = piece.bytes
        used = piece.used
        id = piece.first
        at = 0
        sharedFieldCount = Int(bytes.number(&at))
        sharedFieldsAt = at
        skip = sharedFieldCount
        isBeforeLast = true
        isListed = false
    }

    private mutating func leave() {
        guard let here = place else { return }
        place = isReversed ? stream.spine.previous(here) : stream.spine.next(here)
        if let place { enter(place) }
    }

    /// Passes over the entries of the first piece that are outside the range.
    private mutating func seek(_ start: StreamID) {
        if isReversed {
            if StreamPiece(piecePlace.piece).last <= start { return }
            isBeforeLast = false
            list(upTo: start)
            return
        }
        if start <= id { return }
        while step() {
            if id >= start {
                isAhead = true
                return
            }
        }
    }

    /// Lists the piece's entries up to this ID, from the first on: there is no way back from one to the one before.
    private mutating func list(upTo bound: StreamID) {
        isListed = true
        marks.removeAll(keepingCapacity: true)
        skip = sharedFieldCount
        at = sharedFieldsAt
        id = StreamPiece(piecePlace.piece).first
        while true {
            let before = id
            guard stepForwards(), id <= bound else { return }
            marks.append(Mark(at: entryAt, before: before))
        }
    }

    // MARK: entries

    /// Reads the head of the piece's next entry in this direction; false at its end.
    @inline(__always)
    private mutating func step() -> Bool {
        if _slowPath(isReversed) { return stepBackwards() }
        if _slowPath(isAhead) {
            isAhead = false
            return true
        }
        return stepForwards()
    }

    @inline(__always)
    private mutating func stepForwards() -> Bool {
        while skip > 0 {
            at = bytes.next(at)
            skip &-= 1
        }
        if at == used { return false }
        entryAt = at
        readHead(after: id)
        at = contentAt
        skip = hasSameFields ? fieldCount : fieldCount &* 2
        return true
    }

    private mutating func stepBackwards() -> Bool {
        if isBeforeLast {
            isBeforeLast = false
            let piece = StreamPiece(piecePlace.piece)
            entryAt = Int(piece.head.pointee.lastAt)
            readHead(after: .zero)
            id = piece.last
            return true
        }
        if !isListed {
            list(upTo: .max)
            // The last one has been visited.
            marks.removeLast()
        }
        guard let mark = marks.popLast() else { return false }
        entryAt = mark.at
        readHead(after: mark.before)
        return true
    }

    @inline(__always)
    private mutating func readHead(after last: StreamID) {
        let entry = bytes.entryHead(entryAt, after: last)
        id = entry.id
        isDeleted = entry.isDeleted
        hasSameFields = entry.ownFields < 0
        fieldCount = hasSameFields ? sharedFieldCount : entry.ownFields
        contentAt = entry.contentAt
    }
}
