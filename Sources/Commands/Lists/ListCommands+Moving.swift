extension ListCommands {
    /// From one list to another; from any of several.
    static let moving: [Command] = [
        Command(
            "lmove", arity: 5, [.write, .denyOOM], categories: .list,
            keys: [.one(1, [.readWrite, .access, .delete]), .one(2, [.readWrite, .insert])],
            group: .list, since: "6.2.0",
            complexity: "O(1)",
            summary: "Moves an element from one end of a list to an end of another, or of the same.",
            arguments: [
                Argument("source", .key),
                Argument("destination", .key, keySpec: 1),
                Argument(
                    "wherefrom", .oneof,
                    [Argument("left", .pureToken, token: "LEFT"), Argument("right", .pureToken, token: "RIGHT")]),
                Argument(
                    "whereto", .oneof,
                    [Argument("left", .pureToken, token: "LEFT"), Argument("right", .pureToken, token: "RIGHT")]),
            ]
        ) { Call($0).moveBetweenLists() },
        Command(
            "rpoplpush", arity: 3, [.write, .denyOOM], categories: .list,
            keys: [.one(1, [.readWrite, .access, .delete]), .one(2, [.readWrite, .insert])],
            group: .list, since: "1.2.0",
            complexity: "O(1)",
            summary: "Moves the last element of a list to the front of another.",
            arguments: [
                Argument("source", .key),
                Argument("destination", .key, keySpec: 1),
            ],
            deprecated: ("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
        ) { Call($0).rotateBetweenLists() },
        Command(
            "lmpop", arity: -4, .write, categories: .list,
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .numbered(count: 0, first: 1, step: 1))],
            group: .list, since: "7.0.0",
            complexity: "O(N+M): N keys given, M elements answered",
            summary: "Takes elements of the first list that has some.",
            arguments: [
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument(
                    "where", .oneof,
                    [Argument("left", .pureToken, token: "LEFT"), Argument("right", .pureToken, token: "RIGHT")]),
                Argument("count", .integer, token: "COUNT", optional: true),
            ]
        ) { Call($0).popFromAny() },
    ]
}
