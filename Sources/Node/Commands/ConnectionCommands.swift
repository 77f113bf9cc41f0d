import Base
import Commands
import Keyspace
import RESP

/// PING, ECHO, SELECT, AUTH, HELLO, QUIT, RESET. (CLIENT has files of its own.)
enum ConnectionCommands {
    static let commands: [Command] = [
        Command(
            "ping", arity: -1, [.fast], categories: [.connection], group: .connection, since: "1.0.0",
            summary: "Answers PONG, or the given message.",
            arguments: [Argument("message", .string, optional: true)],
            tips: ["request_policy:all_shards", "response_policy:all_succeeded"]
        ) { Call($0).ping() },
        Command(
            "echo", arity: 2, [.fast, .loading, .stale], categories: [.connection], group: .connection,
            since: "1.0.0", summary: "Answers the given message.", arguments: [Argument("message", .string)]
        ) {
            let call = Call($0)
            call.reply.bulk(call[1])
        },
        Command(
            "select", arity: 2, [.loading, .stale, .fast], categories: [.connection], group: .connection,
            since: "1.0.0", summary: "Makes another database the connection's current one.",
            arguments: [Argument("index", .integer)]
        ) { Call($0).select() },
        Command(
            "auth", arity: -2, [.noscript, .loading, .stale, .fast, .noAuth, .allowBusy, .holdsSecrets],
            categories: [.connection], group: .connection, since: "1.0.0",
            complexity: "O(N) where N is the number of passwords of the user",
            summary: "Authenticates the connection.",
            arguments: [
                Argument("username", .string, optional: true, since: "6.0.0"), Argument("password", .string),
            ],
            history: [("6.0.0", "Takes a user name (ACL).")]
        ) { Call($0).auth() },
        Command(
            "hello", arity: -1, [.noscript, .loading, .stale, .fast, .noAuth, .allowBusy, .holdsSecrets],
            categories: [.connection], group: .connection, since: "6.0.0",
            summary: "Chooses the protocol version, and may authenticate and name the connection.",
            arguments: [
                Argument(
                    "arguments", .block, optional: true,
                    [
                        Argument("protover", .integer),
                        Argument(
                            "username_password", .block, token: "AUTH", optional: true,
                            [Argument("username", .string), Argument("password", .string)]),
                        Argument("clientname", .string, token: "SETNAME", optional: true),
                    ])
            ],
            history: [("6.2.0", "The version may be left out; it then reports the current state.")]
        ) { Call($0).hello() },
        Command(
            "quit", arity: -1, [.allowBusy, .noscript, .loading, .stale, .fast, .noAuth],
            categories: [.connection], group: .connection, since: "1.0.0",
            summary: "Closes the connection."
        ) {
            let call = Call($0)
            call.reply.ok()
            call.executor.close(call.session, afterReplies: true)
        },
        Command(
            "reset", arity: 1, [.noscript, .loading, .stale, .fast, .noAuth, .allowBusy],
            categories: [.connection], group: .connection, since: "6.2.0",
            summary: "Puts the connection back into the state it had when it was made."
        ) { Call($0).reset() },
    ]
}

extension Call {
    fileprivate func ping() {
        if count > 2 { return replyWrongArity("ping") }
        if _slowPath(session.pointee.mode.contains(.subscribed) && session.pointee.version == 2) {
            reply.array(2)
            reply.bulk("pong")
            return reply.bulk(count == 2 ? self[1] : ByteView(""))
        }
        if count == 2 { reply.bulk(self[1]) } else { reply.raw("+PONG\r\n") }
    }

    fileprivate func select() {
        guard let index = databaseIndex(1) else { return }
        if index != 0 && keyspace.shared.pointee.isClustered {
            return fail("ERR SELECT is not allowed in cluster mode")
        }
        session.pointee.database = index
        reply.ok()
    }

    fileprivate func auth() {
        if count > 3 { return fail(ErrorText.syntax) }
        if count == 2 && node.users.defaultNeedsNoPassword {
            return fail(
                "ERR AUTH <password> called without any password configured for the default user. "
                    + "Are you sure your configuration is correct?")
        }
        let name = count == 2 ? ByteView("default") : self[1]
        let isRight = executor.authenticate(session, name, self[count - 1], word: self[0])
        if isRight { reply.ok() } else { replyWrongPassword() }
    }

    private func fail(_ text: String) { reply.error(text) }

    private func replyWrongPassword() {
        reply.error("WRONGPASS invalid username-password pair or user is disabled.")
    }

    fileprivate func hello() {
        var version = session.pointee.version
        if count > 1 {
            guard let wanted = self[1].integer else {
                return fail("ERR Protocol version is not an integer or out of range")
            }
            guard wanted == 2 || wanted == 3 else { return fail("NOPROTO unsupported protocol version") }
            version = UInt8(wanted)
        }
        guard let options = helloOptions() else { return }
        if let (name, password) = options.login, !executor.authenticate(session, name, password, word: self[0]) {
            return replyWrongPassword()
        }
        if !session.pointee.details.isAuthenticated {
            return fail(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
                    + "HELLO AUTH <user> <pass> option can be used to authenticate the client and select "
                    + "the RESP protocol version at the same time")
        }
        if let name = options.name, !executor.setName(session, name) { return fail(Call.badNameText) }
        session.pointee.version = version
        state.pointee.version = version
        describeServer(version)
    }

    static let badNameText = "ERR Client names cannot contain spaces, newlines or special characters."

    private struct HelloOptions {
        var login: (ByteView, ByteView)?
        var name: ByteView?
    }

    private func helloOptions() -> HelloOptions? {
        var options = HelloOptions()
        var i = 2
        while i < count {
            if self[i].isWord("auth") && i + 2 < count {
                options.login = (self[i + 1], self[i + 2])
                i += 3
            } else if self[i].isWord("setname") && i + 1 < count {
                options.name = self[i + 1]
                i += 2
            } else {
                fail("ERR Syntax error in HELLO option '\(self[i].text)'")
                return nil
            }
        }
        return options
    }

    private func describeServer(_ version: UInt8) {
        reply.map(7)
        reply.bulk("server")
        reply.bulk("redis")
        reply.bulk("version")
        reply.bulk(Version.redis)
        reply.bulk("proto")
        reply.integer(Int(version))
        reply.bulk("id")
        reply.integer(Int64(session.pointee.id))
        reply.bulk("mode")
        reply.bulk(node.mode)
        reply.bulk("role")
        reply.bulk("master")
        reply.bulk("modules")
        reply.array(0)
    }

    fileprivate func reset() {
        executor.reset(session)
        state.pointee.version = 2
        reply.raw("+RESET\r\n")
    }
}

/// What the server says it is.
public enum Version {
    /// The Redis version whose behaviour is followed; clients choose features by it.
    public static let redis: StaticString = "7.0.15"
    public static let martlet: StaticString = "0.1.0"
}

extension Executor {
    /// Names the client; answers false if the name has characters a name may not have.
    func setName(_ session: SessionPointer, _ name: ByteView) -> Bool {
        for i in 0..<name.count where name[i] < 33 || name[i] > 126 { return false }
        rosterLock.withLock { session.pointee.details.name = name.bytes }
        return true
    }

    /// RESET: everything a client can change about its connection goes back.
    func reset(_ session: SessionPointer) {
        discardQueue(session)
        unwatchAll(session)
        unsubscribeAll(session)
        stopMonitoring(session)
        stopTracking(session)
        session.pointee.mode.subtract([.replyOff, .replySkipNext])
        session.pointee.database = 0
        session.pointee.version = 2
        session.pointee.noTouch = false
        rosterLock.withLock {
            session.pointee.details.name = []
            session.pointee.details.noEvict = false
        }
        beNobody(session)
    }
}
