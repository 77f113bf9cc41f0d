import Base
import Commands
import RESP

/// ACL: users and what they may do (redis.io/commands/acl).
enum ACLCommands {
    static let commands: [Command] = [
        Command(
            "acl", arity: -2, [], group: .server, since: "6.0.0", complexity: "Depends on the subcommand.",
            summary: "Container of the commands about users and what they may do.",
            subcommands: changing + showing + asking)
    ]

    private static let plain: CommandFlags = [.noscript, .loading, .stale]
    private static let administrative: CommandFlags = [.admin, .noscript, .loading, .stale]
    private static let usernameArgument = Argument("username", .string)
    private static let perUser = "O(N) where N is the number of users"

    private static func subcommand(
        _ name: String, arity: Int, _ flags: CommandFlags = administrative, since: String = "6.0.0",
        complexity: String = "O(1)", summary: String, arguments: [Argument] = [], history: [(String, String)] = [],
        run: @escaping CommandFunction
    ) -> Command {
        Command(
            name, arity: arity, flags, group: .server, since: since, complexity: complexity, summary: summary,
            arguments: arguments, history: history, run: run)
    }

    private static let changing: [Command] = [
        subcommand(
            "setuser", arity: -3, administrative.union(.holdsSecrets),
            complexity: "O(N) where N is the number of rules", summary: "Makes a user, or changes one.",
            arguments: [usernameArgument, Argument("rule", .string, optional: true, multiple: true)],
            history: [("6.2.0", "Channel patterns."), ("7.0.0", "Selectors, and reading and writing of keys.")]
        ) { Call($0).aclSetUser() },
        subcommand(
            "deluser", arity: -3, complexity: "O(N) where N is the number of clients",
            summary: "Deletes users and disconnects their clients.",
            arguments: [Argument("username", .string, multiple: true)]
        ) { Call($0).aclDeleteUsers() },
        subcommand("load", arity: 2, complexity: perUser, summary: "Makes the users those of the ACL file.") {
            Call($0).aclLoad()
        },
        subcommand("save", arity: 2, complexity: perUser, summary: "Writes the users into the ACL file.") {
            Call($0).aclSave()
        },
    ]

    private static let showing: [Command] = [
        subcommand(
            "getuser", arity: 3, complexity: "O(N) where N is the number of the user's rules",
            summary: "Shows what a user may do.", arguments: [usernameArgument],
            history: [
                ("6.2.0", "Channel patterns."),
                ("7.0.0", "Selectors; keys and channels are shown as rules, not as lists of patterns."),
            ]
        ) { Call($0).aclGetUser() },
        subcommand("list", arity: 2, complexity: perUser, summary: "Shows all users in the form of files.") {
            let call = Call($0)
            let lines = call.node.users.lines
            call.reply.array(lines.count)
            for line in lines { call.reply.bulk(line) }
        },
        subcommand("users", arity: 2, complexity: perUser, summary: "Lists the names of all users.") {
            let call = Call($0)
            let all = call.node.users.all
            call.reply.array(all.count)
            for (name, _) in all { call.reply.bulk(name) }
        },
        subcommand("whoami", arity: 2, plain, summary: "Answers the connection's user.") {
            let call = Call($0)
            call.reply.bulk(call.session.pointee.details.user.name)
        },
        subcommand(
            "cat", arity: -2, plain, complexity: "O(1), as there is a fixed number of categories and commands.",
            summary: "Lists the categories, or the commands of one.",
            arguments: [Argument("categoryname", .string, optional: true)]
        ) { Call($0).aclCategories() },
        subcommand(
            "log", arity: -2, complexity: "O(N) where N is the number of entries shown",
            summary: "Shows what was refused lately.",
            arguments: [
                Argument(
                    "operation", .oneof, optional: true,
                    [Argument("count", .integer), Argument("reset", .pureToken, token: "RESET")])
            ]
        ) { Call($0).aclLog() },
    ]

    private static let asking: [Command] = [
        subcommand(
            "dryrun", arity: -4, since: "7.0.0", summary: "Answers whether a user may run a command.",
            arguments: [
                usernameArgument, Argument("command", .string),
                Argument("arg", .string, optional: true, multiple: true),
            ]
        ) { Call($0).aclDryRun() },
        subcommand(
            "genpass", arity: -2, plain, summary: "Makes a password that nobody can guess.",
            arguments: [Argument("bits", .integer, optional: true)]
        ) { Call($0).aclGeneratePassword() },
        subcommand("help", arity: 2, [.loading, .stale], summary: "Lists the subcommands.") {
            Call($0).replyHelp(ACLCommands.helpLines)
        },
    ]

    private static let helpLines: [StaticString] = [
        "CAT [<category>]", "    Answer all categories, or the commands of one.",
        "DELUSER <username> [<username> ...]", "    Delete users and disconnect their clients.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Answer whether the user may run the command, and do not run it.",
        "GETUSER <username>", "    Answer what is set about a user.",
        "GENPASS [<bits>]", "    Answer a random password of so many bits, 256 if not said.",
        "LIST", "    Answer all users in the form of configuration files.",
        "LOAD", "    Make the users those of the ACL file.",
        "LOG [<count> | RESET]", "    Answer the latest refusals, or forget them.",
        "SAVE", "    Write the users into the ACL file.",
        "SETUSER <username> <attribute> [<attribute> ...]", "    Make a user or change it.",
        "USERS", "    Answer the names of all users.",
        "WHOAMI", "    Answer the connection's user.",
    ]
}
