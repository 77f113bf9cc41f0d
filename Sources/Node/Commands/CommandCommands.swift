import Base
import Commands
import RESP

/// COMMAND: what the server's commands are. All of it comes from their declarations, and is put
/// together when asked for.
enum CommandCommands {
    static let commands: [Command] = [
        Command(
            "command", arity: -1, [.loading, .stale], categories: [.connection], group: .server, since: "2.8.13",
            complexity: "O(N) where N is the number of commands",
            summary: "Answers the details of all commands.", tips: ["nondeterministic_output_order"],
            subcommands: [count, info, docs, list, getKeys, getKeysAndFlags, help]
        ) { Call($0).describeAllCommands() }
    ]

    private static let count = Command(
        "count", arity: 2, [.loading, .stale], categories: [.connection], group: .server, since: "2.8.13",
        summary: "Answers how many commands there are."
    ) {
        let call = Call($0)
        call.reply.integer(call.node.commands.topLevel.count)
    }

    private static let names = [Argument("command-name", .string, optional: true, multiple: true)]

    private static let info = Command(
        "info", arity: -2, [.loading, .stale], categories: [.connection], group: .server, since: "2.8.13",
        complexity: "O(N) where N is the number of commands named",
        summary: "Answers the details of commands, or of all.", arguments: names,
        history: [("7.0.0", "The names may be left out.")], tips: ["nondeterministic_output_order"]
    ) { Call($0).commandInfo() }

    private static let docs = Command(
        "docs", arity: -2, [.loading, .stale], categories: [.connection], group: .server, since: "7.0.0",
        complexity: "O(N) where N is the number of commands named",
        summary: "Answers what commands are for, or all.", arguments: names,
        tips: ["nondeterministic_output_order"]
    ) { Call($0).commandDocs() }

    private static let list = Command(
        "list", arity: -2, [.loading, .stale], categories: [.connection], group: .server, since: "7.0.0",
        complexity: "O(N) where N is the number of commands",
        summary: "Answers the names of all commands, or of some.",
        arguments: [
            Argument(
                "filterby", .oneof, token: "FILTERBY", optional: true,
                [
                    Argument("module-name", .string, token: "MODULE"),
                    Argument("category", .string, token: "ACLCAT"),
                    Argument("pattern", .pattern, token: "PATTERN"),
                ])
        ], tips: ["nondeterministic_output_order"]
    ) { Call($0).commandList() }

    private static let getKeys = Command(
        "getkeys", arity: -4, [.loading, .stale], categories: [.connection], group: .server, since: "2.8.13",
        complexity: "O(N) where N is the number of words",
        summary: "Answers which words of a command are keys."
    ) { Call($0).commandKeys(flags: false) }

    private static let getKeysAndFlags = Command(
        "getkeysandflags", arity: -4, [.loading, .stale], categories: [.connection], group: .server, since: "7.0.0",
        complexity: "O(N) where N is the number of words",
        summary: "Answers which words of a command are keys, and what is done to them."
    ) { Call($0).commandKeys(flags: true) }

    private static let help = Command(
        "help", arity: 2, [.loading, .stale], categories: [.connection], group: .server, since: "5.0.0",
        summary: "Lists the subcommands."
    ) {
        Call($0).replyHelp([
            "(no subcommand)", "    Answer the details of all commands.",
            "COUNT", "    Answer how many commands there are.",
            "LIST [FILTERBY MODULE <module>|ACLCAT <category>|PATTERN <pattern>]",
            "    Answer the names of all commands, or of those that the filter lets through.",
            "INFO [<command-name> ...]", "    Answer the details of these commands, or of all.",
            "DOCS [<command-name> ...]", "    Answer what these commands are for, or all.",
            "GETKEYS <full-command>", "    Answer the keys in a command.",
            "GETKEYSANDFLAGS <full-command>", "    Answer the keys in a command, and what is done to them.",
        ])
    }
}

extension Call {
    fileprivate func describeAllCommands() {
        let all = node.commands.topLevel
        reply.array(all.count)
        for index in all { describe(index) }
    }

    fileprivate func commandInfo() {
        if count == 2 { return describeAllCommands() }
        reply.array(count - 2)
        for word in 2..<count {
            if let index = node.commands.lookUp(self[word]) { describe(index) } else { reply.null() }
        }
    }

    fileprivate func commandDocs() {
        let table = node.commands
        let wanted = count == 2 ? table.topLevel : (2..<count).compactMap { table.lookUp(self[$0]) }
        reply.map(wanted.count)
        for index in wanted {
            reply.bulk(table.fullNames[index])
            document(index)
        }
    }

    fileprivate func commandList() {
        let table = node.commands
        guard let filter = listFilter() else { return fail(ErrorText.syntax) }
        var found: [Int] = []
        for index in table.topLevel {
            for candidate in [index] + (table.children[index] ?? []) where filter(candidate) {
                found.append(candidate)
            }
        }
        reply.array(found.count)
        for index in found { reply.bulk(table.fullNames[index]) }
    }

    /// Which commands COMMAND LIST's words let through; nil: the words make no sense.
    private func listFilter() -> ((Int) -> Bool)? {
        let table = node.commands
        if count == 2 { return { _ in true } }
        guard count == 5, self[2].isWord("filterby") else { return nil }
        let value = self[4]
        if self[3].isWord("module") { return { _ in false } }
        if self[3].isWord("aclcat") {
            let category = Categories(named: value) ?? []
            return { !table.commands[$0].allCategories.isDisjoint(with: category) }
        }
        guard self[3].isWord("pattern") else { return nil }
        return { table.fullNames[$0].withView { Glob.matches(value, $0, ignoringCase: true) } }
    }
}

extension Categories {
    /// The category of this name, in any case.
    init?(named name: ByteView) {
        guard let found = Categories.words.first(where: { name.isWord($0.1) }) else { return nil }
        self = found.0
    }
}
