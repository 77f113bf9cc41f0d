import Base
import CLua
import Commands
import RESP
import Scripting

/// EVAL and its kin, FCALL, SCRIPT.
enum ScriptCommands {
    static let commands: [Command] = [
        run(
            "eval", since: "2.6.0", "script", summary: "Runs a Lua script.",
            notes: "What a script does to its keys is not known beforehand"
        ) { Call($0).eval(readOnly: false) },
        run("evalsha", since: "2.6.0", "sha1", summary: "Runs a Lua script that the server has been given before.") {
            Call($0).evalByDigest(readOnly: false)
        },
        run(
            "eval_ro", [.readonly], since: "7.0.0", "script", summary: "Runs a Lua script that may not write.",
            notes: "What a script does to its keys is not known beforehand"
        ) { Call($0).eval(readOnly: true) },
        run(
            "evalsha_ro", [.readonly], since: "7.0.0", "sha1",
            summary: "Runs a Lua script that the server has been given before and that may not write."
        ) { Call($0).evalByDigest(readOnly: true) },
        Command(
            "script", arity: -2, [], group: .scripting, since: "2.6.0", complexity: "Depends on the subcommand",
            summary: "Looks after the server's scripts.", subcommands: subcommands),
    ]

    /// EVAL, EVALSHA, FCALL and their forms that only read.
    static func run(
        _ name: String, _ flags: CommandFlags = [.mayReplicate], since: String, _ what: String, summary: String,
        notes: String? = nil, _ body: @escaping CommandFunction
    ) -> Command {
        Command(
            name, arity: -3, flags.union([.runsScript, .noscript, .stale, .skipMonitor, .noMandatoryKeys]),
            categories: [.scripting],
            keys: [
                KeySpec(
                    flags.contains(.readonly) ? [.readOnly, .access] : [.readWrite, .access, .update], .index(2),
                    .numbered(count: 0, first: 1, step: 1), notes: notes)
            ],
            group: .scripting, since: since,
            complexity: what == "function" ? "That of what the function does" : "That of what the script does",
            summary: summary,
            arguments: [
                Argument(what, .string), Argument("numkeys", .integer),
                Argument("key", .key, optional: true, multiple: true),
                Argument("arg", .string, optional: true, multiple: true),
            ], locking: .own, run: body)
    }

    private static let subcommands: [Command] = [
        Command(
            "load", arity: 3, [.noscript, .stale], categories: [.scripting], group: .scripting, since: "2.6.0",
            complexity: "O(N) in the script's length", summary: "Gives the server a script without running it.",
            arguments: [Argument("script", .string)],
            tips: ["request_policy:all_nodes", "response_policy:all_succeeded"]
        ) { Call($0).scriptLoad() },
        Command(
            "exists", arity: -3, [.noscript], categories: [.scripting], group: .scripting, since: "2.6.0",
            complexity: "O(N) where N is the number of scripts asked for",
            summary: "Tells which scripts the server has.", arguments: [Argument("sha1", .string, multiple: true)],
            tips: ["request_policy:all_shards", "response_policy:agg_logical_and"]
        ) { Call($0).scriptExists() },
        Command(
            "flush", arity: -2, [.noscript], categories: [.scripting], group: .scripting, since: "2.6.0",
            complexity: "O(N) where N is the number of scripts", summary: "Forgets all scripts.",
            arguments: [flushMode(since: "6.2.0")], history: [("6.2.0", "Takes ASYNC and SYNC.")],
            tips: ["request_policy:all_nodes", "response_policy:all_succeeded"]
        ) { Call($0).scriptFlush() },
        Command(
            "kill", arity: 2, [.noscript, .allowBusy], categories: [.scripting], group: .scripting, since: "2.6.0",
            summary: "Ends the script that runs, if it has not written.",
            tips: ["request_policy:all_shards", "response_policy:one_succeeded"]
        ) { Call($0).kill(.scripts) },
        Command(
            "debug", arity: 3, [.noscript], categories: [.scripting], group: .scripting, since: "3.2.0",
            summary: "Would switch Redis' script debugger, which this server does not have.",
            arguments: [
                Argument(
                    "mode", .oneof,
                    [
                        Argument("yes", .pureToken, token: "YES"), Argument("sync", .pureToken, token: "SYNC"),
                        Argument("no", .pureToken, token: "NO"),
                    ])
            ]
        ) { Call($0).scriptDebug() },
        Command(
            "help", arity: 2, [.loading, .stale], categories: [.scripting], group: .scripting, since: "5.0.0",
            summary: "Lists the subcommands."
        ) {
            Call($0).replyHelp([
                "DEBUG (YES|SYNC|NO)", "    Redis' script debugger: only NO is understood.",
                "EXISTS <sha1> [<sha1> ...]", "    Tell which of these scripts the server has.",
                "FLUSH [ASYNC|SYNC]", "    Forget all scripts.",
                "    Without a mode, lazyfree-lazy-user-flush decides. Modes:",
                "    * ASYNC: free their memory in the background.", "    * SYNC: free it at once.",
                "KILL", "    End the script that runs.",
                "LOAD <script>", "    Give the server a script without running it.",
            ])
        },
    ]

    static func flushMode(since: String? = nil) -> Argument {
        Argument(
            "async", .oneof, optional: true, since: since,
            [Argument("async", .pureToken, token: "ASYNC"), Argument("sync", .pureToken, token: "SYNC")])
    }
}

extension Call {
    private var scripts: ScriptRunner { executor.scripts }

    /// The number of keys (word 2); replies and answers nil if it is wrong.
    @inline(__always)
    func scriptKeyCount(error: StaticString = ErrorText.notInteger) -> Int? {
        guard let number = integer(2, error: error) else { return nil }
        if number > Int64(count - 3) {
            fail("ERR Number of keys can't be greater than number of args")
            return nil
        }
        if number < 0 {
            fail("ERR Number of keys can't be negative")
            return nil
        }
        return Int(number)
    }

    fileprivate func eval(readOnly: Bool) {
        guard let keys = scriptKeyCount() else { return }
        run(scripts.find(source: self[1]), keys, readOnly: readOnly)
    }

    fileprivate func evalByDigest(readOnly: Bool) {
        guard let digest = ScriptDigest(hex: self[1]) else {
            if self[1].count == 40, scriptKeyCount() == nil { return }
            return fail("NOSCRIPT No matching script. Please use EVAL.")
        }
        guard let keys = scriptKeyCount() else { return }
        run(scripts.find(digest), keys, readOnly: readOnly)
    }

    @inline(__always)
    private func run(_ found: ScriptRunner.Found, _ keys: Int, readOnly: Bool) {
        switch found {
        case .missing: fail("NOSCRIPT No matching script. Please use EVAL.")
        case .failed(let text): reply.error(text)
        case .script(let script):
            scripts.run(
                ScriptOrder(
                    kind: .scripts, function: script.pointee.function, flags: script.pointee.flags,
                    isReadOnly: readOnly, name: script.pointee.name, keyCount: keys,
                    namesItsKeys: script.pointee.namesItsKeys), self)
        }
    }

    fileprivate func scriptLoad() {
        switch scripts.find(source: self[2]) {
        case .script(let script): reply.bulk(script.pointee.name)
        case .failed(let text): reply.error(text)
        case .missing: break
        }
    }

    fileprivate func scriptExists() {
        reply.array(count - 2)
        for i in 2..<count {
            let digest = ScriptDigest(hex: self[i])
            reply.integer(digest.flatMap { node.scripts.find($0) } == nil ? 0 : 1)
        }
    }

    fileprivate func scriptFlush() {
        guard isFlushMode else { return fail("ERR SCRIPT FLUSH only support SYNC|ASYNC option") }
        node.scripts.removeAll()
        node.broadcast { $0.scripts.tidy() }
        reply.ok()
    }

    /// Whether the words from 2 on are nothing, SYNC or ASYNC.
    var isFlushMode: Bool { count == 2 || count == 3 && (self[2].isWord("sync") || self[2].isWord("async")) }

    fileprivate func scriptDebug() {
        if self[2].isWord("no") { return reply.ok() }
        if self[2].isWord("yes") || self[2].isWord("sync") {
            return fail("ERR This server has no script debugger")
        }
        fail("ERR Use SCRIPT DEBUG YES/SYNC/NO")
    }

    /// SCRIPT KILL, FUNCTION KILL: whichever loop the script runs on.
    func kill(_ kind: Interpreter.Kind) {
        var otherRuns = false, hasWritten = false
        for executor in node.executors {
            switch executor.scripts.signals.kill(kind) {
            case .notRunning: continue
            case .otherKind: otherRuns = true
            case .hasWritten: hasWritten = true
            case .done: return reply.ok()
            }
        }
        if hasWritten {
            fail(
                """
                UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait \
                the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.
                """)
        } else if otherRuns {
            fail(Executor.busyText(kind == .scripts ? .functions : .scripts))
        } else {
            fail("NOTBUSY No scripts in execution right now.")
        }
    }
}
