/// Commands of our own that see all versions of a key (docs/protocol.md).
public enum VersionCommands {
    public static let commands: [Command] = [get, set, delete, clock]

    private static let since = "7.0.15"

    private static let context = Argument("context", .string, token: "CONTEXT", optional: true)
    private static let writers = Argument("replicas", .string, token: "W", optional: true)

    private static let get = Command(
        "vget", arity: -2, [.readonly], categories: [.string], keys: [.one(1, [.readOnly, .access])], group: .string,
        since: since, complexity: "O(N) where N is the number of versions",
        summary: "Answers a context and all versions of a key that do not supersede each other.",
        arguments: [Argument("key", .key), Argument("replicas", .string, token: "R", optional: true)]
    ) { Call($0).getVersions() }

    private static let set = Command(
        "vset", arity: -3, [.write, .denyOOM], categories: [.string], keys: [.one(1, [.readWrite, .update])],
        group: .string, since: since, complexity: "O(N) where N is the number of versions",
        summary: "Writes a version of a key that supersedes what a context covers; answers the new context.",
        arguments: [
            Argument("key", .key), Argument("value", .string), context, writers,
            Argument(
                "expiration", .oneof, optional: true,
                [
                    Argument("seconds", .integer, token: "EX"),
                    Argument("milliseconds", .integer, token: "PX"),
                    Argument("unix-time-seconds", .unixTime, token: "EXAT"),
                    Argument("unix-time-milliseconds", .unixTime, token: "PXAT"),
                    Argument("keepttl", .pureToken, token: "KEEPTTL"),
                ]),
        ]
    ) { Call($0).setVersion() }

    private static let delete = Command(
        "vdel", arity: -2, [.write], categories: [.string], keys: [.one(1, [.readWrite, .delete])], group: .string,
        since: since, complexity: "O(N) where N is the number of versions",
        summary: "Deletes the versions of a key that a context covers, without one all; answers the new context.",
        arguments: [Argument("key", .key), context, writers]
    ) { Call($0).deleteVersions() }

    private static let clock = Command(
        "vclock", arity: 2, [.readonly], categories: [.string], keys: [.one(1, [.readOnly])], group: .string,
        since: since, complexity: "O(N) where N is the number of versions",
        summary: "Shows of each version of a key which writes of which nodes it comes from.",
        arguments: [Argument("key", .key)]
    ) { Call($0).showClocks() }
}
