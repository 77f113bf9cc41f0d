import Base
import CSystem
import Keyspace
import Storage
import Synchronization

/// Gathers what a loop's running command changes, and logs it as one record before any of its locks goes.
final class CommitLogSink: MutationSink, @unchecked Sendable {
    private let log: Log
    /// What begins the next record: of actors whose dots may be in it. With `isHeld` set whenever it is not empty.
    private let preface = Mutex<[UInt8]>([])
    private let isHeld: UnsafeMutablePointer<UInt32>
    /// The room that a longer record has taken is given back.
    private static let keptBytes = 64 * 1024

    init(_ log: Log) {
        self.log = log
        isHeld = .allocate(capacity: 1)
        isHeld.initialize(to: 0)
    }

    deinit { isHeld.deallocate() }

    /// What this mutation says is in the log before whatever is recorded from now on. It is not worth a record of its own:
    /// it concerns nobody until then.
    func precede(with mutation: Mutation) {
        var bytes = ByteBuffer(capacity: 256)
        mutation.encode(to: &bytes)
        preface.withLock { $0 = bytes.view.bytes }
        cs_store_release_u32(isHeld, 1)
    }

    /// The first record after `precede`. Other loops wait: theirs come later.
    private func appendWithPreface(_ record: ByteView) {
        preface.withLock { preface in
            var whole = ByteBuffer(capacity: preface.count + record.count)
            preface.withView { whole.append($0) }
            whole.append(record)
            preface = []
            log.append(whole.view)
            cs_store_release_u32(isHeld, 0)
        }
    }

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
            if _slowPath(cs_load_acquire_u32(isHeld) != 0) {
                appendWithPreface(executor.openRecord.view)
            } else {
                log.append(executor.openRecord.view)
            }
            executor.hasLogged = true
            if _slowPath(executor.openRecord.count > CommitLogSink.keptBytes) {
                executor.openRecord = ByteBuffer()
            } else {
                executor.openRecord.truncate(to: 0)
            }
        }
    }
}
