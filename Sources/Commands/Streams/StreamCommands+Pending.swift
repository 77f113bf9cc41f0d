extension StreamCommands {
    /// Reading as a consumer of a group, and what is pending then.
    static let pending: [Command] = [
        Command(
            "xreadgroup", arity: -7, [.blocking, .write], categories: .stream,
            keys: [KeySpec([.readOnly, .access], .keyword("STREAMS", from: 4), .range(last: -1, step: 1, limit: 2))],
            group: .stream, since: "5.0.0", complexity: "O(N) in the entries answered, per stream",
            summary: "Answers entries to a consumer of a group, new ones or those it has not acknowledged; may wait.",
            arguments: [
                Argument(
                    "group_consumer", .block, token: "GROUP",
                    [Argument("group", .string), Argument("consumer", .string)]),
                Argument("count", .integer, token: "COUNT", optional: true),
                Argument("milliseconds", .integer, token: "BLOCK", optional: true),
                Argument("noack", .pureToken, token: "NOACK", optional: true),
                Argument(
                    "streams", .block, token: "STREAMS",
                    [Argument("key", .key, multiple: true), Argument("ID", .string, multiple: true)]),
            ], keyRange: .streams
        ) { Call($0).readStreams(isGroup: true) },
        Command(
            "xack", arity: -4, [.write, .fast], categories: .stream, keys: [.one(1, [.readWrite, .update])],
            group: .stream, since: "5.0.0", complexity: "O(log N) per ID, N entries being pending",
            summary: "Takes entries off a group's list of pending ones.",
            arguments: [Argument("key", .key), Argument("group", .string), Argument("ID", .string, multiple: true)]
        ) { Call($0).acknowledge() },
        Command(
            "xpending", arity: -3, [.readonly], categories: .stream, keys: [.one(1, [.readOnly, .access])],
            group: .stream, since: "5.0.0",
            complexity: "O(N) in the entries answered or passed over; O(M) in the consumers for the short form",
            summary: "Answers what was delivered to a group's consumers and not acknowledged.",
            arguments: [
                Argument("key", .key), Argument("group", .string),
                Argument(
                    "filters", .block, optional: true,
                    [
                        Argument("min-idle-time", .integer, token: "IDLE", optional: true, since: "6.2.0"),
                        Argument("start", .string), Argument("end", .string), Argument("count", .integer),
                        Argument("consumer", .string, optional: true),
                    ]),
            ], history: [("6.2.0", "`IDLE` came; either end of the range may be exclusive.")],
            tips: ["nondeterministic_output"]
        ) { Call($0).pendingEntries() },
        Command(
            "xclaim", arity: -6, [.write, .fast], categories: .stream, keys: [.one(1, [.readWrite, .update])],
            group: .stream, since: "5.0.0", complexity: "O(log N) per ID, N entries being pending",
            summary: "Makes a consumer the owner of pending entries, by ID.",
            arguments: [
                Argument("key", .key), Argument("group", .string), Argument("consumer", .string),
                Argument("min-idle-time", .string), Argument("ID", .string, multiple: true),
                Argument("ms", .integer, token: "IDLE", optional: true),
                Argument("unix-time-milliseconds", .unixTime, token: "TIME", optional: true),
                Argument("count", .integer, token: "RETRYCOUNT", optional: true),
                Argument("force", .pureToken, token: "FORCE", optional: true),
                Argument("justid", .pureToken, token: "JUSTID", optional: true),
                Argument("id", .string, token: "LASTID", optional: true),
            ], tips: ["nondeterministic_output"]
        ) { Call($0).claimEntries() },
        Command(
            "xautoclaim", arity: -6, [.write, .fast], categories: .stream, keys: [.one(1, [.readWrite, .delete])],
            group: .stream, since: "6.2.0", complexity: "O(N) in the entries looked at, ten times COUNT at most",
            summary: "Makes a consumer the owner of pending entries that have been idle for long.",
            arguments: [
                Argument("key", .key), Argument("group", .string), Argument("consumer", .string),
                Argument("min-idle-time", .string), Argument("start", .string),
                Argument("count", .integer, token: "COUNT", optional: true),
                Argument("justid", .pureToken, token: "JUSTID", optional: true),
            ], history: [("7.0.0", "Answers also which pending entries were gone from the stream.")],
            tips: ["nondeterministic_output"]
        ) { Call($0).claimIdleEntries() },
    ]
}
