/// SORT and SORT_RO (redis.io/commands/sort).
public enum SortCommands {
    private static let patternNotes = "For `BY` and `GET`, whose keys' names come from the elements"

    private static let arguments = [
        Argument("key", .key),
        Argument("pattern", .pattern, token: "BY", optional: true, keySpec: 1),
        Argument(
            "offset_count", .block, token: "LIMIT", optional: true,
            [Argument("offset", .integer), Argument("count", .integer)]),
        Argument("pattern", .pattern, token: "GET", optional: true, multiple: true, multipleToken: true, keySpec: 1),
        Argument(
            "order", .oneof, optional: true,
            [Argument("asc", .pureToken, token: "ASC"), Argument("desc", .pureToken, token: "DESC")]),
        Argument("sorting", .pureToken, token: "ALPHA", optional: true),
    ]

    private static let complexity =
        "O(N+M*log(M)) for N elements of which M are answered; O(N) when nothing is to be sorted"

    public static let commands: [Command] = [
        Command(
            "sort", arity: -2, [.write, .denyOOM], categories: [.set, .sortedset, .list, .dangerous],
            keys: [
                .one(1, [.readOnly, .access]),
                KeySpec([.readOnly, .access], .unknown, .unknown, notes: patternNotes),
                KeySpec([.overwrite, .update], .unknown, .unknown, notes: "For `STORE`, which may be at any word"),
            ],
            group: .generic, since: "1.0.0", complexity: complexity,
            summary: "Answers or stores a list's, set's or sorted set's elements in another order.",
            arguments: arguments + [Argument("destination", .key, token: "STORE", optional: true, keySpec: 2)]
        ) { Call($0).sort(mayStore: true) },
        Command(
            "sort_ro", arity: -2, .readonly, categories: [.set, .sortedset, .list, .dangerous],
            keys: [
                .one(1, [.readOnly, .access]),
                KeySpec([.readOnly, .access], .unknown, .unknown, notes: patternNotes),
            ],
            group: .generic, since: "7.0.0", complexity: complexity,
            summary: "Answers a list's, set's or sorted set's elements in another order.",
            arguments: arguments
        ) { Call($0).sort(mayStore: false) },
    ]
}
