import Base
import CSystem
import Commands
import Keyspace
import RESP

/// CLIENT LIST, INFO and KILL: looking at the clients of all loops.
extension Call {
    func clientInfo() {
        reply.verbatim(executor.describeOwn(session, running: self) + "\n")
    }

    func clientList() {
        if count == 4 && self[2].isWord("type") {
            guard let kind = clientKind(3) else { return }
            return replyDescriptions(of: nil, kind)
        } else if count > 3 && self[2].isWord("id") {
            guard let ids = clientIDs() else { return }
            return replyDescriptions(of: ids)
        } else if count != 2 {
            return fail(ErrorText.syntax)
        }
        replyDescriptions(of: nil)
    }

    private func clientIDs() -> [UInt64]? {
        var ids: [UInt64] = []
        for i in 3..<count {
            guard let id = integer(i, error: "ERR Invalid client ID") else { return nil }
            if id > 0 { ids.append(UInt64(id)) }
        }
        return ids
    }

    /// In the order of the ids asked for; of all clients: in the order in which they came.
    private func replyDescriptions(of ids: [UInt64]?, _ kind: Kind? = nil) {
        let wanted = ids.map { Set($0) }
        var lines: [UInt64: String] = [:]
        executor.publishAll()
        for executor in node.executors {
            executor.rosterLock.withLock {
                for session in executor.roster where !session.pointee.details.isGone {
                    let id = session.pointee.id
                    if let wanted, !wanted.contains(id) { continue }
                    if let kind, kind != Kind(session) { continue }
                    let isCaller = session == self.session
                    lines[id] = executor.describe(session, now: now, running: isCaller ? self : nil)
                }
            }
        }
        let order = ids ?? lines.keys.sorted()
        reply.verbatim(order.compactMap { lines[$0] }.map { $0 + "\n" }.joined())
    }

    /// Redis' kinds of clients; replies if the word is none of them.
    private enum Kind {
        case normal, master, replica, pubsub

        init(_ session: SessionPointer) {
            self = session.pointee.card.sessionMode.contains(.subscribed) ? .pubsub : .normal
        }
    }

    private func clientKind(_ word: Int) -> Kind? {
        let name = self[word]
        if name.isWord("normal") { return .normal }
        if name.isWord("slave") || name.isWord("replica") { return .replica }
        if name.isWord("pubsub") { return .pubsub }
        if name.isWord("master") { return .master }
        reply.error("ERR Unknown client type '\(name.text)'")
        return nil
    }

    // MARK: CLIENT KILL

    private struct KillFilter {
        var id: UInt64?
        var kind: Kind?
        var user: User?
        var address: String?
        var localAddress: String?
        /// Seconds.
        var age: Int64?
        var skipMe = true

        func fits(_ session: SessionPointer, now: Int64) -> Bool {
            let details = session.pointee.details
            if let id, session.pointee.id != id { return false }
            if let kind, kind != Kind(session) { return false }
            if let user, details.user !== user { return false }
            if let address, details.address != address { return false }
            if let localAddress, details.localAddress != localAddress { return false }
            if let age, now / 1000 - session.pointee.createdAt / 1000 < age { return false }
            return true
        }
    }

    func clientKill() {
        if count == 3 {
            let killed = kill(KillFilter(address: self[2].text, skipMe: false))
            if killed == 0 { fail("ERR No such client") } else { reply.ok() }
            return closeIfKilled()
        }
        guard let filter = killFilter() else { return }
        let killed = kill(filter)
        reply.integer(killed)
        closeIfKilled()
    }

    /// The caller's own connection is closed after the reply.
    func closeIfKilled() {
        if executor.rosterLock.withLock({ session.pointee.details.isGone }) {
            executor.close(session, afterReplies: true)
        }
    }

    private func killFilter() -> KillFilter? {
        var filter = KillFilter()
        var i = 2
        while i < count {
            guard i + 1 < count, takeFilter(i, &filter) else {
                if i + 1 >= count { fail(ErrorText.syntax) }
                return nil
            }
            i += 2
        }
        return filter
    }

    /// One filter and its value; replies if something is wrong.
    private func takeFilter(_ i: Int, _ filter: inout KillFilter) -> Bool {
        let value = self[i + 1]
        if self[i].isWord("id") {
            guard let id = value.integer, id > 0 else { return refused("ERR client-id should be greater than 0") }
            filter.id = UInt64(id)
        } else if self[i].isWord("type") {
            guard let kind = clientKind(i + 1) else { return false }
            filter.kind = kind
        } else if self[i].isWord("addr") {
            filter.address = value.text
        } else if self[i].isWord("laddr") {
            filter.localAddress = value.text
        } else if self[i].isWord("user") {
            guard let user = node.users.find(value) else { return refused("ERR No such user '\(value.text)'") }
            filter.user = user
        } else if self[i].isWord("maxage") {
            guard let age = integer(i + 1, error: "ERR maxage is not an integer or out of range") else { return false }
            if age <= 0 { return refused("ERR maxage should be greater than 0") }
            filter.age = age
        } else if self[i].isWord("skipme"), value.isWord("yes") || value.isWord("no") {
            filter.skipMe = value.isWord("yes")
        } else {
            return refused("ERR syntax error")
        }
        return true
    }

    private func refused(_ text: String) -> Bool {
        reply.error(text)
        return false
    }

    private func kill(_ filter: KillFilter) -> Int {
        disconnect { session in
            filter.fits(session, now: now) && !(filter.skipMe && session == self.session)
        }
    }

    /// Counts clients of all loops as gone and has their loops close them, the caller excepted, who is still to get
    /// its reply; answers how many. `fits` runs under a roster lock.
    func disconnect(_ fits: (SessionPointer) -> Bool) -> Int {
        var killed = 0
        executor.publishAll()
        for executor in node.executors {
            var ids: Set<UInt64> = []
            executor.rosterLock.withLock {
                for session in executor.roster where fits(session) {
                    if session.pointee.details.leave() { ids.insert(session.pointee.id) }
                }
            }
            killed += ids.count
            for _ in ids { node.clientDisconnected() }
            if executor === self.executor {
                ids.remove(session.pointee.id)
                executor.closeKilled(ids)
            } else if !ids.isEmpty {
                executor.mailbox.post { [ids] in $0.closeKilled(ids) }
            }
        }
        return killed
    }
}
