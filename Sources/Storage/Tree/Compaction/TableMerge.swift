import Base

/// Merges tables into others: of each key the newest record, without tombstones that hide nothing.
struct TableMerge: ~Copyable {
    private var merged: MergedScan
    private var below: [RunCursor]
    private var beside: RunCursor?
    private let output: TableOutput

    /// - Parameters:
    ///   - sources: the newest first.
    ///   - below: what is older.
    ///   - beside: where tables had better end.
    init(_ sources: [[Table]], _ below: [SortedRun], _ beside: SortedRun?, _ output: TableOutput) {
        merged = MergedScan(sources, tombstones: true)
        self.below = below.map { RunCursor($0) }
        self.beside = beside.map { RunCursor($0) }
        self.output = output
    }

    /// Merges about so many bytes more of keys and values. True if that was all.
    mutating func run(bytes: Int, _ isDroppable: (ByteView, ByteView) -> Bool) throws(TreeError) -> Bool {
        var left = bytes
        while left > 0 {
            guard let record = try next() else { return true }
            left -= record.key.count + (record.value?.count ?? 0) + 1
            try take(record, isDroppable)
        }
        return false
    }

    private mutating func take(
        _ record: TableRecord, _ isDroppable: (ByteView, ByteView) -> Bool
    ) throws(TreeError) {
        var value = record.value
        if let bytes = value, isDroppable(record.key, bytes) { value = nil }
        if value == nil && !mayLieBelow(record.key) { return }
        let divides = beside?.advance(to: record.key) ?? false
        do throws(DiskError) {
            try output.add(key: record.key, stem: record.stem, value: value, divides: divides)
        } catch {
            throw .disk(error)
        }
    }

    private mutating func next() throws(TreeError) -> TableRecord? {
        do throws(TableError) { return try merged.next() } catch { throw .table(error) }
    }

    /// Whether there may be an older record with the key.
    private mutating func mayLieBelow(_ key: ByteView) -> Bool {
        for i in below.indices where below[i].covers(key) { return true }
        return false
    }
}

/// Goes along a run's tables with keys that only grow.
struct RunCursor {
    private let run: SortedRun
    private var index = 0

    init(_ run: SortedRun) { self.run = run }

    /// Goes to the first table that does not end before the key. True if it went on.
    @discardableResult
    mutating func advance(to key: ByteView) -> Bool {
        let before = index
        while index < run.tables.count, run.tables[index].table.properties.lastKey.withView({ $0 < key }) { index += 1 }
        return index != before
    }

    /// Whether a table's keys lie around this one.
    mutating func covers(_ key: ByteView) -> Bool {
        advance(to: key)
        guard index < run.tables.count else { return false }
        return run.tables[index].table.properties.firstKey.withView { !(key < $0) }
    }
}
