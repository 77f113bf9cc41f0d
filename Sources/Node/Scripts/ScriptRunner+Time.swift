import Base
import CSystem
import Commands
import Keyspace
import Scripting

extension ScriptRunner {
    /// How often a running script lets its loop look after other clients.
    private static let lookNanoseconds = 1_000_000.0
    /// How long a library may take to load (Redis' limit).
    private static let loadNanoseconds = 500_000_000.0

    static var lookTicks: UInt64 { UInt64(lookNanoseconds / cs_nanoseconds_per_tick()) }

    /// A look at the clock in the course of a script. 0: it goes on, 1: it is to end, 2: the library takes too long.
    func tick() -> Int32 {
        let now = cs_ticks()
        if let started = loadStarted {
            return Double(now &- started) * cs_nanoseconds_per_tick() > ScriptRunner.loadNanoseconds ? 2 : 0
        }
        if now >= run.pointee.nextLook { look(now) }
        return mustEnd ? 1 : 0
    }

    var mustEnd: Bool { signals.isKilled || executor.isStopping }

    /// The script has been running for some time: others are looked after, and told BUSY if it is past the limit.
    @inline(never)
    func look(_ now: UInt64) {
        if !executor.node.doors.hasRealTime { return run.pointee.nextLook = .max }
        let milliseconds = Int(Double(now &- run.pointee.started) * cs_nanoseconds_per_tick() / 1e6)
        report.show(self)
        let limit = executor.settings.busyReplyThresholdMilliseconds
        if !run.pointee.isBusy && limit > 0 && milliseconds >= limit { becomeBusy(milliseconds) }
        executor.attend(for: run.pointee.session)
        run.pointee.nextLook = cs_ticks() &+ ScriptRunner.lookTicks
    }

    private func becomeBusy(_ milliseconds: Int) {
        run.pointee.isBusy = true
        executor.node.busy.begin(run.pointee.kind)
        let command = run.pointee.kind == .scripts ? "SCRIPT KILL" : "FUNCTION KILL"
        executor.node.doors.log(
            .warning,
            "Slow script detected: still in execution after \(milliseconds) milliseconds. You can try killing the "
                + "script using the \(command) command. Script name is: \(run.pointee.name.text).")
    }

    /// The script has ended.
    @inline(__always)
    func finishTime() {
        if _slowPath(report.isShown) {
            report.hide()
            if run.pointee.isBusy { executor.node.busy.end(run.pointee.kind) }
        }
    }
}

/// What FUNCTION STATS, on any loop, says of a script that has been running for some time.
final class ScriptReport: @unchecked Sendable {
    struct Running {
        let kind: Interpreter.Kind
        let name: [UInt8]
        let words: [[UInt8]]
        fileprivate let started: UInt64

        var milliseconds: Int { Int(Double(cs_ticks() &- started) * cs_nanoseconds_per_tick() / 1e6) }
    }

    private let lock = SpinLock()
    private var running: Running?
    /// For the loop itself.
    private(set) var isShown = false

    /// The words are those of the command that runs the script.
    func show(_ runner: ScriptRunner) {
        if isShown { return }
        isShown = true
        let order = runner.command
        let words = (0..<order.count).map { order.words[$0].bytes }
        lock.withLock {
            running = Running(
                kind: runner.run.pointee.kind, name: runner.run.pointee.name.bytes, words: words,
                started: runner.run.pointee.started)
        }
    }

    func hide() {
        isShown = false
        lock.withLock { running = nil }
    }

    var current: Running? { lock.withLock { running } }
}
