import Keyspace

extension ListCommands {
    /// Pushing and popping.
    static let ends: [Command] = [
        Command(
            "lpush", arity: -3, [.write, .denyOOM, .fast], categories: .list,
            keys: [.one(1, [.readWrite, .insert])],
            group: .list, since: "1.0.0",
            complexity: "O(N) in the number of elements given",
            summary: "Adds elements before the first of a list, one after another; makes the list if need be.",
            arguments: [
                Argument("key", .key),
                Argument("element", .string, multiple: true),
            ],
            history: [("2.4.0", "Takes several elements.")]
        ) { Call($0).pushToList(.front) },
        Command(
            "rpush", arity: -3, [.write, .denyOOM, .fast], categories: .list,
            keys: [.one(1, [.readWrite, .insert])],
            group: .list, since: "1.0.0",
            complexity: "O(N) in the number of elements given",
            summary: "Adds elements behind the last of a list; makes the list if need be.",
            arguments: [
                Argument("key", .key),
                Argument("element", .string, multiple: true),
            ],
            history: [("2.4.0", "Takes several elements.")]
        ) { Call($0).pushToList(.back) },
        Command(
            "lpushx", arity: -3, [.write, .denyOOM, .fast], categories: .list,
            keys: [.one(1, [.readWrite, .insert])],
            group: .list, since: "2.2.0",
            complexity: "O(N) in the number of elements given",
            summary: "Adds elements before the first of a list that is there.",
            arguments: [
                Argument("key", .key),
                Argument("element", .string, multiple: true),
            ],
            history: [("4.0.0", "Takes several elements.")]
        ) { Call($0).pushToList(.front, onlyIfThere: true) },
        Command(
            "rpushx", arity: -3, [.write, .denyOOM, .fast], categories: .list,
            keys: [.one(1, [.readWrite, .insert])],
            group: .list, since: "2.2.0",
            complexity: "O(N) in the number of elements given",
            summary: "Adds elements behind the last of a list that is there.",
            arguments: [
                Argument("key", .key),
                Argument("element", .string, multiple: true),
            ],
            history: [("4.0.0", "Takes several elements.")]
        ) { Call($0).pushToList(.back, onlyIfThere: true) },
        Command(
            "lpop", arity: -2, [.write, .fast], categories: .list,
            keys: [.one(1, [.readWrite, .access, .delete])],
            group: .list, since: "1.0.0",
            complexity: "O(N) in the number of elements answered",
            summary: "Takes the first element of a list, or several.",
            arguments: [
                Argument("key", .key),
                Argument("count", .integer, optional: true, since: "6.2.0"),
            ],
            history: [("6.2.0", "Takes a count.")]
        ) { Call($0).popFromList(.front) },
        Command(
            "rpop", arity: -2, [.write, .fast], categories: .list,
            keys: [.one(1, [.readWrite, .access, .delete])],
            group: .list, since: "1.0.0",
            complexity: "O(N) in the number of elements answered",
            summary: "Takes the last element of a list, or several.",
            arguments: [
                Argument("key", .key),
                Argument("count", .integer, optional: true, since: "6.2.0"),
            ],
            history: [("6.2.0", "Takes a count.")]
        ) { Call($0).popFromList(.back) },
    ]
}
