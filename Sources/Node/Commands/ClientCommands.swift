import Base
import Commands
import Keyspace
import RESP

/// CLIENT and its subcommands (redis.io/commands/client); those about client-side caching are `TrackingCommands`.
enum ClientCommands {
    static let commands: [Command] = [
        Command(
            "client", arity: -2, [], group: .connection, since: "2.4.0",
            complexity: "That of the subcommand", summary: "Container of the commands about connections.",
            subcommands: naming + listing + control + TrackingCommands.subcommands)
    ]

    private static let plain: CommandFlags = [.noscript, .loading, .stale]
    private static let administrative: CommandFlags = [.admin, .noscript, .loading, .stale]

    private static func subcommand(
        _ name: String, arity: Int, _ flags: CommandFlags = plain, since: String, complexity: String = "O(1)",
        summary: String, arguments: [Argument] = [], history: [(String, String)] = [], tips: [String] = [],
        run: @escaping CommandFunction
    ) -> Command {
        Command(
            name, arity: arity, flags, categories: [.connection], group: .connection, since: since,
            complexity: complexity, summary: summary, arguments: arguments, history: history, tips: tips, run: run)
    }

    private static func oneOf(_ name: String, _ words: [String], optional: Bool = false, since: String? = nil)
        -> Argument
    {
        Argument(
            name, .oneof, optional: optional, since: since,
            words.map { Argument($0.lowercased(), .pureToken, token: $0) })
    }

    // MARK: names

    private static let naming: [Command] = [
        subcommand("id", arity: 2, since: "5.0.0", summary: "Answers the connection's id.") {
            let call = Call($0)
            call.reply.integer(Int64(call.session.pointee.id))
        },
        subcommand("getname", arity: 2, since: "2.6.9", summary: "Answers the connection's name.") {
            let call = Call($0)
            let name = call.session.pointee.details.name
            if name.isEmpty { call.reply.null() } else { call.reply.bulk(name) }
        },
        subcommand(
            "setname", arity: 3, since: "2.6.9", summary: "Names the connection.",
            arguments: [Argument("connection-name", .string)]
        ) { Call($0).clientSetName() },
        subcommand(
            "setinfo", arity: 4, since: "7.2.0", summary: "Says which library the client uses.",
            arguments: [
                Argument(
                    "attr", .oneof,
                    [
                        Argument("libname", .string, token: "LIB-NAME"),
                        Argument("libver", .string, token: "LIB-VER"),
                    ])
            ]
        ) { Call($0).clientSetInfo() },
        Command(
            "help", arity: 2, [.loading, .stale], categories: [.connection], group: .connection, since: "5.0.0",
            summary: "Lists the subcommands."
        ) { Call($0).replyHelp(ClientCommands.helpLines) },
    ]

    // MARK: listing and killing

    private static let listing: [Command] = [
        subcommand(
            "info", arity: 2, since: "6.2.0", summary: "Describes the connection itself.",
            tips: ["nondeterministic_output"]
        ) { Call($0).clientInfo() },
        subcommand(
            "list", arity: -2, administrative, since: "2.4.0", complexity: "O(N) where N is the number of clients",
            summary: "Describes the connected clients, one per line.",
            arguments: [
                Argument(
                    "normal_master_replica_pubsub", .oneof, token: "TYPE", optional: true, since: "5.0.0",
                    ["NORMAL", "MASTER", "REPLICA", "PUBSUB"].map {
                        Argument($0.lowercased(), .pureToken, token: $0)
                    }),
                Argument(
                    "id", .block, token: "ID", optional: true, since: "6.2.0",
                    [Argument("client-id", .integer, multiple: true)]),
            ],
            history: [
                ("2.8.12", "Shows a unique id."), ("5.0.0", "Takes TYPE."), ("6.0.0", "Shows the user."),
                ("6.2.0", "Shows argv-mem, tot-mem, laddr and redir, takes ID."),
                ("7.0.0", "Shows resp, multi-mem, rbs and rbp."), ("7.0.3", "Shows ssub."),
            ], tips: ["nondeterministic_output"]
        ) { Call($0).clientList() },
        subcommand(
            "kill", arity: -3, administrative, since: "2.4.0", complexity: "O(N) where N is the number of clients",
            summary: "Disconnects clients.", arguments: [killFilter],
            history: [
                ("2.8.12", "Takes filters."), ("2.8.12", "ID."), ("3.2.0", "TYPE knows master."),
                ("5.0.0", "TYPE knows replica for slave, which is still understood."), ("6.2.0", "LADDR."),
            ]
        ) { Call($0).clientKill() },
    ]

    private static let killFilter = Argument(
        "filter", .oneof,
        [
            Argument("ip:port", .string, deprecatedSince: "2.8.12"),
            Argument(
                "new-format", .oneof, multiple: true,
                [
                    Argument("client-id", .integer, token: "ID", optional: true, since: "2.8.12"),
                    Argument(
                        "normal_master_slave_pubsub", .oneof, token: "TYPE", optional: true, since: "2.8.12",
                        [
                            Argument("normal", .pureToken, token: "NORMAL"),
                            Argument("master", .pureToken, token: "MASTER", since: "3.2.0"),
                            Argument("slave", .pureToken, token: "SLAVE"),
                            Argument("replica", .pureToken, token: "REPLICA", since: "5.0.0"),
                            Argument("pubsub", .pureToken, token: "PUBSUB"),
                        ]),
                    Argument("username", .string, token: "USER", optional: true),
                    Argument("ip:port", .string, token: "ADDR", optional: true),
                    Argument("ip:port", .string, token: "LADDR", optional: true, since: "6.2.0"),
                    Argument("yes/no", .string, token: "SKIPME", optional: true),
                    Argument("maxage", .integer, token: "MAXAGE", optional: true, since: "7.4.0"),
                ]),
        ])

    // MARK: control

    private static let control: [Command] = [
        subcommand(
            "reply", arity: 3, since: "3.2.0", summary: "Says whether the connection wants replies.",
            arguments: [oneOf("on_off_skip", ["ON", "OFF", "SKIP"])]
        ) { Call($0).clientReply() },
        subcommand(
            "pause", arity: -3, administrative, since: "2.9.50",
            summary: "Has clients wait for some time before their commands run.",
            arguments: [
                Argument("timeout", .integer), oneOf("mode", ["WRITE", "ALL"], optional: true, since: "6.2.0"),
            ], history: [("6.2.0", "Takes a mode; WRITE lets reading go on.")]
        ) { Call($0).clientPause() },
        subcommand(
            "unpause", arity: 2, administrative, since: "6.2.0",
            complexity: "O(N) where N is the number of waiting clients", summary: "Ends a pause."
        ) {
            let call = Call($0)
            call.node.endPause(ifDueAt: nil)
            // Waiting clients go on when their loops wake.
            call.node.broadcast { _ in }
            call.reply.ok()
        },
        subcommand(
            "unblock", arity: -3, administrative, since: "5.0.0",
            complexity: "O(N) where N is the number of clients", summary: "Ends another client's wait.",
            arguments: [
                Argument("client-id", .integer), oneOf("timeout_error", ["TIMEOUT", "ERROR"], optional: true),
            ]
        ) { Call($0).clientUnblock() },
        subcommand(
            "no-evict", arity: 3, administrative, since: "7.0.0",
            summary: "Exempts the connection from being closed when clients use too much memory.",
            arguments: [oneOf("enabled", ["ON", "OFF"])]
        ) { Call($0).clientNoEvict() },
        subcommand(
            "no-touch", arity: 3, since: "7.2.0",
            summary: "Keeps the connection's reads from counting as accesses to keys.",
            arguments: [oneOf("enabled", ["ON", "OFF"])]
        ) { Call($0).clientNoTouch() },
    ]

    private static let helpLines: [StaticString] = [
        "CACHING (YES|NO)",
        "    Say whether the next command's keys are tracked (OPTIN and OPTOUT modes).",
        "GETNAME",
        "    Tell this connection's name.",
        "GETREDIR",
        "    Tell which client receives this connection's invalidation messages.",
        "ID",
        "    Tell this connection's id.",
        "INFO",
        "    Describe this connection.",
        "KILL <ip:port>",
        "    Disconnect the client with this address.",
        "KILL <filter> <value> [<filter> <value> ...]",
        "    Disconnect the clients that all filters fit:",
        "    * ADDR <ip:port>, LADDR <ip:port>: their address, or the one they connected to.",
        "    * ID <client-id>, USER <name>, TYPE (NORMAL|MASTER|REPLICA|PUBSUB).",
        "    * MAXAGE <seconds>: connected for at least so long.",
        "    * SKIPME (YES|NO): whether this connection is spared (it is by default).",
        "LIST [TYPE <type> | ID <client-id> [<client-id> ...]]",
        "    Describe clients, one per line.",
        "NO-EVICT (ON|OFF)",
        "    Exempt this connection from being closed when clients use too much memory.",
        "NO-TOUCH (ON|OFF)",
        "    Keep this connection's reads from counting as accesses.",
        "PAUSE <milliseconds> [WRITE|ALL]",
        "    Have clients wait with their commands, or only with those that write.",
        "REPLY (ON|OFF|SKIP)",
        "    Say whether this connection wants replies.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Say which library this client uses.",
        "SETNAME <name>",
        "    Name this connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
        "    Say when keys change that this connection has read, or (BCAST) that begin with a prefix.",
        "TRACKINGINFO",
        "    Tell whether this connection's keys are tracked.",
        "UNBLOCK <client-id> [TIMEOUT|ERROR]",
        "    End another client's wait.",
        "UNPAUSE",
        "    End a pause.",
    ]
}
