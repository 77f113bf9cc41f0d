import Base
import CSystem

/// A process's view of a disk. What it holds is guarded by the disk's lock.
final class DiskProcess: @unchecked Sendable {
    let number: Int
    var isAlive = true
    var beforeEachCall: (@Sendable (DiskCall) -> Void)?

    init(_ number: Int) { self.number = number }
}

/// A disk and the system that serves it to processes. Any thread may call.
final class Disk: @unchecked Sendable {
    private let lock = SpinLock()
    private var state: DiskState
    private var source: FaultSource
    private var trace: CallTrace
    private var processes = 0
    private var isDead = false

    init(_ state: DiskState, _ source: FaultSource, _ trace: CallTrace = CallTrace()) {
        self.state = state
        self.source = source
        self.trace = trace
    }

    func newProcess() -> DiskProcess {
        lock.withLock {
            processes += 1
            return DiskProcess(processes)
        }
    }

    /// For what is no call: tests' questions and interventions.
    func withState<R>(_ body: (inout DiskState) -> R) -> R { lock.withLock { body(&state) } }

    func withSource<R>(_ body: (inout FaultSource) -> R) -> R { lock.withLock { body(&source) } }

    var traceText: String { lock.withLock { trace.text } }

    func note(_ text: String) { lock.withLock { trace.note(text) } }

    func set(_ hook: (@Sendable (DiskCall) -> Void)?, for process: DiskProcess) {
        var old = hook
        lock.withLock { swap(&old, &process.beforeEachCall) }
        // What the old one held goes here, outside the lock: files close with it.
        _ = old
    }

    // MARK: Calls

    typealias Body = (inout DiskState, inout FaultSource, DiskCall, DiskFault?) throws(Refusal) -> Int64

    /// Does a call, or has it go wrong. The answer is the system's: minus its number for a refusal.
    func call(_ call: DiskCall, by process: DiskProcess, _ body: Body) -> Int64 {
        var call = call
        if let hook = lock.withLock({ process.beforeEachCall }) {
            call.number = lock.withLock { source.calls + 1 }
            hook(call)
        }
        return lock.withLock {
            if isDead || !process.isAlive { return -Int64(EIO) }
            let fault = source.next(&call)
            let answer = answer(call, fault, body)
            trace.append(call, fault, answer)
            return answer
        }
    }

    private func answer(_ call: DiskCall, _ fault: DiskFault?, _ body: Body) -> Int64 {
        // A write or sync that fails has effects, which the body knows.
        if let code = fault?.code, !(fault == .error && call.kind == .write || call.kind == .sync) {
            return -Int64(code)
        }
        do {
            return try body(&state, &source, call, fault)
        } catch {
            return -Int64(error.code)
        }
    }

    func close(_ handle: Int) { lock.withLock { state.close(handle) } }

    // MARK: Ends

    /// The disk as a process finds it that starts after a power failure at this moment. This one goes on.
    func copyAfterCrash(_ keeping: Keeping) -> Disk {
        copy { (state: inout DiskState, trace: inout CallTrace) in
            state.crash(keeping)
            trace.note("power failure")
        }
    }

    /// The disk as a process finds it that starts after all others were killed at this moment. This one goes on.
    func copyAfterKill() -> Disk {
        copy { (state: inout DiskState, trace: inout CallTrace) in
            state.endProcesses()
            trace.note("killed")
        }
    }

    private func copy(_ change: (inout DiskState, inout CallTrace) -> Void) -> Disk {
        lock.withLock {
            var (state, source, trace) = (state, source, trace)
            change(&state, &trace)
            source.forgetPlans()
            return Disk(state, source, trace)
        }
    }

    /// From now on every call answers EIO.
    func end() { lock.withLock { isDead = true } }

    func end(_ process: DiskProcess) {
        set(nil, for: process)
        lock.withLock {
            process.isAlive = false
            state.closeAll(of: process.number)
            source.forgetPlans()
            trace.note("process \(process.number) killed")
        }
    }
}
