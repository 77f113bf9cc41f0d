extension ListCommands {
    /// Looking without changing.
    static let reading: [Command] = [
        Command(
            "llen", arity: 2, [.readonly, .fast], categories: .list,
            keys: [.one(1, .readOnly)],
            group: .list, since: "1.0.0",
            complexity: "O(1)",
            summary: "Counts the elements of a list.",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).listLength() },
        Command(
            "lindex", arity: 3, .readonly, categories: .list,
            keys: [.one(1, [.readOnly, .access])],
            group: .list, since: "1.0.0",
            complexity: "O(log N) for a list of N elements, and the length of a piece; O(1) at the ends",
            summary: "Answers the element at an index.",
            arguments: [
                Argument("key", .key),
                Argument("index", .integer),
            ]
        ) { Call($0).listElement() },
        Command(
            "lrange", arity: 4, .readonly, categories: .list,
            keys: [.one(1, [.readOnly, .access])],
            group: .list, since: "1.0.0",
            complexity: "O(log N + M) for M elements of a list of N",
            summary: "Answers the elements between two indices.",
            arguments: [
                Argument("key", .key),
                Argument("start", .integer),
                Argument("stop", .integer),
            ]
        ) { Call($0).listRange() },
        Command(
            "lpos", arity: -3, .readonly, categories: .list,
            keys: [.one(1, [.readOnly, .access])],
            group: .list, since: "6.0.6",
            complexity: "O(N) in the number of elements compared",
            summary: "Finds where a list has a certain element.",
            arguments: [
                Argument("key", .key),
                Argument("element", .string),
                Argument("rank", .integer, token: "RANK", optional: true),
                Argument("num-matches", .integer, token: "COUNT", optional: true),
                Argument("len", .integer, token: "MAXLEN", optional: true),
            ]
        ) { Call($0).listPositions() },
    ]
}
