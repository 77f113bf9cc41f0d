import Base
import CSystem

/// How a `MemberTable` reads its records: what one looks like is its type's business, how long it is and where
/// its member's hash comes from is all the table needs to know. Implementations are plain static functions, so
/// that the table is specialised for each.
public protocol TableRecord {
    /// Bytes of the record that begins here.
    static func byteCount(_ record: UnsafePointer<UInt8>) -> Int
    /// The hash that the record was inserted with. Only its upper 32 bits must be right: they say where a record
    /// goes when its piece is split. Called then, not when looking up.
    static func hash(_ record: UnsafePointer<UInt8>) -> UInt64
    /// The memory of its own that the record points to (a LongRecord), nil for one that lies in its piece.
    static func outside(_ record: UnsafePointer<UInt8>) -> LongRecord?
}

/// A piece of a MemberTable: up to 128 records in about 4 KB, one block of memory.
///
///     56 bytes             TablePiece.Fields, a PieceHeader first
///     slots                a tag of each record: the lowest byte of its hash
///     2 x slots            where in the heap each record begins (4 x in a wide piece)
///     the rest             heap: records, one behind the other, with gaps where some were removed
///
/// Records are in no order; a removed one's slot is taken by the last. Everything about an element lies in one
/// block, so that it can be saved, shipped and shared as one.
struct TablePiece {
    let base: Piece

    @inline(__always)
    init(_ base: Piece) { self.base = base }

    struct Fields {
        var header: PieceHeader
        /// The hashes' upper `depth` bits, which all records have in common; the other bits are 0.
        var prefix: UInt64
        /// Bytes of the block.
        var capacity: UInt32
        /// Records there is room for, and records.
        var slots: UInt32
        var count: UInt32 = 0
        /// Bytes of the heap that are in use, and those of them that belong to no record any more.
        var heapUsed: UInt32 = 0
        var garbage: UInt32 = 0
        var depth: UInt8
        /// Offsets have four bytes: only a piece that could not be split grows so large.
        var isWide: Bool
        /// Records may point to memory of their own.
        var hasOutside = false
        private var padding: UInt8 = 0

        init(_ header: PieceHeader, prefix: UInt64, depth: Int, capacity: Int, slots: Int, isWide: Bool) {
            self.header = header
            self.prefix = prefix
            self.capacity = UInt32(capacity)
            self.slots = UInt32(slots)
            self.depth = UInt8(depth)
            self.isWide = isWide
        }
    }

    static let headerBytes = 56
    /// A piece that holds so many records is split when its block is full.
    static let recordsMax = 128
    /// A piece that would need more bytes is split.
    static let bytesMax = 4096
    /// Tags are compared 16 at a time, beyond the last slot's too: so many bytes of something follow them always.
    static let slotsMin = 8
    /// Bytes of heap up to which offsets have two bytes, room to spare not counted.
    static let narrowMax = 32768

    @inline(__always)
    var fields: UnsafeMutablePointer<Fields> { base.assumingMemoryBound(to: Fields.self) }

    @inline(__always)
    var count: Int { Int(fields.pointee.count) }

    @inline(__always)
    var tags: UnsafeMutablePointer<UInt8> { (base + TablePiece.headerBytes).assumingMemoryBound(to: UInt8.self) }

    @inline(__always)
    var heap: UnsafeMutablePointer<UInt8> {
        let slots = Int(fields.pointee.slots)
        return tags + (_fastPath(!fields.pointee.isWide) ? slots &* 3 : slots &* 5)
    }

    var heapCapacity: Int { Int(fields.pointee.capacity) - (UnsafePointer(heap) - UnsafePointer(start)) }

    private var start: UnsafeMutablePointer<UInt8> { base.assumingMemoryBound(to: UInt8.self) }

    /// Bytes of the heap that belong to records.
    @inline(__always)
    var live: Int { Int(fields.pointee.heapUsed &- fields.pointee.garbage) }

    /// Bytes that the piece would take without gaps or room to spare.
    var bytesNeeded: Int { TablePiece.headerBytes + 3 * max(count, TablePiece.slotsMin) + live }

    // MARK: slots

    @inline(__always)
    func offset(_ slot: Int) -> Int {
        let offsets = UnsafeRawPointer(tags + Int(fields.pointee.slots))
        if _slowPath(fields.pointee.isWide) {
            return Int(offsets.loadUnaligned(fromByteOffset: slot &* 4, as: UInt32.self))
        }
        return Int(offsets.loadUnaligned(fromByteOffset: slot &* 2, as: UInt16.self))
    }

    @inline(__always)
    func setOffset(_ slot: Int, _ offset: Int) {
        let offsets = UnsafeMutableRawPointer(tags + Int(fields.pointee.slots))
        if _slowPath(fields.pointee.isWide) {
            offsets.storeBytes(of: UInt32(truncatingIfNeeded: offset), toByteOffset: slot &* 4, as: UInt32.self)
        } else {
            offsets.storeBytes(of: UInt16(truncatingIfNeeded: offset), toByteOffset: slot &* 2, as: UInt16.self)
        }
    }

    @inline(__always)
    func record(_ slot: Int) -> UnsafeMutablePointer<UInt8> { heap + offset(slot) }

    /// The slot of the record with this tag that `matches`.
    @inline(__always)
    func find(_ tag: UInt8, _ matches: (UnsafePointer<UInt8>) -> Bool) -> Int? {
        let count = count
        let tags = tags
        var first = 0
        while first < count {
            var found = cs_match16(tags + first, tag)
            if count &- first < 16 { found &= 1 << UInt32(truncatingIfNeeded: count &- first) &- 1 }
            while _slowPath(found != 0) {
                let slot = first &+ found.trailingZeroBitCount
                if matches(UnsafePointer(record(slot))) { return slot }
                found &= found &- 1
            }
            first &+= 16
        }
        return nil
    }

    // MARK: changing, while there is room

    /// Whether one more record of this size fits in as the piece is.
    @inline(__always)
    func hasRoom(_ byteCount: Int) -> Bool {
        let fields = fields.pointee
        return fields.count < fields.slots && heapHasRoom(byteCount)
    }

    @inline(__always)
    func heapHasRoom(_ byteCount: Int) -> Bool { Int(fields.pointee.heapUsed) &+ byteCount <= heapCapacity }

    /// A place for one more record, which the caller writes; there is room.
    @inline(__always)
    func append(_ tag: UInt8, _ byteCount: Int) -> UnsafeMutablePointer<UInt8> {
        let slot = count
        let at = Int(fields.pointee.heapUsed)
        tags[slot] = tag
        setOffset(slot, at)
        fields.pointee.count &+= 1
        fields.pointee.heapUsed &+= UInt32(truncatingIfNeeded: byteCount)
        return heap + at
    }

    /// Forgets a record; the last one takes its slot.
    @inline(__always)
    func remove(_ slot: Int, _ byteCount: Int) {
        discard(slot, byteCount)
        let last = count &- 1
        tags[slot] = tags[last]
        setOffset(slot, offset(last))
        fields.pointee.count &-= 1
    }

    /// Gives a record's bytes up, not its slot.
    @inline(__always)
    func discard(_ slot: Int, _ byteCount: Int) {
        if offset(slot) &+ byteCount == Int(fields.pointee.heapUsed) {
            fields.pointee.heapUsed &-= UInt32(truncatingIfNeeded: byteCount)
        } else {
            fields.pointee.garbage &+= UInt32(truncatingIfNeeded: byteCount)
        }
    }

    // MARK: making and freeing

    /// An empty piece with room for so many records of so many bytes altogether, and somewhat more.
    static func make(
        _ header: PieceHeader, prefix: UInt64, depth: Int, records: Int, bytes: Int, spare: Bool = true
    ) -> TablePiece {
        let slots = max(slotsMin, spare ? records + records / 10 : records)
        let heap = spare ? bytes + bytes / 10 : bytes
        let isWide = heap > narrowMax || records > narrowMax / 4
        let perSlot = isWide ? 5 : 3
        var wanted = headerBytes + slots * perSlot + heap
        let needed = headerBytes + max(slotsMin, records) * perSlot + bytes
        // Room to spare is not worth a second page.
        if wanted > bytesMax && needed <= bytesMax { wanted = needed }
        let capacity = sizeClass(wanted)
        // What the size class adds goes to slots and heap, as the records are.
        let left = capacity - needed
        let more = left * max(1, records) / (max(1, records) * perSlot + max(1, bytes))
        let all = max(slotsMin, records) + more
        let base = cs_allocate(capacity)!
        let piece = TablePiece(base)
        piece.fields.initialize(
            to: Fields(header, prefix: prefix, depth: depth, capacity: capacity, slots: all, isWide: isWide))
        return piece
    }

    /// Frees the block alone.
    func release() { cs_release(base, Int(fields.pointee.capacity)) }
}
