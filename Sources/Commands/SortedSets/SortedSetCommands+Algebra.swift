extension SortedSetCommands {
    /// Sorted sets: unions, intersections, differences.
    static let algebra: [Command] = [
        Command(
            "zunion", arity: -3, [.readonly], categories: [.sortedset],
            keys: [KeySpec([.readOnly, .access], .index(1), .numbered(count: 0, first: 1, step: 1))],
            group: .sortedSet, since: "6.2.0", complexity: "O(N log N) for N elements altogether",
            summary: "Answers the elements of all given sets",
            arguments: [
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument("weight", .integer, token: "WEIGHTS", optional: true, multiple: true),
                Argument(
                    "aggregate", .oneof, token: "AGGREGATE", optional: true,
                    [
                        Argument("sum", .pureToken, token: "SUM"),
                        Argument("min", .pureToken, token: "MIN"),
                        Argument("max", .pureToken, token: "MAX"),
                    ]),
                Argument("withscores", .pureToken, token: "WITHSCORES", optional: true),
            ]
        ) { Call($0).zcombine(.union, .answered) },
        Command(
            "zinter", arity: -3, [.readonly], categories: [.sortedset],
            keys: [KeySpec([.readOnly, .access], .index(1), .numbered(count: 0, first: 1, step: 1))],
            group: .sortedSet, since: "6.2.0",
            complexity: "O(N K + M log M) for the smallest set's N, K sets and M results",
            summary: "Answers the elements that all given sets have",
            arguments: [
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument("weight", .integer, token: "WEIGHTS", optional: true, multiple: true),
                Argument(
                    "aggregate", .oneof, token: "AGGREGATE", optional: true,
                    [
                        Argument("sum", .pureToken, token: "SUM"),
                        Argument("min", .pureToken, token: "MIN"),
                        Argument("max", .pureToken, token: "MAX"),
                    ]),
                Argument("withscores", .pureToken, token: "WITHSCORES", optional: true),
            ]
        ) { Call($0).zcombine(.intersection, .answered) },
        Command(
            "zdiff", arity: -3, [.readonly], categories: [.sortedset],
            keys: [KeySpec([.readOnly, .access], .index(1), .numbered(count: 0, first: 1, step: 1))],
            group: .sortedSet, since: "6.2.0",
            complexity: "O(N K + M log M) for the first set's N, K sets and M results",
            summary: "Answers the elements of the first set that no other has",
            arguments: [
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument("withscores", .pureToken, token: "WITHSCORES", optional: true),
            ]
        ) { Call($0).zcombine(.difference, .answered) },
        Command(
            "zintercard", arity: -3, [.readonly], categories: [.sortedset],
            keys: [KeySpec([.readOnly, .access], .index(1), .numbered(count: 0, first: 1, step: 1))],
            group: .sortedSet, since: "7.0.0", complexity: "O(N K) for the smallest set's N and K sets",
            summary: "Counts the elements that all given sets have",
            arguments: [
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument("limit", .integer, token: "LIMIT", optional: true),
            ]
        ) { Call($0).zcombine(.intersection, .counted) },
        Command(
            "zunionstore", arity: -4, [.write, .denyOOM], categories: [.sortedset],
            keys: [
                .one(1, [.overwrite, .update]),
                KeySpec([.readOnly, .access], .index(2), .numbered(count: 0, first: 1, step: 1)),
            ],
            group: .sortedSet, since: "2.0.0", complexity: "O(N log N) for N elements altogether",
            summary: "Stores the elements of all given sets",
            arguments: [
                Argument("destination", .key),
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true, keySpec: 1),
                Argument("weight", .integer, token: "WEIGHTS", optional: true, multiple: true),
                Argument(
                    "aggregate", .oneof, token: "AGGREGATE", optional: true,
                    [
                        Argument("sum", .pureToken, token: "SUM"),
                        Argument("min", .pureToken, token: "MIN"),
                        Argument("max", .pureToken, token: "MAX"),
                    ]),
            ]
        ) { Call($0).zcombine(.union, .stored) },
        Command(
            "zinterstore", arity: -4, [.write, .denyOOM], categories: [.sortedset],
            keys: [
                .one(1, [.overwrite, .update]),
                KeySpec([.readOnly, .access], .index(2), .numbered(count: 0, first: 1, step: 1)),
            ],
            group: .sortedSet, since: "2.0.0",
            complexity: "O(N K + M log M) for the smallest set's N, K sets and M results",
            summary: "Stores the elements that all given sets have",
            arguments: [
                Argument("destination", .key),
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true, keySpec: 1),
                Argument("weight", .integer, token: "WEIGHTS", optional: true, multiple: true),
                Argument(
                    "aggregate", .oneof, token: "AGGREGATE", optional: true,
                    [
                        Argument("sum", .pureToken, token: "SUM"),
                        Argument("min", .pureToken, token: "MIN"),
                        Argument("max", .pureToken, token: "MAX"),
                    ]),
            ]
        ) { Call($0).zcombine(.intersection, .stored) },
        Command(
            "zdiffstore", arity: -4, [.write, .denyOOM], categories: [.sortedset],
            keys: [
                .one(1, [.overwrite, .update]),
                KeySpec([.readOnly, .access], .index(2), .numbered(count: 0, first: 1, step: 1)),
            ],
            group: .sortedSet, since: "6.2.0",
            complexity: "O(N K + M log M) for the first set's N, K sets and M results",
            summary: "Stores the elements of the first set that no other has",
            arguments: [
                Argument("destination", .key),
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true, keySpec: 1),
            ]
        ) { Call($0).zcombine(.difference, .stored) },
    ]
}
