import Base
import Keyspace
import RESP

extension KeyCommands {
    /// Setting, reading and removing deadlines.
    static let deadlines: [Command] = [
        Command(
            "expire", arity: -3, [.write, .fast], categories: .keyspace,
            keys: [.one(1, [.readWrite, .update])],
            group: .generic, since: "1.0.0",
            summary: "Lets a key expire after some seconds.",
            arguments: [
                Argument("key", .key),
                Argument("seconds", .integer),
                Argument(
                    "condition", .oneof, optional: true, since: "7.0.0",
                    [
                        Argument("nx", .pureToken, token: "NX"),
                        Argument("xx", .pureToken, token: "XX"),
                        Argument("gt", .pureToken, token: "GT"),
                        Argument("lt", .pureToken, token: "LT"),
                    ]),
            ],
            history: [("7.0.0", "Takes the conditions NX, XX, GT and LT.")]
        ) { Call($0).expire(.seconds, absolute: false, "expire") },
        Command(
            "pexpire", arity: -3, [.write, .fast], categories: .keyspace,
            keys: [.one(1, [.readWrite, .update])],
            group: .generic, since: "2.6.0",
            summary: "Lets a key expire after some milliseconds.",
            arguments: [
                Argument("key", .key),
                Argument("milliseconds", .integer),
                Argument(
                    "condition", .oneof, optional: true, since: "7.0.0",
                    [
                        Argument("nx", .pureToken, token: "NX"),
                        Argument("xx", .pureToken, token: "XX"),
                        Argument("gt", .pureToken, token: "GT"),
                        Argument("lt", .pureToken, token: "LT"),
                    ]),
            ],
            history: [("7.0.0", "Takes the conditions NX, XX, GT and LT.")]
        ) { Call($0).expire(.milliseconds, absolute: false, "pexpire") },
        Command(
            "expireat", arity: -3, [.write, .fast], categories: .keyspace,
            keys: [.one(1, [.readWrite, .update])],
            group: .generic, since: "1.2.0",
            summary: "Lets a key expire at a Unix time in seconds.",
            arguments: [
                Argument("key", .key),
                Argument("unix-time-seconds", .unixTime),
                Argument(
                    "condition", .oneof, optional: true, since: "7.0.0",
                    [
                        Argument("nx", .pureToken, token: "NX"),
                        Argument("xx", .pureToken, token: "XX"),
                        Argument("gt", .pureToken, token: "GT"),
                        Argument("lt", .pureToken, token: "LT"),
                    ]),
            ],
            history: [("7.0.0", "Takes the conditions NX, XX, GT and LT.")]
        ) { Call($0).expire(.seconds, absolute: true, "expireat") },
        Command(
            "pexpireat", arity: -3, [.write, .fast], categories: .keyspace,
            keys: [.one(1, [.readWrite, .update])],
            group: .generic, since: "2.6.0",
            summary: "Lets a key expire at a Unix time in milliseconds.",
            arguments: [
                Argument("key", .key),
                Argument("unix-time-milliseconds", .unixTime),
                Argument(
                    "condition", .oneof, optional: true, since: "7.0.0",
                    [
                        Argument("nx", .pureToken, token: "NX"),
                        Argument("xx", .pureToken, token: "XX"),
                        Argument("gt", .pureToken, token: "GT"),
                        Argument("lt", .pureToken, token: "LT"),
                    ]),
            ],
            history: [("7.0.0", "Takes the conditions NX, XX, GT and LT.")]
        ) { Call($0).expire(.milliseconds, absolute: true, "pexpireat") },
        Command(
            "expiretime", arity: 2, [.readonly, .fast], categories: .keyspace,
            keys: [.one(1, [.readOnly, .access])],
            group: .generic, since: "7.0.0",
            summary: "Tells when a key expires, as a Unix time in seconds.",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).expireTime(.seconds) },
        Command(
            "pexpiretime", arity: 2, [.readonly, .fast], categories: .keyspace,
            keys: [.one(1, [.readOnly, .access])],
            group: .generic, since: "7.0.0",
            summary: "Tells when a key expires, as a Unix time in milliseconds.",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).expireTime(.milliseconds) },
        Command(
            "ttl", arity: 2, [.readonly, .fast], categories: .keyspace,
            keys: [.one(1, [.readOnly, .access])],
            group: .generic, since: "1.0.0",
            summary: "Tells how many seconds a key has left.",
            arguments: [
                Argument("key", .key)
            ],
            history: [("2.8.0", "Answers -2 for a missing key.")],
            tips: ["nondeterministic_output"]
        ) { Call($0).timeToLive(.seconds) },
        Command(
            "pttl", arity: 2, [.readonly, .fast], categories: .keyspace,
            keys: [.one(1, [.readOnly, .access])],
            group: .generic, since: "2.6.0",
            summary: "Tells how many milliseconds a key has left.",
            arguments: [
                Argument("key", .key)
            ],
            history: [("2.8.0", "Answers -2 for a missing key.")],
            tips: ["nondeterministic_output"]
        ) { Call($0).timeToLive(.milliseconds) },
        Command(
            "persist", arity: 2, [.write, .fast], categories: .keyspace,
            keys: [.one(1, [.readWrite, .update])],
            group: .generic, since: "2.2.0",
            summary: "Takes a key's deadline away.",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).persist() },
    ]
}

/// The unit of a deadline in a command's words and replies.
enum DeadlineUnit: Int64 {
    case milliseconds = 1
    case seconds = 1000
}

/// When EXPIRE and its kin change a deadline.
private struct DeadlineConditions: OptionSet {
    let rawValue: UInt8
    static let none = DeadlineConditions(rawValue: 1)
    static let some = DeadlineConditions(rawValue: 2)
    static let greater = DeadlineConditions(rawValue: 4)
    static let less = DeadlineConditions(rawValue: 8)

    /// Whether a key with the deadline `old` (nil: lives for ever) gets the deadline `new`.
    func allow(_ new: Int64, over old: Int64?) -> Bool {
        if contains(.none) && old != nil { return false }
        if contains(.some) && old == nil { return false }
        if contains(.greater) { return old.map { new > $0 } ?? false }
        if contains(.less) { return old.map { new < $0 } ?? true }
        return true
    }
}

extension Call {
    /// A time from now (or, `absolute`, since 1970) as ms since 1970; nil when it overflows.
    static func deadline(_ value: Int64, _ unit: DeadlineUnit, absolute: Bool, now: Int64) -> Int64? {
        let (scaled, overflow) = value.multipliedReportingOverflow(by: unit.rawValue)
        let (sum, carry) = scaled.addingReportingOverflow(absolute ? 0 : now)
        return overflow || carry ? nil : sum
    }

    private func deadlineConditions() -> DeadlineConditions? {
        var conditions: DeadlineConditions = []
        for word in 3..<max(3, count) {
            if self[word].isWord("nx") {
                conditions.insert(.none)
            } else if self[word].isWord("xx") {
                conditions.insert(.some)
            } else if self[word].isWord("gt") {
                conditions.insert(.greater)
            } else if self[word].isWord("lt") {
                conditions.insert(.less)
            } else {
                reply.error("ERR Unsupported option \(self[word].cText)")
                return nil
            }
        }
        if conditions.contains(.none) && conditions != .none {
            fail("ERR NX and XX, GT or LT options at the same time are not compatible")
            return nil
        }
        if conditions.contains([.greater, .less]) {
            fail("ERR GT and LT options at the same time are not compatible")
            return nil
        }
        return conditions
    }

    fileprivate func expire(_ unit: DeadlineUnit, absolute: Bool, _ name: StaticString) {
        guard let conditions = deadlineConditions(), let value = integer(2) else { return }
        guard let deadline = Call.deadline(value, unit, absolute: absolute, now: now) else {
            return reply.error("ERR invalid expire time in '\(name)' command")
        }
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key), conditions.allow(deadline, over: access.entry(slot).deadline) else {
            return reply.integer(0)
        }
        if deadline <= now {
            access.remove(slot, key, .expiry)
            access.notify(.generic, "del", key)
        } else {
            access.setDeadline(slot, key, deadline)
            access.notify(.generic, "expire", key)
        }
        reply.integer(1)
    }

    /// The key's deadline; replies -2 (no key) or -1 (no deadline) if there is none.
    private func deadlineOfKey() -> Int64? {
        guard let entry = lookup(key(1)) else {
            reply.integer(-2)
            return nil
        }
        if let deadline = entry.deadline { return deadline }
        reply.integer(-1)
        return nil
    }

    fileprivate func expireTime(_ unit: DeadlineUnit) {
        guard let deadline = deadlineOfKey() else { return }
        reply.integer(unit == .seconds ? (deadline &+ 500) / 1000 : deadline)
    }

    fileprivate func timeToLive(_ unit: DeadlineUnit) {
        guard let deadline = deadlineOfKey() else { return }
        let left = max(0, deadline &- now)
        reply.integer(unit == .seconds ? (left &+ 500) / 1000 : left)
    }

    fileprivate func persist() {
        let key = key(1)
        let access = access(key)
        guard let slot = access.find(key), access.entry(slot).hasDeadline else { return reply.integer(0) }
        access.setDeadline(slot, key, nil)
        access.notify(.generic, "persist", key)
        reply.integer(1)
    }
}
