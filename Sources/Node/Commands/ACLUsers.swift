import Base
import Commands
import RESP

/// ACL's subcommands that change users or show them.
extension Call {
    func aclSetUser() {
        if self[2].hasSpaces { return reply.error("ERR Usernames can't contain spaces or null characters") }
        let rules = (3..<max(3, count)).map { self[$0].bytes }
        switch node.users.set(self[2], rules, allChannels: settings.aclAllowsChannels) {
        case .failure(let refused): reply.error(Array("ERR ".utf8) + refused.text)
        case .success(let change):
            reply.ok()
            executor.announceUsers()
            if let change, change.takesChannels { dismissListeners(change.user) }
        }
    }

    func aclDeleteUsers() {
        let names = (2..<count).map { self[$0].bytes }
        if (2..<count).contains(where: { self[$0].untilNUL == ByteView("default") }) {
            return reply.error("ERR The 'default' user cannot be removed")
        }
        let deleted = node.users.delete(names)
        reply.integer(deleted.count)
        dismiss(deleted)
    }

    /// Disconnects the clients of users that are no more; the caller, if it is one, after its reply.
    private func dismiss(_ deleted: [User]) {
        _ = disconnect { session in deleted.contains { $0 === session.pointee.details.user } }
        if executor.rosterLock.withLock({ session.pointee.details.isGone }) {
            executor.beNobody(session)
            executor.close(session, afterReplies: true)
        }
        executor.announceUsers()
    }

    /// Disconnects the user's clients that listen to what it may not listen to any more.
    private func dismissListeners(_ user: User) {
        let permissions = node.users.permissions(of: user)
        _ = disconnect { session in
            let details = session.pointee.details
            return details.user === user && details.listensBeyond(permissions)
        }
        closeIfKilled()
    }

    // MARK: showing

    func aclGetUser() {
        guard let user = node.users.find(self[2]) else { return reply.null() }
        let rules = node.users.permissions(of: user).rules
        reply.map(6)
        reply.bulk("flags")
        reply.set(rules.flagWords.count)
        for flag in rules.flagWords { reply.bulk(flag) }
        reply.bulk("passwords")
        reply.array(rules.passwords.count)
        for password in rules.passwords { reply.bulk(password) }
        replyFields(rules.root)
        reply.bulk("selectors")
        reply.array(rules.selectors.count)
        for selector in rules.selectors {
            reply.map(3)
            replyFields(selector)
        }
    }

    private func replyFields(_ selector: Selector) {
        reply.bulk("commands")
        reply.bulk(selector.commandRules(node.users.commands))
        reply.bulk("keys")
        reply.bulk(Array(selector.keyRules.joined(separator: [32])))
        reply.bulk("channels")
        reply.bulk(Array(selector.channelRules.joined(separator: [32])))
    }

    // MARK: the file

    private func hasACLFile() -> Bool {
        if !settings.aclFile.isEmpty { return true }
        reply.error(
            "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the "
                + "ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file "
                + "set) in order to store users in the Redis configuration.")
        return false
    }

    func aclLoad() {
        guard hasACLFile() else { return }
        let file = settings.aclFile
        let read = UserFile.read(settings.aclPath, shown: file).flatMap {
            UserFile.parse($0, shown: file, node.users.commands, allChannels: settings.aclAllowsChannels)
        }
        switch read {
        case .failure(let refused): reply.error(Array("ERR ".utf8) + refused.text)
        case .success(let users):
            let deleted = node.users.replaceAll(users)
            reply.ok()
            dismiss(deleted)
        }
    }

    func aclSave() {
        guard hasACLFile() else { return }
        let content = Array(node.users.lines.map { $0 + [10] }.joined())
        do throws(FileError) {
            try TextFile.replace(settings.aclPath, with: content)
            reply.ok()
        } catch {
            node.doors.log(.warning, "ACL SAVE to \(settings.aclPath): \(error.text)")
            reply.error(
                "ERR There was an error trying to save the ACLs. Please check the server logs for more information")
        }
    }
}
