import Base
import CSystem

/// Which piece of a large sorted set a member is in: a hash table whose records are 32 bits of the member's hash and
/// the piece's number, nothing else. A hit is a guess that the piece confirms. Since records point to nothing, they
/// can be copied and shared, pieces of elements move in memory without it, and it can be made anew from them.
///
/// Extendible hashing (Fagin, Nievergelt, Pippenger, Strong, TODS 1979): the hash's upper bits choose a cell of the
/// directory, which names a block; a full block is split by its next bit. Blocks are shared between copies.
struct MemberIndex {
    /// A cell is a block's address, and its slots in the upper 16 bits: a look-up need not read the block's header.
    private typealias Directory = UnsafeMutablePointer<UInt64>

    private var directory: Directory
    private(set) var depth = 0
    private(set) var blockCount = 1
    /// Blocks as deep as the directory: while there are none, half of it would do.
    private var deepest = 1

    /// Bits of the hash past which blocks are not split any more, but grow.
    static let depthMax = 28

    init() {
        directory = MemberIndex.allocate(1)
        directory[0] = IndexBlock.make(depth: 0, slots: IndexBlock.slots(for: 0)).cell
    }

    private static func allocate(_ cells: Int) -> Directory {
        cs_allocate(cells * 8)!.assumingMemoryBound(to: UInt64.self)
    }

    /// Where a record is: until the index changes.
    struct Place {
        let cell: Int
        let slot: Int
    }

    @inline(__always)
    private func cell(_ hash: UInt32) -> Int { Int(truncatingIfNeeded: UInt64(hash) >> UInt64(32 &- depth)) }

    @inline(__always)
    func block(_ cell: Int) -> IndexBlock { IndexBlock(cell: directory[cell]) }

    /// Brings the record towards the cache.
    @inline(__always)
    func prefetch(_ hash: UInt32) {
        let cell = directory[cell(hash)]
        cs_prefetch(IndexBlock(cell: cell).cells + IndexBlock.home(hash, IndexBlock.slots(cell)))
    }

    /// The piece that a record of this hash names, if there is one.
    @inline(__always)
    func guess(_ hash: UInt32) -> UInt32? {
        find(hash) { _ in true }.map { IndexBlock.leaf(block($0.cell).cells[$0.slot]) }
    }

    /// The record with this hash that `confirms`.
    @inline(__always)
    func find(_ hash: UInt32, _ confirms: (UInt32) -> Bool) -> Place? {
        let cell = cell(hash)
        let word = directory[cell]
        let cells = IndexBlock(cell: word).cells
        let slots = IndexBlock.slots(word)
        var slot = IndexBlock.home(hash, slots)
        while true {
            let record = cells[slot]
            if record == 0 { return nil }
            if IndexBlock.hash(record) == hash && confirms(IndexBlock.leaf(record)) {
                return Place(cell: cell, slot: slot)
            }
            slot = slot &+ 1 == slots ? 0 : slot &+ 1
        }
    }

    /// The record of some member with this hash in this piece.
    @inline(__always)
    func find(_ hash: UInt32, in leaf: UInt32) -> Place? { find(hash) { $0 == leaf } }

    /// Names another piece in a record.
    @inline(__always)
    mutating func setLeaf(_ leaf: UInt32, at place: Place) {
        let block = writable(place.cell)
        let hash = IndexBlock.hash(block.cells[place.slot])
        block.cells[place.slot] = IndexBlock.record(hash, leaf)
    }

    @inline(__always)
    mutating func insert(_ hash: UInt32, _ leaf: UInt32) {
        var block = writable(cell(hash))
        while _slowPath(block.isFull) {
            makeRoom(cell(hash))
            block = writable(cell(hash))
        }
        block.insert(IndexBlock.record(hash, leaf))
    }

    mutating func remove(_ place: Place) {
        let block = writable(place.cell)
        block.remove(place.slot)
        if _slowPath(block.isSparse) { contract(place.cell) }
    }

    /// The block of a cell, one's own.
    @inline(__always)
    private mutating func writable(_ cell: Int) -> IndexBlock {
        let block = block(cell)
        if _slowPath(block.base.isShared) { return unshare(cell, block) }
        return block
    }

    @inline(never)
    private mutating func unshare(_ cell: Int, _ block: IndexBlock) -> IndexBlock {
        let own = block.duplicate()
        point(cell, to: own)
        block.letGo()
        return own
    }

    // MARK: growing

    /// Has all cells of the block at `cell` name this block of the same depth.
    private func point(_ cell: Int, to block: IndexBlock) {
        let width = 1 << (depth - block.depth)
        (directory + cell / width * width).update(repeating: block.cell, count: width)
    }

    /// Gives a full block more slots, or splits it.
    @inline(never)
    private mutating func makeRoom(_ cell: Int) {
        let block = block(cell)
        if block.slots >= IndexBlock.slotsMax {
            if block.depth < depth || mayDouble { return split(cell, block) }
        }
        let wanted = IndexBlock.slots(for: block.count * 9 / 8 + 1)
        replace(cell, block, slots: block.slots < IndexBlock.slotsMax ? min(wanted, IndexBlock.slotsMax) : wanted)
    }

    /// Hashes that agree in many bits must not make the directory grow without measure.
    private var mayDouble: Bool { depth < MemberIndex.depthMax && (depth < 4 || 1 << depth <= 4 * blockCount) }

    private mutating func replace(_ cell: Int, _ block: IndexBlock, slots: Int) {
        let new = IndexBlock.make(depth: block.depth, slots: slots)
        new.adopt(block) { _ in true }
        point(cell, to: new)
        block.letGo()
    }

    private mutating func split(_ cell: Int, _ block: IndexBlock) {
        var cell = cell
        if block.depth == depth {
            doubleDirectory()
            cell *= 2
        }
        let bit = UInt32(1) << UInt32(31 - block.depth)
        var upperCount = 0
        block.forEach { if $0 & bit != 0 { upperCount += 1 } }
        let newDepth = block.depth + 1
        let lower = IndexBlock.make(
            depth: newDepth, slots: IndexBlock.slots(for: (block.count - upperCount) * 9 / 8 + 1))
        let upper = IndexBlock.make(depth: newDepth, slots: IndexBlock.slots(for: upperCount * 9 / 8 + 1))
        lower.adopt(block) { $0 & bit == 0 }
        upper.adopt(block) { $0 & bit != 0 }
        let width = 1 << (depth - block.depth)
        let first = cell / width * width
        (directory + first).update(repeating: lower.cell, count: width / 2)
        (directory + first + width / 2).update(repeating: upper.cell, count: width / 2)
        blockCount += 1
        if newDepth == depth { deepest += 2 }
        block.letGo()
    }

    private mutating func doubleDirectory() {
        let cells = 1 << depth
        let larger = MemberIndex.allocate(cells * 2)
        for i in 0..<cells {
            larger[2 &* i] = directory[i]
            larger[2 &* i &+ 1] = directory[i]
        }
        cs_release(directory, cells * 8)
        directory = larger
        depth += 1
        deepest = 0
    }

    // MARK: shrinking

    /// Joins a block that has become sparse with the one that differs in its last bit, or gives it fewer slots.
    @inline(never)
    private mutating func contract(_ cell: Int) {
        let block = block(cell)
        if block.depth > 0 {
            let width = 1 << (depth - block.depth)
            let first = cell / width * width
            let sister = self.block(first ^ width)
            if sister.depth == block.depth && block.count + sister.count <= IndexBlock.mergeMax {
                return join(first & ~width, block, sister)
            }
        }
        let slots = IndexBlock.slots(for: block.count * 9 / 8 + 1)
        if slots < block.slots { replace(cell, block, slots: slots) }
    }

    private mutating func join(_ cell: Int, _ a: IndexBlock, _ b: IndexBlock) {
        let joined = IndexBlock.make(
            depth: a.depth - 1, slots: IndexBlock.slots(for: (a.count + b.count) * 9 / 8 + 1))
        joined.adopt(a) { _ in true }
        joined.adopt(b) { _ in true }
        point(cell, to: joined)
        blockCount -= 1
        if a.depth == depth { deepest -= 2 }
        a.letGo()
        b.letGo()
        while deepest == 0 && depth > 0 { halveDirectory() }
    }

    private mutating func halveDirectory() {
        let cells = 1 << (depth - 1)
        let smaller = MemberIndex.allocate(cells)
        for i in 0..<cells { smaller[i] = directory[2 &* i] }
        cs_release(directory, cells * 16)
        directory = smaller
        depth -= 1
        deepest = cells == 1 ? 1 : (0..<cells).count { block($0).depth == depth }
    }

    // MARK: as a whole

    /// Each block once, with its first cell.
    func forEachBlock(_ body: (IndexBlock) -> Void) {
        var cell = 0
        while cell < 1 << depth {
            let block = block(cell)
            // `body` may free the block.
            let width = 1 << (depth - block.depth)
            body(block)
            cell += width
        }
    }

    func free() {
        forEachBlock { $0.letGo() }
        cs_release(directory, 8 << depth)
    }

    /// Another index that shares this one's blocks.
    func copy() -> MemberIndex {
        var other = self
        let cells = 1 << depth
        other.directory = MemberIndex.allocate(cells)
        memcpy(other.directory, directory, cells * 8)
        forEachBlock { $0.base.share() }
        return other
    }

    var memoryBytes: Int {
        var sum = cs_usable_size(directory)
        forEachBlock { sum += cs_usable_size($0.base) }
        return sum
    }

    /// Visits the records whose hashes are in a range.
    func forEach(_ hashes: ClosedRange<UInt32>, _ body: (UInt32, UInt32) -> Void) {
        var cell = self.cell(hashes.lowerBound)
        let last = self.cell(hashes.upperBound)
        while cell <= last {
            let block = block(cell)
            for slot in 0..<block.slots {
                let record = block.cells[slot]
                let hash = IndexBlock.hash(record)
                if record != 0 && hashes.contains(hash) { body(hash, IndexBlock.leaf(record)) }
            }
            let width = 1 << (depth - block.depth)
            cell = cell / width * width + width
        }
    }

    /// For tests: what is wrong, nil if nothing.
    func brokenInvariant(count: Int) -> String? {
        var broken: String?
        var (records, blocks, deep, cell) = (0, 0, 0, 0)
        while cell < 1 << depth {
            let block = block(cell)
            let width = 1 << (depth - block.depth)
            if (0..<width).contains(where: { directory[cell + $0] != block.cell }) { broken = "a directory's cell" }
            blocks += 1
            if block.depth == depth { deep += 1 }
            records += block.count
            var seen = 0
            block.forEach { hash in
                seen += 1
                if self.cell(hash) / width != cell / width { broken = "a record in the wrong block" }
            }
            if seen != block.count { broken = "a block's count" }
            cell += width
        }
        if records != count { broken = "\(records) records for \(count) elements" }
        if blocks != blockCount { broken = "blockCount" }
        return deep == deepest ? broken : "deepest"
    }
}
