extension HashCommands {
    /// Commands that read hashes.
    static let reading: [Command] = [
        Command(
            "hget", arity: 3, [.readonly, .fast], categories: .hash,
            keys: [.one(1, [.readOnly, .access])],
            group: .hash, since: "2.0.0",
            summary: "Tells a field's value.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string),
            ],
            element: 2
        ) { Call($0).hashGet() },
        Command(
            "hmget", arity: -3, [.readonly, .fast], categories: .hash,
            keys: [.one(1, [.readOnly, .access])],
            group: .hash, since: "2.0.0", complexity: "O(N) in the number of fields given",
            summary: "Tells the values of several fields.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string, multiple: true),
            ],
            element: 2
        ) { Call($0).hashGetMany() },
        Command(
            "hgetall", arity: 2, .readonly, categories: .hash,
            keys: [.one(1, [.readOnly, .access])],
            group: .hash, since: "2.0.0", complexity: "O(N) in the size of the hash",
            summary: "Tells all fields and values of a hash.",
            arguments: [
                Argument("key", .key)
            ],
            tips: ["nondeterministic_output_order"],
            element: Command.wholeValue
        ) { Call($0).hashGetAll() },
        Command(
            "hkeys", arity: 2, .readonly, categories: .hash,
            keys: [.one(1, [.readOnly, .access])],
            group: .hash, since: "2.0.0", complexity: "O(N) in the size of the hash",
            summary: "Tells all fields of a hash.",
            arguments: [
                Argument("key", .key)
            ],
            tips: ["nondeterministic_output_order"],
            element: Command.wholeValue
        ) { Call($0).hashFields() },
        Command(
            "hvals", arity: 2, .readonly, categories: .hash,
            keys: [.one(1, [.readOnly, .access])],
            group: .hash, since: "2.0.0", complexity: "O(N) in the size of the hash",
            summary: "Tells all values of a hash.",
            arguments: [
                Argument("key", .key)
            ],
            tips: ["nondeterministic_output_order"],
            element: Command.wholeValue
        ) { Call($0).hashValues() },
        Command(
            "hexists", arity: 3, [.readonly, .fast], categories: .hash,
            keys: [.one(1, .readOnly)],
            group: .hash, since: "2.0.0",
            summary: "Tells whether a hash has a field.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string),
            ],
            element: 2
        ) { Call($0).hashExists() },
        Command(
            "hlen", arity: 2, [.readonly, .fast], categories: .hash,
            keys: [.one(1, .readOnly)],
            group: .hash, since: "2.0.0",
            summary: "Counts the fields of a hash.",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).hashLength() },
        Command(
            "hstrlen", arity: 3, [.readonly, .fast], categories: .hash,
            keys: [.one(1, .readOnly)],
            group: .hash, since: "3.2.0",
            summary: "Tells the length of a field's value in bytes.",
            arguments: [
                Argument("key", .key),
                Argument("field", .string),
            ],
            element: 2
        ) { Call($0).hashValueLength() },
        Command(
            "hrandfield", arity: -2, .readonly, categories: .hash,
            keys: [.one(1, [.readOnly, .access])],
            group: .hash, since: "6.2.0", complexity: "O(N) in the number of fields answered",
            summary: "Tells random fields of a hash, with their values if wanted.",
            arguments: [
                Argument("key", .key),
                Argument(
                    "options", .block, optional: true,
                    [
                        Argument("count", .integer),
                        Argument("withvalues", .pureToken, token: "WITHVALUES", optional: true),
                    ]),
            ],
            tips: ["nondeterministic_output"]
        ) { Call($0).hashRandomField() },
        Command(
            "hscan", arity: -3, .readonly, categories: .hash,
            keys: [.one(1, [.readOnly, .access])],
            group: .hash, since: "2.8.0", complexity: "O(1) per call, O(N) for the whole walk",
            summary: "Walks over the fields and values of a hash, a few per call.",
            arguments: [
                Argument("key", .key),
                Argument("cursor", .integer),
                Argument("pattern", .pattern, token: "MATCH", optional: true),
                Argument("count", .integer, token: "COUNT", optional: true),
            ],
            tips: ["nondeterministic_output"]
        ) { Call($0).hashScan() },
    ]
}
