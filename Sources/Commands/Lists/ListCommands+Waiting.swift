import Keyspace

extension ListCommands {
    /// What waits for an element.
    static let blocking: [Command] = [
        Command(
            "blpop", arity: -3, [.write, .noscript, .blocking], categories: .list,
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            group: .list, since: "2.0.0",
            complexity: "O(N) in the number of keys",
            summary: "Takes the first element of the first list that has one; waits for it if need be.",
            arguments: [
                Argument("key", .key, multiple: true),
                Argument("timeout", .double),
            ],
            history: [("6.0.0", "The timeout may have a fraction.")]
        ) { Call($0).popWaiting(.front) },
        Command(
            "brpop", arity: -3, [.write, .noscript, .blocking], categories: .list,
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            group: .list, since: "2.0.0",
            complexity: "O(N) in the number of keys",
            summary: "Takes the last element of the first list that has one; waits for it if need be.",
            arguments: [
                Argument("key", .key, multiple: true),
                Argument("timeout", .double),
            ],
            history: [("6.0.0", "The timeout may have a fraction.")]
        ) { Call($0).popWaiting(.back) },
        Command(
            "brpoplpush", arity: 4, [.write, .denyOOM, .noscript, .blocking], categories: .list,
            keys: [.one(1, [.readWrite, .access, .delete]), .one(2, [.readWrite, .insert])],
            group: .list, since: "2.2.0",
            complexity: "O(1)",
            summary: "Moves the last element of a list to the front of another; waits for it if need be.",
            arguments: [
                Argument("source", .key),
                Argument("destination", .key, keySpec: 1),
                Argument("timeout", .double),
            ],
            history: [("6.0.0", "The timeout may have a fraction.")],
            deprecated: ("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
        ) { Call($0).rotateWaiting() },
        Command(
            "blmove", arity: 6, [.write, .denyOOM, .noscript, .blocking], categories: .list,
            keys: [.one(1, [.readWrite, .access, .delete]), .one(2, [.readWrite, .insert])],
            group: .list, since: "6.2.0",
            complexity: "O(1)",
            summary: "Moves an element from one end of a list to an end of another; waits for it if need be.",
            arguments: [
                Argument("source", .key),
                Argument("destination", .key, keySpec: 1),
                Argument(
                    "wherefrom", .oneof,
                    [Argument("left", .pureToken, token: "LEFT"), Argument("right", .pureToken, token: "RIGHT")]),
                Argument(
                    "whereto", .oneof,
                    [Argument("left", .pureToken, token: "LEFT"), Argument("right", .pureToken, token: "RIGHT")]),
                Argument("timeout", .double),
            ]
        ) { Call($0).moveWaiting() },
        Command(
            "blmpop", arity: -5, [.write, .blocking], categories: .list,
            keys: [KeySpec([.readWrite, .access, .delete], .index(2), .numbered(count: 0, first: 1, step: 1))],
            group: .list, since: "7.0.0",
            complexity: "O(N+M): N keys given, M elements answered",
            summary: "Takes elements of the first list that has some; waits for them if need be.",
            arguments: [
                Argument("timeout", .double),
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument(
                    "where", .oneof,
                    [Argument("left", .pureToken, token: "LEFT"), Argument("right", .pureToken, token: "RIGHT")]),
                Argument("count", .integer, token: "COUNT", optional: true),
            ]
        ) { Call($0).popFromAnyWaiting() },
    ]
}
