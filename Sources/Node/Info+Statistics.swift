import Base
import CSystem
import Commands
import Keyspace

/// INFO's sections of counters.
extension Info {
    mutating func statistics() {
        var expired: UInt64 = 0, hits: UInt64 = 0, misses: UInt64 = 0
        call.forEachPartition { partition in
            expired &+= UInt64(partition.pointee.expired)
            hits &+= UInt64(partition.pointee.hits)
            misses &+= UInt64(partition.pointee.misses)
        }
        add("total_connections_received", node.total(.connectionsReceived))
        add("total_commands_processed", node.total(.commandsProcessed))
        add("instantaneous_ops_per_sec", node.total(.commandRate))
        add("total_net_input_bytes", node.total(.inputBytes))
        add("total_net_output_bytes", node.total(.outputBytes))
        addZeros("total_net_repl_input_bytes", "total_net_repl_output_bytes")
        add("instantaneous_input_kbps", Figure.fixed(Double(node.total(.inputRate)) / 1024, 2))
        add("instantaneous_output_kbps", Figure.fixed(Double(node.total(.outputRate)) / 1024, 2))
        add("instantaneous_input_repl_kbps", "0.00")
        add("instantaneous_output_repl_kbps", "0.00")
        add("rejected_connections", node.total(.connectionsRejected))
        addZeros("sync_full", "sync_partial_ok", "sync_partial_err")
        add("expired_keys", expired)
        add("expired_stale_perc", "0.00")
        addZeros(
            "expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds")
        add("evicted_keys", node.total(.evictedKeys))
        add("evicted_clients", node.total(.evictedClients))
        addZeros("total_eviction_exceeded_time", "current_eviction_exceeded_time")
        add("keyspace_hits", hits)
        add("keyspace_misses", misses)
        add("pubsub_channels", node.broker.count(.channel))
        add("pubsub_patterns", node.broker.count(.pattern))
        add("pubsubshard_channels", node.broker.count(.shard))
        let snapshots = node.snapshots.now
        add("latest_fork_usec", snapshots.forkMicroseconds)
        add("total_forks", snapshots.forks)
        addZeros(
            "migrate_cached_sockets", "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses",
            "active_defrag_key_hits", "active_defrag_key_misses", "total_active_defrag_time",
            "current_active_defrag_time")
        add("tracking_total_keys", node.keyspace.readKeyCount)
        add("tracking_total_items", node.keyspace.readerCount)
        add("tracking_total_prefixes", node.prefixes.count)
        addZeros("unexpected_error_replies")
        add("total_error_replies", node.total(.errorReplies))
        add("dump_payload_sanitizations", 0)
        add("total_reads_processed", node.total(.reads))
        add("total_writes_processed", node.total(.writes))
        addZeros(
            "io_threaded_reads_processed", "io_threaded_writes_processed", "reply_buffer_shrinks",
            "reply_buffer_expands")
        add("client_query_buffer_limit_disconnections", node.total(.queryBufferDisconnects))
        add("client_output_buffer_limit_disconnections", node.total(.outputBufferDisconnects))
        add("acl_access_denied_auth", node.total(.deniedLogins))
        add("acl_access_denied_cmd", node.total(.deniedCommands))
        add("acl_access_denied_key", node.total(.deniedKeys))
        add("acl_access_denied_channel", node.total(.deniedChannels))
    }

    mutating func commandStatistics() {
        for index in node.commands.commands.indices {
            var sum = Statistics.CommandFigures()
            for executor in node.executors {
                let figures = executor.statistics.figures(index)
                sum.calls &+= figures.calls
                sum.ticks &+= figures.ticks
                sum.rejected &+= figures.rejected
                sum.failed &+= figures.failed
            }
            if sum.calls == 0 && sum.rejected == 0 && sum.failed == 0 { continue }
            let microseconds = Double(sum.ticks) * cs_nanoseconds_per_tick() / 1000
            let mean = sum.calls == 0 ? 0 : microseconds / Double(sum.calls)
            add(
                "cmdstat_\(node.commands.fullNames[index])",
                "calls=\(sum.calls),usec=\(UInt64(microseconds)),usec_per_call=\(Figure.fixed(mean, 2)),"
                    + "rejected_calls=\(sum.rejected),failed_calls=\(sum.failed)")
        }
    }

    mutating func errorStatistics() {
        for (code, count) in node.errors.all { add("errorstat_\(Info.safe(code))", "count=\(count)") }
    }

    /// An error code comes from a command and, with scripts, from users: it must not break a line's form.
    private static func safe(_ text: String) -> String {
        String(decoding: text.utf8.map { "#:\n\r".utf8.contains($0) ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
    }

    mutating func latencyStatistics() {
        if !settings.latencyTracking { return }
        for index in node.commands.commands.indices {
            var histogram = [UInt64](repeating: 0, count: Statistics.histogramBuckets)
            for executor in node.executors { executor.statistics.addHistogram(index, to: &histogram) }
            let total = histogram.reduce(0, &+)
            if total == 0 { continue }
            let parts = settings.latencyPercentiles.map { percentile in
                "p\(Info.short(percentile))=\(Figure.fixed(Info.percentile(percentile, histogram, total), 3))"
            }
            add("latency_percentiles_usec_\(node.commands.fullNames[index])", parts.joined(separator: ","))
        }
    }

    /// 99.9 as "99.9", 50 as "50".
    private static func short(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value))" : "\(value)"
    }

    /// Microseconds that so many percent of the durations do not exceed, as exact as the buckets are.
    static func percentile(_ percentile: Double, _ histogram: [UInt64], _ total: UInt64) -> Double {
        let wanted = max(1, UInt64((percentile / 100 * Double(total)).rounded(.up)))
        var seen: UInt64 = 0
        for bucket in histogram.indices {
            seen &+= histogram[bucket]
            if seen >= wanted {
                return Double(Statistics.bucketLimit(bucket)) * cs_nanoseconds_per_tick() / 1000
            }
        }
        return 0
    }
}
