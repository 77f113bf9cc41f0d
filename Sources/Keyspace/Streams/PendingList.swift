import Base
import CSystem

/// Records of delivered entries, in the order of the entries' IDs.
protocol PendingRecord {
    var id: StreamID { get }
    /// Whether pieces of such records are saved.
    static var isSaved: Bool { get }
}

/// An entry that was delivered to a consumer of a group and not acknowledged yet.
public struct PendingEntry: PendingRecord {
    public let id: StreamID
    /// When it was last delivered, ms since 1970.
    public var time: Int64
    /// How often.
    public var deliveries: Int64
    /// The number that the group gave the consumer.
    var owner: UInt32
    static var isSaved: Bool { true }
    private let padding: UInt32 = 0

    init(_ id: StreamID, time: Int64, deliveries: Int64, owner: UInt32) {
        self.id = id
        self.time = time
        self.deliveries = deliveries
        self.owner = owner
    }
}

/// One of a consumer's pending entries; what else is known of it is in the group's list.
struct OwnedEntry: PendingRecord {
    let id: StreamID
    static var isSaved: Bool { false }
}

/// A piece of a list of records: a header, then the records in order.
struct PendingPiece<Record: PendingRecord> {
    struct Head {
        var header: PieceHeader
        var used: UInt32
        let capacity: UInt32
    }

    let base: Piece

    @inline(__always)
    init(_ base: Piece) { self.base = base }

    static var stride: Int { MemoryLayout<Record>.stride }

    /// The records of a full piece, which is then of 4 KiB.
    static var capacityMax: Int { (4096 - MemoryLayout<Head>.stride) / stride }

    @inline(__always)
    private var head: UnsafeMutablePointer<Head> { base.assumingMemoryBound(to: Head.self) }

    @inline(__always)
    var records: UnsafeMutablePointer<Record> {
        (base + MemoryLayout<Head>.stride).assumingMemoryBound(to: Record.self)
    }

    @inline(__always)
    var used: Int { Int(head.pointee.used) }

    @inline(__always)
    var capacity: Int { Int(head.pointee.capacity) }

    private static func bytes(_ capacity: Int) -> Int { MemoryLayout<Head>.stride + capacity * stride }

    /// An empty piece with room for so many records, or some more.
    static func make(id: UInt64, version: UInt64, capacity wanted: Int) -> PendingPiece {
        let size = sizeClass(bytes(wanted))
        let capacity = min(capacityMax, (size - MemoryLayout<Head>.stride) / stride)
        let base = cs_allocate(bytes(capacity))!
        base.assumingMemoryBound(to: Head.self).initialize(
            to: Head(header: PieceHeader(id: id, version: version), used: 0, capacity: UInt32(capacity)))
        return PendingPiece(base)
    }

    /// A piece with the same records and identity, and one holder. It is as dirty as this one, unless that is shared:
    /// dirty then.
    func copy(capacity: Int) -> PendingPiece {
        let (id, version) = (base.header.pointee.id, base.header.pointee.version)
        let twin = PendingPiece.make(id: id, version: version, capacity: capacity)
        if !base.isShared && !base.header.pointee.isDirty { twin.base.header.pointee.clean() }
        twin.append(self, 0, used)
        return twin
    }

    static func drop(_ base: Piece) {
        if base.letGo() { cs_release(base, bytes(PendingPiece(base).capacity)) }
    }

    /// Records with lesser IDs.
    @inline(__always)
    func position(of id: StreamID) -> Int {
        var low = 0
        var high = used
        while low < high {
            let middle = (low &+ high) >> 1
            if records[middle].id < id { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    func insert(_ record: Record, at i: Int) {
        memmove(records + i + 1, records + i, (used - i) * PendingPiece.stride)
        records[i] = record
        head.pointee.used += 1
    }

    func remove(at i: Int) {
        memmove(records + i, records + i + 1, (used - i - 1) * PendingPiece.stride)
        head.pointee.used -= 1
    }

    /// Copies records of another piece to the end.
    func append(_ other: PendingPiece, _ from: Int, _ to: Int) {
        memcpy(records + used, other.records + from, (to - from) * PendingPiece.stride)
        head.pointee.used += UInt32(to - from)
    }

    func truncate(_ count: Int) { head.pointee.used = UInt32(count) }
}

/// What marks the pieces that a change touches.
struct PieceMark {
    let version: UInt64
    /// Gives a new piece its identity.
    let stream: Stream
}

/// A list of records in pieces. A value of pointers: `free` or `copy` it explicitly.
struct PendingList<Record: PendingRecord> {
    typealias Part = PendingPiece<Record>

    private(set) var spine = Spine()

    @inline(__always)
    var count: Int { spine.count }

    func free() {
        var place = spine.first
        while let here = place {
            Part.drop(here.piece)
            place = spine.next(here)
        }
        spine.free()
    }

    /// A list with the same records; pieces are shared until either list changes them.
    func copy() -> PendingList {
        var twin = PendingList()
        twin.spine.free()
        twin.spine = spine.copy { $0.share() }
        return twin
    }

    // MARK: looking

    /// The place of a record, and its index there. Valid until the list changes.
    struct Cursor {
        fileprivate(set) var place: Spine.Place
        fileprivate(set) var index: Int

        @inline(__always)
        var record: Record { PendingPiece<Record>(place.piece).records[index] }
    }

    var first: Record? { spine.first.map { Part($0.piece).records[0] } }

    var last: Record? { spine.last.map { Part($0.piece).records[Part($0.piece).used - 1] } }

    private func place(of id: StreamID) -> Spine.Place? {
        if let last = spine.last, Part(last.piece).records[0].id <= id { return last }
        return spine.search(id.ms) { Part($0).records[0].id.seq <= id.seq }
    }

    /// The first record whose ID is not less.
    func seek(_ id: StreamID) -> Cursor? {
        guard let place = place(of: id) else { return nil }
        let cursor = Cursor(place: place, index: Part(place.piece).position(of: id))
        return cursor.index < Part(place.piece).used ? cursor : next(Cursor(place: place, index: cursor.index - 1))
    }

    func next(_ cursor: Cursor) -> Cursor? {
        if cursor.index + 1 < Part(cursor.place.piece).used {
            return Cursor(place: cursor.place, index: cursor.index + 1)
        }
        return spine.next(cursor.place).map { Cursor(place: $0, index: 0) }
    }

    /// The record of this ID.
    func find(_ id: StreamID) -> Cursor? {
        guard let cursor = seek(id), cursor.record.id == id else { return nil }
        return cursor
    }

    // MARK: changing

    /// The piece as one that only this list holds, with room for so many records, marked as changed.
    private mutating func own(_ place: Spine.Place, capacity: Int, _ mark: PieceMark) -> Part {
        let piece = Part(place.piece)
        if piece.base.isShared || capacity > piece.capacity {
            let twin = piece.copy(capacity: max(capacity, piece.used))
            spine.replace(place, with: twin.base)
            Part.drop(piece.base)
            _ = twin.base.header.pointee.touch(mark.version)
            spine.markDirty(place)
            return twin
        }
        if piece.base.header.pointee.touch(mark.version) { spine.markDirty(place) }
        return piece
    }

    /// Puts a record into the place of one with the same ID.
    mutating func replace(_ cursor: Cursor, with record: Record, _ mark: PieceMark) {
        own(cursor.place, capacity: 0, mark).records[cursor.index] = record
    }

    /// Adds a record whose ID is not there.
    mutating func insert(_ record: Record, _ mark: PieceMark) {
        guard let place = place(of: record.id) else { return append(record, mark) }
        let piece = Part(place.piece)
        let index = piece.position(of: record.id)
        if piece.used == Part.capacityMax {
            if index == piece.used && spine.last! == place { return append(record, mark) }
            split(place, mark)
            return insert(record, mark)
        }
        let wanted = piece.used < piece.capacity ? piece.used + 1 : min(Part.capacityMax, piece.used * 2)
        own(place, capacity: wanted, mark).insert(record, at: index)
        spine.add(1, at: place)
        if index == 0 { spine.setKey(record.id.ms, at: place) }
    }

    /// Adds a piece with one record behind all others.
    private mutating func append(_ record: Record, _ mark: PieceMark) {
        let capacity = spine.pieceCount == 0 ? 1 : Part.capacityMax
        let piece = Part.make(id: mark.stream.makePieceID(), version: mark.version, capacity: capacity)
        piece.insert(record, at: 0)
        spine.append(piece.base, count: 1, key: record.id.ms)
    }

    private mutating func split(_ place: Spine.Place, _ mark: PieceMark) {
        let left = own(place, capacity: 0, mark)
        let cut = left.used / 2
        let right = Part.make(
            id: mark.stream.makePieceID(), version: mark.version, capacity: Part.capacityMax)
        right.append(left, cut, left.used)
        spine.add(-right.used, at: place)
        left.truncate(cut)
        spine.insert(right.base, count: right.used, key: right.records[0].id.ms, after: place)
    }

    /// Removes a record.
    mutating func remove(_ cursor: Cursor, _ mark: PieceMark) {
        let place = cursor.place
        if Part(place.piece).used == 1 { return dropPiece(place, mark) }
        let piece = own(place, capacity: 0, mark)
        piece.remove(at: cursor.index)
        spine.add(-1, at: place)
        if cursor.index == 0 { spine.setKey(piece.records[0].id.ms, at: place) }
        if piece.used <= Part.capacityMax / 4 { tidy(place, mark) }
    }

    /// Takes a piece out. Invalidates places.
    private mutating func dropPiece(_ place: Spine.Place, _ mark: PieceMark) {
        let base = place.piece
        if Record.isSaved { mark.stream.head.pointee.book.noteRemoved(base.header.pointee.id) }
        spine.remove(place)
        Part.drop(base)
    }

    /// Joins a sparse piece with the next one if both fill half a piece, or gives its spare memory back.
    private mutating func tidy(_ place: Spine.Place, _ mark: PieceMark) {
        let piece = Part(place.piece)
        if let next = spine.next(place), piece.used + Part(next.piece).used <= Part.capacityMax / 2 {
            let right = Part(next.piece)
            let joined = own(place, capacity: piece.used + right.used, mark)
            joined.append(right, 0, right.used)
            spine.add(right.used, at: place)
            dropPiece(next, mark)
        } else if piece.used * 4 <= piece.capacity {
            let smaller = piece.copy(capacity: piece.used * 2)
            spine.replace(place, with: smaller.base)
            Part.drop(piece.base)
        }
    }

    /// Removes all records that `isDoomed`: a walk over the whole list.
    mutating func removeAll(_ mark: PieceMark, where isDoomed: (Record) -> Bool) {
        var place = spine.first
        while let here = place {
            place = thin(here, mark, isDoomed) ?? spine.next(here)
        }
    }

    /// Removes the doomed records of a piece; answers the place to go on at if the piece has gone with them.
    private mutating func thin(_ place: Spine.Place, _ mark: PieceMark, _ isDoomed: (Record) -> Bool) -> Spine.Place?? {
        let old = Part(place.piece)
        let (first, used) = (old.records[0].id, old.used)
        if !(0..<used).contains(where: { isDoomed(old.records[$0]) }) { return .none }
        let piece = own(place, capacity: 0, mark)
        var kept = 0
        for i in 0..<used where !isDoomed(piece.records[i]) {
            piece.records[kept] = piece.records[i]
            kept += 1
        }
        piece.truncate(kept)
        spine.add(kept - used, at: place)
        if kept > 0 {
            spine.setKey(piece.records[0].id.ms, at: place)
            return .none
        }
        dropPiece(place, mark)
        guard let before = self.place(of: first) else { return .some(nil) }
        return .some(Part(before.piece).records[0].id < first ? spine.next(before) : before)
    }

    // MARK: pieces

    var memoryBytes: Int {
        var sum = spine.memoryBytes
        forEachPiece { sum += cs_usable_size($0.base) }
        return sum
    }

    func forEachPiece(_ body: (Part) -> Void) {
        var place = spine.first
        while let here = place {
            body(Part(here.piece))
            place = spine.next(here)
        }
    }

    /// For tests: what is wrong with the list, nil if nothing.
    func brokenInvariant() -> String? {
        if let broken = spine.brokenInvariant() { return broken }
        var latest = StreamID.zero
        var broken: String?
        var sum = 0
        forEachPiece { piece in
            if piece.used == 0 { broken = "an empty piece" }
            sum += piece.used
            for i in 0..<piece.used {
                if i > 0 || latest != .zero, piece.records[i].id <= latest { broken = "records out of order" }
                latest = piece.records[i].id
            }
        }
        return sum == count ? broken : "a wrong count"
    }
}
