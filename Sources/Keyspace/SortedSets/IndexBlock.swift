import Base
import CSystem

/// A block of a MemberIndex: an open-addressing table (linear probing) of up to 400 records in at most 4 KB.
///
///     4 bytes     holders (atomic)
///     4 bytes     depth: hashes in it agree in so many upper bits
///     4 bytes     records
///     4 bytes     slots
///     8 x slots   hash << 32 | piece; 0: free
///
struct IndexBlock {
    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(_ base: UnsafeMutableRawPointer) { self.base = base }

    /// The block that a directory's cell names.
    @inline(__always)
    init(cell: UInt64) {
        base = UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: cell & addressMask)).unsafelyUnwrapped
    }

    /// What a directory's cell says of the block. (Blocks of hashes that hardly differ may have more slots than the
    /// cell has room for.)
    var cell: UInt64 {
        let address = UInt64(UInt(bitPattern: base))
        precondition(address & ~addressMask == 0, "an address of more than 48 bits")
        return address | (slots > 65535 ? 0 : UInt64(slots) << 48)
    }

    /// The slots of the block that a cell names.
    @inline(__always)
    static func slots(_ cell: UInt64) -> Int {
        let slots = Int(truncatingIfNeeded: cell >> 48)
        return _fastPath(slots != 0) ? slots : IndexBlock(cell: cell).slots
    }

    /// Slots of the largest block that is not made larger while it can be split: with the header, 4 KB.
    static let slotsMax = 510
    /// Two blocks with no more records than this become one.
    static let mergeMax = 200
    private static let headerBytes = 16

    @inline(__always)
    var depth: Int { Int(base.load(fromByteOffset: 4, as: UInt32.self)) }

    @inline(__always)
    var count: Int {
        get { Int(base.load(fromByteOffset: 8, as: UInt32.self)) }
        nonmutating set { base.storeBytes(of: UInt32(newValue), toByteOffset: 8, as: UInt32.self) }
    }

    @inline(__always)
    var slots: Int { Int(base.load(fromByteOffset: 12, as: UInt32.self)) }

    @inline(__always)
    var cells: UnsafeMutablePointer<UInt64> {
        (base + IndexBlock.headerBytes).assumingMemoryBound(to: UInt64.self)
    }

    /// How many slots so many records need: a fifth stays free; a whole size class of the allocator.
    static func slots(for count: Int) -> Int {
        let bytes = sizeClass(max(64, headerBytes + (count * 5 / 4 + 2) * 8))
        return (bytes - headerBytes) / 8
    }

    static func make(depth: Int, slots: Int) -> IndexBlock {
        let block = IndexBlock(cs_allocate(headerBytes + slots * 8)!)
        let words = block.base.assumingMemoryBound(to: UInt32.self)
        words[0] = 1
        words[1] = UInt32(depth)
        words[2] = 0
        words[3] = UInt32(slots)
        memset(block.cells, 0, slots * 8)
        return block
    }

    /// A copy with one holder and every record in its place.
    func duplicate() -> IndexBlock {
        let bytes = IndexBlock.headerBytes + slots * 8
        let copy = IndexBlock(cs_allocate(bytes)!)
        memcpy(copy.base, base, bytes)
        copy.base.storeBytes(of: 1, as: UInt32.self)
        return copy
    }

    /// One value less holds the block.
    func letGo() { if base.letGo() { cs_release(base, IndexBlock.headerBytes + slots * 8) } }

    // MARK: records

    @inline(__always)
    static func record(_ hash: UInt32, _ leaf: UInt32) -> UInt64 { UInt64(hash) << 32 | UInt64(leaf) }

    @inline(__always)
    static func hash(_ record: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: record >> 32) }

    @inline(__always)
    static func leaf(_ record: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: record) }

    /// Where a record of this hash is looked for first. The upper bits, in which the block's records agree, do not
    /// matter after the multiplication.
    @inline(__always)
    static func home(_ hash: UInt32, _ slots: Int) -> Int {
        Int(truncatingIfNeeded: (UInt64(hash &* 0x9e37_79b1) &* UInt64(truncatingIfNeeded: slots)) >> 32)
    }

    @inline(__always)
    private func home(_ hash: UInt32) -> Int { IndexBlock.home(hash, slots) }

    @inline(__always)
    func next(_ slot: Int) -> Int { slot &+ 1 == slots ? 0 : slot &+ 1 }

    @inline(__always)
    var isFull: Bool { count &* 5 >= slots &* 4 }

    /// So few records that the block should become smaller.
    @inline(__always)
    var isSparse: Bool { count &* 6 < slots && slots > 6 }

    @inline(__always)
    func insert(_ record: UInt64) {
        var slot = home(IndexBlock.hash(record))
        while cells[slot] != 0 { slot = next(slot) }
        cells[slot] = record
        count &+= 1
    }

    /// Frees a slot; records behind it that had to make way for it move up (Knuth, 6.4, algorithm R).
    @inline(__always)
    func remove(_ slot: Int) {
        var free = slot
        var slot = slot
        while true {
            slot = next(slot)
            let record = cells[slot]
            if record == 0 { break }
            let home = home(IndexBlock.hash(record))
            // Its home is cyclically in (free, slot]: it stays.
            if free <= slot ? (free < home && home <= slot) : (free < home || home <= slot) { continue }
            cells[free] = record
            free = slot
        }
        cells[free] = 0
        count &-= 1
    }

    /// Takes the records over whose hashes are wanted.
    @inline(__always)
    func adopt(_ other: IndexBlock, _ isWanted: (UInt32) -> Bool) {
        for slot in 0..<other.slots {
            let record = other.cells[slot]
            if record != 0 && isWanted(IndexBlock.hash(record)) { insert(record) }
        }
    }

    func forEach(_ body: (UInt32) -> Void) {
        for slot in 0..<slots where cells[slot] != 0 { body(IndexBlock.hash(cells[slot])) }
    }
}

private let addressMask: UInt64 = 1 << 48 - 1
