import Base
import CSystem

/// A piece of a stream: some consecutive entries in one listpack, laid out as Redis lays out the nodes of its
/// streams, so that DUMP payloads hold it as it is:
///
///     count | deleted | number of fields | field ... | 0              the fields that entries are spared
///     flags | ms | seq | value ... | elements                        an entry with these very fields
///     flags | ms | seq | n | field | value ... | elements            an entry with n fields of its own
///
/// `ms` and `seq` are distances from the piece's first ID, which outlives its entry; `elements` is how many
/// precede it in the entry, for walking backwards. Deleted entries stay, flagged.
///
/// The listpack follows the head in the same block, or has a block of its own where that wastes less: the
/// allocator's size classes are a quarter of a power of two apart.
struct StreamPiece {
    struct Head {
        var header: PieceHeader
        var first: StreamID
        var bytes: UnsafeMutablePointer<UInt8>
        /// Bytes of room for the listpack.
        var capacity: Int
    }

    static let headBytes = 56
    /// The head's own size class, when it is alone in its block.
    static let aloneBytes = 64

    enum Flag {
        static let deleted: UInt8 = 1
        /// The entry's fields are those at the piece's beginning.
        static let sameFields: UInt8 = 2
    }

    let base: Piece

    @inline(__always)
    init(_ base: Piece) { self.base = base }

    @inline(__always)
    private var head: UnsafeMutablePointer<Head> { base.assumingMemoryBound(to: Head.self) }

    @inline(__always)
    var first: StreamID { head.pointee.first }

    @inline(__always)
    var pack: Listpack { Listpack(head.pointee.bytes) }

    @inline(__always)
    var capacity: Int { head.pointee.capacity }

    private var isInline: Bool { UnsafeMutableRawPointer(head.pointee.bytes) == base + StreamPiece.headBytes }

    // MARK: memory

    /// Room for a listpack of so many bytes, which the caller writes.
    static func make(id: UInt64, version: UInt64, first: StreamID, room: Int) -> StreamPiece {
        let inline = sizeClass(headBytes &+ room)
        let alone = sizeClass(room)
        let isInline = inline <= alone &+ aloneBytes
        let base = cs_allocate(isInline ? inline : headBytes)!
        let bytes = isInline ? base + headBytes : cs_allocate(alone)!
        let head = Head(
            header: PieceHeader(id: id, version: version), first: first,
            bytes: bytes.assumingMemoryBound(to: UInt8.self), capacity: isInline ? inline - headBytes : alone)
        base.assumingMemoryBound(to: Head.self).initialize(to: head)
        return StreamPiece(base)
    }

    /// A piece with the same contents, identity and dirt, and one holder.
    func copy(room: Int) -> StreamPiece {
        let header = base.header.pointee
        let twin = StreamPiece.make(id: header.id, version: header.version, first: first, room: room)
        if !header.isDirty { twin.base.header.pointee.clean() }
        memcpy(twin.pack.start, pack.start, pack.byteCount)
        return twin
    }

    func free() {
        if isInline {
            cs_release(base, StreamPiece.headBytes + capacity)
        } else {
            cs_release(head.pointee.bytes, capacity)
            cs_release(base, StreamPiece.headBytes)
        }
    }

    var memoryBytes: Int {
        cs_usable_size(base) + (isInline ? 0 : cs_usable_size(head.pointee.bytes))
    }

    /// Whether a block made for exactly these contents would be smaller.
    var isRoomy: Bool {
        let used = pack.byteCount
        let now = isInline ? StreamPiece.headBytes + capacity : StreamPiece.aloneBytes + capacity
        return min(sizeClass(StreamPiece.headBytes + used), StreamPiece.aloneBytes + sizeClass(used)) < now
    }

    // MARK: the beginning

    /// Entries that are there.
    @inline(__always)
    var live: Int { Int(pack.element(Listpack.headerBytes).integer) }

    /// Entries that are only marked as deleted.
    var deleted: Int { Int(pack.element(pack.next(Listpack.headerBytes)).integer) }

    /// Where the number of fields is.
    @inline(__always)
    var fieldCountAt: Int {
        let pack = pack
        return pack.next(pack.next(Listpack.headerBytes))
    }

    /// The ID of the last entry, be it deleted.
    var last: StreamID {
        let pack = pack
        var at = pack.previous(pack.end)
        for _ in 0..<Int(pack.element(at).integer) { at = pack.previous(at) }
        let msAt = pack.next(at)
        return first.advanced(ms: pack.element(msAt).integer, seq: pack.element(pack.next(msAt)).integer)
    }
}
