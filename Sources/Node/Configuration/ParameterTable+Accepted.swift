import Cluster

extension ParameterTable {
    private static let noReplication = "this version has no replication yet"
    private static let encryption = Parameter.Use.refused(
        "this version has no TLS yet", reply: "Unable to update TLS configuration. Check server logs.")
    private static let defragmentation = Parameter.Use.refused(
        "this server has no active defragmentation",
        reply: "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified "
            + "Jemalloc like the one shipped by default with the Redis source distribution")

    static let persistenceParameters = [
        Parameter("appendonly", .yesNo, "no"),
        Parameter("appendfsync", .choice(["everysec", "always", "no"]), "everysec"),
        Parameter("appendfilename", .text(.notEmptyNotPath), "appendonly.aof", .immutable, .accepted),
        // Those that Redis does not have: how the tree is kept (docs/durability.md).
        Parameter("flush-log-size", .memory(bytes), "268435456", .hidden),
        Parameter("block-cache-size", .memory(bytes), "8388608", [.immutable, .hidden]),
        Parameter("log-compression", .yesNo, "yes", [.immutable, .hidden]),
        Parameter("table-compression", .choice(["default", "none", "lz4", "zstd"]), "default", [.immutable, .hidden]),
        Parameter("write-slowdown-debt", .integer(naturalInt32), "100", .hidden),
        Parameter("write-slowdown-runs", .integer(naturalInt32), "30", .hidden),
        Parameter("scrub-rate", .memory(bytes), "1048576", .hidden),
        Parameter("scrub-interval", .integer(naturalInt32), "604800", .hidden),
        Parameter("appenddirname", .text(.directoryName), "appendonlydir", .immutable),
        Parameter("no-appendfsync-on-rewrite", .yesNo, "no", [], .accepted),
        Parameter("auto-aof-rewrite-percentage", .integer(naturalInt32), "100"),
        Parameter("auto-aof-rewrite-min-size", .memory(bytes), "67108864", [], .accepted),
        Parameter("aof-load-truncated", .yesNo, "yes", [], .accepted),
        Parameter("aof-use-rdb-preamble", .yesNo, "yes", [], .accepted),
        Parameter("aof-rewrite-incremental-fsync", .yesNo, "yes", [], .accepted),
        Parameter("aof-timestamp-enabled", .yesNo, "no", [], .accepted),
        Parameter("aof-disable-auto-gc", .yesNo, "no", [], .accepted),
        Parameter("save", .words(.save), "3600 1 300 100 60 10000"),
        Parameter("dbfilename", .text(.notPath), "dump.rdb", .protected),
        Parameter("rdbcompression", .yesNo, "yes", [], .accepted),
        Parameter("rdbchecksum", .yesNo, "yes", .immutable),
        Parameter("rdb-del-sync-files", .yesNo, "no", [], .accepted),
        Parameter("rdb-save-incremental-fsync", .yesNo, "yes", [], .accepted),
        Parameter("sanitize-dump-payload", .choice(["no", "yes", "clients"]), "no", [], .accepted),
        Parameter("stop-writes-on-bgsave-error", .yesNo, "yes"),
    ]

    static let replicationParameters = [
        Parameter("replicaof", alias: "slaveof", .words(.replicaOf), "", .immutable, .refused(noReplication)),
        Parameter("masterauth", .text(.any), "", [], .accepted),
        Parameter("masteruser", .text(.any), "", [], .accepted),
        Parameter("replica-serve-stale-data", alias: "slave-serve-stale-data", .yesNo, "yes", [], .accepted),
        Parameter("replica-read-only", alias: "slave-read-only", .yesNo, "yes", [], .accepted),
        Parameter("replica-lazy-flush", alias: "slave-lazy-flush", .yesNo, "no", [], .accepted),
        Parameter("replica-ignore-maxmemory", alias: "slave-ignore-maxmemory", .yesNo, "yes", [], .accepted),
        Parameter("replica-ignore-disk-write-errors", .yesNo, "no", [], .accepted),
        Parameter("replica-announced", .yesNo, "yes", [], .accepted),
        Parameter("replica-announce-ip", alias: "slave-announce-ip", .text(.any), "", [], .accepted),
        Parameter("replica-announce-port", alias: "slave-announce-port", .integer(portNumber), "0", [], .accepted),
        Parameter("replica-priority", alias: "slave-priority", .integer(naturalInt32), "100", [], .accepted),
        Parameter(
            "repl-ping-replica-period", alias: "repl-ping-slave-period", .integer(positiveInt32), "10", [], .accepted),
        Parameter("repl-timeout", .integer(positiveInt32), "60", [], .accepted),
        Parameter("repl-disable-tcp-nodelay", .yesNo, "no", [], .accepted),
        Parameter("repl-backlog-size", .memory(1...UInt64(Int64.max)), "1048576", [], .accepted),
        Parameter("repl-backlog-ttl", .integer(natural), "3600", [], .accepted),
        Parameter("repl-diskless-sync", .yesNo, "yes", [], .accepted),
        Parameter("repl-diskless-sync-delay", .integer(naturalInt32), "5", [], .accepted),
        Parameter("repl-diskless-sync-max-replicas", .integer(naturalInt32), "0", [], .accepted),
        Parameter("repl-diskless-load", .choice(["disabled", "on-empty-db", "swapdb"]), "disabled", [], .accepted),
        Parameter("min-replicas-to-write", alias: "min-slaves-to-write", .integer(naturalInt32), "0", [], .accepted),
        Parameter("min-replicas-max-lag", alias: "min-slaves-max-lag", .integer(naturalInt32), "10", [], .accepted),
        Parameter(
            "propagation-error-behavior", .choice(["ignore", "panic", "panic-on-replicas"]), "ignore", [], .accepted),
    ]

    static let clusterParameters = [
        Parameter("cluster-enabled", .yesNo, "no", .immutable),
        Parameter("cluster-config-file", .text(.notEmptyNotPath), "nodes.conf", .immutable),
        Parameter("cluster-node-timeout", .integer(natural), "15000"),
        Parameter("cluster-port", .integer(portNumber), "0", .immutable),
        Parameter("cluster-announce-ip", .text(.address), ""),
        Parameter("cluster-announce-hostname", .text(.hostname), "", [], .accepted),
        Parameter("cluster-announce-port", .integer(portNumber), "0"),
        Parameter("cluster-announce-tls-port", .integer(portNumber), "0", [], .accepted),
        Parameter("cluster-announce-bus-port", .integer(portNumber), "0"),
        Parameter("cluster-migration-barrier", .integer(naturalInt32), "1", [], .accepted),
        Parameter(
            "cluster-replica-validity-factor", alias: "cluster-slave-validity-factor", .integer(naturalInt32), "10",
            [], .accepted),
        Parameter("cluster-replica-no-failover", alias: "cluster-slave-no-failover", .yesNo, "no", [], .accepted),
        Parameter("cluster-require-full-coverage", .yesNo, "yes", [], .accepted),
        Parameter("cluster-allow-reads-when-down", .yesNo, "no", [], .accepted),
        Parameter("cluster-allow-pubsubshard-when-down", .yesNo, "yes", [], .accepted),
        Parameter("cluster-allow-replica-migration", .yesNo, "yes", [], .accepted),
        Parameter("cluster-link-sendbuf-limit", .memory(bytes), "0", [], .accepted),
        Parameter(
            "cluster-preferred-endpoint-type", .choice(["ip", "hostname", "unknown-endpoint"]), "ip", [], .accepted),
        // Those that Redis does not have (docs/configuration.md).
        Parameter("vector-clock-max-entries", .integer(1...Int64(Int32.max)), "10", .hidden),
        Parameter("cluster-name", .text(.clusterName), "martlet", [.immutable, .hidden]),
        Parameter("cluster-seeds", .text(.seeds), "", [.immutable, .hidden]),
        Parameter("cluster-secret", .text(.any), "", [.immutable, .hidden, .secret]),
        Parameter("cluster-secret-file", .text(.any), "", [.immutable, .hidden]),
        Parameter("cluster-replication", .text(.replication), "3", [.immutable, .hidden]),
        Parameter("cluster-read-quorum", .text(.readQuorum), "quorum", [.immutable, .hidden]),
        Parameter("cluster-write-quorum", .text(.writeQuorum), "quorum", [.immutable, .hidden]),
        Parameter("cluster-catch-up", .yesNo, "yes", [.immutable, .hidden]),
        Parameter("cluster-hints-max", .integer(0...Int64(Int32.max)), "100000", .hidden),
        Parameter("cluster-request-timeout", .integer(10...600_000), "2000", [.hidden]),
        Parameter("node-weight", .integer(0...Int64(Member.weightMax)), "0", [.immutable, .hidden]),
        Parameter("rack", .text(.label), "", [.immutable, .hidden]),
        Parameter("datacenter", .text(.label), "", [.immutable, .hidden]),
    ]

    static let encryptionParameters = [
        Parameter("tls-port", .integer(portNumber), "0", [], encryption),
        Parameter("tls-cluster", .yesNo, "no", [], encryption),
        Parameter("tls-replication", .yesNo, "no", [], encryption),
        Parameter("tls-auth-clients", .choice(["no", "yes", "optional"]), "yes", [], .accepted),
        Parameter("tls-prefer-server-ciphers", .yesNo, "no", [], .accepted),
        Parameter("tls-session-caching", .yesNo, "yes", [], .accepted),
        Parameter("tls-session-cache-size", .integer(naturalInt32), "20480", [], .accepted),
        Parameter("tls-session-cache-timeout", .integer(naturalInt32), "300", [], .accepted),
        Parameter("tls-cert-file", .text(.any), "", [], .accepted),
        Parameter("tls-key-file", .text(.any), "", [], .accepted),
        Parameter("tls-key-file-pass", .text(.any), "", [], .accepted),
        Parameter("tls-client-cert-file", .text(.any), "", [], .accepted),
        Parameter("tls-client-key-file", .text(.any), "", [], .accepted),
        Parameter("tls-client-key-file-pass", .text(.any), "", [], .accepted),
        Parameter("tls-dh-params-file", .text(.any), "", [], .accepted),
        Parameter("tls-ca-cert-file", .text(.any), "", [], .accepted),
        Parameter("tls-ca-cert-dir", .text(.any), "", [], .accepted),
        Parameter("tls-protocols", .text(.any), "", [], .accepted),
        Parameter("tls-ciphers", .text(.any), "", [], .accepted),
        Parameter("tls-ciphersuites", .text(.any), "", [], .accepted),
    ]

    /// About workings of Redis that have no counterpart here.
    static let acceptedParameters = [
        Parameter("aclfile", .text(.any), "", .immutable),
        Parameter("dynamic-hz", .yesNo, "yes", [], .accepted),
        Parameter("shutdown-timeout", .integer(naturalInt32), "10", [], .accepted),
        Parameter("shutdown-on-sigint", .words(.shutdown), "default"),
        Parameter("shutdown-on-sigterm", .words(.shutdown), "default"),
        Parameter("list-compress-depth", .integer(naturalInt32), "0", [], .accepted),
        Parameter("io-threads-do-reads", .yesNo, "no", .immutable, .accepted),
        Parameter("activerehashing", .yesNo, "yes", [], .accepted),
        Parameter("activedefrag", .yesNo, "no", [], defragmentation),
        Parameter("active-defrag-cycle-min", .integer(1...99), "1", [], .accepted),
        Parameter("active-defrag-cycle-max", .integer(1...99), "25", [], .accepted),
        Parameter("active-defrag-threshold-lower", .integer(0...1000), "10", [], .accepted),
        Parameter("active-defrag-threshold-upper", .integer(0...1000), "100", [], .accepted),
        Parameter("active-defrag-ignore-bytes", .memory(1...UInt64(Int64.max)), "104857600", [], .accepted),
        Parameter("active-defrag-max-scan-fields", .integer(1...Int64.max), "1000", [], .accepted),
        Parameter("jemalloc-bg-thread", .yesNo, "yes", [], .accepted),
        Parameter("disable-thp", .yesNo, "yes", .immutable, .accepted),
        Parameter("crash-log-enabled", .yesNo, "yes", [], .accepted),
        Parameter("crash-memcheck-enabled", .yesNo, "yes", [], .accepted),
        Parameter("always-show-logo", .yesNo, "no", .immutable, .accepted),
        Parameter("set-proc-title", .yesNo, "yes", .immutable, .accepted),
        Parameter(
            "proc-title-template", .text(.titleTemplate), "{title} {listen-addr} {server-mode}", [], .accepted),
        Parameter("supervised", .choice(["upstart", "systemd", "auto", "no"]), "no", .immutable, .accepted),
        Parameter("syslog-enabled", .yesNo, "no", .immutable, .accepted),
        Parameter("syslog-ident", .text(.any), "redis", .immutable, .accepted),
        Parameter(
            "syslog-facility", .choice(["user"] + (0...7).map { "local\($0)" }), "local0", .immutable, .accepted),
        Parameter("socket-mark-id", .integer(0...Int64(UInt32.max)), "0", .immutable, .accepted),
        Parameter("bind-source-addr", .text(.any), "", [], .accepted),
        Parameter("ignore-warnings", .words(.ignoredWarnings), "", [], .accepted),
        Parameter("server_cpulist", .text(.any), "", .immutable, .accepted),
        Parameter("bio_cpulist", .text(.any), "", .immutable, .accepted),
        Parameter("aof_rewrite_cpulist", .text(.any), "", .immutable, .accepted),
        Parameter("bgsave_cpulist", .text(.any), "", .immutable, .accepted),
    ]

    /// For Redis' own tests: found by their exact names only.
    static let hiddenParameters = [
        Parameter("key-load-delay", .integer(anyInt32), "0", .hidden),
        Parameter("rdb-key-save-delay", .integer(anyInt32), "0", .hidden),
        Parameter(
            "loading-process-events-interval-bytes", .integer(1024...Int64(Int32.max)), "2097152", .hidden, .accepted),
        Parameter("use-exit-on-panic", .yesNo, "no", .hidden, .accepted),
        Parameter("watchdog-period", .integer(naturalInt32), "0", .hidden, .accepted),
        Parameter("lua-enable-deprecated-api", .yesNo, "no", [.hidden, .immutable], .accepted),
    ]
}
