import Base
import CSystem
import Glibc
import Keyspace
import Node
import Storage

/// Reads what the server keeps on disk, on a thread of its own. While that takes long, loops answer LOADING.
final class Loader: @unchecked Sendable {
    private let node: Node
    private let log: LogFile
    /// Until it is read: whoever has it keeps other processes, and a later start of logging, from it.
    private var directory: DataDirectory?
    private let lock = SpinLock()
    private let bell = cs_eventfd()
    private var isRead = false
    private var loopsRun = false
    private var libraries: [[UInt8]] = []
    private var finished: @Sendable () -> Void = {}

    /// Milliseconds for which clients wait to be taken, rather than be told LOADING.
    private static let patience: Int32 = 200
    private static let reportSeconds: UInt32 = 2

    /// `directory`: of the log; nil: what there may be is an RDB file.
    init(_ node: Node, _ log: LogFile, _ directory: DataDirectory?) {
        self.node = node
        self.log = log
        self.directory = directory
    }

    /// Begins to read, and waits a little. The loops may run when this returns. `finished`: what is to be done once
    /// everything is in force, on the main thread or a loop's.
    func start(finished: @escaping @Sendable () -> Void) {
        self.finished = finished
        node.beginLoading()
        BackgroundThread.start("loader") { [self] in read() }
        var waiting = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, Loader.patience)
        let isRead = lock.withLock {
            loopsRun = !self.isRead
            return self.isRead
        }
        if isRead { return takeOver(loopsRun: false) }
        BackgroundThread.start("loader-log") { [self] in reportProgress() }
    }

    private func read() {
        let started = cs_monotonic_ns()
        if let directory = directory.take() { readLog(directory) } else { readSnapshot() }
        let seconds = Double((cs_monotonic_ns() - started) / 1_000_000) / 1000
        let handsOver = lock.withLock {
            isRead = true
            return loopsRun
        }
        log.write(.verbose, "Reading took \(seconds) s")
        cs_eventfd_signal(bell)
        if handsOver { node.post { [self] in takeOver(loopsRun: true) } }
    }

    private func readLog(_ directory: DataDirectory) {
        do throws(RecoveryError) {
            let report = try node.recover(directory)
            libraries = try report.librarySources()
            log.write(.notice, "Log read: \(report.mutations) changes in \(report.records) records")
        } catch {
            giveUp("cannot start from the log: \(error)")
        }
    }

    private func readSnapshot() {
        do throws(SnapshotError) {
            guard let report = try node.loadSnapshot() else { return }
            libraries = report.libraries
            var text = "RDB file read: keys loaded: \(report.keys), keys expired: \(report.expired)"
            if report.empty > 0 { text += ", empty keys skipped: \(report.empty)" }
            log.write(.notice, text)
        } catch {
            giveUp("cannot start from \(node.snapshotPath): \(error)")
        }
    }

    private func takeOver(loopsRun: Bool) {
        do throws(SnapshotError) {
            try node.finishLoading(libraries, loopsRun: loopsRun)
        } catch {
            giveUp("cannot start from \(node.snapshotPath): \(error)")
        }
        finished()
    }

    /// One line; other threads run already.
    private func giveUp(_ text: String) -> Never {
        writeText(2, "martlet-server: \(text)\n")
        _exit(1)
    }

    private func reportProgress() {
        while true {
            sleep(Loader.reportSeconds)
            if lock.withLock({ isRead }) { return }
            log.write(.notice, node.loadingShown)
        }
    }
}
