import Base
import CSystem
import Commands
import Keyspace
import RESP

/// DEBUG: for tests of the server and of clients. Refused unless enable-debug-command allows it.
///
/// What crashes or corrupts a server on purpose is not here, nor what looks into structures of Redis
/// that this server does not have.
enum DebugCommands {
    static let commands: [Command] = [
        Command(
            "debug", arity: -2, [.admin, .noscript, .loading, .stale, .protected], group: .server, since: "1.0.0",
            complexity: "Depends on the subcommand.", summary: "Helps to test the server and its clients.",
            isInternal: true, locking: .own
        ) { Call($0).debug() }
    ]
}

extension Call {
    fileprivate func debug() {
        let word = self[1]
        switch count {
        case 2 where word.isWord("help"): debugHelp()
        case 2 where word.isWord("digest"): debugDigest()
        case 2 where word.isWord("config-rewrite-force-all"):
            if let error = node.configuration.rewriteAll() { return reply.error(error) }
            reply.ok()
        case 2 where word.isWord("loadaof"): debugLoadLog()
        case 2... where word.isWord("digest-value"): debugDigestValue()
        case 2... where word.isWord("reload"): debugReload()
        case 2 where word.isWord("structsize"): debugSizes()
        case 2 where word.isWord("stringmatch-test"): debugMatching()
        case 3 where word.isWord("listpack"): debugListpack()
        case 3...4 where word.isWord("quicklist"): debugQuicklist()
        case 3 where word.isWord("quicklist-packed-threshold"): debugPlainElements()
        case 3 where word.isWord("htstats-key"): debugTable()
        case 3 where word.isWord("sdslen"): debugStringLength()
        case 4 where word.isWord("replybuffer"): debugReplyBuffer()
        case 3 where word.isWord("set-skip-checksum-validation"):
            keyspace.shared.pointee.takesAnyChecksum = (self[2].integer ?? 0) != 0
            reply.ok()
        case 3 where word.isWord("sleep"): debugSleep()
        case 3 where word.isWord("object"): debugObject()
        case 3 where word.isWord("protocol"): debugProtocol()
        case 3 where word.isWord("set-active-expire"):
            node.activeExpiry.isOn = (self[2].integer ?? 0) != 0
            reply.ok()
        case 3 where word.isWord("set-disable-deny-scripts"):
            node.allowsAllInScripts.isOn = (self[2].integer ?? 0) != 0
            reply.ok()
        case 3 where word.isWord("pause-cron"):
            node.cron.isOn = (self[2].integer ?? 0) == 0
            reply.ok()
        case 3 where word.isWord("log"):
            node.doors.log(.warning, "DEBUG LOG: \(self[2].text)")
            reply.ok()
        case 3 where word.isWord("error"): reply.error(self[2].text)
        case 3 where word.isWord("htstats"): debugTables()
        case 3...5 where word.isWord("populate"): debugPopulate()
        default: replyUnknownWord(1)
        }
    }

    private func debugHelp() {
        replyHelp([
            "CONFIG-REWRITE-FORCE-ALL", "    CONFIG REWRITE with a line for every parameter.",
            "DIGEST", "    Answer a fingerprint of all databases.",
            "DIGEST-VALUE <key> [<key> ...]", "    Answer fingerprints of these keys' values.",
            "ERROR <string>", "    Answer an error with this text.",
            "HTSTATS <dbid>", "    Answer how full a database's hash tables are.",
            "HTSTATS-KEY <key>", "    Answer of how many pieces a large value consists.",
            "LISTPACK <key>", "    Log the size of a packed value.",
            "LOADAOF", "    As RELOAD, of a server with appendonly.",
            "LOG <message>", "    Write a line to the log.",
            "OBJECT <key>", "    Show how a key's value is kept.",
            "PAUSE-CRON <0|1>", "    Whether keys that clients cache are given up only when these clients read.",
            "POPULATE <count> [<prefix>] [<size>]", "    Make string keys prefix:0, prefix:1 and so on.",
            "PROTOCOL <type>", "    Answer a value of this type: string, integer, double, bignum, null, array, set,",
            "    map, attrib, push, verbatim, true or false.",
            "QUICKLIST <key> [<0|1>]", "    Log of how many pieces a list consists.",
            "QUICKLIST-PACKED-THRESHOLD <size>", "    From which size on an element of a list is kept by itself.",
            "RELOAD [MERGE] [NOFLUSH] [NOSAVE]", "    Save all keys, forget them, and read the file.",
            "    * MERGE: keys that are there already are replaced.", "    * NOFLUSH: what is there stays.",
            "    * NOSAVE: read the file as it is.",
            "REPLYBUFFER <subcommand> <value>", "    Accepted; reply buffers shrink by their own rules.",
            "SDSLEN <key>", "    Answer lengths and memory of a key and its string.",
            "SET-ACTIVE-EXPIRE <0|1>", "    Whether keys expire that nobody asks for.",
            "SET-DISABLE-DENY-SCRIPTS <0|1>", "    Whether scripts may run commands that are not meant for them.",
            "SET-SKIP-CHECKSUM-VALIDATION <0|1>", "    Whether RESTORE takes payloads with a wrong checksum.",
            "SLEEP <seconds>", "    Have the whole server wait. Fractions are allowed.",
        ])
    }

    /// Holds every partition meanwhile: no other loop can serve a key.
    private func debugSleep() {
        let seconds = min(max(self[2].double ?? 0, 0), 1_000_000)
        let alreadyHeld = !state.pointee.held.isEmpty
        if !alreadyHeld { keyspace.lockAll() }
        var rest = Int(seconds * 1e6)
        while rest > 0 {
            node.doors.sleep(min(rest, 1_000_000_000))
            rest -= 1_000_000_000
        }
        if !alreadyHeld { keyspace.unlockAll() }
        reply.ok()
    }

    private func debugObject() {
        let key = Key(self[2])
        let text = withPartition(key.partition) { _ -> String? in
            let access = access(key)
            // A key past its deadline is shown as well, and stays.
            guard let there = access.peekAny(key), let entry = there.isAway ? access.peek(key) : there else {
                return nil
            }
            let idle = AccessStamp.idleSeconds(entry.accessStamp, now: now)
            let address = String(UInt(bitPattern: entry.base), radix: 16)
            return "Value at:0x\(address) refcount:1 encoding:\(entry.encodingName) "
                + "serializedlength:\(entry.serializedLength) lru:\(entry.accessStamp) lru_seconds_idle:\(idle)"
                + (entry.type == .list ? entry.quicklistShown(settings.listMaxListpackSize) : "")
        }
        if let text { reply.simple(text) } else { fail(ErrorText.noSuchKey) }
    }

    private func debugTables() {
        guard let database = integer(2) else { return }
        guard database >= 0 && database < Int64(keyspace.databaseCount) else {
            return fail("ERR Out of range database")
        }
        var all = TableFigures(), expiring = TableFigures()
        forEachPartition { partition in
            all.add(partition.pointee.databases[Int(database)].entries)
            expiring.add(partition.pointee.databases[Int(database)].expiring)
        }
        reply.verbatim("[Dictionary HT]\n\(all.text)[Expires HT]\n\(expiring.text)")
    }

    /// Keys that exist stay as they are.
    private func debugPopulate() {
        let outOfRange: StaticString = "ERR value is out of range, must be positive"
        guard let wanted = integer(2, error: outOfRange) else { return }
        var size: Int?
        if count == 5 {
            guard let number = integer(4, error: outOfRange) else { return }
            if number < 0 || number > Int64(Limits.stringBytes) { return fail(outOfRange) }
            size = number == 0 ? nil : Int(number)
        }
        if wanted < 0 { return fail(outOfRange) }
        let prefix = count > 3 ? self[3].bytes : Array("key".utf8)
        for i in 0..<wanted {
            (prefix + Array(":\(i)".utf8)).withView { name in
                let key = Key(name)
                var value = Array("value:\(i)".utf8)
                if let size { value = Array((value + Array(repeating: 0, count: max(0, size - value.count)))[..<size]) }
                withPartition(key.partition) { _ in
                    let access = access(key)
                    if access.find(key) == nil { value.withView { access.putString(key, $0, nil) } }
                }
            }
        }
        reply.ok()
    }
}

/// How full tables are, summed over the partitions.
private struct TableFigures {
    var buckets = 0
    var entries = 0
    var bytes = 0
    var resizing = 0

    mutating func add(_ table: Table) {
        buckets += table.bucketCounts.main + table.bucketCounts.next
        entries += table.count
        bytes += table.arrayBytes
        resizing += table.isResizing ? 1 : 0
    }

    var text: String {
        if entries == 0 { return "No stats available for empty dictionaries\n" }
        let hundredths = entries * 100 / max(1, buckets)
        let fraction = String(hundredths % 100 + 100).dropFirst()
        return " table size: \(buckets)\n number of elements: \(entries)\n"
            + " elements per bucket: \(hundredths / 100).\(fraction)\n bytes of buckets: \(bytes)\n"
            + " tables being resized: \(resizing) of \(Limits.partitions)\n"
    }
}
