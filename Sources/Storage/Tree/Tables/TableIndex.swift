import Base
import CSystem

/// Where a table's blocks are, and which keys each may hold. A *fence* is the shortest beginning of a block's first
/// key that is behind the last key of the block before: a block holds keys from its fence up to the next fence.
///
/// Stored, for each block: varint bytes in the file, varint bytes of the block, varint bytes of the fence, the fence.
struct TableIndexWriter: ~Copyable {
    private(set) var bytes = ByteBuffer(capacity: 4096)
    private(set) var count = 0

    mutating func add(fence: ByteView, _ block: Section) {
        bytes.append(varint: block.storedBytes)
        bytes.append(varint: block.rawBytes)
        bytes.append(counted: fence)
        count += 1
    }
}

/// The index of an open table: its fences one after the other, and the number (`KeyColumns`) of each, so that a search
/// reads one flat array.
struct TableIndex: ~Copyable {
    struct Entry {
        var offset: UInt64
        var rawBytes: UInt32
        /// Where its fence begins.
        var fence: UInt32
    }

    let count: Int
    private let columns: KeyColumns
    /// One for each block, and one more that says where the last one ends.
    private let entries: UnsafeMutablePointer<Entry>
    private let numbers: NumberTree
    private let fences: UnsafeMutablePointer<UInt8>
    private let fenceBytes: Int

    /// Nil if these bytes are no index of a table whose blocks end at `end`.
    static func read(_ bytes: ByteView, _ properties: TableProperties, end: UInt64) -> TableIndex? {
        // Each block takes three bytes or more here, so the counts are bounded by what is there.
        guard properties.blocks <= UInt64(bytes.count / 3), bytes.count < Int(UInt32.max) else { return nil }
        let index = TableIndex(properties, fenceBytes: bytes.count)
        if !index.fill(bytes, end) { return nil }
        return index
    }

    private init(_ properties: TableProperties, fenceBytes: Int) {
        count = Int(properties.blocks)
        self.fenceBytes = fenceBytes
        columns = properties.firstKey.withView { KeyColumns(varying: properties.varying, firstKey: $0) }
        entries = .allocate(capacity: count + 1)
        numbers = NumberTree(count: count)
        fences = .allocate(capacity: fenceBytes + 1)
    }

    deinit {
        entries.deallocate()
        fences.deallocate()
    }

    var memoryBytes: Int { (count + 1) * MemoryLayout<Entry>.stride + fenceBytes + numbers.memoryBytes }

    private func fill(_ bytes: ByteView, _ end: UInt64) -> Bool {
        var at = 0
        var offset = UInt64(TableFormat.headerBytes)
        var fenceEnd = 0
        for block in 0..<count {
            guard let stored = bytes.varint(at: &at), let raw = bytes.varint(at: &at),
                let length = bytes.varint(at: &at),
                stored > UInt64(TableFormat.trailerBytes), stored <= end - offset,
                raw <= UInt64(TableFormat.blockBytesMax),
                raw <= UInt64(Compression.rawBytesMax(stored: Int(stored))), length <= UInt64(bytes.count - at)
            else { return false }
            let fence = bytes.slice(at, at + Int(length))
            entries[block] = Entry(offset: offset, rawBytes: UInt32(raw), fence: UInt32(fenceEnd))
            memcpy(fences + fenceEnd, fence.start, fence.count)
            numbers[block] = columns.number(ofBeginning: fence)
            if block > 0 {
                guard self.fence(block - 1, end: fenceEnd) < fence, numbers[block - 1] <= numbers[block] else {
                    return false
                }
            }
            fenceEnd += fence.count
            at += fence.count
            offset += stored
        }
        numbers.finish()
        entries[count] = Entry(offset: offset, rawBytes: 0, fence: UInt32(fenceEnd))
        return at == bytes.count && offset == end
    }

    private func fence(_ block: Int, end: Int) -> ByteView {
        let start = Int(entries[block].fence)
        return ByteView(UnsafePointer(fences + start), end - start)
    }

    @inline(__always)
    func fence(_ block: Int) -> ByteView { fence(block, end: Int(entries[block &+ 1].fence)) }

    @inline(__always)
    func section(_ block: Int) -> Section {
        let entry = entries[block]
        return Section(
            offset: entry.offset, storedBytes: entries[block &+ 1].offset &- entry.offset,
            rawBytes: UInt64(entry.rawBytes))
    }

    /// The block that holds the key if any does; -1: none does.
    @inline(__always)
    func block(holding key: ByteView) -> Int {
        guard let number = columns.number(of: key) else { return -1 }
        if count == 0 { return -1 }
        let last = numbers.last(notAbove: number)
        if numbers[last] != number || !(key < fence(last)) { return numbers[last] > number ? -1 : last }
        // Other blocks of the same number may have fences that are not behind the key.
        let first = lastBlock(0, last) { numbers[$0] < number }
        let found = lastBlock(first, last) { !(key < fence($0)) }
        return key < fence(found) ? -1 : found
    }

    /// Whether a key belongs into a block.
    func isBetweenFences(_ key: ByteView, _ block: Int) -> Bool {
        !(key < fence(block)) && (block + 1 == count || key < fence(block + 1))
    }

    /// The last of some blocks for which something is true that is true of none after one of which it is not; the
    /// first, if it is true of none.
    @inline(__always)
    private func lastBlock(_ start: Int, _ end: Int, where isTrue: (Int) -> Bool) -> Int {
        var base = start
        var left = end &- start
        while left > 1 {
            let half = left &>> 1
            base = isTrue(base &+ half) ? base &+ half : base
            left &-= half
        }
        return base
    }

    /// The block in which keys from this one on begin: the last one whose fence is not behind it, or the first.
    func firstBlock(from key: ByteView) -> Int {
        lastBlock(0, count) { !(key < fence($0)) }
    }

    /// The first block that only holds keys that are not before this one; `count` if there is none.
    func endBlock(upTo key: ByteView) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if fence(middle) < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
