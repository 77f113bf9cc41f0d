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
    private var pack: Listpack
    private var first = StreamID.zero
    /// The fields at the piece's beginning.
    private var sharedFieldCount = 0
    private var sharedFieldsAt = 0
    /// Forwards: where the next entry is, `skip` elements further on. Backwards: where this entry begins.
    private var at = 0
    private var skip = 0
    private var hasSameFields = false
    /// Where the entry's fields (or values alone) begin.
    private var contentAt = 0
    /// Where the entry begins: its flags.
    private(set) var entryAt = 0

    /// The entries from `from` to `to`, both included; backwards if `reversed`, from `to` down.
    @inline(__always)
    init(_ stream: Stream, from: StreamID, to: StreamID, reversed: Bool) {
        self.stream = stream
        isReversed = reversed
        bound = reversed ? from : to
        let start = reversed ? to : from
        pack = Listpack(UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped)
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
                if pack.start[entryAt] & StreamPiece.Flag.deleted == 0 { return true }
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
                body(pack.element(fieldAt), pack.element(at))
                fieldAt = pack.next(fieldAt)
                at = pack.next(at)
            }
        } else {
            for _ in 0..<fieldCount {
                let valueAt = pack.next(at)
                body(pack.element(at), pack.element(valueAt))
                at = pack.next(valueAt)
            }
        }
        if !isReversed {
            self.at = at
            skip = 1
        }
    }

    // MARK: pieces

    private mutating func enter(_ place: Spine.Place) {
        let piece = StreamPiece(place.piece)
        self.place = place
        pack = piece.pack
        first = piece.first
        let fieldCountAt = piece.fieldCountAt
        sharedFieldCount = Int(pack.element(fieldCountAt).integer)
        sharedFieldsAt = pack.next(fieldCountAt)
        if isReversed {
            at = pack.end
        } else {
            at = sharedFieldsAt
            skip = sharedFieldCount + 1
        }
    }

    private mutating func leave() {
        guard let here = place else { return }
        place = isReversed ? stream.spine.previous(here) : stream.spine.next(here)
        if let place { enter(place) }
    }

    /// Passes over the entries of the first piece that are outside the range.
    private mutating func seek(_ start: StreamID) {
        if isReversed ? start == .max : start <= first { return }
        while true {
            let (at, skip) = (at, skip)
            guard step() else { return }
            if isReversed ? id <= start : id >= start {
                self.at = at
                self.skip = skip
                return
            }
        }
    }

    // MARK: entries

    /// Reads the head of the piece's next entry in this direction; false at its end.
    @inline(__always)
    private mutating func step() -> Bool {
        if isReversed {
            let countAt = pack.previous(at)
            var elements = Int(pack.element(countAt).integer)
            if elements == 0 { return false }
            at = countAt
            while elements > 0 {
                at = pack.previous(at)
                elements &-= 1
            }
            entryAt = at
        } else {
            while skip > 0 {
                at = pack.next(at)
                skip &-= 1
            }
            if at == pack.end { return false }
            entryAt = at
        }
        readHead()
        return true
    }

    @inline(__always)
    private mutating func readHead() {
        hasSameFields = pack.start[entryAt] & StreamPiece.Flag.sameFields != 0
        let msAt = entryAt &+ 2
        let seqAt = pack.next(msAt)
        var next = pack.next(seqAt)
        id = first.advanced(ms: pack.element(msAt).integer, seq: pack.element(seqAt).integer)
        if hasSameFields {
            fieldCount = sharedFieldCount
        } else {
            fieldCount = Int(pack.element(next).integer)
            next = pack.next(next)
        }
        contentAt = next
        if !isReversed {
            at = next
            skip = (hasSameFields ? fieldCount : fieldCount &* 2) &+ 1
        }
    }
}
