import Base
import CSystem

/// A piece of a stream: some consecutive entries, as many as Redis has in a node of its streams.
///
///     number of fields | field ...                       the fields that entries are spared
///     control | ms | seq | value ...                     an entry with these very fields
///     control | ms | seq | n | field | value ...         an entry with n fields of its own
///
/// Fields and values are elements of a listpack without their backward lengths. `ms` and `seq` say how far the
/// entry's ID is from the one before (the first's: from the piece's first ID, which outlives its entry), `ms` in a new
/// millisecond only, where `seq` is the number itself; `control` has what is left out: mostly both. Numbers have 7
/// bits per byte, the lowest first. Deleted entries stay, flagged. Redis' nodes (`writeNode`) have a good third
/// more, which serves to walk backwards; here the cursor lists a piece's entries for that.
///
/// The bytes follow the head in the same block, or have a block of their own where that wastes less: the
/// allocator's size classes are a quarter of a power of two apart.
struct StreamPiece {
    struct Head {
        var header: PieceHeader
        var first: StreamID
        /// The ID of the last entry, be it deleted.
        var last: StreamID
        var bytes: UnsafeMutablePointer<UInt8>
        /// Bytes of room, and how many of them are used.
        var capacity: UInt32
        var used: UInt32 = 0
        /// Entries that are there, and that are only marked as deleted.
        var live: UInt32 = 0
        var deleted: UInt32 = 0
        /// Where the last entry begins.
        var lastAt: UInt32 = 0
        /// Bytes of Redis' node but for the two counters at its beginning.
        var nodeBytes: UInt32 = 0
    }

    static let headBytes = 88
    /// The head's own size class, when it is alone in its block.
    static let aloneBytes = 96

    /// Bits of an entry's control byte; the first two are Redis' flags.
    enum Flag {
        static let deleted: UInt8 = 1
        /// The entry's fields are those at the piece's beginning.
        static let sameFields: UInt8 = 2
        /// Another millisecond than the entry's before: `ms` says how much later.
        static let later: UInt8 = 4
        /// `seq` is there. Otherwise it would be one more than the last, or 0 in a new millisecond.
        static let sequence: UInt8 = 8
    }

    let base: Piece

    @inline(__always)
    init(_ base: Piece) { self.base = base }

    @inline(__always)
    var head: UnsafeMutablePointer<Head> { base.assumingMemoryBound(to: Head.self) }

    @inline(__always)
    var first: StreamID { head.pointee.first }

    @inline(__always)
    var last: StreamID { head.pointee.last }

    @inline(__always)
    var bytes: StreamBytes { StreamBytes(start: head.pointee.bytes) }

    @inline(__always)
    var capacity: Int { Int(head.pointee.capacity) }

    @inline(__always)
    var used: Int { Int(head.pointee.used) }

    @inline(__always)
    var live: Int { Int(head.pointee.live) }

    @inline(__always)
    var deleted: Int { Int(head.pointee.deleted) }

    /// Bytes of the listpack that Redis would have.
    @inline(__always)
    var nodeByteCount: Int {
        Int(head.pointee.nodeBytes) &+ Listpack.integerBytes(Int64(live)) &+ Listpack.integerBytes(Int64(deleted))
    }

    private var isInline: Bool { UnsafeMutableRawPointer(head.pointee.bytes) == base + StreamPiece.headBytes }

    // MARK: memory

    /// An empty piece with room for so many bytes; `begin` comes next.
    static func make(id: UInt64, version: UInt64, first: StreamID, room: Int) -> StreamPiece {
        let inline = sizeClass(headBytes &+ room)
        let alone = sizeClass(room)
        let isInline = inline <= alone &+ aloneBytes
        let base = cs_allocate(isInline ? inline : headBytes)!
        let bytes = isInline ? base + headBytes : cs_allocate(alone)!
        let head = Head(
            header: PieceHeader(id: id, version: version), first: first, last: first,
            bytes: bytes.assumingMemoryBound(to: UInt8.self),
            capacity: UInt32(isInline ? inline - headBytes : alone))
        base.assumingMemoryBound(to: Head.self).initialize(to: head)
        return StreamPiece(base)
    }

    /// A piece with the same contents and identity, and one holder. It is as dirty as this one, unless that is shared:
    /// dirty then.
    func copy(room: Int) -> StreamPiece {
        let (id, version) = (base.header.pointee.id, base.header.pointee.version)
        let twin = StreamPiece.make(id: id, version: version, first: first, room: room)
        if !base.isShared && !base.header.pointee.isDirty { twin.base.header.pointee.clean() }
        twin.head.pointee.last = last
        twin.head.pointee.used = head.pointee.used
        twin.head.pointee.live = head.pointee.live
        twin.head.pointee.deleted = head.pointee.deleted
        twin.head.pointee.lastAt = head.pointee.lastAt
        twin.head.pointee.nodeBytes = head.pointee.nodeBytes
        memcpy(twin.head.pointee.bytes, head.pointee.bytes, used)
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

    /// One holder less; frees the piece if it was the last.
    static func drop(_ base: Piece) {
        if base.letGo() { StreamPiece(base).free() }
    }

    var memoryBytes: Int {
        cs_usable_size(base) + (isInline ? 0 : cs_usable_size(head.pointee.bytes))
    }

    /// Whether a block made for exactly these contents would be smaller.
    var isRoomy: Bool {
        let now = (isInline ? StreamPiece.headBytes : StreamPiece.aloneBytes) + capacity
        return min(sizeClass(StreamPiece.headBytes + used), StreamPiece.aloneBytes + sizeClass(used)) < now
    }
}

/// A piece's bytes, read.
struct StreamBytes {
    let start: UnsafeMutablePointer<UInt8>

    /// The field or value at a position.
    @inline(__always)
    func element(_ at: Int) -> Listpack.Element { Listpack(start).element(at) }

    /// The position behind the field or value at `at`.
    @inline(__always)
    func next(_ at: Int) -> Int { at &+ Listpack(start).bodyCount(at) }

    /// The number at `at`, which moves behind it.
    @inline(__always)
    func number(_ at: inout Int) -> UInt64 {
        let byte = start[at]
        at &+= 1
        return _fastPath(byte < 128) ? UInt64(byte) : longNumber(&at, byte)
    }

    @inline(never)
    private func longNumber(_ at: inout Int, _ first: UInt8) -> UInt64 {
        var value = UInt64(first & 127)
        var shift: UInt64 = 7
        while true {
            let byte = start[at]
            at &+= 1
            value |= UInt64(byte & 127) << shift
            if byte < 128 { return value }
            shift &+= 7
        }
    }

    /// What an entry begins with.
    struct EntryHead {
        let flags: UInt8
        let id: StreamID
        /// Its fields, -1: those of the piece.
        let ownFields: Int
        /// Where its fields or values begin.
        let contentAt: Int

        @inline(__always)
        var isDeleted: Bool { flags & StreamPiece.Flag.deleted != 0 }
    }

    /// The head of the entry at a position; `last` is the ID before.
    @inline(__always)
    func entryHead(_ position: Int, after last: StreamID) -> EntryHead {
        let flags = start[position]
        var at = position &+ 1
        var id = last
        if flags & StreamPiece.Flag.later != 0 {
            id.ms &+= number(&at)
            id.seq = flags & StreamPiece.Flag.sequence != 0 ? number(&at) : 0
        } else {
            id.seq &+= flags & StreamPiece.Flag.sequence != 0 ? number(&at) : 1
        }
        let own = flags & StreamPiece.Flag.sameFields != 0 ? -1 : Int(truncatingIfNeeded: number(&at))
        return EntryHead(flags: flags, id: id, ownFields: own, contentAt: at)
    }
}
