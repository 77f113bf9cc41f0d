import Base
import Commands
import RESP

/// ACL, as far as one user needs it: who am I, and which command is of which category.
enum ACLCommands {
    static let commands: [Command] = [
        Command(
            "acl", arity: -2, [], group: .server, since: "6.0.0", complexity: "Depends on the subcommand.",
            summary: "Shows what users may do.",
            subcommands: [
                Command(
                    "whoami", arity: 2, [.noscript, .loading, .stale], group: .server, since: "6.0.0",
                    summary: "Answers the connection's user."
                ) {
                    let call = Call($0)
                    call.reply.bulk(call.session.pointee.details.user)
                },
                Command(
                    "cat", arity: -2, [.noscript, .loading, .stale], group: .server, since: "6.0.0",
                    complexity: "O(1), as there is a fixed number of categories and commands.",
                    summary: "Answers the categories, or the commands of one.",
                    arguments: [Argument("categoryname", .string, optional: true)]
                ) { Call($0).aclCategories() },
                Command(
                    "help", arity: 2, [.loading, .stale], group: .server, since: "6.0.0",
                    summary: "Lists the subcommands."
                ) {
                    Call($0).replyHelp([
                        "CAT [<category>]", "    Answer all categories, or the commands of one.",
                        "WHOAMI", "    Answer the connection's user.",
                    ])
                },
            ])
    ]
}

extension Call {
    fileprivate func aclCategories() {
        if count > 3 { return replyUnknownWord(1) }
        if count == 2 {
            reply.array(Categories.words.count)
            for (_, name) in Categories.words { reply.bulk(name) }
            return
        }
        guard let category = Categories(named: self[2]) else {
            return reply.error("ERR Unknown category '\(self[2].text)'")
        }
        let table = node.commands
        let found = table.topLevel.flatMap { [$0] + (table.children[$0] ?? []) }
            .filter { !table.commands[$0].allCategories.isDisjoint(with: category) }
        reply.array(found.count)
        for index in found { reply.bulk(table.fullNames[index]) }
    }
}
