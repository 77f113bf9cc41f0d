/// The string commands (redis.io/commands, group "string", as of Redis 7.0).
public enum StringCommands {
    public static let commands: [Command] = reading + writing + counting
}

extension StringCommands {
    /// Commands that take a string for a number.
    static let counting: [Command] = [
        Command(
            "incr", arity: 2, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Adds one to an integer",
            arguments: [Argument("key", .key)]
        ) { Call($0).increment() },
        Command(
            "decr", arity: 2, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Takes one from an integer",
            arguments: [Argument("key", .key)]
        ) { Call($0).decrement() },
        Command(
            "incrby", arity: 3, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Adds a number to an integer",
            arguments: [Argument("key", .key), Argument("increment", .integer)]
        ) { Call($0).incrementBy() },
        Command(
            "decrby", arity: 3, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .string, since: "1.0.0", complexity: "O(1)",
            summary: "Takes a number from an integer",
            arguments: [Argument("key", .key), Argument("decrement", .integer)]
        ) { Call($0).decrementBy() },
        Command(
            "incrbyfloat", arity: 3, [.write, .denyOOM, .fast], categories: [.string],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .string, since: "2.6.0", complexity: "O(1)",
            summary: "Adds a number to a floating-point number",
            arguments: [Argument("key", .key), Argument("increment", .double)]
        ) { Call($0).incrementByFloat() },
    ]
}
