import Base
import Keyspace
import RESP

extension KeyCommands {
    private static let restoreArguments = [
        Argument("key", .key),
        Argument("ttl", .integer),
        Argument("serialized-value", .string),
        Argument("replace", .pureToken, token: "REPLACE", optional: true, since: "3.0.0"),
        Argument("absttl", .pureToken, token: "ABSTTL", optional: true, since: "5.0.0"),
        Argument("seconds", .integer, token: "IDLETIME", optional: true, since: "5.0.0"),
        Argument("frequency", .integer, token: "FREQ", optional: true, since: "5.0.0"),
    ]
    private static let restoreHistory = [
        ("3.0.0", "`REPLACE` came."),
        ("5.0.0", "`ABSTTL` came."),
        ("5.0.0", "`IDLETIME` and `FREQ` came."),
    ]

    /// Values as bytes, in Redis' form.
    static let payloads: [Command] = [
        Command(
            "dump", arity: 2, .readonly, categories: .keyspace,
            keys: [.one(1, [.readOnly, .access])],
            group: .generic, since: "2.6.0", complexity: "O(N) in the value's bytes",
            summary: "Answers a value as bytes that RESTORE takes.",
            arguments: [Argument("key", .key)],
            tips: ["nondeterministic_output"]
        ) { Call($0).dump() },
        Command(
            "restore", arity: -4, [.write, .denyOOM], categories: [.keyspace, .dangerous],
            keys: [.one(1, [.overwrite, .update])],
            group: .generic, since: "2.6.0", complexity: "O(N) in the value's bytes, O(N*log(N)) for sorted sets",
            summary: "Makes a key of what DUMP has answered.",
            arguments: restoreArguments, history: restoreHistory
        ) { Call($0).restore() },
        Command(
            "restore-asking", arity: -4, [.write, .denyOOM, .asking], categories: [.keyspace, .dangerous],
            keys: [.one(1, [.overwrite, .update])],
            group: .server, since: "3.0.0", complexity: "O(N) in the value's bytes, O(N*log(N)) for sorted sets",
            summary: "Makes a key of what DUMP has answered while its slot moves.",
            arguments: restoreArguments, history: restoreHistory, isInternal: true
        ) { Call($0).restore() },
    ]
}

/// What RESTORE's words after the payload say.
private struct RestoreOptions {
    var replaces = false
    var isAbsolute = false
    var idleSeconds: Int64?
    var frequency: Int64?
}

extension Call {
    /// DUMP key
    fileprivate func dump() {
        guard let entry = read(key(1)) else { return reply.null() }
        var payload = ByteBuffer()
        Payload.write(entry, to: &payload)
        reply.bulk(payload.view)
    }

    /// RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
    fileprivate func restore() {
        guard let options = restoreOptions() else { return }
        let key = key(1)
        let access = access(key)
        if access.find(key) != nil && !options.replaces { return fail("BUSYKEY Target key name already exists.") }
        guard let wanted = integer(2) else { return }
        if wanted < 0 { return fail("ERR Invalid TTL value, must be >= 0") }
        let payload = self[3]
        if !Payload.isIntact(payload, anyChecksum: keyspace.shared.pointee.takesAnyChecksum) {
            return fail("ERR DUMP payload version or checksum are wrong")
        }
        let deadline = wanted == 0 ? nil : options.isAbsolute ? wanted : wanted &+ now
        guard let entry = try? Payload.read(payload, access, key, deadline: deadline) else {
            return fail("ERR Bad data format")
        }
        if let deadline, deadline <= now { return dropExpired(entry, access, key) }
        access.putEntry(entry, key, access.find(key))
        stamp(access.peek(key), options)
        access.notify(.generic, "restore", key)
        reply.ok()
    }

    /// What was restored has expired already: nothing comes of it, and what it should have replaced goes.
    private func dropExpired(_ entry: Entry, _ access: Access, _ key: Key) {
        access.discard(entry)
        if let slot = access.find(key) {
            access.remove(slot, key)
            access.notify(.generic, "del", key)
        }
        reply.ok()
    }

    /// Has a key look as if it was last used when the options say.
    private func stamp(_ entry: Entry?, _ options: RestoreOptions) {
        if state.pointee.countsFrequency {
            guard let frequency = options.frequency else { return }
            entry?.setAccessStamp(AccessStamp.counted(UInt32(frequency), now: now))
        } else if let idle = options.idleSeconds {
            let passed = min(idle, Int64(AccessStamp.bits))
            entry?.setAccessStamp(AccessStamp.fresh(frequency: false, now: now - passed * 1000))
        }
    }

    private func restoreOptions() -> RestoreOptions? {
        var options = RestoreOptions()
        var word = 4
        while word < count {
            if self[word].isWord("replace") {
                options.replaces = true
            } else if self[word].isWord("absttl") {
                options.isAbsolute = true
            } else if self[word].isWord("idletime") && word + 1 < count && options.frequency == nil {
                guard let seconds = integer(word + 1) else { return nil }
                if seconds < 0 {
                    fail("ERR Invalid IDLETIME value, must be >= 0")
                    return nil
                }
                options.idleSeconds = seconds
                word += 1
            } else if self[word].isWord("freq") && word + 1 < count && options.idleSeconds == nil {
                guard let frequency = integer(word + 1) else { return nil }
                if !(0...255 ~= frequency) {
                    fail("ERR Invalid FREQ value, must be >= 0 and <= 255")
                    return nil
                }
                options.frequency = frequency
                word += 1
            } else {
                fail(ErrorText.syntax)
                return nil
            }
            word += 1
        }
        return options
    }
}
