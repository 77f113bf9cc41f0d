import Base
import CSystem
import Commands
import Keyspace
import RESP

/// Who a client is and what it may do. A session refers to its user's permissions as its loop last saw them;
/// while they allow everything, its requests take the straight path and nothing here is asked.
extension Executor {
    /// nil if the client's user may run this; the reason otherwise, which the caller replies and logs. `words`:
    /// the command's name is word 0. Scripts ask it for each of their calls.
    func permits(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Denial? {
        if _fastPath(!session.pointee.mode.contains(.restricted)) { return nil }
        return session.pointee.details.permissions.denial(of: Int(command.pointee.index), words, count)
    }

    /// Writes a refused request into the log that ACL LOG shows.
    func logDenial(
        _ session: SessionPointer, _ denial: Denial, _ command: CommandPointer,
        _ words: UnsafeMutablePointer<ByteView>, _ context: AccessLog.Context
    ) {
        let object: [UInt8]
        switch denial.reason {
        case .command:
            object = Array(node.users.commands.fullNames[Int(command.pointee.index)].utf8)
            statistics.add(.deniedCommands)
        case .key:
            object = AccessLog.object(words[denial.word])
            statistics.add(.deniedKeys)
        case .channel:
            object = AccessLog.object(words[denial.word])
            statistics.add(.deniedChannels)
        }
        logRefusal(session, AccessLog.Reason(denial.reason), context, object, session.pointee.details.user.name)
    }

    private func logRefusal(
        _ session: SessionPointer, _ reason: AccessLog.Reason, _ context: AccessLog.Context, _ object: [UInt8],
        _ user: [UInt8]
    ) {
        node.accessLog.add(
            AccessLog.Entry(
                reason: reason, context: context, object: object, user: user, time: state.pointee.moment.wall,
                client: describeOwn(session)),
            limit: settings.aclLogLength)
    }

    func logContext(_ session: SessionPointer) -> AccessLog.Context {
        session.pointee.mode.contains(.multi) ? .multi : .toplevel
    }

    // MARK: users

    /// Answers whether the password is right; the client is that user from now on. `word`: what it asked with.
    func authenticate(_ session: SessionPointer, _ name: ByteView, _ password: ByteView, word: ByteView) -> Bool {
        guard let user = node.users.authenticate(name, password) else {
            statistics.add(.deniedLogins)
            if !state.pointee.inTransaction {
                session.pointee.lastCommand = state.pointee.command.pointee.index
            }
            logRefusal(session, .auth, logContext(session), word.bytes, AccessLog.object(name))
            return false
        }
        become(session, user)
        session.pointee.details.isAuthenticated = true
        requireAuthentication(session)
        return true
    }

    /// The state of a new connection, and after RESET: the default user, who may have to authenticate.
    func beNobody(_ session: SessionPointer) {
        become(session, node.users.open)
        session.pointee.details.isAuthenticated = !node.users.mustAuthenticate
        requireAuthentication(session)
    }

    private func become(_ session: SessionPointer, _ user: User) {
        rosterLock.withLock { session.pointee.details.user = user }
        take(node.users.permissions(of: user), session)
    }

    private func take(_ permissions: Permissions, _ session: SessionPointer) {
        session.pointee.details.permissions = permissions
        if permissions.allowsEverything {
            session.pointee.mode.remove(.restricted)
        } else {
            session.pointee.mode.insert(.restricted)
        }
    }

    /// Whether a client has to authenticate depends on the default user as it is now (Redis' authRequired).
    private func requireAuthentication(_ session: SessionPointer) {
        let isKnown = session.pointee.details.isAuthenticated || !node.users.mustAuthenticate
        if isKnown {
            session.pointee.mode.remove(.unauthenticated)
        } else {
            session.pointee.mode.insert(.unauthenticated)
        }
        session.pointee.rules.authenticated = isKnown
        session.pointee.link.pointee.output.hardLimit = outputLimit(session)
    }

    /// Takes over users that have changed; clients whose user is gone are disconnected.
    @inline(never)
    func refreshUsers() {
        usersVersion = node.users.version
        var orphans: [SessionPointer] = []
        node.users.forEach { current in
            for session in roster where !session.pointee.mode.contains(.closing) {
                if let permissions = current(session.pointee.details.user) {
                    take(permissions, session)
                } else {
                    orphans.append(session)
                }
            }
        }
        for session in orphans {
            beNobody(session)
            close(session, afterReplies: false)
        }
        for session in roster { requireAuthentication(session) }
    }
}

extension Executor {
    /// Has all loops take over users that have changed, at once, even if nothing else wakes them.
    func announceUsers() {
        refreshUsers()
        for other in node.executors where other !== self { other.mailbox.post { $0.refreshUsers() } }
    }
}

extension SessionDetails {
    /// Whether it listens to something that these permissions do not allow. Under the roster lock.
    func listensBeyond(_ permissions: Permissions) -> Bool {
        guard let subscriptions else { return false }
        return TopicKind.allCases.contains { kind in
            subscriptions.names(kind).contains { name in
                name.withView { !permissions.allowsChannel($0, isPattern: kind == .pattern) }
            }
        }
    }
}

extension Denial {
    /// The error that a refused request is answered with.
    func reply(_ name: String) -> String {
        switch reason {
        case .command: "NOPERM this user has no permissions to run the '\(name)' command"
        case .key: "NOPERM this user has no permissions to access one of the keys used as arguments"
        case .channel: "NOPERM this user has no permissions to access one of the channels used as arguments"
        }
    }

    /// The error in EXEC's array.
    var replyInTransaction: String {
        let reason =
            switch reason {
            case .command: "no permission to execute the command or subcommand"
            case .key: "no permission to touch the specified keys"
            case .channel: "no permission to access one of the channels used as arguments"
            }
        return "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
            + "This command is no longer allowed for the following reason: \(reason)"
    }

    /// What redis.call raises.
    var textInScript: String {
        let reason =
            switch reason {
            case .command: "can't run this command or subcommand"
            case .key: "can't access at least one of the keys mentioned in the command arguments"
            case .channel: "can't publish to the channel mentioned in the command"
            }
        return "The user executing the script \(reason)"
    }
}

extension Call {
    /// What SORT asks (`Call.mayReadAnyKey`).
    var sessionMayReadAnyKey: Bool {
        guard session.pointee.mode.contains(.restricted) else { return true }
        return session.pointee.details.permissions.mayReadAnyKey(
            Int(state.pointee.command.pointee.index), state.pointee.arguments, count)
    }
}
