extension SortedSetCommands {
    /// Sorted sets: ranges by rank, score or member.
    static let ranges: [Command] = [
        Command(
            "zrange", arity: -4, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "1.2.0", complexity: "O(log N + M) for M elements",
            summary: "Answers the elements in a range of ranks, scores or members",
            arguments: [
                Argument("key", .key),
                Argument("start", .string),
                Argument("stop", .string),
                Argument(
                    "sortby", .oneof, optional: true, since: "6.2.0",
                    [
                        Argument("byscore", .pureToken, token: "BYSCORE"),
                        Argument("bylex", .pureToken, token: "BYLEX"),
                    ]),
                Argument("rev", .pureToken, token: "REV", optional: true, since: "6.2.0"),
                Argument(
                    "offset_count", .block, token: "LIMIT", optional: true, since: "6.2.0",
                    [
                        Argument("offset", .integer),
                        Argument("count", .integer),
                    ]),
                Argument("withscores", .pureToken, token: "WITHSCORES", optional: true),
            ],
            history: [("6.2.0", "Takes REV, BYSCORE, BYLEX and LIMIT.")]
        ) { Call($0).zrange(.any) },
        Command(
            "zrevrange", arity: -4, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "1.2.0", complexity: "O(log N + M) for M elements",
            summary: "Answers the elements in a range of ranks, the highest score first",
            arguments: [
                Argument("key", .key),
                Argument("start", .integer),
                Argument("stop", .integer),
                Argument("withscores", .pureToken, token: "WITHSCORES", optional: true),
            ],
            deprecated: (since: "6.2.0", replacement: "`ZRANGE` with the `REV` argument")
        ) { Call($0).zrange(.reversedRanks) },
        Command(
            "zrangebyscore", arity: -4, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "1.0.5", complexity: "O(log N + M) for M elements",
            summary: "Answers the elements between two scores",
            arguments: [
                Argument("key", .key),
                Argument("min", .double),
                Argument("max", .double),
                Argument("withscores", .pureToken, token: "WITHSCORES", optional: true, since: "2.0.0"),
                Argument(
                    "offset_count", .block, token: "LIMIT", optional: true,
                    [
                        Argument("offset", .integer),
                        Argument("count", .integer),
                    ]),
            ],
            history: [("2.0.0", "Takes WITHSCORES.")],
            deprecated: (since: "6.2.0", replacement: "`ZRANGE` with the `BYSCORE` argument")
        ) { Call($0).zrange(.scores) },
        Command(
            "zrevrangebyscore", arity: -4, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.2.0", complexity: "O(log N + M) for M elements",
            summary: "Answers the elements between two scores, the highest first",
            arguments: [
                Argument("key", .key),
                Argument("max", .double),
                Argument("min", .double),
                Argument("withscores", .pureToken, token: "WITHSCORES", optional: true),
                Argument(
                    "offset_count", .block, token: "LIMIT", optional: true,
                    [
                        Argument("offset", .integer),
                        Argument("count", .integer),
                    ]),
            ],
            history: [("2.1.6", "Bounds may be exclusive.")],
            deprecated: (since: "6.2.0", replacement: "`ZRANGE` with the `REV` and `BYSCORE` arguments")
        ) { Call($0).zrange(.reversedScores) },
        Command(
            "zrangebylex", arity: -4, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.8.9", complexity: "O(log N + M) for M elements",
            summary: "Answers the elements between two members",
            arguments: [
                Argument("key", .key),
                Argument("min", .string),
                Argument("max", .string),
                Argument(
                    "offset_count", .block, token: "LIMIT", optional: true,
                    [
                        Argument("offset", .integer),
                        Argument("count", .integer),
                    ]),
            ],
            deprecated: (since: "6.2.0", replacement: "`ZRANGE` with the `BYLEX` argument")
        ) { Call($0).zrange(.members) },
        Command(
            "zrevrangebylex", arity: -4, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.8.9", complexity: "O(log N + M) for M elements",
            summary: "Answers the elements between two members, the last first",
            arguments: [
                Argument("key", .key),
                Argument("max", .string),
                Argument("min", .string),
                Argument(
                    "offset_count", .block, token: "LIMIT", optional: true,
                    [
                        Argument("offset", .integer),
                        Argument("count", .integer),
                    ]),
            ],
            deprecated: (since: "6.2.0", replacement: "`ZRANGE` with the `REV` and `BYLEX` arguments")
        ) { Call($0).zrange(.reversedMembers) },
        Command(
            "zrangestore", arity: -5, [.write, .denyOOM], categories: [.sortedset],
            keys: [.one(1, [.overwrite, .update]), .one(2, [.readOnly, .access])],
            group: .sortedSet, since: "6.2.0", complexity: "O(log N + M log M) for M elements",
            summary: "Stores the elements in a range as another sorted set",
            arguments: [
                Argument("dst", .key),
                Argument("src", .key, keySpec: 1),
                Argument("min", .string),
                Argument("max", .string),
                Argument(
                    "sortby", .oneof, optional: true,
                    [
                        Argument("byscore", .pureToken, token: "BYSCORE"),
                        Argument("bylex", .pureToken, token: "BYLEX"),
                    ]),
                Argument("rev", .pureToken, token: "REV", optional: true),
                Argument(
                    "offset_count", .block, token: "LIMIT", optional: true,
                    [
                        Argument("offset", .integer),
                        Argument("count", .integer),
                    ]),
            ]
        ) { Call($0).zrangeStore() },
    ]
}
