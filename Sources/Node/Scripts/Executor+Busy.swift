import Base
import CSystem
import Commands
import Keyspace
import Scripting

/// Looking after a loop's other clients while one command takes long: a script, or the wait for a lock that a script
/// on another loop holds.
///
/// The loop is entered again from inside the command (`LinkHandler.attend`) with a second set of everything that a
/// batch is made of. Until a script has run for `busy-reply-threshold`, replies of this turn are sent and connections
/// taken; from then on requests are read, too, and answered with BUSY, but for the few commands that may run.
extension Executor {
    /// What clients are told while a script has been running for too long.
    static func busyText(_ kind: Interpreter.Kind) -> StaticString {
        switch kind {
        case .scripts:
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
        case .functions:
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
        }
    }

    /// One look at the sockets. `session`: the client whose command runs, if one does.
    @inline(never)
    func attend(for session: SessionPointer?) {
        if isAttending { return }
        isAttending = true
        noteTurn()
        let reading = busy.kind != nil
        let held = (session.map(hold) ?? []) + (parsing.map(hold) ?? [])
        var others: [SessionPointer] = []
        if reading { others = putOthersBack(running: session) }
        let outer = swapStorage()
        for other in others { parseOwn(other) }
        runBatch()
        attend(reading)
        runBatch()
        restoreStorage(outer)
        for link in held { link.pointee.state.remove(.held) }
        isAttending = false
    }

    /// A turn's length is the time between two looks at the sockets, these included.
    private func noteTurn() {
        let now = cs_monotonic_ns()
        statistics.add(.turns)
        if now > turnStarted { statistics.raise(.longestTurn, to: now &- turnStarted) }
        turnStarted = now
    }

    /// Keeps the shell from touching a client's link. Answers it if it was not held before.
    private func hold(_ session: SessionPointer) -> [LinkPointer] {
        let link = session.pointee.link
        if link.pointee.state.contains(.held) { return [] }
        link.pointee.state.insert(.held)
        return [link]
    }

    /// Requests of other clients that wait in this batch go back to their inputs, to be answered in their order.
    /// Those of the client whose command runs, and of the one whose bytes are being parsed, stay.
    private func putOthersBack(running session: SessionPointer?) -> [SessionPointer] {
        var others: [SessionPointer] = []
        var kept = batchIndex + 1
        for i in min(batchCount, batchIndex + 1)..<batchCount {
            let request = batch[i]
            if request.session == session || request.session == parsing {
                batch[kept] = request
                kept += 1
            } else if !request.session.pointee.mode.contains(.pushedBack) {
                pushBack(request.session, from: request.start)
                others.append(request.session)
            }
        }
        if batchCount > 0 { batchCount = kept }
        for other in others { other.pointee.mode.remove(.pushedBack) }
        return others
    }

    // MARK: the second set

    /// What a batch in progress is made of.
    struct Storage {
        var batch: UnsafeMutablePointer<Request>
        var batchCount = 0
        var batchIndex = 0
        var arguments: UnsafeMutablePointer<ByteView>
        var argumentsUsed = 0
        var state: UnsafeMutablePointer<CallState>
        var parsing: SessionPointer?
        var lastTicks: UInt64 = 0
        var pausing = false
        var isOverMemory = false
    }

    /// Puts the second set in place; answers the first.
    private func swapStorage() -> Storage {
        let outer = Storage(
            batch: batch, batchCount: batchCount, batchIndex: batchIndex, arguments: arguments,
            argumentsUsed: argumentsUsed, state: state, parsing: parsing, lastTicks: lastTicks, pausing: pausing,
            isOverMemory: isOverMemory)
        let inner = spare ?? makeSpare()
        spare = inner
        use(inner)
        lastTicks = cs_ticks()
        let wall = cs_wall_us()
        wallMicroseconds = wall
        let now = wall / 1000
        state.pointee.held = outer.state.pointee.held
        state.pointee.bulkBytesMax = outer.state.pointee.bulkBytesMax
        state.pointee.countsFrequency = outer.state.pointee.countsFrequency
        state.pointee.moment = Moment(
            wall: now, stamp: AccessStamp.fresh(frequency: state.pointee.countsFrequency, now: now))
        return outer
    }

    private func restoreStorage(_ outer: Storage) {
        use(outer)
        cs_set_thread_value(state.pointee.executor)
    }

    private func use(_ storage: Storage) {
        batch = storage.batch
        batchCount = storage.batchCount
        batchIndex = storage.batchIndex
        arguments = storage.arguments
        argumentsUsed = storage.argumentsUsed
        state = storage.state
        parsing = storage.parsing
        lastTicks = storage.lastTicks
        pausing = storage.pausing
        isOverMemory = storage.isOverMemory
    }

    private func makeSpare() -> Storage {
        let new = UnsafeMutablePointer<CallState>.allocate(capacity: 1)
        new.initialize(to: CallState(keyspace: keyspace, seed: state.pointee.random.next()))
        prepareState(new)
        return Storage(
            batch: .allocate(capacity: Limits.batchCommands), arguments: .allocate(capacity: Limits.batchArguments),
            state: new)
    }

    // MARK: locks that scripts hold

    /// Waits for a partition's lock. Answers false, without it, when a script is past its time limit: then the
    /// command is to be refused.
    @inline(never)
    func waitForLock(_ partition: PartitionPointer) -> Bool {
        while !Partition.lock(partition, microseconds: 1000) {
            if busy.kind != nil { return false }
            attendRunning()
        }
        return true
    }

    /// Locks partitions in order. Answers false, with none of them, when a script is past its time limit.
    func lock(_ set: PartitionSet) -> Bool {
        var taken = PartitionSet()
        var gaveUp = false
        let partitions = partitions
        set.forEach { i in
            if gaveUp { return }
            if Partition.tryLock(partitions + i) || waitForLock(partitions + i) {
                taken.insert(i)
            } else {
                gaveUp = true
            }
        }
        if gaveUp { taken.forEach { Partition.unlock(partitions + $0) } }
        return !gaveUp
    }

    /// A command waits for a lock in the midst of its work, where it cannot give up.
    func attendRunning() {
        let session = state.pointee.session
        attend(for: session == Executor.nobody ? nil : session.assumingMemoryBound(to: Session.self))
    }

    /// Locks a partition where nobody can be refused, looking after the sockets if it takes long.
    func lockPatiently(_ partition: PartitionPointer) {
        if Partition.tryLock(partition) { return }
        while !Partition.lock(partition, microseconds: 1000) { attendRunning() }
    }

    /// BUSY, to a client whose command cannot have its locks.
    @inline(never)
    func refuseBusy(_ session: SessionPointer, _ command: CommandPointer) {
        let text = Executor.busyText(busy.kind ?? .scripts)
        reject(session, command, "\(text)")
    }
}

/// Scripts past their time limit, of all loops. Read by relaxed atomics on every batch.
final class BusyScripts: @unchecked Sendable {
    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: 2)
        words.initialize(repeating: 0, count: 2)
    }

    deinit { words.deallocate() }

    func begin(_ kind: Interpreter.Kind) { _ = cs_add_u64(words + Int(kind.rawValue), 1) }
    func end(_ kind: Interpreter.Kind) { _ = cs_add_u64(words + Int(kind.rawValue), .max) }

    /// nil: none.
    @inline(__always)
    var kind: Interpreter.Kind? {
        if cs_load_u64(words) != 0 { return .scripts }
        return cs_load_u64(words + 1) != 0 ? .functions : nil
    }
}
