import Commands
import Keyspace
import Storage

/// INFO tree, a section of our own: what the sorted tables are like, what they cost, and which values are only there.
/// Counters begin with the process. Only while changes are logged.
extension Info {
    mutating func tree() {
        guard let persistence = node.persistence, let keeper = persistence.keeper else { return }
        let figures = keeper.tree.statistics
        shape(figures)
        writing(figures, persistence.log)
        reading(figures.cache, persistence.values)
        rounds(keeper.standing)
        scrubbing(keeper.scrubber.figures)
    }

    private mutating func shape(_ figures: TreeStatistics) {
        add("tree_tables", figures.tables)
        add("tree_bytes", figures.bytes)
        add("tree_table_memory", figures.tableMemoryBytes)
        add("tree_space_amplification", Figure.fixed(figures.spaceAmplification, 2))
        add("tree_damaged_tables", figures.damagedTables.count)
        for (i, level) in figures.levels.enumerated() where level.tables > 0 {
            let runs = i == 0 ? "runs=\(figures.runs)," : ""
            add(
                "tree_level\(i)",
                runs + "tables=\(level.tables),bytes=\(level.bytes),records=\(level.records),"
                    + "tombstones=\(level.tombstones)")
        }
    }

    private mutating func writing(_ figures: TreeStatistics, _ log: Log) {
        let logged = Int64(clamping: log.bytes)
        add("tree_logged_bytes", logged)
        add("tree_flushed_bytes", figures.flushedBytes)
        add("tree_compacted_bytes", figures.compactedBytes)
        add("tree_compaction_read_bytes", figures.compactionReadBytes)
        add("tree_compactions", figures.compactions)
        add("tree_moved_tables", figures.movedTables)
        add("tree_pending_compaction_bytes", figures.debtBytes)
        add("tree_compaction_in_progress", figures.isCompacting ? 1 : 0)
        add("tree_compaction_helper", node.persistence?.keeper?.compactor.isHelping ?? false ? 1 : 0)
        add("tree_write_delay_ms", node.persistence?.writeDelay ?? 0)
        add("tree_slowed_turns", node.total(.slowedTurns))
        // Of what was flushed; and of what was logged before compression, the log itself included.
        add("tree_write_amplification", Figure.fixed(figures.writeAmplification, 2))
        let written = logged + figures.flushedBytes + figures.compactedBytes
        let total = log.rawBytes == 0 ? 1 : Double(written) / Double(log.rawBytes)
        add("tree_total_write_amplification", Figure.fixed(total, 2))
    }

    private mutating func reading(_ cache: BlockCache.Figures, _ values: TreeValues?) {
        add("tree_cache_memory", cache.memoryBytes)
        add("tree_cache_capacity", cache.capacity)
        add("tree_cache_hits", cache.hits)
        add("tree_cache_misses", cache.misses)
        addRatio("tree_cache_hit_rate", Int(clamping: cache.hits), Int(clamping: cache.hits &+ cache.misses))
        add("tree_values_away", node.keyspace.shared.pointee.awayValues)
        add("tree_values_brought_back", values?.broughtBack ?? 0)
        add("tree_values_unreadable", values?.unreadable ?? 0)
    }

    private mutating func rounds(_ rounds: RoundProgress) {
        add("tree_round_in_progress", rounds.isRunning ? 1 : 0)
        add("tree_rounds", rounds.rounds)
        add("tree_last_round_seconds", rounds.seconds)
        add("tree_last_round_failure", rounds.failure.map(Info.line) ?? "none")
    }

    private mutating func scrubbing(_ figures: Scrubber.Figures) {
        add("tree_scrub_in_progress", figures.isAtWork ? 1 : 0)
        add("tree_scrub_rounds", figures.rounds)
        add("tree_scrub_last_round", figures.lastRound)
        add("tree_scrubbed_bytes", figures.bytes)
        add("tree_scrub_damage", figures.damage)
    }

    /// Paths of the configuration may have line ends in them.
    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
