extension SortedSetCommands {
    /// Sorted sets: looking at elements one by one.
    static let reading: [Command] = [
        Command(
            "zcard", arity: 2, [.readonly, .fast], categories: [.sortedset],
            keys: [.one(1, [.readOnly])],
            group: .sortedSet, since: "1.2.0", complexity: "O(1)",
            summary: "Counts the elements of a sorted set",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).zcard() },
        Command(
            "zscore", arity: 3, [.readonly, .fast], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "1.2.0", complexity: "O(1)",
            summary: "Answers the score of a member",
            arguments: [
                Argument("key", .key),
                Argument("member", .string),
            ],
            element: 2
        ) { Call($0).zscore() },
        Command(
            "zmscore", arity: -3, [.readonly, .fast], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "6.2.0", complexity: "O(M) for M members",
            summary: "Answers the scores of several members",
            arguments: [
                Argument("key", .key),
                Argument("member", .string, multiple: true),
            ],
            element: 2
        ) { Call($0).zmscore() },
        Command(
            "zrank", arity: 3, [.readonly, .fast], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.0.0", complexity: "O(log N)",
            summary: "Answers how many elements are before a member, the lowest score first",
            arguments: [
                Argument("key", .key),
                Argument("member", .string),
            ],
            element: 2
        ) { Call($0).zrank(reversed: false) },
        Command(
            "zrevrank", arity: 3, [.readonly, .fast], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.0.0", complexity: "O(log N)",
            summary: "Answers how many elements are before a member, the highest score first",
            arguments: [
                Argument("key", .key),
                Argument("member", .string),
            ],
            element: 2
        ) { Call($0).zrank(reversed: true) },
        Command(
            "zcount", arity: 4, [.readonly, .fast], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.0.0", complexity: "O(log N)",
            summary: "Counts the elements between two scores",
            arguments: [
                Argument("key", .key),
                Argument("min", .double),
                Argument("max", .double),
            ]
        ) { Call($0).zcount() },
        Command(
            "zlexcount", arity: 4, [.readonly, .fast], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.8.9", complexity: "O(log N)",
            summary: "Counts the elements between two members",
            arguments: [
                Argument("key", .key),
                Argument("min", .string),
                Argument("max", .string),
            ]
        ) { Call($0).zlexcount() },
        Command(
            "zrandmember", arity: -2, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "6.2.0", complexity: "O(M log N) for M elements",
            summary: "Picks elements of a sorted set at random",
            arguments: [
                Argument("key", .key),
                Argument(
                    "options", .block, optional: true,
                    [
                        Argument("count", .integer),
                        Argument("withscores", .pureToken, token: "WITHSCORES", optional: true),
                    ]),
            ],
            tips: ["nondeterministic_output"]
        ) { Call($0).zrandmember() },
        Command(
            "zscan", arity: -3, [.readonly], categories: [.sortedset],
            keys: [.one(1, [.readOnly, .access])],
            group: .sortedSet, since: "2.8.0", complexity: "O(1) per call, O(N) for the whole walk",
            summary: "Walks over the elements of a sorted set, a few per call",
            arguments: [
                Argument("key", .key),
                Argument("cursor", .integer),
                Argument("pattern", .pattern, token: "MATCH", optional: true),
                Argument("count", .integer, token: "COUNT", optional: true),
            ],
            tips: ["nondeterministic_output"]
        ) { Call($0).zscan() },
    ]
}
