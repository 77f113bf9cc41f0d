import Base
import CLua
import CSystem
import Commands
import Keyspace
import RESP
import Scripting

/// What interpreters call. Their context is the loop's executor. Nothing here may call Lua: its errors must not cross
/// these frames.
extension ScriptRunner {
    /// Lives as long as the process.
    nonisolated(unsafe) static let host: UnsafePointer<ml_host> = {
        let host = UnsafeMutablePointer<ml_host>.allocate(capacity: 1)
        host.initialize(
            to: ml_host(
                call: { context, words, count, version, reply in
                    ScriptRunner.with(context) { $0.call(words, Int(count), UInt8(version), reply) }
                },
                permits: { context, words, count in
                    ScriptRunner.with(context) { $0.permits(words, Int(count)) }
                },
                sha1hex: { text, digits in
                    let hex = ScriptDigest(of: text.view).hex
                    for i in 0..<40 { digits[i] = CChar(bitPattern: hex[i]) }
                },
                log: { context, level, text in
                    ScriptRunner.with(context) {
                        $0.executor.node.doors.log(LogLevel(rawValue: Int(level)) ?? .notice, text.view.text)
                    }
                },
                tick: { context in ScriptRunner.with(context) { $0.tick() } },
                write: { context, bytes, count in
                    ScriptRunner.with(context) { $0.run.pointee.output.pointee.append(bytes, count) }
                },
                will_write_error: { context, counted in
                    ScriptRunner.with(context) { $0.willWriteError(counted != 0) }
                },
                registered: { context, name, description, hasDescription, flags, function in
                    ScriptRunner.with(context) {
                        $0.registered(
                            name.view, hasDescription != 0 ? description.view : nil, ScriptFlags(rawValue: flags),
                            function)
                    }
                }))
        return UnsafePointer(host)
    }()

    @inline(__always)
    private static func with<R>(_ context: UnsafeMutableRawPointer, _ body: (ScriptRunner) -> R) -> R {
        Unmanaged<Executor>.fromOpaque(context)._withUnsafeGuaranteedRef { body($0.scripts) }
    }

    private func willWriteError(_ counted: Bool) {
        if counted {
            run.pointee.repliedCountedError = true
        } else {
            run.pointee.output.pointee.noteError()
        }
    }

    // MARK: redis.call

    /// Runs a command for the script. 0: `reply` is its reply; 1: it was refused, and `reply` says why.
    @inline(__always)
    func call(
        _ raw: UnsafePointer<ml_view>, _ count: Int, _ version: UInt8, _ reply: UnsafeMutablePointer<ml_view>
    ) -> Int32 {
        let words = UnsafeMutableRawPointer(mutating: raw).assumingMemoryBound(to: ByteView.self)
        var found = executor.commandIndex.find(words[0])
        if let container = found, container.pointee.isContainer, count > 1 {
            found = executor.commandIndex.find(words[1], parent: container.pointee.index)
        }
        guard let command = found else {
            return refuse(nil, "Unknown Redis command called from script", reply)
        }
        if _slowPath(!executor.isArityRight(command, count)) {
            return refuse(command, "Wrong number of args calling Redis command from script", reply)
        }
        if _slowPath(command.pointee.flags.contains(.noscript) && !executor.node.allowsAllInScripts.isOn) {
            return refuse(command, "This Redis command is not allowed from script", reply)
        }
        if let denial = executor.permits(run.pointee.session, command, words, count) {
            executor.logDenial(run.pointee.session, denial, command, words, .lua)
            return refuse(command, denial.textInScript, reply)
        }
        if let refusal = refusal(command) { return refuse(command, refusal, reply) }
        let state = executor.state
        replies.pointee.clear()
        executor.prepare(run.pointee.session, command, words, count, replies)
        state.pointee.version = version
        if _slowPath(!collectKeys(command, words, count)) {
            return refuse(command, "Script touches keys that it does not declare", reply)
        }
        if _slowPath(executor.node.keyspace.shared.pointee.awayValues != 0),
            !executor.bringValuesInScript(command, words, count)
        {
            return refuse(command, "-" + Executor.unreadableText, reply)
        }
        let session = run.pointee.session
        if _slowPath(executor.isMonitored) {
            executor.showMonitors(session, command, words, count, inScript: true)
        }
        if _slowPath(executor.remembers(session, command)) { run.pointee.remembersKeys = true }
        let started = cs_ticks()
        let errorsBefore = replies.pointee.errorCount
        command.pointee.run(UnsafeMutableRawPointer(state))
        executor.refuseUnreadable()
        let now = cs_ticks()
        finish(command, words, count, ticks: now &- started, failed: replies.pointee.errorCount != errorsBefore)
        if _slowPath(now >= run.pointee.nextLook) { look(now) }
        reply.pointee = replyBytes()
        return 0
    }

    /// Puts the command's keys where it looks for them. Answers false if the script does not hold their locks.
    @inline(__always)
    private func collectKeys(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int
    ) -> Bool {
        let state = executor.state
        switch command.pointee.locking {
        case .firstKey:
            let key = Key(words[Int(command.pointee.firstKey)])
            state.pointee.keys[0] = key
            state.pointee.keyCount = 1
            return run.pointee.holdsAll || state.pointee.held.contains(key.partition)
        case .keys:
            var set = PartitionSet()
            executor.collectKeys(command, into: &set)
            return run.pointee.holdsAll || state.pointee.held.isSuperset(of: set)
        case .none: return true
        case .own, .all: return run.pointee.holdsAll
        }
    }

    /// Why a command may not run in this script, in Redis' order; nil: it may.
    @inline(__always)
    private func refusal(_ command: CommandPointer) -> String? {
        let flags = command.pointee.flags
        if _slowPath(!flags.isDisjoint(with: [.write, .mayReplicate]) && run.pointee.isReadOnly) {
            return "Write commands are not allowed from read-only scripts."
        }
        if _slowPath(executor.isOverMemory && flags.contains(.denyOOM)) && !run.pointee.allowsOOM
            && !signals.hasWritten
        {
            return "-OOM command not allowed when used memory > 'maxmemory'."
        }
        if _slowPath(executor.refusesWrites && flags.contains(.write)) && !signals.hasWritten {
            return "-" + executor.writeRefusal
        }
        if flags.contains(.write) && _slowPath(!signals.mayWrite()) {
            return "Script killed by user with SCRIPT KILL."
        }
        return nil
    }

    /// A command that was not run: counted as rejected, and as an error. `text` begins with its code if it has a '-'.
    @inline(never)
    private func refuse(
        _ command: CommandPointer?, _ text: String, _ reply: UnsafeMutablePointer<ml_view>
    ) -> Int32 {
        if let command { executor.statistics.countRejected(command.pointee.index) }
        executor.statistics.add(.errorReplies)
        let code = text.hasPrefix("-") ? text.dropFirst().prefix { $0 != " " } : "ERR"
        executor.node.errors.count(String(code))
        replies.pointee.clear()
        text.withView { replies.pointee.append($0) }
        reply.pointee = replyBytes()
        return 1
    }

    @inline(__always)
    private func finish(
        _ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int, ticks: UInt64, failed: Bool
    ) {
        executor.statistics.count(command.pointee.index, ticks: ticks)
        executor.statistics.add(.commandsProcessed)
        if _slowPath(ticks >= executor.slowTicks) {
            executor.noteSlow(run.pointee.session, command, words, count, ticks)
        }
        if _slowPath(failed) {
            executor.statistics.countFailed(command.pointee.index)
            executor.countError(replies)
        }
    }

    /// The reply in one piece.
    @inline(__always)
    private func replyBytes() -> ml_view {
        guard let first = replies.pointee.unsent else { return ml_view(ByteView("_\r\n")) }
        if _fastPath(first.count == replies.pointee.pending) { return ml_view(first) }
        return joinReply()
    }

    @inline(never)
    private func joinReply() -> ml_view {
        joined?.deallocate()
        let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: replies.pointee.pending)
        joined = room
        var at = 0
        while let run = replies.pointee.unsent {
            memcpy(room.baseAddress! + at, run.start, run.count)
            at += run.count
            replies.pointee.consume(run.count)
        }
        return ml_view(ByteView(UnsafePointer(room.baseAddress!), at))
    }

    /// redis.acl_check_cmd.
    private func permits(_ raw: UnsafePointer<ml_view>, _ count: Int) -> Int32 {
        let words = UnsafeMutableRawPointer(mutating: raw).assumingMemoryBound(to: ByteView.self)
        guard let command = executor.findCommand(words, count) else { return -1 }
        return executor.permits(run.pointee.session, command, words, count) == nil ? 1 : 0
    }
}
