import Base
import Commands
import RESP
import Scripting

/// FCALL, FCALL_RO, FUNCTION.
enum FunctionCommands {
    static let commands: [Command] = [
        ScriptCommands.run(
            "fcall", since: "7.0.0", "function", summary: "Calls a function of a library.",
            notes: "What a function does to its keys is not known beforehand"
        ) { Call($0).callFunction(readOnly: false) },
        ScriptCommands.run(
            "fcall_ro", [.readonly], since: "7.0.0", "function",
            summary: "Calls a function of a library that may not write.",
            notes: "What a function does to its keys is not known beforehand"
        ) { Call($0).callFunction(readOnly: true) },
        Command(
            "function", arity: -2, [], group: .scripting, since: "7.0.0", complexity: "Depends on the subcommand",
            summary: "Looks after the server's libraries of functions.", subcommands: changing + looking),
    ]

    private static func subcommand(
        _ name: String, arity: Int, _ flags: CommandFlags, complexity: String = "O(1)", summary: String,
        arguments: [Argument] = [], tips: [String] = [], _ body: @escaping CommandFunction
    ) -> Command {
        Command(
            name, arity: arity, flags.union(.noscript), categories: [.scripting], group: .scripting, since: "7.0.0",
            complexity: complexity, summary: summary, arguments: arguments, tips: tips, run: body)
    }

    private static let everywhere = ["request_policy:all_shards", "response_policy:all_succeeded"]

    private static let changing: [Command] = [
        subcommand(
            "load", arity: -3, [.write, .denyOOM], complexity: "O(1), apart from compiling",
            summary: "Makes a library of this source.",
            arguments: [
                Argument("replace", .pureToken, token: "REPLACE", optional: true), Argument("function-code", .string),
            ], tips: everywhere
        ) { Call($0).functionLoad() },
        subcommand(
            "delete", arity: 3, .write, summary: "Removes a library.", arguments: [Argument("library-name", .string)],
            tips: everywhere
        ) { Call($0).functionDelete() },
        subcommand(
            "flush", arity: -2, .write, complexity: "O(N) where N is the number of functions",
            summary: "Removes all libraries.", arguments: [ScriptCommands.flushMode()], tips: everywhere
        ) { Call($0).functionFlush() },
        subcommand(
            "restore", arity: -3, [.write, .denyOOM],
            complexity: "O(N) where N is the number of functions in the payload",
            summary: "Makes the libraries of a payload from FUNCTION DUMP.",
            arguments: [
                Argument("serialized-value", .string),
                Argument(
                    "policy", .oneof, optional: true,
                    [
                        Argument("flush", .pureToken, token: "FLUSH"), Argument("append", .pureToken, token: "APPEND"),
                        Argument("replace", .pureToken, token: "REPLACE"),
                    ]),
            ], tips: everywhere
        ) { Call($0).functionRestore() },
    ]

    private static let looking: [Command] = [
        subcommand(
            "kill", arity: 2, .allowBusy, summary: "Ends the function that runs, if it has not written.",
            tips: ["request_policy:all_shards", "response_policy:one_succeeded"]
        ) { Call($0).kill(.functions) },
        subcommand(
            "stats", arity: 2, .allowBusy, summary: "Tells which function runs, and how many there are.",
            tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]
        ) { Call($0).functionStats() },
        subcommand(
            "list", arity: -2, [], complexity: "O(N) where N is the number of functions",
            summary: "Lists the libraries and their functions.",
            arguments: [
                Argument("library-name-pattern", .string, token: "LIBRARYNAME", optional: true),
                Argument("withcode", .pureToken, token: "WITHCODE", optional: true),
            ], tips: ["nondeterministic_output_order"]
        ) { Call($0).functionList() },
        subcommand(
            "dump", arity: 2, [], complexity: "O(N) where N is the number of functions",
            summary: "Answers all libraries as one payload."
        ) { Call($0).functionDump() },
        Command(
            "help", arity: 2, [.loading, .stale], categories: [.scripting], group: .scripting, since: "7.0.0",
            summary: "Lists the subcommands."
        ) { Call($0).functionHelp() },
    ]
}

extension Call {
    private var scripts: ScriptRunner { executor.scripts }

    fileprivate func callFunction(readOnly: Bool) {
        guard let found = scripts.find(function: self[1]) else { return fail("ERR Function not found") }
        guard let keys = scriptKeyCount(error: "ERR Bad number of keys provided") else { return }
        scripts.run(
            ScriptOrder(
                kind: .functions, function: found.function, flags: found.flags, isReadOnly: readOnly,
                name: found.name, keyCount: keys, namesItsKeys: false), self)
    }

    fileprivate func functionLoad() {
        var replaces = false
        for i in 2..<count - 1 {
            guard self[i].isWord("replace") else { return reply.error("ERR Unknown option given: \(self[i].text)") }
            replaces = true
        }
        let source = self[count - 1]
        do {
            let header = try LibraryHeader(source)
            if !replaces && node.libraries.has(header.name) {
                return reply.error("ERR Library '\(String(decoding: header.name, as: UTF8.self))' already exists")
            }
            let library = try scripts.makeLibrary(source, header)
            if let refusal = node.libraries.add([library], .replace) { return reply.error(refusal) }
            executor.librariesChanged()
            reply.bulk(library.name)
        } catch {
            reply.error(error.text)
        }
    }

    fileprivate func functionDelete() {
        if !node.libraries.remove(self[2].bytes) { return fail("ERR Library not found") }
        executor.librariesChanged()
        reply.ok()
    }

    fileprivate func functionFlush() {
        if count > 3 { return replyUnknownWord(1) }
        guard isFlushMode else { return fail("ERR FUNCTION FLUSH only supports SYNC|ASYNC option") }
        node.libraries.removeAll()
        executor.librariesChanged()
        reply.ok()
    }

    fileprivate func functionDump() { reply.bulk(LibraryPayload.encode(node.libraries.current.libraries)) }

    fileprivate func functionRestore() {
        if count > 4 { return replyUnknownWord(1) }
        var policy = LibraryStore.Policy.append
        if count == 4 {
            if self[3].isWord("flush") {
                policy = .flush
            } else if self[3].isWord("replace") {
                policy = .replace
            } else if !self[3].isWord("append") {
                return fail("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
            }
        }
        do {
            var new: [Library] = []
            for source in try LibraryPayload.decode(self[2]) {
                let library = try makeLibrary(source)
                if new.contains(where: { $0.name == library.name }) {
                    return reply.error(
                        "ERR Library '\(String(decoding: library.name, as: UTF8.self))' already exists")
                }
                new.append(library)
            }
            if let refusal = node.libraries.add(new, policy) { return reply.error(refusal) }
            executor.librariesChanged()
            reply.ok()
        } catch {
            reply.error(error.text)
        }
    }

    private func makeLibrary(_ source: [UInt8]) throws(Shebang.Refusal) -> Library {
        let made = source.withView { view in Result { () throws(Shebang.Refusal) in try scripts.makeLibrary(view) } }
        return try made.get()
    }

    // MARK: looking

    fileprivate func functionList() {
        var pattern: ByteView?, withCode = false
        var i = 2
        while i < count {
            if self[i].isWord("withcode") && !withCode {
                withCode = true
            } else if self[i].isWord("libraryname") && pattern == nil {
                if i + 1 == count { return fail("ERR library name argument was not given") }
                i += 1
                pattern = self[i]
            } else {
                return reply.error("ERR Unknown argument \(self[i].text)")
            }
            i += 1
        }
        let shown = node.libraries.current.libraries.filter { library in
            guard let pattern else { return true }
            return library.name.withView { Glob.matches(pattern, $0, ignoringCase: true) }
        }
        reply.array(shown.count)
        for library in shown { list(library, withCode: withCode) }
    }

    private func list(_ library: Library, withCode: Bool) {
        reply.map(withCode ? 4 : 3)
        reply.bulk("library_name")
        reply.bulk(library.name)
        reply.bulk("engine")
        reply.bulk("LUA")
        reply.bulk("functions")
        reply.array(library.functions.count)
        for function in library.functions {
            reply.map(3)
            reply.bulk("name")
            reply.bulk(function.name)
            reply.bulk("description")
            if let description = function.description { reply.bulk(description) } else { reply.null() }
            reply.bulk("flags")
            reply.set(function.flags.words.count)
            for word in function.flags.words { reply.simple(word) }
        }
        if withCode {
            reply.bulk("library_code")
            reply.bulk(library.source)
        }
    }

    fileprivate func functionStats() {
        let running = node.executors.compactMap { $0.scripts.report.current }
        if running.contains(where: { $0.kind == .scripts }) { return fail(Executor.busyText(.scripts)) }
        reply.map(2)
        reply.bulk("running_script")
        if let function = running.first {
            reply.map(3)
            reply.bulk("name")
            reply.bulk(function.name)
            reply.bulk("command")
            reply.array(function.words.count)
            for word in function.words { reply.bulk(word) }
            reply.bulk("duration_ms")
            reply.integer(function.milliseconds)
        } else {
            reply.null()
        }
        let libraries = node.libraries.current.libraries
        reply.bulk("engines")
        reply.map(1)
        reply.bulk("LUA")
        reply.map(2)
        reply.bulk("libraries_count")
        reply.integer(libraries.count)
        reply.bulk("functions_count")
        reply.integer(libraries.reduce(0) { $0 + $1.functions.count })
    }

    fileprivate func functionHelp() {
        replyHelp([
            "LOAD [REPLACE] <FUNCTION CODE>", "    Make a library of this source.",
            "DELETE <LIBRARY NAME>", "    Remove a library.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]", "    List the libraries:", "    * Library name",
            "    * The engine that runs it", "    * Its functions, with their descriptions and flags",
            "    * Its source, with WITHCODE",
            "STATS", "    Tell which function runs:", "    * Function name", "    * The command that called it",
            "    * For how many milliseconds it has been running",
            "    and how many libraries and functions there are.",
            "KILL", "    End the function that runs.",
            "FLUSH [ASYNC|SYNC]", "    Remove all libraries.",
            "    Without a mode, lazyfree-lazy-user-flush decides. Modes:",
            "    * ASYNC: free their memory in the background.", "    * SYNC: free it at once.",
            "DUMP", "    Answer all libraries as one payload, for FUNCTION RESTORE.",
            "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]", "    Make the libraries of a payload. What is there already:",
            "    * FLUSH: goes.", "    * APPEND (the default): stays; of the same name, it is an error.",
            "    * REPLACE: stays; of the same name, it goes.",
        ])
    }
}
