import Base
import CLua
import CSystem
import Commands
import Keyspace
import RESP
import Scripting

/// What is to be run, and how.
struct ScriptOrder {
    var kind: Interpreter.Kind
    var function: Int32
    var flags: ScriptFlags
    /// Called by a command that must not write (EVAL_RO, FCALL_RO).
    var isReadOnly: Bool
    var name: ByteView
    /// Keys among the words from 3 on.
    var keyCount: Int
    var namesItsKeys: Bool
}

extension Executor {
    /// The flags of a request's command, which for EVAL and FCALL depend on what they are to run.
    func flags(of command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> CommandFlags {
        let flags = command.pointee.flags
        if _fastPath(!flags.contains(.runsScript)) || count < 2 { return flags }
        return scripts.flags(of: command, words[1]).map { $0.applied(to: flags) } ?? flags
    }
}

extension ScriptRunner {
    /// What the script or function that a command is to run says of itself; nil: there is none.
    fileprivate func flags(of command: CommandPointer, _ word: ByteView) -> ScriptFlags? {
        switch executor.node.commands.commands[Int(command.pointee.index)].name {
        case "eval", "eval_ro": return (try? Shebang.parse(word))?.flags
        case "evalsha", "evalsha_ro": return ScriptDigest(hex: word).flatMap { executor.node.scripts.find($0)?.flags }
        default: return find(function: word)?.flags
        }
    }

    /// Runs a script for the command of `call`, under the locks of all that it may touch.
    func run(_ order: ScriptOrder, _ call: Call) {
        if let refusal = refusal(order) { return call.fail(refusal) }
        guard let interpreter = interpreters[Int(order.kind.rawValue)] else { return }
        let state = call.state
        let session = call.session
        let outer = state.pointee
        if _slowPath(executor.isMonitored) {
            executor.showMonitors(session, outer.command, outer.arguments, outer.argumentCount, force: true)
        }
        let database = session.pointee.database
        let errorsBefore = outer.output.pointee.errorCount
        let mark = outer.output.pointee.mark
        prepare(order, session, outer.output)
        command = (outer.arguments, outer.argumentCount)
        guard let taken = lock(order, call) else { return executor.refuseBusy(session, outer.command) }
        state.pointee.inTransaction = true
        state.pointee.deniesWaiting = true
        signals.begin(order.kind)
        var job = ml_job()
        job.function = order.function
        job.keys = ScriptRunner.words(outer.arguments + 3)
        job.key_count = order.keyCount
        job.arguments = ScriptRunner.words(outer.arguments + 3 + order.keyCount)
        job.argument_count = outer.argumentCount - 3 - order.keyCount
        job.version = Int32(outer.version)
        job.name = ml_view(order.name)
        let failure = interpreter.run(&job)
        signals.end()
        finishTime()
        restore(outer, state)
        session.pointee.database = database
        if _slowPath(run.pointee.remembersKeys) { executor.rememberKeys(session) }
        if !taken.isEmpty { unlock(taken) }
        if _slowPath(failure != nil), let failure {
            outer.output.pointee.rewind(to: mark)
            call.reply.error(Array("ERR Error running script ".utf8) + order.name.bytes + Array(", ".utf8) + failure)
        } else if _slowPath(run.pointee.repliedCountedError && outer.output.pointee.errorCount == errorsBefore) {
            executor.statistics.countFailed(outer.command.pointee.index)
        }
    }

    @inline(__always)
    private static func words(_ words: UnsafeMutablePointer<ByteView>) -> UnsafePointer<ml_view> {
        UnsafeRawPointer(words).assumingMemoryBound(to: ml_view.self)
    }

    @inline(__always)
    private func prepare(
        _ order: ScriptOrder, _ session: SessionPointer, _ output: UnsafeMutablePointer<OutputBuffer>
    ) {
        var new = ScriptRun(output: output, session: session)
        new.kind = order.kind
        let isCompatible = order.flags.contains(.compatible)
        new.isReadOnly = order.isReadOnly || !isCompatible && order.flags.contains(.noWrites)
        new.allowsOOM = !isCompatible && order.flags.contains(.allowOOM)
        new.name = order.name
        new.started = executor.lastTicks
        new.nextLook = new.started &+ lookTicks
        run.initialize(to: new)
    }

    @inline(__always)
    private func restore(_ outer: CallState, _ state: UnsafeMutablePointer<CallState>) {
        state.pointee.arguments = outer.arguments
        state.pointee.argumentCount = outer.argumentCount
        state.pointee.output = outer.output
        state.pointee.version = outer.version
        state.pointee.database = outer.database
        state.pointee.command = outer.command
        state.pointee.keyCount = 0
        state.pointee.held = outer.held
        state.pointee.inTransaction = outer.inTransaction
        state.pointee.deniesWaiting = outer.deniesWaiting
    }

    /// Why the script must not run at all, in the order in which Redis looks (scripts with flags only).
    private func refusal(_ order: ScriptOrder) -> StaticString? {
        if order.flags.contains(.compatible) { return nil }
        if order.isReadOnly && !order.flags.contains(.noWrites) {
            return "ERR Can not execute a script with write flag using *_ro command."
        }
        if executor.isOverMemory && order.flags.isDisjoint(with: [.allowOOM, .noWrites]) {
            return "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
        }
        return nil
    }

    // MARK: locks

    /// Locks what the script may touch. Answers what has to be unlocked again: nothing inside EXEC, which holds it
    /// already, nor while nobody else works on the key space. nil: another script is in the way, past its time limit.
    @inline(__always)
    private func lock(_ order: ScriptOrder, _ call: Call) -> PartitionSet? {
        if _fastPath(!executor.sharesKeyspace) {
            call.state.pointee.held = .all
            return PartitionSet()
        }
        return lockShared(order, call)
    }

    @inline(never)
    private func lockShared(_ order: ScriptOrder, _ call: Call) -> PartitionSet? {
        if call.state.pointee.held.isAll { return PartitionSet() }
        var set = PartitionSet()
        if order.namesItsKeys {
            for i in 0..<order.keyCount { set.insert(Key(call[3 + i]).partition) }
            run.pointee.holdsAll = false
        } else {
            set = .all
        }
        if !executor.lock(set) { return nil }
        call.state.pointee.held = set
        return set
    }

    /// Clients that wait for what the script has written are served before anybody else sees it.
    private func unlock(_ set: PartitionSet) {
        if _slowPath(!executor.state.pointee.aftermath.isEmpty) {
            _ = executor.settle(set)
            return
        }
        let partitions = executor.partitions
        set.forEach { Partition.unlock(partitions + $0) }
    }
}
