import Base
import CSystem
import Commands
import Keyspace
import RESP

extension Executor {
    /// The way of requests that the hot path does not take: errors, transactions, pauses, clients in
    /// special modes. The order of checks is Redis' (processCommand), as clients can observe it.
    @inline(never)
    func runSpecially(_ request: UnsafeMutablePointer<Request>) {
        let session = request.pointee.session
        if session.pointee.mode.contains(.closing) { return }
        if session.pointee.mode.contains(.suspended) {
            if !session.pointee.mode.contains(.pushedBack) { pushBack(session, from: request.pointee.start) }
            return
        }
        if session.pointee.mode.contains(.owed) {
            if !session.pointee.mode.contains(.multi), let command = request.pointee.command, mayWait(command) {
                return waitForReplies(session, from: request.pointee.start)
            }
            return runBehindOthers(request)
        }
        runNow(request)
    }

    /// A request of a client whose earlier ones have yet to be answered by other nodes: its reply waits its turn.
    private func runBehindOthers(_ request: UnsafeMutablePointer<Request>) {
        let session = request.pointee.session
        let output = coordinator.direct
        swap(&output.pointee, &session.pointee.link.pointee.output)
        runNow(request)
        swap(&output.pointee, &session.pointee.link.pointee.output)
        answer(.client(session), Reply(taking: output))
    }

    private func runNow(_ request: UnsafeMutablePointer<Request>) {
        let session = request.pointee.session
        state.pointee.session = Executor.nobody
        if session.pointee.mode.contains(.hasDeferred) { flushDeferred(session) }
        if session.pointee.mode.contains(.tracking) { limitRememberedKeys() }
        if let error = request.pointee.error { return refuse(session, error) }
        if session.pointee.mode.contains(.replySkipNext) {
            session.pointee.mode.remove(.replySkipNext)
            session.pointee.mode.insert(.replySkip)
        }
        let mark = session.pointee.link.pointee.output.mark
        runChecked(session, request)
        applyReplyMode(session, mark)
        if session.pointee.mode.contains(.hasDeferred) { flushDeferred(session) }
        if session.pointee.mode.contains(.tracking) { endCaching(session, request.pointee.command) }
        markDirty(session.pointee.link)
    }

    private func runChecked(_ session: SessionPointer, _ request: UnsafeMutablePointer<Request>) {
        let words = request.pointee.arguments
        let count = request.pointee.count
        guard let command = request.pointee.command else {
            guard let container = node.commands.find(words[0]), count > 1 else {
                return refuseUnknown(session, words, count)
            }
            return refuseSubcommand(session, container, words, count)
        }
        session.pointee.lastCommand = command.pointee.index
        if !isArityRight(command, count) { return refuseArity(session, command) }
        if command.pointee.flags.contains(.protected) && !isAllowedProtected(session, command) {
            return reject(
                session, command, Executor.protectedCommandText(node.commands.fullNames[Int(command.pointee.index)]))
        }
        if session.pointee.mode.contains(.unauthenticated) && !command.pointee.flags.contains(.noAuth) {
            return reject(session, command, "NOAUTH Authentication required.")
        }
        let inMulti = session.pointee.mode.contains(.multi)
        if inMulti && command.pointee.flags.contains(.noMulti) {
            return reject(session, command, "ERR Command not allowed inside a transaction")
        }
        if let denial = permits(session, command, words, count) {
            logDenial(session, denial, command, words, logContext(session))
            return reject(session, command, denial.reply(node.users.commands.fullNames[Int(command.pointee.index)]))
        }
        if isOverMemory && usesMemory(session, command, words, count) && !isAttending {
            if waitForRoom(session, from: request.pointee.start) { return }
            return reject(session, command, "OOM command not allowed when used memory > 'maxmemory'.")
        }
        // Of what a script calls, anything may be refused: better wait than run it halfway.
        if isOverMemory && mayUseMemory(command) && waitForRoom(session, from: request.pointee.start) { return }
        if refusesWrites && changesData(session, command, words, count) {
            return reject(session, command, writeRefusal)
        }
        if session.pointee.mode.contains(.subscribed) && !mayRunSubscribed(session, command) {
            let name = node.commands.fullNames[Int(command.pointee.index)]
            return reject(session, command, Executor.subscribedText(name))
        }
        if session.pointee.mode.contains(.monitor) && touchesKeys(session, command) {
            return reject(session, command, "ERR Replica can't interact with the keyspace")
        }
        if isLoading && !command.pointee.flags.contains(.loading) {
            return reject(session, command, "\(Executor.loadingText)")
        }
        if let kind = busy.kind, !command.pointee.flags.contains(.allowBusy) {
            return reject(session, command, "\(Executor.busyText(kind))")
        }
        if isPaused(session, command, words, count) { return pause(session, from: request.pointee.start) }
        if inMulti && !isTransactionCommand(command) { return queue(session, command, words, count) }
        if !bringValues(request, command) { return }
        if let cluster, cluster.isFounded {
            coordinator.known = request.pointee.key
            coordinate(session, command, words, count, cluster)
            coordinator.known = noKey
            if isMonitored { showMonitors(session, command, words, count) }
            return
        }
        if remembers(session, command) && command.pointee.locking.isByKeys {
            invokeRemembering(session, command, words, count)
        } else {
            invoke(session, command, words, count, request.pointee.key)
        }
        if isMonitored { showMonitors(session, command, words, count) }
    }

    /// A command of an enabled-on-request kind: `no`, `local` or `yes`.
    private func isAllowedProtected(_ session: SessionPointer, _ command: CommandPointer) -> Bool {
        let isDebug = isNamed(command, "debug")
        return switch isDebug ? settings.enableDebugCommand : settings.enableModuleCommand {
        case .yes: true
        case .no: false
        case .local:
            session.pointee.details.isUnixSocket || cs_peer_is_local(session.pointee.link.pointee.descriptor) != 0
        }
    }

    private static func protectedCommandText(_ name: String) -> String {
        let word = name.split(separator: "|")[0].uppercased()
        return
            "ERR \(word) command not allowed. If the enable-\(word.lowercased())-command option is set to \"local\", "
            + "you can run it from a local connection, otherwise you need to set this option in the configuration file, "
            + "and then restart the server."
    }

    /// Whether a command is refused while memory is short. Queuing takes memory whatever the command does.
    private func usesMemory(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Bool {
        if flags(of: command, words, count).contains(.denyOOM) { return true }
        guard session.pointee.mode.contains(.multi) else { return false }
        switch node.commands.commands[Int(command.pointee.index)].name {
        case "exec": return session.pointee.details.queueFlags.contains(.denyOOM)
        case "discard", "quit", "reset": return false
        default: return true
        }
    }

    /// A script says only when it runs whether it needs memory.
    private func mayUseMemory(_ command: CommandPointer) -> Bool {
        switch node.commands.commands[Int(command.pointee.index)].name {
        case "eval", "evalsha", "fcall": true
        default: false
        }
    }

    /// In RESP2 nothing but messages can be told from replies while a client listens.
    private func mayRunSubscribed(_ session: SessionPointer, _ command: CommandPointer) -> Bool {
        if session.pointee.version == 3 { return true }
        switch node.commands.commands[Int(command.pointee.index)].name {
        case "ping", "quit", "reset": return true
        case "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe": return true
        default: return false
        }
    }

    private static func subscribedText(_ name: String) -> String {
        "ERR Can't execute '\(name)': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
            + "this context"
    }

    /// What Redis denies clients that monitor, because it takes them for replicas.
    private func touchesKeys(_ session: SessionPointer, _ command: CommandPointer) -> Bool {
        let touching: CommandFlags = [.write, .readonly, .mayReplicate]
        if !command.pointee.flags.isDisjoint(with: touching) { return true }
        return isNamed(command, "exec") && !session.pointee.details.queueFlags.isDisjoint(with: touching)
    }

    private func isPaused(
        _ session: SessionPointer, _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Bool {
        let until = node.pause.until
        if until == 0 { return false }
        if until <= state.pointee.moment.wall || session.pointee.mode.contains(.monitor) { return false }
        if !node.pause.onlyWrites { return true }
        let writing: CommandFlags = [.write, .mayReplicate]
        if !flags(of: command, words, count).isDisjoint(with: writing) { return true }
        return isNamed(command, "exec") && !session.pointee.details.queueFlags.isDisjoint(with: writing)
    }

    func isNamed(_ command: CommandPointer, _ name: String) -> Bool {
        node.commands.commands[Int(command.pointee.index)].name == name
    }

    private func isTransactionCommand(_ command: CommandPointer) -> Bool {
        switch node.commands.commands[Int(command.pointee.index)].name {
        case "exec", "discard", "multi", "watch", "quit", "reset": true
        default: false
        }
    }

    // MARK: refusing

    private func writer(_ session: SessionPointer) -> ReplyWriter {
        ReplyWriter(&session.pointee.link.pointee.output, version: session.pointee.version)
    }

    func reject(_ session: SessionPointer, _ command: CommandPointer?, _ text: String) {
        reject(session, command, Array(text.utf8))
    }

    /// An error reply of the executor's own; inside MULTI it makes EXEC abort. A refused EXEC ends the
    /// transaction, and says so.
    func reject(_ session: SessionPointer, _ command: CommandPointer?, _ text: [UInt8]) {
        if session.pointee.mode.contains(.multi) { session.pointee.mode.insert(.transactionRefused) }
        if let command { statistics.countRejected(command.pointee.index) }
        if let command, isNamed(command, "exec") {
            discardQueue(session)
            unwatchAll(session)
            let reason = text.starts(with: "ERR ".utf8) ? Array(text.dropFirst(4)) : text
            writer(session).error(Array("EXECABORT Transaction discarded because of: ".utf8) + reason)
        } else {
            writer(session).error(text)
        }
        countError(&session.pointee.link.pointee.output)
        markDirty(session.pointee.link)
        if session.pointee.link.pointee.output.overLimit { closeForOutput(session) }
    }

    private func refuse(_ session: SessionPointer, _ error: ProtocolError) {
        statistics.add(.protocolErrors)
        var text = "ERR Protocol error: \(error.text)"
        if error == .expectedBulk {
            let byte = session.pointee.parser.unexpected
            text += String(UnicodeScalar(byte < 128 ? byte : 63)) + "'"
        }
        node.doors.log(.verbose, "Protocol error (\(error.text)) from client: \(describeOwn(session))")
        writer(session).error(text)
        countError(&session.pointee.link.pointee.output)
        close(session, afterReplies: true)
    }

    private func refuseUnknown(_ session: SessionPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) {
        let name = words[0]
        // An HTTP request: somebody has been talked into sending one here (cross-protocol attack).
        if name.isWord("post") || name.isWord("host:") {
            node.logForgery(now: state.pointee.moment.wall)
            return close(session, afterReplies: false)
        }
        var text = Array("ERR unknown command '".utf8) + name.cBytes(128)
        text += Array("', with args beginning with: ".utf8)
        var listed = 0
        for i in 1..<max(1, count) where listed < 128 {
            let shown = words[i].cBytes(128 - listed)
            text += Array("'".utf8) + shown + Array("' ".utf8)
            listed += shown.count + 3
        }
        reject(session, nil, text)
    }

    private func refuseSubcommand(
        _ session: SessionPointer, _ container: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) {
        let name = node.commands.fullNames[Int(container.pointee.index)].uppercased()
        let text = Array("ERR unknown subcommand '".utf8) + words[1].cBytes(128)
        reject(session, container, text + Array("'. Try \(name) HELP.".utf8))
    }

    private func refuseArity(_ session: SessionPointer, _ command: CommandPointer) {
        let name = node.commands.fullNames[Int(command.pointee.index)]
        reject(session, command, "ERR wrong number of arguments for '\(name)' command")
    }

    // MARK: CLIENT REPLY

    /// Takes back the reply written since `mark` if the client does not want it. A command that waits
    /// has not replied yet: what was said about its reply still holds then.
    func applyReplyMode(_ session: SessionPointer, _ mark: Int) {
        let mode = session.pointee.mode
        if mode.isDisjoint(with: [.replyOff, .replySkip]) { return }
        session.pointee.link.pointee.output.rewind(to: mark)
        if !mode.contains(.suspended) { session.pointee.mode.remove(.replySkip) }
    }

    // MARK: suspending

    /// CLIENT PAUSE: stops running the client's requests until `resume`, when that at `start` comes again.
    private func pause(_ session: SessionPointer, from start: UnsafeMutablePointer<UInt8>) {
        session.pointee.mode.insert(.suspended)
        setBlock(session, .paused)
        paused.append(session)
        pushBack(session, from: start)
    }

    func setBlock(_ session: SessionPointer, _ block: SessionDetails.Block?) {
        rosterLock.withLock { session.pointee.details.block = block }
    }

    /// Lets the client's requests run again, those that waited first. Between batches only: they run at
    /// once, because the client's input must not change while requests in it wait to run.
    func resume(_ session: SessionPointer) {
        precondition(batchCount == 0, "resuming a client while a batch is being made or run")
        if let guest = session.pointee.details.guest { return endGuest(session, guest) }
        session.pointee.mode.subtract([.suspended, .pushedBack])
        let link = session.pointee.link
        if link.pointee.state.contains(.waiting) { link.pointee.state.insert(.answered) }
        setBlock(session, nil)
        parseOwn(session)
        runBatch()
    }

    /// Lets the clients go on that have waited for a pause which is over.
    func resumePaused(_ now: Int64) {
        if node.pause.until > now { return }
        let all = paused
        paused = []
        for session in all { resume(session) }
    }

    /// Disconnects clients that another loop has counted out already. From the mailbox.
    func closeKilled(_ ids: Set<UInt64>) {
        for session in roster where ids.contains(session.pointee.id) { close(session, afterReplies: false) }
    }
}

extension Node {
    /// Logs a probable cross-protocol attack, at most once a minute.
    func logForgery(now: Int64) {
        guard forgeryLog.mayLog(now) else { return }
        doors.log(
            .warning,
            "Possible SECURITY ATTACK: a client sent an HTTP request (POST or Host:), probably a web page "
                + "misused to send commands here (cross-protocol scripting). Connection closed.")
    }

    /// CLIENT PAUSE. A longer or stricter pause that is in force stays (Redis takes the maximum of each).
    func startPause(until: Int64, onlyWrites: Bool, now: Int64) {
        pause.set(until: until, onlyWrites: onlyWrites, now: now) { setKeepsExpired($0) }
    }

    /// CLIENT UNPAUSE (nil), or the pause's time is over.
    func endPause(ifDueAt now: Int64?) { pause.end(ifDueAt: now) { setKeepsExpired(false) } }

    /// While clients are paused nothing may change, so keys past their deadline are only hidden.
    private func setKeepsExpired(_ keeps: Bool) { cs_store_u32(&keyspace.shared.pointee.keepsExpired, keeps ? 1 : 0) }
}

/// Keeps a message from being logged more than once a minute.
final class MinuteGate: @unchecked Sendable {
    private let lock = SpinLock()
    private var last = Int64.min / 2

    func mayLog(_ now: Int64) -> Bool {
        lock.withLock {
            if now - last < 60_000 { return false }
            last = now
            return true
        }
    }
}
