import Base
import Commands
import RESP

/// MODULE, as far as a server without modules can answer: there are none.
enum ExtensionCommands {
    static let commands: [Command] = [
        Command(
            "module", arity: -2, [], group: .server, since: "4.0.0", complexity: "Depends on the subcommand.",
            summary: "Shows modules.", subcommands: [modules, load, loadWithOptions, unload, moduleHelp])
    ]

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
