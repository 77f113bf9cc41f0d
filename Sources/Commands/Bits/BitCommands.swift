/// The commands on strings as bitmaps (redis.io/commands, group "bitmap", as of Redis 7.0).
public enum BitCommands {
    public static let commands: [Command] = [
        Command(
            "getbit", arity: 3, [.readonly, .fast], categories: [.bitmap],
            keys: [.one(1, [.readOnly, .access])],
            group: .bitmap, since: "2.2.0", complexity: "O(1)",
            summary: "Answers one bit of a string",
            arguments: [Argument("key", .key), Argument("offset", .integer)]
        ) { Call($0).getBit() },
        Command(
            "setbit", arity: 4, [.write, .denyOOM], categories: [.bitmap],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .bitmap, since: "2.2.0", complexity: "O(1), and the zeros before the bit",
            summary: "Changes one bit of a string, making the key if need be",
            arguments: [Argument("key", .key), Argument("offset", .integer), Argument("value", .integer)]
        ) { Call($0).setBit() },
        Command(
            "bitcount", arity: -2, [.readonly], categories: [.bitmap],
            keys: [.one(1, [.readOnly, .access])],
            group: .bitmap, since: "2.6.0", complexity: "O(N) in the bytes looked at",
            summary: "Counts the ones in a string",
            arguments: [
                Argument("key", .key),
                Argument(
                    "index", .block, optional: true,
                    [
                        Argument("start", .integer),
                        Argument("end", .integer),
                        Argument(
                            "index_unit", .oneof, optional: true, since: "7.0.0",
                            [
                                Argument("byte", .pureToken, token: "BYTE"),
                                Argument("bit", .pureToken, token: "BIT"),
                            ]),
                    ]),
            ],
            history: [
                ("7.0.0", "`BYTE` and `BIT` came.")
            ]
        ) { Call($0).bitCount() },
        Command(
            "bitpos", arity: -3, [.readonly], categories: [.bitmap],
            keys: [.one(1, [.readOnly, .access])],
            group: .bitmap, since: "2.8.7", complexity: "O(N) in the bytes looked at",
            summary: "Finds the first one or zero in a string",
            arguments: [
                Argument("key", .key),
                Argument("bit", .integer),
                Argument(
                    "index", .block, optional: true,
                    [
                        Argument("start", .integer),
                        Argument(
                            "end_index", .block, optional: true,
                            [
                                Argument("end", .integer),
                                Argument(
                                    "index_unit", .oneof, optional: true, since: "7.0.0",
                                    [
                                        Argument("byte", .pureToken, token: "BYTE"),
                                        Argument("bit", .pureToken, token: "BIT"),
                                    ]),
                            ]),
                    ]),
            ],
            history: [
                ("7.0.0", "`BYTE` and `BIT` came.")
            ]
        ) { Call($0).bitPosition() },
        Command(
            "bitop", arity: -4, [.write, .denyOOM], categories: [.bitmap],
            keys: [.one(2, [.overwrite, .update]), .rest(3, [.readOnly, .access])],
            group: .bitmap, since: "2.6.0", complexity: "O(N) in the bytes of all strings",
            summary: "Combines strings bit by bit and stores the result",
            arguments: [
                Argument("operation", .string),
                Argument("destkey", .key),
                Argument("key", .key, multiple: true, keySpec: 1),
            ]
        ) { Call($0).bitOperation() },
        Command(
            "bitfield", arity: -2, [.write, .denyOOM], categories: [.bitmap],
            keys: [
                KeySpec(
                    [.readWrite, .access, .update, .variable], .index(1), .range(last: 0, step: 1, limit: 0),
                    notes: "Reads, writes, or both, as its operations say")
            ],
            group: .bitmap, since: "3.2.0", complexity: "O(N) in the operations",
            summary: "Reads and changes integers of any width inside a string",
            arguments: [
                Argument("key", .key),
                Argument(
                    "operation", .oneof, optional: true, multiple: true,
                    [
                        Argument(
                            "encoding_offset", .block, token: "GET",
                            [
                                Argument("encoding", .string),
                                Argument("offset", .integer),
                            ]),
                        Argument(
                            "write", .block,
                            [
                                Argument(
                                    "wrap_sat_fail", .oneof, token: "OVERFLOW", optional: true,
                                    [
                                        Argument("wrap", .pureToken, token: "WRAP"),
                                        Argument("sat", .pureToken, token: "SAT"),
                                        Argument("fail", .pureToken, token: "FAIL"),
                                    ]),
                                Argument(
                                    "write_operation", .oneof,
                                    [
                                        Argument(
                                            "encoding_offset_value", .block, token: "SET",
                                            [
                                                Argument("encoding", .string),
                                                Argument("offset", .integer),
                                                Argument("value", .integer),
                                            ]),
                                        Argument(
                                            "encoding_offset_increment", .block, token: "INCRBY",
                                            [
                                                Argument("encoding", .string),
                                                Argument("offset", .integer),
                                                Argument("increment", .integer),
                                            ]),
                                    ]),
                            ]),
                    ]),
            ]
        ) { Call($0).bitField() },
        Command(
            "bitfield_ro", arity: -2, [.readonly, .fast], categories: [.bitmap],
            keys: [.one(1, [.readOnly, .access])],
            group: .bitmap, since: "6.0.0", complexity: "O(N) in the operations",
            summary: "Reads integers of any width inside a string",
            arguments: [
                Argument("key", .key),
                Argument(
                    "encoding_offset", .block, token: "GET", optional: true, multiple: true, multipleToken: true,
                    [
                        Argument("encoding", .string),
                        Argument("offset", .integer),
                    ]),
            ]
        ) { Call($0).bitFieldReadOnly() },
    ]
}
