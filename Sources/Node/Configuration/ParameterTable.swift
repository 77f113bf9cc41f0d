/// All parameters, and the way from a name to one.
enum ParameterTable {
    static let all: [Parameter] =
        networkParameters + generalParameters + memoryParameters + observationParameters + encodingParameters
        + persistenceParameters + replicationParameters + clusterParameters + encryptionParameters
        + acceptedParameters + hiddenParameters

    /// Lower-case names and aliases.
    private static let indices: [String: Int] = {
        var indices: [String: Int] = [:]
        for (i, parameter) in all.enumerated() {
            precondition(indices.updateValue(i, forKey: parameter.name) == nil, "two parameters \(parameter.name)")
            guard let alias = parameter.alias else { continue }
            precondition(indices.updateValue(i, forKey: alias) == nil, "two parameters \(alias)")
        }
        return indices
    }()

    /// The parameter of a name or alias, in any case.
    static func index(_ name: String) -> Int? { indices[name.lowercased()] }

    /// Words that Redis 7 still reads and ignores.
    static let ignored: Set<String> = ["list-max-ziplist-entries", "list-max-ziplist-value"]

    static let anyInt32: ClosedRange<Int64> = Int64(Int32.min)...Int64(Int32.max)
    static let positiveInt32: ClosedRange<Int64> = 1...Int64(Int32.max)
    static let naturalInt32: ClosedRange<Int64> = 0...Int64(Int32.max)
    static let natural: ClosedRange<Int64> = 0...Int64.max
    static let portNumber: ClosedRange<Int64> = 0...65535
    static let bytes: ClosedRange<UInt64> = 0...UInt64(Int64.max)
    static let permission = ["no", "yes", "local"]

    private static let networkParameters = [
        Parameter("bind", .words(.bind), "127.0.0.1 -::1"),
        Parameter("port", .integer(portNumber), "6379"),
        Parameter("unixsocket", .text(.any), "", .immutable),
        Parameter("unixsocketperm", .octal(0o777), "0", .immutable),
        Parameter("timeout", .integer(naturalInt32), "0"),
        Parameter("tcp-backlog", .integer(naturalInt32), "511", .immutable),
        Parameter("tcp-keepalive", .integer(naturalInt32), "300"),
        Parameter("maxclients", .integer(1...Int64(UInt32.max)), "10000"),
        Parameter("requirepass", .text(.any), ""),
        Parameter("protected-mode", .yesNo, "yes"),
        Parameter("client-output-buffer-limit", .words(.outputLimits), OutputLimits.initial.text),
        Parameter("client-query-buffer-limit", .memory(1_048_576...UInt64(Int64.max)), "1073741824"),
        Parameter("proto-max-bulk-len", .memory(1_048_576...UInt64(Int64.max)), "536870912"),
        Parameter("enable-protected-configs", .choice(permission), "no", .immutable),
        Parameter("enable-debug-command", .choice(permission), "no", .immutable),
        Parameter("enable-module-command", .choice(permission), "no", .immutable),
    ]

    private static let generalParameters = [
        Parameter("databases", .integer(positiveInt32), "16", .immutable),
        Parameter("daemonize", .yesNo, "no", .immutable),
        Parameter("pidfile", .text(.any), "", .immutable),
        Parameter("logfile", .text(.any), "", .immutable),
        Parameter("loglevel", .choice(LogLevel.allCases.map(\.word)), "notice"),
        // Redis counts its helper threads from 1; here it is the number of event loops, 0 one per core.
        Parameter("io-threads", .integer(0...128), "0", .immutable),
        Parameter("hz", .integer(naturalInt32), "10"),
        Parameter("dir", .text(.directory), "", .protected),
        Parameter("oom-score-adj", .choice(["no", "yes", "relative", "absolute"]), "no"),
        Parameter("oom-score-adj-values", .words(.scores), "0 200 800"),
        Parameter("busy-reply-threshold", alias: "lua-time-limit", .integer(natural), "5000"),
    ]

    private static let memoryParameters = [
        Parameter("maxmemory", .memory(0...UInt64.max), "0"),
        Parameter("maxmemory-policy", .choice(EvictionPolicy.allCases.map(\.rawValue)), "noeviction"),
        Parameter("maxmemory-samples", .integer(positiveInt32), "5"),
        Parameter("maxmemory-eviction-tenacity", .integer(0...100), "10"),
        Parameter("maxmemory-clients", .memoryOrPercent, "0"),
        Parameter("lfu-log-factor", .integer(naturalInt32), "10"),
        Parameter("lfu-decay-time", .integer(naturalInt32), "1"),
        Parameter("active-expire-effort", .integer(1...10), "1"),
        // Ours: what one loop's Lua may use, 0 any; Redis has no such limit.
        Parameter("script-memory-limit", .memory(bytes), "1073741824", .hidden),
        Parameter("lazyfree-lazy-eviction", .yesNo, "no"),
        Parameter("lazyfree-lazy-expire", .yesNo, "no"),
        Parameter("lazyfree-lazy-server-del", .yesNo, "no"),
        Parameter("lazyfree-lazy-user-del", .yesNo, "no"),
        Parameter("lazyfree-lazy-user-flush", .yesNo, "no"),
    ]

    private static let observationParameters = [
        Parameter("slowlog-log-slower-than", .integer(-1...Int64.max), "10000"),
        Parameter("slowlog-max-len", .integer(natural), "128"),
        Parameter("latency-monitor-threshold", .integer(natural), "0"),
        Parameter("latency-tracking", .yesNo, "yes"),
        Parameter("latency-tracking-info-percentiles", .words(.percentiles), "50 99 99.9"),
        Parameter("notify-keyspace-events", .words(.keyspaceEvents), ""),
        Parameter("tracking-table-max-keys", .integer(natural), "1000000"),
        Parameter("acllog-max-len", .integer(natural), "128"),
        Parameter("acl-pubsub-default", .choice(["allchannels", "resetchannels"]), "resetchannels"),
    ]

    private static let encodingParameters = [
        Parameter("hash-max-listpack-entries", alias: "hash-max-ziplist-entries", .integer(natural), "512"),
        Parameter("hash-max-listpack-value", alias: "hash-max-ziplist-value", .memory(bytes), "64"),
        Parameter("list-max-listpack-size", alias: "list-max-ziplist-size", .integer(anyInt32), "-2"),
        Parameter("set-max-intset-entries", .integer(natural), "512"),
        Parameter("zset-max-listpack-entries", alias: "zset-max-ziplist-entries", .integer(natural), "128"),
        Parameter("zset-max-listpack-value", alias: "zset-max-ziplist-value", .memory(bytes), "64"),
        Parameter("hll-sparse-max-bytes", .memory(bytes), "3000"),
        Parameter("stream-node-max-bytes", .memory(bytes), "4096"),
        Parameter("stream-node-max-entries", .integer(natural), "100"),
    ]
}
