extension HashCommands {
    /// Commands that change hashes.
    static let writing: [Command] = [
        Command(
            "hset", arity: -4, [.write, .denyOOM, .fast], categories: .hash,
            keys: [.one(1, [.readWrite, .update])],
            group: .hash, since: "2.0.0", complexity: "O(N) in the number of fields given",
            summary: "Gives fields of a hash their values, making the hash if need be.",
            arguments: [
                Argument("key", .key),
                Argument(
                    "field_value", .block, multiple: true,
                    [
                        Argument("field", .string),
                        Argument("value", .string),
                    ]),
            ],
            history: [("4.0.0", "Takes several fields.")],
            element: 2
        ) { Call($0).hashSet() },
        Command(
            "hmset", arity: -4, [.write, .denyOOM, .fast], categories: .hash,
            keys: [.one(1, [.readWrite, .update])],
            group: .hash, since: "2.0.0", complexity: "O(N) in the number of fields given",
            summary: "Gives fields of a hash their values; answers OK.",
            arguments: [
                Argument("key", .key),
                Argument(
                    "field_value", .block, multiple: true,
                    [
                        Argument("field", .string),
                        Argument("value", .string),
                    ]),
            ],
            deprecated: (since: "4.0.0", replacement: "`HSET` with several fields")
        ) { Call($0).hashSetMany() },
        Command(
            "hsetnx", arity: 4, [.write, .denyOOM, .fast], categories: .hash,
            keys: [.one(1, [.readWrite, .insert])],
            group: .hash, since: "2.0.0",
            summary: "Gives a field of a hash a value unless it has one.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string),
                Argument("value", .string),
            ],
            element: 2
        ) { Call($0).hashSetIfMissing() },
        Command(
            "hdel", arity: -3, [.write, .fast], categories: .hash,
            keys: [.one(1, [.readWrite, .delete])],
            group: .hash, since: "2.0.0", complexity: "O(N) in the number of fields given",
            summary: "Removes fields from a hash, and the hash with the last.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string, multiple: true),
            ],
            history: [("2.4.0", "Takes several fields.")],
            element: 2
        ) { Call($0).hashDelete() },
        Command(
            "hincrby", arity: 4, [.write, .denyOOM, .fast], categories: .hash,
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .hash, since: "2.0.0",
            summary: "Adds an integer to a field's value; a missing one counts as 0.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string),
                Argument("increment", .integer),
            ],
            element: 2
        ) { Call($0).hashIncrement() },
        Command(
            "hincrbyfloat", arity: 4, [.write, .denyOOM, .fast], categories: .hash,
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .hash, since: "2.6.0",
            summary: "Adds a floating point number to a field's value; a missing one counts as 0.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string),
                Argument("increment", .double),
            ],
            element: 2
        ) { Call($0).hashIncrementByFloat() },
    ]
}
