import Base

/// Merges tables into others: of each key the newest record, without tombstones that hide nothing.
struct TableMerge: ~Copyable {
    private var merged: MergedScan
    private var below: [RunCursor]
    private var beside: RunCursor?
    private let output: TableOutput
    private static let recordsBetweenQuestions = 1024

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

    /// False if it was stopped.
    mutating func run(
        _ isDroppable: (ByteView, ByteView) -> Bool, _ shouldStop: () -> Bool
    ) throws(TreeError) -> Bool {
        var count = 0
        while let record = try next() {
            count += 1
            if count % Self.recordsBetweenQuestions == 0, shouldStop() { return false }
            var value = record.value
            if let bytes = value, isDroppable(record.key, bytes) { value = nil }
            if value == nil && !mayLieBelow(record.key) { continue }
            let divides = beside?.advance(to: record.key) ?? false
            do throws(DiskError) {
                try output.add(key: record.key, stem: record.stem, value: value, divides: divides)
            } catch {
                throw .disk(error)
            }
        }
        return true
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
