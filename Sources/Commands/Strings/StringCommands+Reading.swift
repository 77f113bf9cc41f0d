extension StringCommands {
    /// Commands that answer a string or a part of it.
    static let reading: [Command] = [
        Command(
            "get", arity: 2, [.readonly, .fast], categories: [.string],
            keys: [.one(1, [.readOnly, .access])],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Answers a key's string",
            arguments: [Argument("key", .key)]
        ) { Call($0).get() },
        Command(
            "mget", arity: -2, [.readonly, .fast], categories: [.string],
            keys: [.rest(1, [.readOnly, .access])],
            group: .string, since: "1.0.0", complexity: "O(N) in the keys",
            summary: "Answers the strings of several keys",
            arguments: [Argument("key", .key, multiple: true)],
            tips: ["request_policy:multi_shard"]
        ) { Call($0).getMany() },
        Command(
            "getrange", arity: 4, [.readonly], categories: [.string],
            keys: [.one(1, [.readOnly, .access])],
            group: .string, since: "2.4.0", complexity: "O(N) in the bytes answered",
            summary: "Answers the bytes of a string between two positions",
            arguments: [Argument("key", .key), Argument("start", .integer), Argument("end", .integer)]
        ) { Call($0).getRange() },
        Command(
            "substr", arity: 4, [.readonly], categories: [.string],
            keys: [.one(1, [.readOnly, .access])],
            group: .string, since: "1.0.0", complexity: "O(N) in the bytes answered",
            summary: "Answers the bytes of a string between two positions",
            arguments: [Argument("key", .key), Argument("start", .integer), Argument("end", .integer)],
            deprecated: (since: "2.0.0", replacement: "`GETRANGE`")
        ) { Call($0).getRange() },
        Command(
            "strlen", arity: 2, [.readonly, .fast], categories: [.string],
            keys: [.one(1, [.readOnly])],
            group: .string, since: "2.2.0", complexity: "O(1)",
            summary: "Answers how many bytes a string has",
            arguments: [Argument("key", .key)]
        ) { Call($0).stringLength() },
        Command(
            "lcs", arity: -3, [.readonly], categories: [.string],
            keys: [KeySpec([.readOnly, .access], .index(1), .range(last: 1, step: 1, limit: 0))],
            group: .string, since: "7.0.0", complexity: "O(N*M) in the lengths of the strings",
            summary: "Finds the longest subsequence that two strings share",
            arguments: [
                Argument("key1", .key),
                Argument("key2", .key),
                Argument("len", .pureToken, token: "LEN", optional: true),
                Argument("idx", .pureToken, token: "IDX", optional: true),
                Argument("len", .integer, token: "MINMATCHLEN", optional: true),
                Argument("withmatchlen", .pureToken, token: "WITHMATCHLEN", optional: true),
            ]
        ) { Call($0).longestCommonSubsequence() },
        Command(
            "getdel", arity: 2, [.write, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .access, .delete])],
            group: .string, since: "6.2.0", complexity: "O(1)",
            summary: "Answers a key's string and deletes the key",
            arguments: [Argument("key", .key)]
        ) { Call($0).getDelete() },
        Command(
            "getex", arity: -2, [.write, .fast], categories: [.string],
            keys: [
                KeySpec(
                    [.readWrite, .access, .update], .index(1), .range(last: 0, step: 1, limit: 0),
                    notes: "A reader that may change the deadline")
            ],
            group: .string, since: "6.2.0", complexity: "O(1)",
            summary: "Answers a key's string and changes when it expires",
            arguments: [
                Argument("key", .key),
                Argument(
                    "expiration", .oneof, optional: true,
                    [
                        Argument("seconds", .integer, token: "EX"),
                        Argument("milliseconds", .integer, token: "PX"),
                        Argument("unix-time-seconds", .unixTime, token: "EXAT"),
                        Argument("unix-time-milliseconds", .unixTime, token: "PXAT"),
                        Argument("persist", .pureToken, token: "PERSIST"),
                    ]),
            ]
        ) { Call($0).getExpiring() },
        Command(
            "getset", arity: 3, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Answers a key's string and puts another in its place",
            arguments: [Argument("key", .key), Argument("value", .string)],
            deprecated: (since: "6.2.0", replacement: "`SET` with the `!GET` argument")
        ) { Call($0).getSet() },
    ]
}
