extension ListCommands {
    /// Changes anywhere in a list.
    static let editing: [Command] = [
        Command(
            "lset", arity: 4, [.write, .denyOOM], categories: .list,
            keys: [.one(1, [.readWrite, .update])],
            group: .list, since: "1.0.0",
            complexity: "O(log N) for a list of N elements, and the length of a piece",
            summary: "Replaces the element at an index.",
            arguments: [
                Argument("key", .key),
                Argument("index", .integer),
                Argument("element", .string),
            ]
        ) { Call($0).setListElement() },
        Command(
            "linsert", arity: 5, [.write, .denyOOM], categories: .list,
            keys: [.one(1, [.readWrite, .insert])],
            group: .list, since: "2.2.0",
            complexity: "O(N) in the number of elements before the pivot",
            summary: "Puts an element before or behind another.",
            arguments: [
                Argument("key", .key),
                Argument(
                    "where", .oneof,
                    [Argument("before", .pureToken, token: "BEFORE"), Argument("after", .pureToken, token: "AFTER")]),
                Argument("pivot", .string),
                Argument("element", .string),
            ]
        ) { Call($0).insertIntoList() },
        Command(
            "lrem", arity: 4, .write, categories: .list,
            keys: [.one(1, [.readWrite, .delete])],
            group: .list, since: "1.0.0",
            complexity: "O(N) in the length of the list",
            summary: "Takes away the elements that have a certain value.",
            arguments: [
                Argument("key", .key),
                Argument("count", .integer),
                Argument("element", .string),
            ]
        ) { Call($0).removeFromList() },
        Command(
            "ltrim", arity: 4, .write, categories: .list,
            keys: [.one(1, [.readWrite, .delete])],
            group: .list, since: "1.0.0",
            complexity: "O(N) in the number of elements that go; whole pieces of a large list count as one",
            summary: "Takes away all but the elements between two indices.",
            arguments: [
                Argument("key", .key),
                Argument("start", .integer),
                Argument("stop", .integer),
            ]
        ) { Call($0).trimList() },
    ]
}
