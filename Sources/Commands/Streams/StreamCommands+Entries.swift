extension StreamCommands {
    /// Adding, reading and removing entries.
    static let entries: [Command] = [
        Command(
            "xadd", arity: -5, [.write, .denyOOM, .fast], categories: .stream,
            keys: [
                KeySpec(
                    [.readWrite, .update], .index(1), .range(last: 0, step: 1, limit: 0),
                    notes: "An update, since it may also trim")
            ], group: .stream, since: "5.0.0", complexity: "O(1), plus O(N) for N entries that trimming removes",
            summary: "Adds an entry at the end of a stream.",
            arguments: [
                Argument("key", .key),
                Argument("nomkstream", .pureToken, token: "NOMKSTREAM", optional: true, since: "6.2.0"),
                Argument(
                    "trim", .block, optional: true,
                    [
                        Argument(
                            "strategy", .oneof,
                            [
                                Argument("maxlen", .pureToken, token: "MAXLEN"),
                                Argument("minid", .pureToken, token: "MINID", since: "6.2.0"),
                            ]),
                        Argument(
                            "operator", .oneof, optional: true,
                            [
                                Argument("equal", .pureToken, token: "="),
                                Argument("approximately", .pureToken, token: "~"),
                            ]), Argument("threshold", .string),
                        Argument("count", .integer, token: "LIMIT", optional: true, since: "6.2.0"),
                    ]),
                Argument("id_or_auto", .oneof, [Argument("auto_id", .pureToken, token: "*"), Argument("ID", .string)]),
                Argument(
                    "field_value", .block, multiple: true, [Argument("field", .string), Argument("value", .string)]),
            ],
            history: [
                ("6.2.0", "`NOMKSTREAM`, `MINID` and `LIMIT` came."),
                ("7.0.0", "An ID may leave its sequence number to the server: `<ms>-*`."),
            ], tips: ["nondeterministic_output"]
        ) { Call($0).addEntry() },
        Command(
            "xlen", arity: 2, [.readonly, .fast], categories: .stream, keys: [.one(1, .readOnly)], group: .stream,
            since: "5.0.0", complexity: "O(1)", summary: "Answers how many entries a stream has.",
            arguments: [Argument("key", .key)]
        ) { Call($0).streamLength() },
        Command(
            "xrange", arity: -4, [.readonly], categories: .stream, keys: [.one(1, [.readOnly, .access])],
            group: .stream, since: "5.0.0", complexity: "O(N) in the entries answered",
            summary: "Answers a stream's entries between two IDs.",
            arguments: [
                Argument("key", .key), Argument("start", .string), Argument("end", .string),
                Argument("count", .integer, token: "COUNT", optional: true),
            ], history: [("6.2.0", "Either end of the range may be exclusive.")]
        ) { Call($0).streamRange(reversed: false) },
        Command(
            "xrevrange", arity: -4, [.readonly], categories: .stream, keys: [.one(1, [.readOnly, .access])],
            group: .stream, since: "5.0.0", complexity: "O(N) in the entries answered",
            summary: "Answers a stream's entries between two IDs, the latest first.",
            arguments: [
                Argument("key", .key), Argument("end", .string), Argument("start", .string),
                Argument("count", .integer, token: "COUNT", optional: true),
            ], history: [("6.2.0", "Either end of the range may be exclusive.")]
        ) { Call($0).streamRange(reversed: true) },
        Command(
            "xread", arity: -4, [.blocking, .readonly], categories: .stream,
            keys: [KeySpec([.readOnly, .access], .keyword("STREAMS", from: 1), .range(last: -1, step: 1, limit: 2))],
            group: .stream, since: "5.0.0", complexity: "O(N) in the entries answered, per stream",
            summary: "Answers entries of several streams that are newer than given IDs; may wait for some.",
            arguments: [
                Argument("count", .integer, token: "COUNT", optional: true),
                Argument("milliseconds", .integer, token: "BLOCK", optional: true),
                Argument(
                    "streams", .block, token: "STREAMS",
                    [Argument("key", .key, multiple: true), Argument("ID", .string, multiple: true)]),
            ], keyRange: .streams
        ) { Call($0).readStreams(isGroup: false) },
        Command(
            "xdel", arity: -3, [.write, .fast], categories: .stream, keys: [.one(1, [.readWrite, .delete])],
            group: .stream, since: "5.0.0", complexity: "O(log M) for each of them in a stream of M entries",
            summary: "Removes entries from a stream by their IDs.",
            arguments: [Argument("key", .key), Argument("ID", .string, multiple: true)]
        ) { Call($0).deleteEntries() },
        Command(
            "xtrim", arity: -4, [.write], categories: .stream, keys: [.one(1, [.readWrite, .delete])], group: .stream,
            since: "5.0.0", complexity: "O(N) in the entries removed, most of them by the piece",
            summary: "Removes the oldest entries of a stream.",
            arguments: [
                Argument("key", .key),
                Argument(
                    "trim", .block,
                    [
                        Argument(
                            "strategy", .oneof,
                            [
                                Argument("maxlen", .pureToken, token: "MAXLEN"),
                                Argument("minid", .pureToken, token: "MINID", since: "6.2.0"),
                            ]),
                        Argument(
                            "operator", .oneof, optional: true,
                            [
                                Argument("equal", .pureToken, token: "="),
                                Argument("approximately", .pureToken, token: "~"),
                            ]), Argument("threshold", .string),
                        Argument("count", .integer, token: "LIMIT", optional: true, since: "6.2.0"),
                    ]),
            ], history: [("6.2.0", "`MINID` and `LIMIT` came.")], tips: ["nondeterministic_output"]
        ) { Call($0).trimStream() },
        Command(
            "xsetid", arity: -3, [.write, .denyOOM, .fast], categories: .stream,
            keys: [.one(1, [.readWrite, .update])], group: .stream, since: "5.0.0", complexity: "O(1)",
            summary: "Sets what a stream knows of its past: last ID, entries ever added, greatest ID deleted.",
            arguments: [
                Argument("key", .key), Argument("last-id", .string),
                Argument("entries_added", .integer, token: "ENTRIESADDED", optional: true, since: "7.0.0"),
                Argument("max_deleted_entry_id", .string, token: "MAXDELETEDID", optional: true, since: "7.0.0"),
            ], history: [("7.0.0", "Takes the entries added and the greatest deleted ID.")]
        ) { Call($0).setStreamID() },
    ]
}
