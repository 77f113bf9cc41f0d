extension StringCommands {
    /// Commands that store strings.
    static let writing: [Command] = [
        Command(
            "set", arity: -3, [.write, .denyOOM], categories: [.string],
            keys: [
                KeySpec(
                    [.readWrite, .access, .update, .variable], .index(1), .range(last: 0, step: 1, limit: 0),
                    notes: "Also reads when `GET` is among its options")
            ],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Gives a key a string, whatever it held before",
            arguments: [
                Argument("key", .key),
                Argument("value", .string),
                Argument(
                    "condition", .oneof, optional: true, since: "2.6.12",
                    [
                        Argument("nx", .pureToken, token: "NX"),
                        Argument("xx", .pureToken, token: "XX"),
                    ]),
                Argument("get", .pureToken, token: "GET", optional: true, since: "6.2.0"),
                Argument(
                    "expiration", .oneof, optional: true,
                    [
                        Argument("seconds", .integer, token: "EX", since: "2.6.12"),
                        Argument("milliseconds", .integer, token: "PX", since: "2.6.12"),
                        Argument("unix-time-seconds", .unixTime, token: "EXAT", since: "6.2.0"),
                        Argument("unix-time-milliseconds", .unixTime, token: "PXAT", since: "6.2.0"),
                        Argument("keepttl", .pureToken, token: "KEEPTTL", since: "6.0.0"),
                    ]),
            ],
            history: [
                ("2.6.12", "`EX`, `PX`, `NX` and `XX` came."),
                ("6.0.0", "`KEEPTTL` came."),
                ("6.2.0", "`GET`, `EXAT` and `PXAT` came."),
                ("7.0.0", "`NX` and `GET` go together."),
            ]
        ) { Call($0).set() },
        Command(
            "setnx", arity: 3, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.overwrite, .insert])],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Gives a key a string if it does not exist",
            arguments: [Argument("key", .key), Argument("value", .string)]
        ) { Call($0).setIfMissing() },
        Command(
            "setex", arity: 4, [.write, .denyOOM], categories: [.string],
            keys: [.one(1, [.overwrite, .update])],
            group: .string, since: "2.0.0", complexity: "O(1)",
            summary: "Gives a key a string that expires after some seconds",
            arguments: [Argument("key", .key), Argument("seconds", .integer), Argument("value", .string)]
        ) { Call($0).setExpiring() },
        Command(
            "psetex", arity: 4, [.write, .denyOOM], categories: [.string],
            keys: [.one(1, [.overwrite, .update])],
            group: .string, since: "2.6.0", complexity: "O(1)",
            summary: "Gives a key a string that expires after some milliseconds",
            arguments: [Argument("key", .key), Argument("milliseconds", .integer), Argument("value", .string)]
        ) { Call($0).setExpiringMilliseconds() },
        Command(
            "mset", arity: -3, [.write, .denyOOM], categories: [.string],
            keys: [.rest(1, step: 2, [.overwrite, .update])],
            group: .string, since: "1.0.1", complexity: "O(N) in the keys",
            summary: "Gives several keys their strings at once",
            arguments: [
                Argument(
                    "key_value", .block, multiple: true,
                    [
                        Argument("key", .key),
                        Argument("value", .string),
                    ])
            ],
            tips: ["request_policy:multi_shard", "response_policy:all_succeeded"]
        ) { Call($0).setMany() },
        Command(
            "msetnx", arity: -3, [.write, .denyOOM], categories: [.string],
            keys: [.rest(1, step: 2, [.overwrite, .insert])],
            group: .string, since: "1.0.1", complexity: "O(N) in the keys",
            summary: "Gives several keys their strings if none of them exists",
            arguments: [
                Argument(
                    "key_value", .block, multiple: true,
                    [
                        Argument("key", .key),
                        Argument("value", .string),
                    ])
            ],
            tips: ["request_policy:multi_shard", "response_policy:agg_min"]
        ) { Call($0).setManyIfNoneExists() },
        Command(
            "append", arity: 3, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .insert])],
            group: .string, since: "2.0.0", complexity: "O(N) in the appended bytes, amortized",
            summary: "Adds bytes at the end of a string, making the key if need be",
            arguments: [Argument("key", .key), Argument("value", .string)]
        ) { Call($0).append() },
        Command(
            "setrange", arity: 4, [.write, .denyOOM], categories: [.string],
            keys: [.one(1, [.readWrite, .update])],
            group: .string, since: "2.2.0", complexity: "O(N) in the bytes written and the zeros before them",
            summary: "Overwrites a string from a position on",
            arguments: [Argument("key", .key), Argument("offset", .integer), Argument("value", .string)]
        ) { Call($0).setRange() },
    ]
}
