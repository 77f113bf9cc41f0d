import Base
import Keyspace
import Storage

/// Gathers what a loop's running command changes, and logs it as one record before any of its locks goes.
final class CommitLogSink: MutationSink, @unchecked Sendable {
    private let log: Log

    init(_ log: Log) { self.log = log }

    override func record(_ mutation: Mutation) {
        // Only loops change keys once this sink is in place.
        mutation.encode(to: &Executor.current.unsafelyUnwrapped.openRecord)
    }

    override func commit() {
        // Threads that are no loop take locks, too, and change nothing.
        guard let executor = Executor.current else { return }
        if executor.openRecord.count == 0 { return }
        log.append(executor.openRecord.view)
        executor.openRecord.truncate(to: 0)
    }
}
