import CSystem
import Keyspace

/// How important a log line must be to be written; `debug` lets all through.
public enum LogLevel: Int, CaseIterable, Comparable, Sendable {
    case debug, verbose, notice, warning

    /// The word of the configuration.
    public var word: String { "\(self)" }

    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// What goes when `maxmemory` is reached, by Redis' names.
public enum EvictionPolicy: String, CaseIterable, Sendable {
    case volatileLRU = "volatile-lru"
    case volatileLFU = "volatile-lfu"
    case volatileRandom = "volatile-random"
    case volatileTTL = "volatile-ttl"
    case allKeysLRU = "allkeys-lru"
    case allKeysLFU = "allkeys-lfu"
    case allKeysRandom = "allkeys-random"
    case noEviction = "noeviction"

    /// LFU: entries count how often, not when last, they were used.
    public var countsFrequency: Bool { self == .volatileLFU || self == .allKeysLFU }
    /// Only keys with a deadline may go.
    public var onlyVolatile: Bool {
        self == .volatileLRU || self == .volatileLFU || self == .volatileRandom || self == .volatileTTL
    }
}

/// Who may use something dangerous: nobody, anybody, or clients on this machine.
public enum Permission: String, Sendable {
    case no, yes, local
}

/// A limit on all clients' memory (`maxmemory-clients`).
public enum ClientMemoryLimit: Sendable, Equatable {
    /// 0: none.
    case bytes(Int)
    /// Of `maxmemory`.
    case percent(Int)
}

/// An immutable snapshot of what the loops read; replaced as a whole by CONFIG SET.
///
/// Sizes are bytes. Redis' redis.conf says what each means; where this server differs, docs/configuration.md.
public final class Settings: Sendable {
    // Network.
    /// A leading '-' means: no error if that address is not available.
    public let bind: [String]
    /// 0: no TCP.
    public let port: Int
    /// Empty: none.
    public let unixSocket: String
    /// 0: what the umask gives.
    public let unixSocketPermissions: UInt32
    /// 0: idle clients stay.
    public let timeoutSeconds: Int
    public let tcpBacklog: Int
    /// Seconds; 0: off.
    public let tcpKeepalive: Int
    public let maxClients: Int
    /// Empty: none required.
    public let requirePassword: String
    public let protectedMode: Bool
    public let outputLimits: OutputLimits
    public let queryBufferLimit: Int
    public let bulkBytesMax: Int
    public let enableDebugCommand: Permission
    public let enableModuleCommand: Permission
    public let enableProtectedConfigs: Permission

    // General.
    public let databases: Int
    public let daemonize: Bool
    public let pidFile: String
    /// Empty: standard output.
    public let logFile: String
    public let logLevel: LogLevel
    /// Event loops; never 0.
    public let loops: Int
    public let hz: Int
    /// Absolute.
    public let directory: String
    public let busyReplyThresholdMilliseconds: Int

    // Memory.
    /// 0: no limit.
    public let maxMemory: Int
    public let maxMemoryPolicy: EvictionPolicy
    public let countsFrequency: Bool
    public let maxMemorySamples: Int
    public let evictionTenacity: Int
    public let maxMemoryClients: ClientMemoryLimit
    public let lfuLogFactor: Int
    public let lfuDecayMinutes: Int
    public let activeExpireEffort: Int
    /// Bytes that the scripts of a loop may use, and its functions; 0: no limit.
    public let luaMemoryLimit: Int
    public let lazyFreeing: LazyFreeing

    // Observation.
    /// -1: off; 0: everything.
    public let slowlogMicroseconds: Int
    public let slowlogLength: Int
    /// 0: off.
    public let latencyThresholdMilliseconds: Int
    public let latencyTracking: Bool
    public let latencyPercentiles: [Double]
    /// As CONFIG GET shows it.
    public let notifyKeyspaceEvents: String
    public let keyspaceEvents: KeyEvents
    public let trackingKeysMax: Int
    public let aclLogLength: Int
    /// Whether new selectors may use all channels.
    public let aclAllowsChannels: Bool
    /// As given, relative to `directory`; empty: none.
    public let aclFile: String

    public let cluster: ClusterSettings

    // Encodings.
    public let hashMaxListpackEntries: Int
    public let hashMaxListpackValue: Int
    /// Elements if positive; -1...-5: 4 to 64 KiB.
    public let listMaxListpackSize: Int
    public let setMaxIntsetEntries: Int
    public let zsetMaxListpackEntries: Int
    public let zsetMaxListpackValue: Int
    public let hllSparseMaxBytes: Int
    public let contextEntriesMax: Int
    public let streamNodeMaxBytes: Int
    public let streamNodeMaxEntries: Int

    // Storage.
    public let appendOnly: Bool
    /// Log bytes after which what has changed goes to the tree.
    let flushLogBytes: Int
    let compressesLog: Bool
    let blockCacheBytes: Int
    let tableCompression: String
    /// How far compaction may be behind before writers are slowed down.
    let writePace: WritePace
    let scrubTerms: ScrubTerms
    /// Where the log is, inside `directory`.
    public let appendDirectory: String
    public let syncPolicy: SyncPolicy
    public let savePoints: [SavePoint]
    public let snapshotName: String
    public let hasSnapshotChecksum: Bool
    public let stopsWritesOnSaveError: Bool
    /// For tests: what saving or reading a key takes longer (`Pace`).
    public let keySaveDelay: Int
    public let keyLoadDelay: Int
    /// Words of `shutdown-on-sigterm` and `shutdown-on-sigint`.
    public let shutdownOnTermination: [String]
    public let shutdownOnInterrupt: [String]

    init(_ values: Values) {
        bind = values.words("bind")
        port = values.integer("port")
        unixSocket = values.text("unixsocket")
        unixSocketPermissions = UInt32(values.text("unixsocketperm"), radix: 8) ?? 0
        timeoutSeconds = values.integer("timeout")
        tcpBacklog = values.integer("tcp-backlog")
        tcpKeepalive = values.integer("tcp-keepalive")
        maxClients = values.integer("maxclients")
        requirePassword = values.text("requirepass")
        protectedMode = values.flag("protected-mode")
        outputLimits = OutputLimits(text: values.text("client-output-buffer-limit"))
        queryBufferLimit = values.integer("client-query-buffer-limit")
        bulkBytesMax = values.integer("proto-max-bulk-len")
        enableDebugCommand = values.choice("enable-debug-command")
        enableModuleCommand = values.choice("enable-module-command")
        enableProtectedConfigs = values.choice("enable-protected-configs")
        databases = values.integer("databases")
        daemonize = values.flag("daemonize")
        pidFile = values.text("pidfile")
        logFile = values.text("logfile")
        logLevel = values.logLevel("loglevel")
        let wanted = values.integer("io-threads")
        loops = wanted > 0 ? wanted : max(1, Int(cs_available_cpus()))
        hz = values.integer("hz")
        directory = values.text("dir")
        busyReplyThresholdMilliseconds = values.integer("busy-reply-threshold")
        maxMemory = values.integer("maxmemory")
        maxMemoryPolicy = values.choice("maxmemory-policy")
        countsFrequency = maxMemoryPolicy.countsFrequency
        maxMemorySamples = values.integer("maxmemory-samples")
        evictionTenacity = values.integer("maxmemory-eviction-tenacity")
        maxMemoryClients = values.clientMemoryLimit("maxmemory-clients")
        lfuLogFactor = values.integer("lfu-log-factor")
        lfuDecayMinutes = values.integer("lfu-decay-time")
        activeExpireEffort = values.integer("active-expire-effort")
        luaMemoryLimit = values.integer("script-memory-limit")
        lazyFreeing = LazyFreeing(values)
        slowlogMicroseconds = values.integer("slowlog-log-slower-than")
        slowlogLength = values.integer("slowlog-max-len")
        latencyThresholdMilliseconds = values.integer("latency-monitor-threshold")
        latencyTracking = values.flag("latency-tracking")
        latencyPercentiles = values.words("latency-tracking-info-percentiles").compactMap { Double($0) }
        notifyKeyspaceEvents = values.text("notify-keyspace-events")
        keyspaceEvents = KeyEvents(text: notifyKeyspaceEvents) ?? []
        trackingKeysMax = values.integer("tracking-table-max-keys")
        aclLogLength = values.integer("acllog-max-len")
        aclAllowsChannels = values.text("acl-pubsub-default") == "allchannels"
        aclFile = values.text("aclfile")
        cluster = ClusterSettings(values)
        hashMaxListpackEntries = values.integer("hash-max-listpack-entries")
        hashMaxListpackValue = values.integer("hash-max-listpack-value")
        listMaxListpackSize = values.integer("list-max-listpack-size")
        setMaxIntsetEntries = values.integer("set-max-intset-entries")
        zsetMaxListpackEntries = values.integer("zset-max-listpack-entries")
        zsetMaxListpackValue = values.integer("zset-max-listpack-value")
        hllSparseMaxBytes = values.integer("hll-sparse-max-bytes")
        contextEntriesMax = values.integer("vector-clock-max-entries")
        streamNodeMaxBytes = values.integer("stream-node-max-bytes")
        streamNodeMaxEntries = values.integer("stream-node-max-entries")
        appendOnly = values.flag("appendonly")
        // As in Redis, 0 has nothing rewritten unless somebody asks for it.
        flushLogBytes = values.integer("auto-aof-rewrite-percentage") == 0 ? .max : values.integer("flush-log-size")
        blockCacheBytes = values.integer("block-cache-size")
        compressesLog = values.flag("log-compression")
        tableCompression = values.text("table-compression")
        writePace = WritePace(
            debtPercent: values.integer("write-slowdown-debt"), runs: values.integer("write-slowdown-runs"))
        scrubTerms = ScrubTerms(
            bytesPerSecond: values.integer("scrub-rate"), intervalSeconds: Int64(values.integer("scrub-interval")))
        appendDirectory = values.text("appenddirname")
        syncPolicy =
            switch values.text("appendfsync") {
            case "always": .always
            case "no": .never
            default: .everySecond
            }
        savePoints = SavePoint.parse(values.text("save"))
        snapshotName = values.text("dbfilename")
        hasSnapshotChecksum = values.flag("rdbchecksum")
        stopsWritesOnSaveError = values.flag("stop-writes-on-bgsave-error")
        keySaveDelay = values.integer("rdb-key-save-delay")
        keyLoadDelay = values.integer("key-load-delay")
        shutdownOnTermination = values.words("shutdown-on-sigterm")
        shutdownOnInterrupt = values.words("shutdown-on-sigint")
    }
}
