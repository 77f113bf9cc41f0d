import Base
import Commands
import RESP

/// FUNCTION and MODULE, as far as a server without either can answer: there are none.
enum ExtensionCommands {
    static let commands: [Command] = [
        Command(
            "function", arity: -2, [], group: .scripting, since: "7.0.0", complexity: "Depends on the subcommand.",
            summary: "Shows and removes functions.", subcommands: [flush, list, functionHelp]),
        Command(
            "module", arity: -2, [], group: .server, since: "4.0.0", complexity: "Depends on the subcommand.",
            summary: "Shows modules.", subcommands: [modules, load, loadWithOptions, unload, moduleHelp]),
    ]

    private static let flush = Command(
        "flush", arity: -2, [.write, .noscript], categories: [.scripting], group: .scripting, since: "7.0.0",
        complexity: "O(N) where N is the number of functions", summary: "Removes all functions.",
        arguments: [
            Argument(
                "async", .oneof, optional: true,
                [
                    Argument("async", .pureToken, token: "ASYNC"), Argument("sync", .pureToken, token: "SYNC"),
                ])
        ],
        tips: ["request_policy:all_shards", "response_policy:all_succeeded"]
    ) {
        let call = Call($0)
        if call.count > 3 { return call.replyUnknownWord(1) }
        if call.count == 3 && !call[2].isWord("async") && !call[2].isWord("sync") {
            return call.fail("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
        }
        call.reply.ok()
    }

    private static let list = Command(
        "list", arity: -2, [.noscript], categories: [.scripting], group: .scripting, since: "7.0.0",
        complexity: "O(N) where N is the number of functions", summary: "Answers all functions.",
        arguments: [
            Argument("library-name-pattern", .string, token: "LIBRARYNAME", optional: true),
            Argument("withcode", .pureToken, token: "WITHCODE", optional: true),
        ],
        tips: ["nondeterministic_output_order"]
    ) { Call($0).functionList() }

    private static let functionHelp = Command(
        "help", arity: 2, [.loading, .stale], categories: [.scripting], group: .scripting, since: "7.0.0",
        summary: "Lists the subcommands."
    ) {
        Call($0).replyHelp([
            "FLUSH [ASYNC|SYNC]", "    Remove all functions.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]", "    Answer all functions, or those of some libraries.",
        ])
    }

    private static let modules = Command(
        "list", arity: 2, [.admin, .noscript], group: .server, since: "4.0.0",
        complexity: "O(N) where N is the number of modules", summary: "Answers the loaded modules.",
        tips: ["nondeterministic_output_order"]
    ) { Call($0).reply.array(0) }

    // There is no interface for modules here. Redis refuses these three too unless enable-module-command says
    // otherwise; then, what it says of a file that it cannot load.
    private static let load = Command(
        "load", arity: -3, [.admin, .noscript, .noAsyncLoading, .protected], group: .server, since: "4.0.0",
        summary: "Loads a module; refused.",
        arguments: [Argument("path", .string), Argument("arg", .string, optional: true, multiple: true)],
        run: refuseModule)

    private static let loadWithOptions = Command(
        "loadex", arity: -3, [.admin, .noscript, .noAsyncLoading, .protected], group: .server, since: "7.0.0",
        summary: "Loads a module with its configuration; refused.",
        arguments: [
            Argument("path", .string),
            Argument(
                "configs", .block, token: "CONFIG", optional: true, multiple: true, multipleToken: true,
                [Argument("name", .string), Argument("value", .string)]),
            Argument(
                "args", .block, token: "ARGS", optional: true, multiple: true, [Argument("arg", .string)]),
        ],
        run: refuseModule)

    private static let unload = Command(
        "unload", arity: 3, [.admin, .noscript, .noAsyncLoading, .protected], group: .server, since: "4.0.0",
        summary: "Removes a module; refused.", arguments: [Argument("name", .string)]
    ) { Call($0).fail("ERR Error unloading module: no such module with that name") }

    private static let refuseModule: CommandFunction = {
        Call($0).fail("ERR Error loading the extension. Please check the server logs.")
    }

    private static let moduleHelp = Command(
        "help", arity: 2, [.loading, .stale], group: .server, since: "5.0.0", summary: "Lists the subcommands."
    ) { Call($0).replyHelp(["LIST", "    Answer the loaded modules (this server has none)."]) }
}

extension Call {
    fileprivate func functionList() {
        var hasName = false, hasCode = false
        var i = 2
        while i < count {
            if !hasCode && self[i].isWord("withcode") {
                hasCode = true
            } else if !hasName && self[i].isWord("libraryname") {
                if i + 1 == count { return fail("ERR library name argument was not given") }
                hasName = true
                i += 1
            } else {
                return reply.error("ERR Unknown argument \(self[i].text)")
            }
            i += 1
        }
        reply.array(0)
    }
}
