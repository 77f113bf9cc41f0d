/// Counting distinct elements in little memory (redis.io/commands, group hyperloglog).
public enum HyperLogLogCommands {
    public static let commands: [Command] = [
        Command(
            "pfadd", arity: -2, [.write, .denyOOM, .fast], categories: .hyperloglog,
            keys: [.one(1, [.readWrite, .insert])],
            group: .hyperloglog, since: "2.8.9", complexity: "O(1) per element",
            summary: "Has a HyperLogLog see elements, making the key if need be.",
            arguments: [
                Argument("key", .key),
                Argument("element", .string, optional: true, multiple: true),
            ]
        ) { Call($0).addToSketch() },
        Command(
            "pfcount", arity: -2, [.readonly, .mayReplicate], categories: .hyperloglog,
            keys: [
                KeySpec(
                    [.readWrite, .access], .index(1), .range(last: -1, step: 1, limit: 0),
                    notes: "Writes in so far as the result is kept with the key")
            ],
            group: .hyperloglog, since: "2.8.9",
            complexity: "O(1) for one key, O(N) in the keys with a far larger constant for several",
            summary: "Estimates how many different elements have been seen by any of the HyperLogLogs.",
            arguments: [Argument("key", .key, multiple: true)]
        ) { Call($0).countSketches() },
        Command(
            "pfmerge", arity: -2, [.write, .denyOOM], categories: .hyperloglog,
            keys: [.one(1, [.readWrite, .access, .insert]), .rest(2, [.readOnly, .access])],
            group: .hyperloglog, since: "2.8.9", complexity: "O(N) in the keys, with a large constant",
            summary: "Has a HyperLogLog see all that others have seen.",
            arguments: [
                Argument("destkey", .key),
                Argument("sourcekey", .key, multiple: true, keySpec: 1),
            ]
        ) { Call($0).mergeSketches() },
        Command(
            "pfdebug", arity: 3, [.write, .denyOOM, .admin], categories: .hyperloglog,
            keys: [.one(2, [.readWrite, .access])],
            group: .hyperloglog, since: "2.8.9", complexity: "O(N) in the registers",
            summary: "Looks into a HyperLogLog.",
            arguments: [Argument("subcommand", .string), Argument("key", .key)],
            isInternal: true
        ) { Call($0).debugSketch() },
        Command(
            "pfselftest", arity: 1, .admin, categories: .hyperloglog,
            group: .hyperloglog, since: "2.8.9", complexity: "O(1)",
            summary: "Checks the HyperLogLogs of this server.",
            isInternal: true
        ) { Call($0).testSketches() },
    ]
}
