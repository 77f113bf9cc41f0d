import Base

/// Several scans in one, in the order of keys. Of records with the same key only that of the first scan that has one
/// comes: the newest, if the newest are first. One thread at a time.
public struct MergedScan: ~Copyable {
    private let scans: UnsafeMutablePointer<TableScan>
    /// The record at which each scan is.
    private let heads: UnsafeMutablePointer<TableRecord>
    private let count: Int
    /// The scans that are not at their end: a binary heap by key, then by age.
    private var heap: [Int] = []
    private var isBegun = false
    private let tombstones: Bool
    /// The last key that came, or was hidden by a tombstone.
    private var key = ByteBuffer()
    private var hasKey = false

    /// - Parameters:
    ///   - sources: the newest first. Of each the tables' keys follow each other.
    ///   - from: the first key that counts.
    ///   - upTo: the first one that does not any more; nil: all do.
    ///   - tombstones: whether they come as records, or keys that are deleted do not come.
    public init(_ sources: [[Table]], from: ByteView = ByteView(""), upTo: ByteView? = nil, tombstones: Bool) {
        count = sources.count
        scans = .allocate(capacity: count + 1)
        heads = .allocate(capacity: count + 1)
        for (i, tables) in sources.enumerated() {
            (scans + i).initialize(to: TableScan(tables, from: from, upTo: upTo))
        }
        self.tombstones = tombstones
    }

    deinit {
        scans.deinitialize(count: count)
        scans.deallocate()
        heads.deallocate()
    }

    /// The next record, nil after the last one. Its views are valid until the next call. After an error nothing comes.
    public mutating func next() throws(TableError) -> TableRecord? {
        if !isBegun { try begin() }
        while let top = heap.first {
            let head = heads[top]
            if hasKey && head.key == key.view {
                try advanceTop()
                continue
            }
            key.truncate(to: 0)
            key.append(head.key)
            hasKey = true
            if head.value == nil && !tombstones { continue }
            return head
        }
        return nil
    }

    private mutating func begin() throws(TableError) {
        isBegun = true
        for scan in 0..<count where try advance(scan) { heap.append(scan) }
        for place in (0..<heap.count / 2).reversed() { sift(place) }
    }

    private mutating func advance(_ scan: Int) throws(TableError) -> Bool {
        do throws(TableError) {
            guard let record = try scans[scan].next() else { return false }
            heads[scan] = record
            return true
        } catch {
            heap = []
            throw error
        }
    }

    private mutating func advanceTop() throws(TableError) {
        if try !advance(heap[0]) {
            heap.swapAt(0, heap.count - 1)
            heap.removeLast()
        }
        if !heap.isEmpty { sift(0) }
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        let (left, right) = (heads[a].key, heads[b].key)
        if left < right { return true }
        return a < b && left == right
    }

    private mutating func sift(_ start: Int) {
        var place = start
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && isBefore(heap[child], heap[least]) {
                least = child
            }
            if least == place { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
