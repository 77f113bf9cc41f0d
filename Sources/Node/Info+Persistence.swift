import CSystem
import Commands
import Keyspace
import Storage

/// INFO persistence, with Redis' fields. While changes are logged, a round of saving to the tree is what Redis would do
/// by writing a snapshot or by rewriting its append-only file.
extension Info {
    mutating func persistence() {
        let now = call.now / 1000
        let rounds = node.persistence?.keeper?.standing
        add("loading", node.loading.isOn ? 1 : 0)
        addZeros("async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age")
        add("current_fork_perc", "0.00")
        addZeros("current_save_keys_processed", "current_save_keys_total")
        if let rounds { saving(rounds) } else { saving(node.snapshots.now, now) }
        add("rdb_last_cow_size", node.snapshots.now.copiedBytes)
        add("rdb_last_load_keys_expired", node.snapshots.now.expiredKeys)
        add("rdb_last_load_keys_loaded", node.snapshots.now.loadedKeys)
        rewriting(rounds ?? RoundProgress())
        if let log = node.persistence { logging(log, rounds) }
        if node.loading.isOn { loading(now) }
    }

    private mutating func saving(_ snapshots: Snapshots.State, _ now: Int64) {
        add("rdb_changes_since_last_save", changes &- snapshots.savedWrites)
        add("rdb_bgsave_in_progress", snapshots.child == nil ? 0 : 1)
        add("rdb_last_save_time", snapshots.lastSave)
        add("rdb_last_bgsave_status", snapshots.isGood ? "ok" : "err")
        add("rdb_last_bgsave_time_sec", snapshots.lastSeconds)
        add("rdb_current_bgsave_time_sec", snapshots.child.map { now - $0.started } ?? -1)
        add("rdb_saves", snapshots.saves)
    }

    private mutating func saving(_ rounds: RoundProgress) {
        add("rdb_changes_since_last_save", node.persistence?.unsavedRecords ?? 0)
        add("rdb_bgsave_in_progress", rounds.isRunning ? 1 : 0)
        add("rdb_last_save_time", node.lastSave)
        add("rdb_last_bgsave_status", rounds.failure == nil ? "ok" : "err")
        add("rdb_last_bgsave_time_sec", rounds.seconds)
        add("rdb_current_bgsave_time_sec", rounds.currentSeconds)
        add("rdb_saves", rounds.rounds)
    }

    private mutating func rewriting(_ rounds: RoundProgress) {
        add("aof_enabled", node.persistence == nil ? 0 : 1)
        add("aof_rewrite_in_progress", rounds.isRunning ? 1 : 0)
        add("aof_rewrite_scheduled", rounds.isWanted ? 1 : 0)
        add("aof_last_rewrite_time_sec", rounds.seconds)
        add("aof_current_rewrite_time_sec", rounds.currentSeconds)
        add("aof_last_bgrewrite_status", rounds.failure == nil ? "ok" : "err")
        add("aof_rewrites", rounds.attempts)
        add("aof_rewrites_consecutive_failures", rounds.failuresInARow)
        add("aof_last_write_status", node.persistence?.failure == nil ? "ok" : "err")
        addZeros("aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size")
    }

    /// The base is what the tree has; the log comes on top of it.
    private mutating func logging(_ persistence: Persistence, _ rounds: RoundProgress?) {
        let base = persistence.keeper?.tree.bytes ?? 0
        add("aof_current_size", base + persistence.log.storedBytes)
        add("aof_base_size", base)
        add("aof_pending_rewrite", rounds?.isWanted ?? false ? 1 : 0)
        add("aof_buffer_length", persistence.log.unwrittenBytes)
        add("aof_pending_bio_fsync", persistence.isSyncing ? 1 : 0)
        add("aof_delayed_fsync", UInt64(persistence.delayedSyncs))
    }

    private var changes: UInt64 {
        var changes: UInt64 = 0
        call.forEachPartition { partition in
            for slot in 0..<64 { changes &+= partition.pointee.slots[slot].writes }
        }
        return changes
    }

    private mutating func loading(_ now: Int64) {
        let loading = node.loading
        add("loading_start_time", loading.started)
        add("loading_total_bytes", loading.total)
        add("loading_rdb_used_mem", loading.usedMemory)
        add("loading_loaded_bytes", loading.done)
        add("loading_loaded_perc", Figure.fixed(loading.percent, 2))
        add("loading_eta_seconds", loading.secondsLeft(now: now))
    }
}

extension Node {
    /// LASTSAVE: when all data was last saved, be it as a file or to the tree; seconds since 1970.
    var lastSave: Int64 { max(snapshots.now.lastSave, persistence?.keeper?.standing.endedAt ?? 0) }
}

extension RoundProgress {
    /// One is asked for that has not begun.
    var isWanted: Bool { wanted != begun }

    /// Seconds that the one under way has taken; -1: there is none.
    var currentSeconds: Int64 { isRunning ? Int64((cs_monotonic_ns() &- startedAt) / 1_000_000_000) : -1 }
}
