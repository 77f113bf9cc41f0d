import Base
import CSystem
import Commands
import Keyspace
import RESP

/// Before a command runs, the values of its keys come back to memory. What the system has in its cache is read at
/// once; for the rest the client waits, and its loop goes on. Nothing of this happens while no value is away.
extension Executor {
    /// Answers false if the request does not run now: its client waits, or has been refused. `lends`: a value that is
    /// not worth its place may go again after the command (`endLoan`).
    @inline(never)
    func bringValues(
        _ request: UnsafeMutablePointer<Request>, _ command: CommandPointer, lends: Bool = false
    ) -> Bool {
        state.pointee.moment.stamp &= ~AccessStamp.needsNoValue
        guard keyspace.shared.pointee.awayValues != 0, state.pointee.held.isEmpty,
            let values = persistence?.values
        else { return true }
        if needsNoValue(command, request.pointee.arguments, request.pointee.count) {
            state.pointee.moment.stamp |= AccessStamp.needsNoValue
            return true
        }
        let session = request.pointee.session
        var cold: [ColdKey] = []
        if command.pointee.locking == .firstKey {
            let key = request.pointee.key
            switch bringBack(key, session.pointee.database, values) {
            case .resident: return true
            case .broughtBack:
                if lends && isWorthLending(key, command) { loan = Loan(key: key, database: session.pointee.database) }
                return true
            case .wouldWait: cold.append(ColdKey(database: session.pointee.database, key: key.view.bytes))
            case .unreadable: return refuseUnreadable(session, command)
            }
        } else {
            for wanted in namedKeys(request, command) {
                switch wanted.key.withView({ bringBack(Key($0), wanted.database, values) }) {
                case .resident, .broughtBack: break
                case .wouldWait: cold.append(wanted)
                case .unreadable: return refuseUnreadable(session, command)
                }
            }
        }
        if cold.isEmpty { return true }
        park(session, cold, request.pointee.start)
        return false
    }

    private func refuseUnreadable(_ session: SessionPointer, _ command: CommandPointer) -> Bool {
        reject(session, command, Executor.unreadableText)
        return false
    }

    private func bringBack(_ key: Key, _ database: Int, _ values: TreeValues) -> TreeValues.Outcome {
        values.bringBack(keyspace, key, database: database, state.pointee.moment, waits: false, &valueBuffer)
    }

    /// A value that has come back for one command only.
    struct Loan {
        var key: Key
        var database: Int
    }

    /// While memory is full, a value that is read for the first time in a while does not push another one out: it stays
    /// for the command, and only the next time, if that comes soon, for good (2Q: Johnson and Shasha, VLDB 1994).
    private func isWorthLending(_ key: Key, _ command: CommandPointer) -> Bool {
        isNearlyFull && command.pointee.flags.contains(.readonly) && !recentLoans.meets(key.hash)
    }

    /// After the command for which a value was lent: it leaves memory again.
    @inline(never)
    func endLoan() {
        guard let ended = loan else { return }
        loan = nil
        let access = Access(
            partitions + ended.key.partition, database: ended.database, moment: state.pointee.moment)
        Partition.lock(access.partition)
        defer { Partition.unlock(access.partition) }
        _ = access.setAside(ended.key)
    }

    /// For a command inside a script, whose locks are held, while values are away: its values come back here and now.
    /// Answers false if one cannot be read: the command must not run, or it would put something in the place of what
    /// is there.
    func bringValuesInScript(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Bool {
        if needsNoValue(command, words, count) { return true }
        let database = state.pointee.database
        for word in keyWords(command, words, count) {
            let key = Key(words[word])
            let access = Access(partitions + key.partition, database: database, moment: state.pointee.moment)
            if state.pointee.held.contains(key.partition), access.awayDot(key) != nil, access.find(key) == nil {
                state.pointee.aftermath.remove(.unreadable)
                return false
            }
        }
        return true
    }

    /// After a command: puts an error in the place of the reply of one that has met an unreadable value.
    @inline(__always)
    func refuseUnreadable() {
        if _slowPath(state.pointee.aftermath.contains(.unreadable)) { replaceReply() }
    }

    @inline(never)
    private func replaceReply() {
        state.pointee.aftermath.remove(.unreadable)
        state.pointee.output.pointee.rewind(to: state.pointee.replyStart)
        ReplyWriter(state.pointee.output, version: state.pointee.version).error(Executor.unreadableText)
    }

    static let unreadableText = "ERR the value cannot be read from disk"

    private func park(_ session: SessionPointer, _ keys: [ColdKey], _ start: UnsafeMutablePointer<UInt8>) {
        session.pointee.mode.insert(.suspended)
        setBlock(session, .reading)
        pushBack(session, from: start)
        persistence?.readers?.post(
            ColdReaders.Job(
                keys: keys, loop: index, session: session.pointee.id, moment: state.pointee.moment.wall))
    }

    /// What a client waited for has been read. From the mailbox.
    func resumeCold(_ id: UInt64) {
        guard let session = roster.first(where: { $0.pointee.id == id }), case .reading = session.pointee.details.block
        else { return }
        resume(session)
    }

    /// Commands that only ask whether a key is there, or for its deadline, or replace the value.
    private func needsNoValue(_ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Bool
    {
        guard valueless[Int(command.pointee.index)] else { return false }
        if count <= 3 { return true }
        // SET with GET wants it.
        return !(3..<count).contains { words[$0].isWord("get") }
    }

    /// By index, which commands may be of that kind.
    static func valueless(_ commands: CommandTable) -> [Bool] {
        let names: Set<String> = [
            "set", "setex", "psetex", "mset", "setnx", "msetnx", "del", "unlink", "exists", "touch", "type", "ttl",
            "pttl",
            "expiretime", "pexpiretime", "scan", "keys", "dbsize", "randomkey", "flushall", "flushdb", "swapdb",
        ]
        return commands.commands.map { names.contains($0.name) }
    }

    // MARK: keys

    /// The keys that the request names, those of a whole transaction for EXEC.
    private func namedKeys(_ request: UnsafeMutablePointer<Request>, _ command: CommandPointer) -> [ColdKey] {
        let session = request.pointee.session
        let database = session.pointee.database
        if isNamed(command, "exec") {
            return session.pointee.details.queue.flatMap { queued in
                namedKeys(database, queued.command, queued.arguments, queued.count)
            }
        }
        return namedKeys(database, command, request.pointee.arguments, request.pointee.count)
    }

    private func namedKeys(
        _ database: Int, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> [ColdKey] {
        keyWords(command, words, count).map { ColdKey(database: database, key: words[$0].bytes) }
    }

    /// The key of a request that names just one.
    @inline(__always)
    func onlyKey(_ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Key? {
        onlyKeyWord(command, count).map { key(words[$0]) }
    }

    /// A word's key, hashed if it is not known.
    @inline(__always)
    func key(_ word: ByteView) -> Key {
        let known = coordinator.known
        return known.isMade(of: word) ? known : Key(word)
    }

    @inline(__always)
    private func onlyKeyWord(_ command: CommandPointer, _ count: Int) -> Int? {
        let first = Int(command.pointee.firstKey)
        let isOnly = command.pointee.locking == .firstKey && !command.pointee.flags.contains(.movableKeys)
        return isOnly && count > first ? first : nil
    }

    /// Where in the request its keys are.
    func keyWords(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> [Int] {
        if let only = onlyKeyWord(command, count) { return [only] }
        if !command.pointee.locking.isByKeys && !command.pointee.flags.contains(.movableKeys) { return [] }
        let declaration = node.commands.commands[Int(command.pointee.index)]
        return declaration.keys.filter { !$0.flags.contains(.notKey) }.flatMap { $0.positions(words, count) ?? [] }
    }
}
