import Base
import CSystem
import Causality
import Commands
import Keyspace

/// INFO's text: the sections and fields of Redis 7.0.15 (redis.io/commands/info), with the values that are
/// true here. Of what does not exist here the honest constant is shown where tools look for the field.
struct Info {
    let call: Call
    let node: Node
    let settings: Settings
    let process: ProcessFigures
    let clients: ClientTotals
    private(set) var lines: [String] = []

    init(_ call: Call) {
        self.call = call
        node = call.node
        settings = call.settings
        process = node.doors.process()
        call.executor.publishAll()
        clients = node.clientTotals(now: call.now)
    }

    private struct Section: Sendable {
        let name: String
        let title: String
        let isDefault: Bool
        var isThere: @Sendable (Node) -> Bool = { _ in true }
        let write: @Sendable (inout Info) -> Void
    }

    /// In the order of Redis; the last three are our own.
    private static let sections: [Section] = [
        Section(name: "server", title: "Server", isDefault: true) { $0.server() },
        Section(name: "clients", title: "Clients", isDefault: true) { $0.clientFigures() },
        Section(name: "memory", title: "Memory", isDefault: true) { $0.memoryFigures() },
        Section(name: "persistence", title: "Persistence", isDefault: true) { $0.persistence() },
        Section(name: "stats", title: "Stats", isDefault: true) { $0.statistics() },
        Section(name: "replication", title: "Replication", isDefault: true) { $0.replication() },
        Section(name: "cpu", title: "CPU", isDefault: true) { $0.cpu() },
        Section(name: "modules", title: "Modules", isDefault: true) { _ in },
        Section(name: "commandstats", title: "Commandstats", isDefault: false) { $0.commandStatistics() },
        Section(name: "errorstats", title: "Errorstats", isDefault: true) { $0.errorStatistics() },
        Section(name: "latencystats", title: "Latencystats", isDefault: false) { $0.latencyStatistics() },
        Section(name: "cluster", title: "Cluster", isDefault: true) { $0.cluster() },
        Section(name: "keyspace", title: "Keyspace", isDefault: true) { $0.keyspace() },
        Section(name: "loops", title: "Loops", isDefault: false) { $0.loops() },
        Section(name: "versions", title: "Versions", isDefault: false) { $0.versions() },
        Section(name: "tree", title: "Tree", isDefault: false, isThere: { $0.persistence != nil }) { $0.tree() },
    ]

    /// The sections of these names, in lower case; "default" and none: most; "all", "everything": all.
    func text(sections names: Set<String>) -> String {
        var info = self
        let all = names.contains("all") || names.contains("everything")
        let usual = all || names.isEmpty || names.contains("default")
        for section in Info.sections where all || usual && section.isDefault || names.contains(section.name) {
            if !section.isThere(node) { continue }
            if !info.lines.isEmpty { info.lines.append("") }
            info.lines.append("# \(section.title)")
            section.write(&info)
        }
        return info.lines.map { $0 + "\r\n" }.joined()
    }

    mutating func add(_ name: String, _ value: Int) { lines.append("\(name):\(value)") }

    mutating func add(_ name: String, _ value: Int64) { lines.append("\(name):\(value)") }

    mutating func add(_ name: String, _ value: UInt64) { lines.append("\(name):\(value)") }

    mutating func add(_ name: String, _ value: String) { lines.append("\(name):\(value)") }

    mutating func addZeros(_ names: String...) {
        for name in names { add(name, 0) }
    }

    /// A number of bytes, and the same for people.
    mutating func addBytes(_ name: String, _ bytes: Int) {
        add(name, bytes)
        add(name + "_human", Figure.bytes(bytes))
    }

    mutating func addRatio(_ name: String, _ part: Int, _ whole: Int) {
        add(name, Figure.fixed(whole == 0 ? 0 : Double(part) / Double(whole), 2))
    }

    /// INFO versions, a section of our own: keys with several versions, and what clients make of them.
    private mutating func versions() {
        let figures = node.keyspace.siblingFigures
        add("unsettled_keys", figures[.unsettledKeys])
        add("siblings", figures[.siblings])
        add("sibling_warnings", figures[.warnings])
        add("sibling_refusals", figures[.refusals])
        add("context_entries_truncated", figures[.truncatedEntries])
        add("actors", node.keyspace.actors.read { $0.count - 1 })
    }

    // MARK: who and what

    private mutating func server() {
        let uptime = Int(call.now - node.startedAt) / 1000
        add("redis_version", "\(Version.redis)")
        add("martlet_version", "\(Version.martlet)")
        add("redis_git_sha1", "00000000")
        add("redis_git_dirty", "0")
        add("redis_build_id", "0")
        add("redis_mode", node.mode)
        add("os", process.system)
        add("arch_bits", Int.bitWidth)
        add("monotonic_clock", "POSIX clock_gettime")
        add("multiplexing_api", "epoll")
        add("atomicvar_api", "c11-builtin")
        add("gcc_version", "0.0.0")
        add("process_id", process.processID)
        add("process_supervised", "no")
        add("run_id", node.runID)
        add("tcp_port", node.port)
        add("server_time_usec", Int(call.executor.wallMicroseconds))
        add("uptime_in_seconds", uptime)
        add("uptime_in_days", uptime / 86400)
        add("hz", settings.hz)
        add("configured_hz", settings.hz)
        add("lru_clock", Int(call.now / 1000 & 0xff_ffff))
        add("executable", process.executable)
        add("config_file", node.configuration.file ?? "")
        add("io_threads_active", node.executors.count > 1 ? 1 : 0)
    }

    private mutating func clientFigures() {
        let peaks = node.executors.map { $0.recentPeaks.latest(now: call.now) }
        add("connected_clients", node.clientCount)
        add("cluster_connections", node.executors.reduce(0) { $0 + $1.peers.linkCount })
        add("maxclients", settings.maxClients)
        add("client_recent_max_input_buffer", peaks.map(\.input).max() ?? 0)
        add("client_recent_max_output_buffer", peaks.map(\.output).max() ?? 0)
        add("blocked_clients", clients.blocked)
        add("tracking_clients", node.trackingClients.count)
        add("clients_in_timeout_table", clients.waitingWithDeadline)
    }

    private mutating func replication() {
        add("role", "master")
        add("connected_slaves", 0)
        add("master_failover_state", "no-failover")
        add("master_replid", node.runID)
        add("master_replid2", String(repeating: "0", count: 40))
        add("master_repl_offset", 0)
        add("second_repl_offset", -1)
        addZeros(
            "repl_backlog_active", "repl_backlog_size", "repl_backlog_first_byte_offset", "repl_backlog_histlen")
    }

    private mutating func cpu() {
        add("used_cpu_sys", Figure.fixed(process.systemSeconds, 6))
        add("used_cpu_user", Figure.fixed(process.userSeconds, 6))
        add("used_cpu_sys_children", Figure.fixed(process.childSystemSeconds, 6))
        add("used_cpu_user_children", Figure.fixed(process.childUserSeconds, 6))
        // There is no main thread here: the loop that answers.
        add("used_cpu_sys_main_thread", Figure.fixed(process.threadSystemSeconds, 6))
        add("used_cpu_user_main_thread", Figure.fixed(process.threadUserSeconds, 6))
    }

    // MARK: keys and loops

    private mutating func keyspace() {
        let holdsAll = call.state.pointee.held.contains(0)
        var counts = [Int](repeating: 0, count: call.keyspace.databaseCount)
        call.forEachPartition { partition in
            for database in counts.indices {
                counts[database] += partition.pointee.databases[database].entries.count
            }
        }
        for database in counts.indices where counts[database] > 0 {
            let figures = call.keyspace.statistics(database: database, now: call.now, locked: holdsAll)
            if figures.keys == 0 { continue }
            add(
                "db\(database)",
                "keys=\(figures.keys),expires=\(figures.expires),avg_ttl=\(figures.averageTTL)")
        }
    }

    /// A section of our own: what each event loop does. A turn is one round of reading, executing and sending.
    private mutating func loops() {
        add("loop_longest_turn_usec", node.maximum(.longestTurn) / 1000)
        for executor in node.executors {
            let statistics = executor.statistics
            let clients = executor.rosterLock.withLock { executor.roster.count }
            add(
                "loop\(executor.index)",
                "clients=\(clients),turns=\(statistics[.turns]),longest_turn_usec=\(statistics[.longestTurn] / 1000),"
                    + "commands=\(statistics[.commandsProcessed])")
        }
    }
}

/// What INFO and MEMORY say of all clients together.
struct ClientTotals {
    /// Suspended, by a wait or a pause.
    var blocked = 0
    var waitingWithDeadline = 0
    var bytes = 0
}

extension Node {
    /// Looks at the clients of all loops, `now` in ms since 1970.
    func clientTotals(now: Int64) -> ClientTotals {
        var totals = ClientTotals()
        for executor in executors {
            executor.rosterLock.withLock {
                for session in executor.roster where !session.pointee.details.isGone {
                    totals.bytes += executor.memory(session, now: now).total
                    if session.pointee.details.block != nil { totals.blocked += 1 }
                    if case .waiting(let waiter) = session.pointee.details.block, waiter.deadline != 0 {
                        totals.waitingWithDeadline += 1
                    }
                }
            }
        }
        return totals
    }
}

/// Numbers as text for people.
enum Figure {
    /// Rounded to so many decimal places.
    static func fixed(_ value: Double, _ places: Int) -> String {
        if !value.isFinite || abs(value) > 1e12 { return "\(value)" }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((abs(value) * scale).rounded())
        let digits = String(scaled)
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        let sign = value < 0 && scaled != 0 ? "-" : ""
        return places == 0 ? sign + padded : sign + padded.dropLast(places) + "." + padded.suffix(places)
    }

    /// "1.50M": with the unit that leaves one to four digits before the point.
    static func bytes(_ count: Int) -> String {
        if count < 1024 { return "\(count)B" }
        var value = Double(count) / 1024
        var units = "KMGTP"[...]
        while value >= 1024 && units.count > 1 {
            value /= 1024
            units = units.dropFirst()
        }
        return fixed(value, 2) + String(units.first!)
    }
}
