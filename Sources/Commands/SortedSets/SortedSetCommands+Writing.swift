extension SortedSetCommands {
    /// Sorted sets: adding and removing elements.
    static let writing: [Command] = [
        Command(
            "zadd", arity: -4, [.write, .denyOOM, .fast], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .update])],
            group: .sortedSet, since: "1.2.0", complexity: "O(log N) for each element",
            summary: "Adds members to a sorted set, or gives them other scores",
            arguments: [
                Argument("key", .key),
                Argument(
                    "condition", .oneof, optional: true, since: "3.0.2",
                    [
                        Argument("nx", .pureToken, token: "NX"),
                        Argument("xx", .pureToken, token: "XX"),
                    ]),
                Argument(
                    "comparison", .oneof, optional: true, since: "6.2.0",
                    [
                        Argument("gt", .pureToken, token: "GT"),
                        Argument("lt", .pureToken, token: "LT"),
                    ]),
                Argument("change", .pureToken, token: "CH", optional: true, since: "3.0.2"),
                Argument("increment", .pureToken, token: "INCR", optional: true, since: "3.0.2"),
                Argument(
                    "score_member", .block, multiple: true,
                    [
                        Argument("score", .double),
                        Argument("member", .string),
                    ]),
            ],
            history: [
                ("2.4.0", "Takes several elements."), ("3.0.2", "Takes XX, NX, CH and INCR."),
                ("6.2.0", "Takes GT and LT."),
            ],
            element: 3
        ) { Call($0).zadd() },
        Command(
            "zincrby", arity: 4, [.write, .denyOOM, .fast], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .access, .update])],
            group: .sortedSet, since: "1.2.0", complexity: "O(log N)",
            summary: "Adds to the score of a member",
            arguments: [
                Argument("key", .key),
                Argument("increment", .integer),
                Argument("member", .string),
            ],
            element: 3
        ) { Call($0).zincrby() },
        Command(
            "zrem", arity: -3, [.write, .fast], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .delete])],
            group: .sortedSet, since: "1.2.0", complexity: "O(M log N) for M members",
            summary: "Removes members from a sorted set",
            arguments: [
                Argument("key", .key),
                Argument("member", .string, multiple: true),
            ],
            history: [("2.4.0", "Takes several members.")],
            element: 2
        ) { Call($0).zrem() },
        Command(
            "zremrangebyrank", arity: 4, [.write], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .delete])],
            group: .sortedSet, since: "2.0.0", complexity: "O(log N + M) for M elements removed",
            summary: "Removes the elements between two ranks",
            arguments: [
                Argument("key", .key),
                Argument("start", .integer),
                Argument("stop", .integer),
            ]
        ) { Call($0).zremRangeByRank() },
        Command(
            "zremrangebyscore", arity: 4, [.write], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .delete])],
            group: .sortedSet, since: "1.2.0", complexity: "O(log N + M) for M elements removed",
            summary: "Removes the elements between two scores",
            arguments: [
                Argument("key", .key),
                Argument("min", .double),
                Argument("max", .double),
            ]
        ) { Call($0).zremRangeByScore() },
        Command(
            "zremrangebylex", arity: 4, [.write], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .delete])],
            group: .sortedSet, since: "2.8.9", complexity: "O(log N + M) for M elements removed",
            summary: "Removes the elements between two members",
            arguments: [
                Argument("key", .key),
                Argument("min", .string),
                Argument("max", .string),
            ]
        ) { Call($0).zremRangeByMember() },
        Command(
            "zpopmin", arity: -2, [.write, .fast], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .access, .delete])],
            group: .sortedSet, since: "5.0.0", complexity: "O(log N + M) for M elements",
            summary: "Takes the elements with the lowest scores out",
            arguments: [
                Argument("key", .key),
                Argument("count", .integer, optional: true),
            ]
        ) { Call($0).zpop(.lowest) },
        Command(
            "zpopmax", arity: -2, [.write, .fast], categories: [.sortedset],
            keys: [.one(1, [.readWrite, .access, .delete])],
            group: .sortedSet, since: "5.0.0", complexity: "O(log N + M) for M elements",
            summary: "Takes the elements with the highest scores out",
            arguments: [
                Argument("key", .key),
                Argument("count", .integer, optional: true),
            ]
        ) { Call($0).zpop(.highest) },
        Command(
            "zmpop", arity: -4, [.write], categories: [.sortedset],
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .numbered(count: 0, first: 1, step: 1))],
            group: .sortedSet, since: "7.0.0", complexity: "O(K + log N + M) for K keys and M elements",
            summary: "Takes elements out of the first of some sorted sets that has any",
            arguments: [
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument(
                    "where", .oneof,
                    [
                        Argument("min", .pureToken, token: "MIN"),
                        Argument("max", .pureToken, token: "MAX"),
                    ]),
                Argument("count", .integer, token: "COUNT", optional: true),
            ]
        ) { Call($0).zpopFromMany() },
        Command(
            "bzpopmin", arity: -3, [.write, .noscript, .blocking, .fast], categories: [.sortedset],
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            group: .sortedSet, since: "5.0.0", complexity: "O(log N)",
            summary:
                "Takes the element with the lowest score out of the first sorted set that has one, or waits for it",
            arguments: [
                Argument("key", .key, multiple: true),
                Argument("timeout", .double),
            ],
            history: [("6.0.0", "The timeout may have a fraction.")]
        ) { Call($0).zpopWaiting(.lowest) },
        Command(
            "bzpopmax", arity: -3, [.write, .noscript, .blocking, .fast], categories: [.sortedset],
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            group: .sortedSet, since: "5.0.0", complexity: "O(log N)",
            summary:
                "Takes the element with the highest score out of the first sorted set that has one, or waits for it",
            arguments: [
                Argument("key", .key, multiple: true),
                Argument("timeout", .double),
            ],
            history: [("6.0.0", "The timeout may have a fraction.")]
        ) { Call($0).zpopWaiting(.highest) },
        Command(
            "bzmpop", arity: -5, [.write, .blocking], categories: [.sortedset],
            keys: [KeySpec([.readWrite, .access, .delete], .index(2), .numbered(count: 0, first: 1, step: 1))],
            group: .sortedSet, since: "7.0.0", complexity: "O(K + log N + M) for K keys and M elements",
            summary: "Takes elements out of the first of some sorted sets that has any, or waits for them",
            arguments: [
                Argument("timeout", .double),
                Argument("numkeys", .integer),
                Argument("key", .key, multiple: true),
                Argument(
                    "where", .oneof,
                    [
                        Argument("min", .pureToken, token: "MIN"),
                        Argument("max", .pureToken, token: "MAX"),
                    ]),
                Argument("count", .integer, token: "COUNT", optional: true),
            ]
        ) { Call($0).zpopFromManyWaiting() },
    ]
}
