import Base
import CSystem
import Keyspace
import Storage

/// Gathers what a loop's running command changes, and logs it as one record before any of its locks goes.
final class CommitLogSink: MutationSink, @unchecked Sendable {
    private let log: Log
    /// The room that a longer record has taken is given back.
    private static let keptBytes = 64 * 1024

    init(_ log: Log) { self.log = log }

    // Only loops change keys once this sink is in place. Their executors outlive it, and are not counted here.
    private var executor: Unmanaged<Executor> { .fromOpaque(cs_thread_value().unsafelyUnwrapped) }

    override func record(_ mutation: Mutation) {
        executor._withUnsafeGuaranteedRef { mutation.encode(to: &$0.openRecord) }
    }

    override func commit() {
        // Threads that are no loop take locks, too, and change nothing.
        if cs_thread_value() == nil { return }
        executor._withUnsafeGuaranteedRef { executor in
            if executor.openRecord.count == 0 { return }
            log.append(executor.openRecord.view)
            executor.hasLogged = true
            if _slowPath(executor.openRecord.count > CommitLogSink.keptBytes) {
                executor.openRecord = ByteBuffer()
            } else {
                executor.openRecord.truncate(to: 0)
            }
        }
    }
}
