import Base
import Commands
import Keyspace
import RESP

/// TIME, ROLE, SHUTDOWN, WAIT, INFO: the server as a whole. (INFO's text is in Info.swift.)
enum ServerCommands {
    static let commands: [Command] = [
        Command(
            "time", arity: 1, [.loading, .stale, .fast], group: .server, since: "2.6.0",
            summary: "Answers the server's clock: seconds since 1970, and microseconds.",
            tips: ["nondeterministic_output"]
        ) {
            let call = Call($0)
            let microseconds = call.executor.wallMicroseconds
            call.reply.array(2)
            call.reply.bulkInteger(microseconds / 1_000_000)
            call.reply.bulkInteger(microseconds % 1_000_000)
        },
        Command(
            "role", arity: 1, [.noscript, .loading, .stale, .fast], categories: [.admin, .dangerous],
            group: .server, since: "2.8.12", summary: "Tells the server's part in replication."
        ) {
            let reply = Call($0).reply
            reply.array(3)
            reply.bulk("master")
            reply.integer(0)
            reply.array(0)
        },
        Command(
            "shutdown", arity: -1, [.admin, .noscript, .loading, .stale, .noMulti, .allowBusy], group: .server,
            since: "1.0.0", complexity: "O(1)", summary: "Ends the server.",
            arguments: [
                Argument(
                    "nosave_save", .oneof, optional: true,
                    [
                        Argument("nosave", .pureToken, token: "NOSAVE"),
                        Argument("save", .pureToken, token: "SAVE"),
                    ]),
                Argument("now", .pureToken, token: "NOW", optional: true, since: "7.0.0"),
                Argument("force", .pureToken, token: "FORCE", optional: true, since: "7.0.0"),
                Argument("abort", .pureToken, token: "ABORT", optional: true, since: "7.0.0"),
            ],
            history: [("7.0.0", "Takes NOW, FORCE and ABORT.")]
        ) { Call($0).shutDown() },
        Command(
            "wait", arity: 3, [.noscript], categories: [.connection], group: .generic, since: "3.0.0",
            summary: "Waits until replicas have the connection's writes, or time is up.",
            arguments: [Argument("numreplicas", .integer), Argument("timeout", .integer)],
            tips: ["request_policy:all_shards", "response_policy:agg_min"]
        ) { Call($0).wait() },
        Command(
            "info", arity: -1, [.loading, .stale], categories: [.dangerous], group: .server, since: "1.0.0",
            summary: "Tells what the server is and does.",
            arguments: [Argument("section", .string, optional: true, multiple: true)],
            history: [("7.0.0", "Takes several sections.")],
            tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
            locking: .own
        ) { Call($0).info() },
    ]
}

extension Call {
    fileprivate func shutDown() {
        var wish = LeavingWish()
        var now = false, abort = false
        for i in 1..<count {
            if self[i].isWord("save") {
                wish.saves = true
            } else if self[i].isWord("nosave") {
                wish.savesNot = true
            } else if self[i].isWord("now") {
                now = true
            } else if self[i].isWord("force") {
                wish.force = true
            } else if self[i].isWord("abort") {
                abort = true
            } else {
                return fail(ErrorText.syntax)
            }
        }
        if wish.saves && wish.savesNot || abort && (wish.saves || wish.savesNot || now || wish.force) {
            return fail(ErrorText.syntax)
        }
        if abort { return fail("ERR No shutdown in progress.") }
        if !wish.savesNot, let kind = node.busy.kind { return fail(Executor.busyText(kind)) }
        if !executor.leave(wish) { return fail("ERR Errors trying to SHUTDOWN. Check logs.") }
        // No reply: the closed connection is the answer, and nothing this client sent further runs.
        session.pointee.mode.insert(.closing)
    }

    fileprivate func wait() {
        guard let replicas = integer(1), let deadline = timeout(2) else { return }
        // This server has no replicas: as many as are asked for are there only when none is.
        if replicas <= 0 || state.pointee.inTransaction { return reply.integer(0) }
        executor.wait(self, until: deadline)
    }

    fileprivate func info() {
        var names: Set<String> = []
        for i in 1..<count { names.insert(self[i].text.lowercased()) }
        reply.verbatim(Info(self).text(sections: names))
    }
}
