import Base
import CSystem
import Commands
import Keyspace
import RESP

/// MEMORY and its subcommands (redis.io/commands/memory).
enum MemoryCommands {
    static let commands: [Command] = [
        Command(
            "memory", arity: -2, [], group: .server, since: "4.0.0", complexity: "That of the subcommand",
            summary: "Container of the commands about memory.",
            subcommands: [usage, stats, doctor, allocatorStatistics, purge, help])
    ]

    private static let report = [
        "nondeterministic_output", "request_policy:all_shards", "response_policy:special",
    ]

    private static let usage = Command(
        "usage", arity: -3, [.readonly], keys: [.one(2, [.readOnly])], group: .server, since: "4.0.0",
        complexity: "O(N) where N is the number of samples", summary: "Tells how much memory a key takes.",
        arguments: [
            Argument("key", .key), Argument("count", .integer, token: "SAMPLES", optional: true),
        ]
    ) { Call($0).memoryUsage() }

    private static let stats = Command(
        "stats", arity: 2, [], group: .server, since: "4.0.0", summary: "Tells where the memory goes.", tips: report,
        locking: .own
    ) { Call($0).memoryStats() }

    private static let doctor = Command(
        "doctor", arity: 2, [], group: .server, since: "4.0.0", summary: "Looks for trouble with memory.",
        tips: report, locking: .own
    ) { Call($0).memoryDoctor() }

    private static let allocatorStatistics = Command(
        "malloc-stats", arity: 2, [], group: .server, since: "4.0.0",
        complexity: "Depends on how much memory is allocated", summary: "Shows the allocator's own figures.",
        tips: report
    ) { Call($0).allocatorStatistics() }

    private static let purge = Command(
        "purge", arity: 2, [], group: .server, since: "4.0.0",
        complexity: "Depends on how much memory is allocated", summary: "Gives unused memory back to the system.",
        tips: ["request_policy:all_shards", "response_policy:all_succeeded"]
    ) {
        cs_allocator_purge()
        Call($0).reply.ok()
    }

    private static let help = Command(
        "help", arity: 2, [.loading, .stale], group: .server, since: "4.0.0", summary: "Lists the subcommands."
    ) {
        Call($0).replyHelp([
            "DOCTOR", "    Look for trouble with memory.",
            "MALLOC-STATS", "    Show the allocator's own figures.",
            "PURGE", "    Give unused memory back to the system.",
            "STATS", "    Tell where the memory goes.",
            "USAGE <key> [SAMPLES <count>]",
            "    Tell the bytes that a key and its value take. Of a value with many elements,",
            "    so many are looked at (5 by default, 0: all).",
        ])
    }
}

extension Call {
    /// An entry's share of its table's buckets: its slot and tag.
    private static let slotBytes = 9

    fileprivate func memoryUsage() {
        var samples = 5
        var i = 3
        while i < count {
            guard self[i].isWord("samples"), i + 1 < count else { return fail(ErrorText.syntax) }
            guard let number = integer(i + 1) else { return }
            if number < 0 { return fail(ErrorText.syntax) }
            samples = Int(number)
            i += 2
        }
        let key = key(2)
        guard let entry = access(key).peek(key) else { return reply.null() }
        let siblings = access(key).siblingUsage(key).bytes
        reply.integer(entry.memoryBytes(samples: samples) + Call.slotBytes + siblings)
    }

    private var picture: MemoryPicture {
        executor.publishAll()
        return MemoryPicture(
            self, node.memory.figures, node.doors.process(), clients: node.clientTotals(now: now).bytes)
    }

    fileprivate func memoryStats() {
        let picture = picture
        let figures = picture.figures
        reply.map(27 + picture.databases.count)
        pair("peak.allocated", figures.peak)
        pair("total.allocated", figures.allocated)
        pair("startup.allocated", figures.startup)
        pair("replication.backlog", 0)
        pair("clients.slaves", 0)
        pair("clients.normal", picture.clients)
        pair("cluster.links", 0)
        pair("aof.buffer", 0)
        pair("lua.caches", 0)
        pair("functions.caches", 0)
        for database in picture.databases {
            reply.bulk("db.\(database.index)")
            reply.map(3)
            pair("overhead.hashtable.main", database.tables)
            pair("overhead.hashtable.expires", database.expiring)
            pair("overhead.hashtable.slot-to-keys", 0)
        }
        pair("overhead.total", picture.overhead)
        pair("keys.count", picture.keys)
        pair("keys.bytes-per-key", picture.keys == 0 ? 0 : (figures.allocated - figures.startup) / picture.keys)
        pair("dataset.bytes", picture.dataset)
        pair("dataset.percentage", picture.datasetPercent)
        pair("peak.percentage", picture.peakPercent)
        pair("allocator.allocated", figures.allocated)
        pair("allocator.active", figures.active)
        pair("allocator.resident", figures.resident)
        pair("allocator-fragmentation.ratio", MemoryPicture.ratio(figures.active, figures.allocated))
        pair("allocator-fragmentation.bytes", figures.active - figures.allocated)
        pair("allocator-rss.ratio", MemoryPicture.ratio(figures.resident, figures.active))
        pair("allocator-rss.bytes", figures.resident - figures.active)
        pair("rss-overhead.ratio", MemoryPicture.ratio(picture.resident, figures.resident))
        pair("rss-overhead.bytes", picture.resident - figures.resident)
        pair("fragmentation", MemoryPicture.ratio(picture.resident, figures.allocated))
        pair("fragmentation.bytes", picture.resident - figures.allocated)
    }

    private func pair(_ name: StaticString, _ value: Int) {
        reply.bulk(name)
        reply.integer(value)
    }

    private func pair(_ name: StaticString, _ value: Double) {
        reply.bulk(name)
        reply.double(value)
    }

    // MARK: reports

    fileprivate func memoryDoctor() {
        let picture = picture
        let figures = picture.figures
        // With so little in use, the server's own needs and the allocator's rounding are all there is to see.
        if figures.allocated - figures.startup < 5 << 20 {
            return reply.verbatim("The server holds too little data for its memory use to be judged.\n")
        }
        var findings: [String] = []
        if figures.peak > figures.allocated * 3 / 2 {
            findings.append(
                "Peak: at most, \(Figure.bytes(figures.peak)) were in use, now \(Figure.bytes(figures.allocated)). "
                    + "The allocator may keep what was freed since; MEMORY PURGE gives it back.")
        }
        if MemoryPicture.ratio(figures.active, figures.allocated) > 1.1 {
            findings.append(
                "Fragmentation: pages in use hold \(Figure.bytes(figures.active - figures.allocated)) that nothing "
                    + "occupies. It is used again as data of similar sizes comes.")
        }
        if MemoryPicture.ratio(figures.resident, figures.active) > 1.1 {
            findings.append(
                "Unused pages: the allocator holds \(Figure.bytes(figures.resident - figures.active)) of pages with "
                    + "nothing in them; MEMORY PURGE gives them back.")
        }
        if picture.resident > figures.resident * 11 / 10 {
            findings.append(
                "Other memory: \(Figure.bytes(picture.resident - figures.resident)) are resident that the allocator "
                    + "does not know of, such as the program itself and thread stacks.")
        }
        let clientCount = max(1, node.clientCount)
        if picture.clients / clientCount > 200 * 1024 {
            findings.append(
                "Clients: they use \(Figure.bytes(picture.clients / clientCount)) each on average. Look for large "
                    + "qbuf and omem in CLIENT LIST.")
        }
        if findings.isEmpty { return reply.verbatim("No trouble with memory has been found.\n") }
        reply.verbatim(findings.map { "* " + $0 + "\n" }.joined())
    }

    fileprivate func allocatorStatistics() {
        cs_allocator_refresh()
        let figures: [(StaticString, String)] = [
            ("allocated", "bytes in live allocations"), ("active", "bytes in pages with live allocations"),
            ("metadata", "bytes of the allocator's own"), ("resident", "bytes of resident pages"),
            ("mapped", "bytes of mapped chunks"), ("retained", "bytes of address space kept for later"),
        ]
        var text = "\(MemoryGauge.allocatorName)\n"
        for (name, meaning) in figures {
            text += "\(name): \(cs_allocator_figure("stats.\(name)")) (\(meaning))\n"
        }
        reply.verbatim(text)
    }
}
