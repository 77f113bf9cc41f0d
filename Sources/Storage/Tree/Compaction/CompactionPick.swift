import Base

/// One step of compaction: which tables become which.
struct CompactionPick: Equatable, Sendable {
    /// Tables that are merged, the newest first; of each the keys follow each other.
    var inputs: [[TableSummary]]
    var level: Int
    /// In level 0: the run that comes of it.
    var run: UInt64 = 0
    /// The tables only change their level.
    var isMove = false

    var tables: [TableSummary] { inputs.flatMap { $0 } }
}

/// Chooses compactions: a function of the tables alone.
struct CompactionPicker {
    let layout: Layout
    let options: Tree.Options
    let sizes: LevelSizes
    /// Tables that cannot be read: they stay where they are.
    let damaged: Set<UInt64>

    init(_ layout: Layout, _ options: Tree.Options, damaged: Set<UInt64> = []) {
        self.layout = layout
        self.options = options
        self.damaged = damaged
        sizes = LevelSizes(layout, options)
    }

    /// The step that is most urgent; nil if none is.
    /// - Parameter eager: level 0 is compacted although it has room, if it has several runs.
    func pick(eager: Bool = false) -> CompactionPick? {
        if let pick = pickUrgent() { return pick }
        guard eager, layout.runs.count > 1, let pick = pickLevel0(), isReadable(pick) else { return nil }
        return pick
    }

    private func isReadable(_ pick: CompactionPick) -> Bool {
        damaged.isEmpty || !pick.tables.contains { damaged.contains($0.number) }
    }

    private func pickUrgent() -> CompactionPick? {
        let urgent = scores.filter { $0.score >= 1 }.sorted { ($0.score, $1.level) > ($1.score, $0.level) }
        for (level, _) in urgent {
            if let pick = level == 0 ? pickLevel0() : pickLevel(level), isReadable(pick) { return pick }
        }
        return nil
    }

    /// How full the levels are, of those that may be compacted; from 1 on they are.
    var scores: [(level: Int, score: Double)] {
        var found: [(level: Int, score: Double)] = []
        if !layout.runs.isEmpty {
            let byCount = Double(layout.runs.count) / Double(options.level0Runs)
            found.append((0, max(byCount, sizes.weight(layout.level0) / sizes.level0)))
        }
        for level in 1..<LevelSizes.last where !layout.levels[level].isEmpty {
            let weight = sizes.weight(layout.levels[level])
            found.append((level, level < sizes.base ? 10 + weight : weight / max(1, sizes.targets[level])))
        }
        return found
    }

    /// Bytes that compaction has still to write until no level is too long, about.
    var debtBytes: Int64 {
        var debt = 0.0
        var carried = 0.0
        if let first = scores.first, first.level == 0, first.score >= 1 {
            carried = Double(layout.level0.bytes)
            debt += carried + Double(layout.levels[top].bytes)
        }
        for level in 1..<LevelSizes.last {
            let bytes = Double(layout.levels[level].bytes) + (level == top ? carried : 0)
            let over = bytes - sizes.targets[level]
            if over <= 0 || bytes == 0 { continue }
            let below = Double(layout.levels[level + 1].bytes)
            debt += over * (1 + min(below / bytes, Double(options.levelRatio)))
        }
        return Int64(debt)
    }

    /// Where level 0 goes: never past records that are older.
    private var top: Int { min(sizes.base, layout.levels.firstIndex { !$0.isEmpty } ?? sizes.base) }

    // MARK: level 0

    private func pickLevel0() -> CompactionPick? {
        let tables = layout.level0
        guard let first = tables.map(\.first).min(by: { $0 < $1 }),
            let last = tables.map(\.last).max(by: { $0 < $1 })
        else { return nil }
        let below = layout.overlapping(top, first, last)
        // Little above much: it waits in level 0 until it is worth it, in runs that grow.
        if sizes.weight(tables) < sizes.level0 / 2, tables.bytes * 2 < below.bytes, layout.runs.count > 1 {
            return mergeNewestRuns()
        }
        let inputs = layout.runs.map(\.tables) + (below.isEmpty ? [] : [below])
        return CompactionPick(inputs: inputs, level: top, isMove: inputs.count == 1 && mayMove(tables, to: top))
    }

    /// Size-tiered: the newest runs, up to one that is more than twice as long as all of them.
    private func mergeNewestRuns() -> CompactionPick {
        var count = 1
        var bytes = layout.runs[0].tables.bytes
        while count < layout.runs.count {
            let next = layout.runs[count].tables.bytes
            if count >= 2 && next > 2 * bytes { break }
            bytes += next
            count += 1
        }
        return CompactionPick(
            inputs: layout.runs[..<count].map(\.tables), level: 0, run: layout.runs[0].number)
    }

    // MARK: other levels

    /// The table whose merging writes the least beside it (RocksDB's "minimum overlapping ratio"): the one that is the
    /// densest above the next level. (Several neighbours at once never write less.)
    private func pickLevel(_ level: Int) -> CompactionPick? {
        let lower = layout.levels[level + 1]
        var best: (cost: Double, table: TableSummary, lower: Range<Int>)?
        var start = 0
        for table in layout.levels[level] where !damaged.contains(table.number) {
            while start < lower.count, lower[start].last < table.first { start += 1 }
            var end = start
            while end < lower.count, !(table.last < lower[end].first) { end += 1 }
            if lower[start..<end].contains(where: { damaged.contains($0.number) }) { continue }
            let cost = Double(lower[start..<end].bytes) / sizes.weight(table)
            if cost < best?.cost ?? .infinity { best = (cost, table, start..<end) }
        }
        guard let best else { return nil }
        return CompactionPick(
            inputs: best.lower.isEmpty ? [[best.table]] : [[best.table], Array(lower[best.lower])], level: level + 1,
            isMove: best.lower.isEmpty && mayMove([best.table], to: level + 1))
    }

    private func mayMove(_ tables: [TableSummary], to level: Int) -> Bool {
        tables.allSatisfy {
            $0.compression == options.compression(of: level) && (level < LevelSizes.last || $0.tombstones == 0)
        }
    }
}
