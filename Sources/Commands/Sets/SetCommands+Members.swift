extension SetCommands {
    /// Commands on one set's members.
    static let membership: [Command] = [
        Command(
            "sadd", arity: -3, [.write, .denyOOM, .fast], categories: .set,
            keys: [.one(1, [.readWrite, .insert])],
            group: .set, since: "1.0.0", complexity: "O(N) in the number of members given",
            summary: "Adds members to a set, making the set if need be.",
            arguments: [
                Argument("key", .key),
                Argument("member", .string, multiple: true),
            ],
            history: [("2.4.0", "Takes several members.")],
            element: 2
        ) { Call($0).setAdd() },
        Command(
            "srem", arity: -3, [.write, .fast], categories: .set,
            keys: [.one(1, [.readWrite, .delete])],
            group: .set, since: "1.0.0", complexity: "O(N) in the number of members given",
            summary: "Removes members from a set, and the set with the last.",
            arguments: [
                Argument("key", .key),
                Argument("member", .string, multiple: true),
            ],
            history: [("2.4.0", "Takes several members.")],
            element: 2
        ) { Call($0).setRemove() },
        Command(
            "smove", arity: 4, [.write, .fast], categories: .set,
            keys: [.one(1, [.readWrite, .access, .delete]), .one(2, [.readWrite, .insert])],
            group: .set, since: "1.0.0",
            summary: "Moves a member from one set to another.",
            arguments: [
                Argument("source", .key),
                Argument("destination", .key, keySpec: 1),
                Argument("member", .string),
            ]
        ) { Call($0).setMove() },
        Command(
            "spop", arity: -2, [.write, .fast], categories: .set,
            keys: [.one(1, [.readWrite, .access, .delete])],
            group: .set, since: "1.0.0", complexity: "O(1), with a count O(N) in the members removed",
            summary: "Removes random members from a set and tells them.",
            arguments: [
                Argument("key", .key),
                Argument("count", .integer, optional: true, since: "3.2.0"),
            ],
            history: [("3.2.0", "Takes a count.")],
            tips: ["nondeterministic_output"]
        ) { Call($0).setPop() },
        Command(
            "smembers", arity: 2, .readonly, categories: .set,
            keys: [.one(1, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(N) in the size of the set",
            summary: "Tells all members of a set.",
            arguments: [
                Argument("key", .key)
            ],
            tips: ["nondeterministic_output_order"],
            element: Command.wholeValue
        ) { Call($0).setMembers() },
        Command(
            "sismember", arity: 3, [.readonly, .fast], categories: .set,
            keys: [.one(1, .readOnly)],
            group: .set, since: "1.0.0",
            summary: "Tells whether something is a member of a set.",
            arguments: [
                Argument("key", .key),
                Argument("member", .string),
            ],
            element: 2
        ) { Call($0).setIsMember() },
        Command(
            "smismember", arity: -3, [.readonly, .fast], categories: .set,
            keys: [.one(1, [.readOnly, .access])],
            group: .set, since: "6.2.0", complexity: "O(N) in the number of members given",
            summary: "Tells of several things whether they are members of a set.",
            arguments: [
                Argument("key", .key),
                Argument("member", .string, multiple: true),
            ],
            element: 2
        ) { Call($0).setAreMembers() },
        Command(
            "scard", arity: 2, [.readonly, .fast], categories: .set,
            keys: [.one(1, .readOnly)],
            group: .set, since: "1.0.0",
            summary: "Counts the members of a set.",
            arguments: [
                Argument("key", .key)
            ]
        ) { Call($0).setCount() },
        Command(
            "srandmember", arity: -2, .readonly, categories: .set,
            keys: [.one(1, [.readOnly, .access])],
            group: .set, since: "1.0.0", complexity: "O(1), with a count O(N) in the members told",
            summary: "Tells random members of a set.",
            arguments: [
                Argument("key", .key),
                Argument("count", .integer, optional: true, since: "2.6.0"),
            ],
            history: [("2.6.0", "Takes a count.")],
            tips: ["nondeterministic_output"]
        ) { Call($0).setRandomMember() },
        Command(
            "sscan", arity: -3, .readonly, categories: .set,
            keys: [.one(1, [.readOnly, .access])],
            group: .set, since: "2.8.0", complexity: "O(1) per call, O(N) for the whole walk",
            summary: "Walks over the members of a set, a few per call.",
            arguments: [
                Argument("key", .key),
                Argument("cursor", .integer),
                Argument("pattern", .pattern, token: "MATCH", optional: true),
                Argument("count", .integer, token: "COUNT", optional: true),
            ],
            tips: ["nondeterministic_output"]
        ) { Call($0).setScan() },
    ]
}
