import Commands
import Keyspace

/// INFO persistence.
extension Info {
    mutating func persistence() {
        let now = call.now / 1000
        let snapshots = node.snapshots.now
        add("loading", node.loading.isOn ? 1 : 0)
        addZeros("async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age")
        add("current_fork_perc", "0.00")
        addZeros("current_save_keys_processed", "current_save_keys_total")
        add("rdb_changes_since_last_save", changes &- snapshots.savedWrites)
        add("rdb_bgsave_in_progress", snapshots.child == nil ? 0 : 1)
        add("rdb_last_save_time", snapshots.lastSave)
        add("rdb_last_bgsave_status", snapshots.isGood ? "ok" : "err")
        add("rdb_last_bgsave_time_sec", snapshots.lastSeconds)
        add("rdb_current_bgsave_time_sec", snapshots.child.map { now - $0.started } ?? -1)
        add("rdb_saves", snapshots.saves)
        add("rdb_last_cow_size", snapshots.copiedBytes)
        add("rdb_last_load_keys_expired", snapshots.expiredKeys)
        add("rdb_last_load_keys_loaded", snapshots.loadedKeys)
        add("aof_enabled", node.persistence == nil ? 0 : 1)
        addZeros("aof_rewrite_in_progress", "aof_rewrite_scheduled")
        add("aof_last_rewrite_time_sec", -1)
        add("aof_current_rewrite_time_sec", -1)
        add("aof_last_bgrewrite_status", "ok")
        addZeros("aof_rewrites", "aof_rewrites_consecutive_failures")
        add("aof_last_write_status", node.persistence?.failure == nil ? "ok" : "err")
        addZeros("aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size")
        if node.loading.isOn { loading(now) }
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
