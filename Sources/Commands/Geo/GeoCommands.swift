/// Positions on the globe, in sorted sets.
public enum GeoCommands {
    // MARK: arguments that several commands have

    private static let units = [
        Argument("m", .pureToken, token: "M"),
        Argument("km", .pureToken, token: "KM"),
        Argument("ft", .pureToken, token: "FT"),
        Argument("mi", .pureToken, token: "MI"),
    ]

    private static let unit = Argument("unit", .oneof, units)

    private static let position = [Argument("longitude", .double), Argument("latitude", .double)]

    private static let from = Argument(
        "from", .oneof,
        [
            Argument("member", .string, token: "FROMMEMBER"),
            Argument("longitude_latitude", .block, token: "FROMLONLAT", position),
        ])

    private static let by = Argument(
        "by", .oneof,
        [
            Argument("circle", .block, [Argument("radius", .double, token: "BYRADIUS"), unit]),
            Argument(
                "box", .block, [Argument("width", .double, token: "BYBOX"), Argument("height", .double), unit]),
        ])

    private static let order = Argument(
        "order", .oneof, optional: true,
        [
            Argument("asc", .pureToken, token: "ASC"),
            Argument("desc", .pureToken, token: "DESC"),
        ])

    private static func count(anySince: String? = nil) -> Argument {
        Argument(
            "count", .block, optional: true,
            [
                Argument("count", .integer, token: "COUNT"),
                Argument("any", .pureToken, token: "ANY", optional: true, since: anySince),
            ])
    }

    /// What is answered besides members.
    private static let shown = [
        Argument("withcoord", .pureToken, token: "WITHCOORD", optional: true),
        Argument("withdist", .pureToken, token: "WITHDIST", optional: true),
        Argument("withhash", .pureToken, token: "WITHHASH", optional: true),
    ]

    private static let stores = [
        Argument("key", .key, token: "STORE", optional: true, keySpec: 1),
        Argument("key", .key, token: "STOREDIST", optional: true, keySpec: 2),
    ]

    private static let aroundPoint =
        [Argument("key", .key)] + position + [Argument("radius", .double), unit] + shown
        + [count(anySince: "6.2.0"), order]

    private static let aroundMember =
        [Argument("key", .key), Argument("member", .string), Argument("radius", .double), unit] + shown
        + [count(), order]

    public static let commands: [Command] = [
        Command(
            "geoadd", arity: -5, [.write, .denyOOM], categories: [.geo],
            keys: [.one(1, [.readWrite, .update])],
            group: .geo, since: "3.2.0", complexity: "O(log N) for each member",
            summary: "Adds members with their positions",
            arguments: [
                Argument("key", .key),
                Argument(
                    "condition", .oneof, optional: true, since: "6.2.0",
                    [
                        Argument("nx", .pureToken, token: "NX"),
                        Argument("xx", .pureToken, token: "XX"),
                    ]),
                Argument("change", .pureToken, token: "CH", optional: true, since: "6.2.0"),
                Argument(
                    "longitude_latitude_member", .block, multiple: true,
                    position + [Argument("member", .string)]),
            ],
            history: [("6.2.0", "Takes CH, NX and XX.")]
        ) { Call($0).geoadd() },
        Command(
            "geopos", arity: -2, [.readonly], categories: [.geo],
            keys: [.one(1, [.readOnly, .access])],
            group: .geo, since: "3.2.0", complexity: "O(M) for M members",
            summary: "Answers the positions of members",
            arguments: [
                Argument("key", .key),
                Argument("member", .string, multiple: true),
            ]
        ) { Call($0).geopos() },
        Command(
            "geodist", arity: -4, [.readonly], categories: [.geo],
            keys: [.one(1, [.readOnly, .access])],
            group: .geo, since: "3.2.0", complexity: "O(1)",
            summary: "Answers how far two members are from each other",
            arguments: [
                Argument("key", .key),
                Argument("member1", .string),
                Argument("member2", .string),
                Argument("unit", .oneof, optional: true, units),
            ]
        ) { Call($0).geodist() },
        Command(
            "geohash", arity: -2, [.readonly], categories: [.geo],
            keys: [.one(1, [.readOnly, .access])],
            group: .geo, since: "3.2.0", complexity: "O(M) for M members",
            summary: "Answers the positions of members as geohash text",
            arguments: [
                Argument("key", .key),
                Argument("member", .string, multiple: true),
            ]
        ) { Call($0).geohash() },
        Command(
            "geosearch", arity: -7, [.readonly], categories: [.geo],
            keys: [.one(1, [.readOnly, .access])],
            group: .geo, since: "6.2.0", complexity: "O(N + M log M) for N elements near it and M inside",
            summary: "Answers the members inside a circle or a box",
            arguments: [Argument("key", .key), from, by, order, count()] + shown,
            history: [("7.0.0", "Uppercase words of units are understood.")]
        ) { Call($0).geosearch(.search) },
        Command(
            "geosearchstore", arity: -8, [.write, .denyOOM], categories: [.geo],
            keys: [.one(1, [.overwrite, .update]), .one(2, [.readOnly, .access])],
            group: .geo, since: "6.2.0", complexity: "O(N + M log M) for N elements near it and M inside",
            summary: "Stores the members inside a circle or a box",
            arguments: [
                Argument("destination", .key),
                Argument("source", .key, keySpec: 1),
                from,
                by,
                order,
                count(),
                Argument("storedist", .pureToken, token: "STOREDIST", optional: true),
            ],
            history: [("7.0.0", "Uppercase words of units are understood.")]
        ) { Call($0).geosearch(.searchStore) },
        Command(
            "georadius", arity: -6, [.write, .denyOOM], categories: [.geo],
            keys: [
                .one(1, [.readOnly, .access]),
                KeySpec([.overwrite, .update], .keyword("STORE", from: 6), .range(last: 0, step: 1, limit: 0)),
                KeySpec([.overwrite, .update], .keyword("STOREDIST", from: 6), .range(last: 0, step: 1, limit: 0)),
            ],
            group: .geo, since: "3.2.0", complexity: "O(N + M log M) for N elements near it and M inside",
            summary: "Answers or stores the members inside a circle",
            arguments: aroundPoint + stores,
            history: [("6.2.0", "Takes ANY behind COUNT."), ("7.0.0", "Uppercase words of units are understood.")],
            deprecated: (since: "6.2.0", replacement: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
        ) { Call($0).geosearch(.radius) },
        Command(
            "georadius_ro", arity: -6, [.readonly], categories: [.geo],
            keys: [.one(1, [.readOnly, .access])],
            group: .geo, since: "3.2.10", complexity: "O(N + M log M) for N elements near it and M inside",
            summary: "Answers the members inside a circle",
            arguments: aroundPoint,
            history: [("6.2.0", "Takes ANY behind COUNT.")],
            deprecated: (since: "6.2.0", replacement: "`GEOSEARCH` with the `BYRADIUS` argument")
        ) { Call($0).geosearch(.radiusReadOnly) },
        Command(
            "georadiusbymember", arity: -5, [.write, .denyOOM], categories: [.geo],
            keys: [
                .one(1, [.readOnly, .access]),
                KeySpec([.overwrite, .update], .keyword("STORE", from: 5), .range(last: 0, step: 1, limit: 0)),
                KeySpec([.overwrite, .update], .keyword("STOREDIST", from: 5), .range(last: 0, step: 1, limit: 0)),
            ],
            group: .geo, since: "3.2.0", complexity: "O(N + M log M) for N elements near it and M inside",
            summary: "Answers or stores the members inside a circle around one of them",
            arguments: aroundMember + stores,
            history: [("7.0.0", "Uppercase words of units are understood.")],
            deprecated: (
                since: "6.2.0",
                replacement: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"
            )
        ) { Call($0).geosearch(.radiusByMember) },
        Command(
            "georadiusbymember_ro", arity: -5, [.readonly], categories: [.geo],
            keys: [.one(1, [.readOnly, .access])],
            group: .geo, since: "3.2.10", complexity: "O(N + M log M) for N elements near it and M inside",
            summary: "Answers the members inside a circle around one of them",
            arguments: aroundMember,
            deprecated: (since: "6.2.0", replacement: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
        ) { Call($0).geosearch(.radiusByMemberReadOnly) },
    ]
}
