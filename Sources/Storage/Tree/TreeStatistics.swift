import Base

/// What a tree is made of, and what it has written since it was opened.
public struct TreeStatistics: Sendable {
    public struct Level: Equatable, Sendable {
        public var tables = 0
        public var bytes: Int64 = 0
        /// Tombstones included.
        public var records: Int64 = 0
        public var tombstones: Int64 = 0
    }

    /// By level, 0 to the last.
    public var levels: [Level] = []
    /// Runs in level 0.
    public var runs = 0
    /// Written as runs, and by compaction.
    public var flushedBytes: Int64 = 0
    public var compactedBytes: Int64 = 0
    public var compactionReadBytes: Int64 = 0
    /// Steps that merged, and tables that only changed their level.
    public var compactions: Int64 = 0
    public var movedTables: Int64 = 0
    /// A step has begun and has not come to its end.
    public var isCompacting = false
    public var debtBytes: Int64 = 0
    /// Tables in which damage was found.
    public var damagedTables: [UInt64] = []
    /// Memory of filters and indices.
    public var tableMemoryBytes = 0
    /// Of the cache of blocks: hits, misses, memory.
    public var cache = BlockCache.Figures()

    public var bytes: Int64 { levels.reduce(0) { $0 + $1.bytes } }
    public var tables: Int { levels.reduce(0) { $0 + $1.tables } }

    /// Bytes written for each byte of runs; 1 if there were none.
    public var writeAmplification: Double {
        flushedBytes == 0 ? 1 : Double(flushedBytes + compactedBytes) / Double(flushedBytes)
    }

    /// All bytes for each byte of the longest level, in which every key is once; 1 if there are none. What is above it
    /// counts as if all of it were superseded or to supersede, so this is no less than the truth, but for deletions.
    public var spaceAmplification: Double {
        let longest = levels.dropFirst().map(\.bytes).max() ?? 0
        return longest == 0 ? 1 : Double(bytes) / Double(longest)
    }
}

extension Tree {
    /// How much memory the cache of blocks may take. Any thread.
    public func setCacheBytes(_ bytes: Int) { cache.setCapacity(bytes) }

    /// Of all tables. Any thread.
    public var bytes: Int64 { current.sources.reduce(0) { $0 + $1.bytes } }

    /// Any thread.
    public var statistics: TreeStatistics {
        let version = current
        let (figures, damaged) = counted
        var statistics = TreeStatistics()
        statistics.levels = version.levels.map { Self.level($0.tables) }
        statistics.levels[0] = Self.level(version.runs.flatMap(\.tables))
        statistics.runs = version.runs.count
        statistics.flushedBytes = figures.flushedBytes
        statistics.compactedBytes = figures.compactedBytes
        statistics.compactionReadBytes = figures.compactionReadBytes
        statistics.compactions = figures.compactions
        statistics.movedTables = figures.movedTables
        statistics.isCompacting = figures.isCompacting
        statistics.debtBytes = figures.debtBytes
        statistics.damagedTables = damaged.sorted()
        statistics.tableMemoryBytes = version.tables.reduce(0) { $0 + $1.table.memoryBytes }
        statistics.cache = cache.figures
        return statistics
    }

    private static func level(_ tables: [TableHandle]) -> TreeStatistics.Level {
        var level = TreeStatistics.Level()
        for handle in tables {
            let properties = handle.table.properties
            level.tables += 1
            level.bytes += properties.fileBytes
            level.records += Int64(properties.records)
            level.tombstones += Int64(properties.tombstones)
        }
        return level
    }
}
