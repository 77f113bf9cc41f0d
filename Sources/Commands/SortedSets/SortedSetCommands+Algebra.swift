extension SortedSetCommands {
    private static let inputKeys = [
        KeySpec([.readOnly, .access], .index(1), .numbered(count: 0, first: 1, step: 1))
    ]

    private static let targetAndInputKeys = [
        KeySpec.one(1, [.overwrite, .update]),
        KeySpec([.readOnly, .access], .index(2), .numbered(count: 0, first: 1, step: 1)),
    ]

    private static let inputs = [Argument("numkeys", .integer), Argument("key", .key, multiple: true)]

    private static let targetAndInputs = [
        Argument("destination", .key),
        Argument("numkeys", .integer),
        Argument("key", .key, multiple: true, keySpec: 1),
    ]

    private static let weighing = [
        Argument("weight", .integer, token: "WEIGHTS", optional: true, multiple: true),
        Argument(
            "aggregate", .oneof, token: "AGGREGATE", optional: true,
            [
                Argument("sum", .pureToken, token: "SUM"),
                Argument("min", .pureToken, token: "MIN"),
                Argument("max", .pureToken, token: "MAX"),
            ]),
    ]

    private static let withScores = Argument("withscores", .pureToken, token: "WITHSCORES", optional: true)

    /// Sorted sets: unions, intersections, differences.
    static let algebra: [Command] = [
        Command(
            "zunion", arity: -3, [.readonly], categories: [.sortedset],
            keys: inputKeys,
            group: .sortedSet, since: "6.2.0", complexity: "O(N log N) for N elements altogether",
            summary: "Answers the elements of all given sets",
            arguments: inputs + weighing + [withScores]
        ) { Call($0).zcombine(.union, .answered) },
        Command(
            "zinter", arity: -3, [.readonly], categories: [.sortedset],
            keys: inputKeys,
            group: .sortedSet, since: "6.2.0",
            complexity: "O(N K + M log M) for the smallest set's N, K sets and M results",
            summary: "Answers the elements that all given sets have",
            arguments: inputs + weighing + [withScores]
        ) { Call($0).zcombine(.intersection, .answered) },
        Command(
            "zdiff", arity: -3, [.readonly], categories: [.sortedset],
            keys: inputKeys,
            group: .sortedSet, since: "6.2.0",
            complexity: "O(N K + M log M) for the first set's N, K sets and M results",
            summary: "Answers the elements of the first set that no other has",
            arguments: inputs + [withScores]
        ) { Call($0).zcombine(.difference, .answered) },
        Command(
            "zintercard", arity: -3, [.readonly], categories: [.sortedset],
            keys: inputKeys,
            group: .sortedSet, since: "7.0.0", complexity: "O(N K) for the smallest set's N and K sets",
            summary: "Counts the elements that all given sets have",
            arguments: inputs + [Argument("limit", .integer, token: "LIMIT", optional: true)]
        ) { Call($0).zcombine(.intersection, .counted) },
        Command(
            "zunionstore", arity: -4, [.write, .denyOOM], categories: [.sortedset],
            keys: targetAndInputKeys,
            group: .sortedSet, since: "2.0.0", complexity: "O(N log N) for N elements altogether",
            summary: "Stores the elements of all given sets",
            arguments: targetAndInputs + weighing
        ) { Call($0).zcombine(.union, .stored) },
        Command(
            "zinterstore", arity: -4, [.write, .denyOOM], categories: [.sortedset],
            keys: targetAndInputKeys,
            group: .sortedSet, since: "2.0.0",
            complexity: "O(N K + M log M) for the smallest set's N, K sets and M results",
            summary: "Stores the elements that all given sets have",
            arguments: targetAndInputs + weighing
        ) { Call($0).zcombine(.intersection, .stored) },
        Command(
            "zdiffstore", arity: -4, [.write, .denyOOM], categories: [.sortedset],
            keys: targetAndInputKeys,
            group: .sortedSet, since: "6.2.0",
            complexity: "O(N K + M log M) for the first set's N, K sets and M results",
            summary: "Stores the elements of the first set that no other has",
            arguments: targetAndInputs
        ) { Call($0).zcombine(.difference, .stored) },
    ]
}
