extension StreamCommands {
    /// XGROUP and XINFO.
    static let groups: [Command] = [
        Command(
            "xgroup", arity: -2, [], group: .stream, since: "5.0.0", complexity: "Depends on the subcommand",
            summary: "Makes, changes and removes consumer groups.",
            subcommands: [
                Command(
                    "create", arity: -5, [.write, .denyOOM], categories: .stream,
                    keys: [.one(2, [.readWrite, .insert])], group: .stream, since: "5.0.0", complexity: "O(1)",
                    summary: "Makes a consumer group.",
                    arguments: [
                        Argument("key", .key), Argument("groupname", .string),
                        Argument("id", .oneof, [Argument("ID", .string), Argument("new_id", .pureToken, token: "$")]),
                        Argument("mkstream", .pureToken, token: "MKSTREAM", optional: true),
                        Argument("entries_read", .integer, token: "ENTRIESREAD", optional: true),
                    ], history: [("7.0.0", "Takes `ENTRIESREAD`.")]
                ) { Call($0).createGroup() },
                Command(
                    "createconsumer", arity: 5, [.write, .denyOOM], categories: .stream,
                    keys: [.one(2, [.readWrite, .insert])], group: .stream, since: "6.2.0",
                    complexity: "O(N) in the group's consumers", summary: "Makes a consumer in a group.",
                    arguments: [
                        Argument("key", .key), Argument("groupname", .string), Argument("consumername", .string),
                    ]
                ) { Call($0).createConsumer() },
                Command(
                    "delconsumer", arity: 5, [.write], categories: .stream, keys: [.one(2, [.readWrite, .delete])],
                    group: .stream, since: "5.0.0", complexity: "O(N) in what is pending for it",
                    summary: "Removes a consumer, and what is pending for it, from a group.",
                    arguments: [
                        Argument("key", .key), Argument("groupname", .string), Argument("consumername", .string),
                    ]
                ) { Call($0).deleteConsumer() },
                Command(
                    "destroy", arity: 4, [.write], categories: .stream, keys: [.one(2, [.readWrite, .delete])],
                    group: .stream, since: "5.0.0", complexity: "O(1); the freeing of a large one happens elsewhere",
                    summary: "Removes a consumer group.",
                    arguments: [Argument("key", .key), Argument("groupname", .string)]
                ) { Call($0).destroyGroup() },
                Command(
                    "help", arity: 2, [.loading, .stale], categories: .stream, group: .stream, since: "5.0.0",
                    complexity: "O(1)", summary: "Lists the subcommands."
                ) { Call($0).groupHelp() },
                Command(
                    "setid", arity: -5, [.write], categories: .stream, keys: [.one(2, [.readWrite, .update])],
                    group: .stream, since: "5.0.0", complexity: "O(1)",
                    summary: "Sets the ID after which a group's next delivery starts.",
                    arguments: [
                        Argument("key", .key), Argument("groupname", .string),
                        Argument("id", .oneof, [Argument("ID", .string), Argument("new_id", .pureToken, token: "$")]),
                        Argument("entries_read", .integer, token: "ENTRIESREAD", optional: true),
                    ], history: [("7.0.0", "Takes `ENTRIESREAD`.")]
                ) { Call($0).setGroupID() },
            ]),
        Command(
            "xinfo", arity: -2, [], group: .stream, since: "5.0.0", complexity: "Depends on the subcommand",
            summary: "Looks at streams and their groups.",
            subcommands: [
                Command(
                    "consumers", arity: 4, [.readonly], categories: .stream, keys: [.one(2, [.readOnly, .access])],
                    group: .stream, since: "5.0.0", complexity: "O(N) in the consumers",
                    summary: "Lists a group's consumers.",
                    arguments: [Argument("key", .key), Argument("groupname", .string)],
                    tips: ["nondeterministic_output"]
                ) { Call($0).consumersInfo() },
                Command(
                    "groups", arity: 3, [.readonly], categories: .stream, keys: [.one(2, [.readOnly, .access])],
                    group: .stream, since: "5.0.0", complexity: "O(N) in the groups",
                    summary: "Lists a stream's consumer groups.", arguments: [Argument("key", .key)],
                    history: [("7.0.0", "Answers also `entries-read` and `lag`.")]
                ) { Call($0).groupsInfo() },
                Command(
                    "help", arity: 2, [.loading, .stale], categories: .stream, group: .stream, since: "5.0.0",
                    complexity: "O(1)", summary: "Lists the subcommands."
                ) { Call($0).streamInfoHelp() },
                Command(
                    "stream", arity: -3, [.readonly], categories: .stream, keys: [.one(2, [.readOnly, .access])],
                    group: .stream, since: "5.0.0",
                    complexity: "O(N) in the stream's pieces; `FULL` also in the entries answered",
                    summary: "Describes a stream.",
                    arguments: [
                        Argument("key", .key),
                        Argument(
                            "full", .block, token: "FULL", optional: true,
                            [Argument("count", .integer, token: "COUNT", optional: true)]),
                    ],
                    history: [
                        ("6.0.0", "Takes `FULL`."),
                        (
                            "7.0.0",
                            "Answers also the greatest deleted ID, the entries ever added, the first ID, and `entries-read` and `lag` of groups."
                        ),
                    ]
                ) { Call($0).streamInfo() },
            ]),
    ]
}
