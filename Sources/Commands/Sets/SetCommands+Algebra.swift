extension SetCommands {
    /// Commands that combine sets.
    static let algebra: [Command] = [
        Command(
            "sinter", arity: -2, .readonly, categories: .set,
            keys: [.rest(1, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(N*M), N the size of the smallest set, M the number of sets",
            summary: "Tells the members that all given sets have.",
            arguments: [
                Argument("key", .key, multiple: true)
            ],
            tips: ["nondeterministic_output_order"]
        ) { Call($0).setIntersection() },
        Command(
            "sinterstore", arity: -3, [.write, .denyOOM], categories: .set,
            keys: [.one(1, [.readWrite, .update]), .rest(2, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(N*M), N the size of the smallest set, M the number of sets",
            summary: "Makes a key hold the set of the members that all given sets have.",
            arguments: [
                Argument("destination", .key),
                Argument("key", .key, multiple: true, keySpec: 1),
            ]
        ) { Call($0).setIntersectionStore() },
        Command(
            "sintercard", arity: -3, .readonly, categories: .set,
            keys: [KeySpec([.readOnly, .access], .index(1), .numbered(count: 0, first: 1, step: 1))],
            group: .set, since: "7.0.0", complexity: "O(N*M), N the size of the smallest set, M the number of sets",
            summary: "Counts the members that all given sets have, up to a limit.",
            arguments: [
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument("limit", .integer, token: "LIMIT", optional: true),
            ]
        ) { Call($0).setIntersectionCount() },
        Command(
            "sunion", arity: -2, .readonly, categories: .set,
            keys: [.rest(1, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(N) in the sizes of all sets together",
            summary: "Tells the members that any of the given sets has.",
            arguments: [
                Argument("key", .key, multiple: true)
            ],
            tips: ["nondeterministic_output_order"]
        ) { Call($0).setUnion() },
        Command(
            "sunionstore", arity: -3, [.write, .denyOOM], categories: .set,
            keys: [.one(1, [.overwrite, .update]), .rest(2, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(N) in the sizes of all sets together",
            summary: "Makes a key hold the set of the members that any of the given sets has.",
            arguments: [
                Argument("destination", .key),
                Argument("key", .key, multiple: true, keySpec: 1),
            ]
        ) { Call($0).setUnionStore() },
        Command(
            "sdiff", arity: -2, .readonly, categories: .set,
            keys: [.rest(1, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(N) in the sizes of all sets together",
            summary: "Tells the members of the first set that no other given set has.",
            arguments: [
                Argument("key", .key, multiple: true)
            ],
            tips: ["nondeterministic_output_order"]
        ) { Call($0).setDifference() },
        Command(
            "sdiffstore", arity: -3, [.write, .denyOOM], categories: .set,
            keys: [.one(1, [.overwrite, .update]), .rest(2, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(N) in the sizes of all sets together",
            summary: "Makes a key hold the set of the members of the first set that no other given set has.",
            arguments: [
                Argument("destination", .key),
                Argument("key", .key, multiple: true, keySpec: 1),
            ]
        ) { Call($0).setDifferenceStore() },
    ]
}
