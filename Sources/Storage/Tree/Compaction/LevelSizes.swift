import Base

/// How long levels may be. Sizes are counted from the last level up (RocksDB's dynamic level bytes; Dong et al.,
/// "Optimizing space amplification in RocksDB", CIDR 2017): the one above it may have a part of it (`levelRatio`), so
/// that what is superseded in it is bounded, however much there is. Between that one and the first level that runs of level
/// 0 go to, which is no longer than `baseBytes`, sizes grow evenly, by at most the ratio.
struct LevelSizes: Equatable {
    /// What level 0 goes to; those before it are to be empty.
    var base: Int
    /// Bytes by level that may be there before it is compacted. Of levels before the base, and the last, 0.
    var targets: [Double]
    /// Bytes that may be in level 0.
    var level0: Double
    /// A tombstone counts as so many bytes beside its own: those it frees.
    var tombstoneBytes: Double

    /// Level 0 may have so much of the longest level.
    private static let level0Share = 0.1
    static let last = ManifestEdit.lastLevel

    init(_ layout: Layout, _ options: Tree.Options) {
        let bytes = layout.levels.map { Double($0.bytes) }
        let most = bytes.max() ?? 0
        let records = layout.levels.joined().reduce(0) { $0 + $1.records - $1.tombstones }
        tombstoneBytes = records > 0 ? bytes.reduce(0, +) / Double(records) : 0
        let (ratio, table) = (Double(options.levelRatio), Double(options.tableBytes))
        let next = most / ratio
        level0 = min(max(most * Self.level0Share, table), max(Double(options.baseBytes), table))
        targets = [Double](repeating: 0, count: Self.last + 1)
        base = Self.last
        let firstUsed = bytes.firstIndex { $0 > 0 } ?? Self.last
        // A level that exists goes away only when it has become clearly too many.
        let floor = firstUsed < Self.last ? 0.6 * table : 0.8 * table
        if next < floor { return }
        base = Self.base(next, ratio, Double(options.baseBytes))
        if firstUsed < base { base = max(firstUsed, Self.base(next, ratio, 0.7 * Double(options.baseBytes))) }
        let steps = Self.last - 1 - base
        let growth = steps > 0 ? max(1, next / Double(options.baseBytes)).root(steps) : 1
        for level in base..<Self.last {
            targets[level] = (0..<(Self.last - 1 - level)).reduce(next) { size, _ in size / growth }
        }
    }

    /// The level that is no longer than so many bytes, if each one is a ratio shorter than the next.
    private static func base(_ next: Double, _ ratio: Double, _ baseBytes: Double) -> Int {
        var (level, size) = (last - 1, next)
        while size > baseBytes, level > 1 {
            size /= ratio
            level -= 1
        }
        return level
    }

    /// A table's bytes, and those that its tombstones free.
    func weight(_ table: TableSummary) -> Double { Double(table.bytes) + Double(table.tombstones) * tombstoneBytes }

    func weight(_ tables: some Sequence<TableSummary>) -> Double { tables.reduce(0) { $0 + weight($1) } }
}

extension Double {
    /// The n-th root, of a number that is not less than 1; by bisection, without the mathematics library.
    fileprivate func root(_ n: Int) -> Double {
        var (low, high) = (1.0, self)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if (0..<n).reduce(1.0, { power, _ in power * middle }) < self { low = middle } else { high = middle }
        }
        return low
    }
}
