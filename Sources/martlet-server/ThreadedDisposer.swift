import Base
import Glibc
import Keyspace
import Node

/// Frees large memory on a thread of its own, so that no loop waits for it.
final class ThreadedDisposer: Disposer, @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private struct Item {
        let objects: Int
        let work: @Sendable () -> Void
    }

    private var queue: [Item] = []
    /// Items handed over and not done, and their objects.
    private var unfinished = 0
    private var waiting = 0
    private var done = 0
    private var started = false

    override init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        super.init()
    }

    override func dispose(objects: Int, _ work: @escaping @Sendable () -> Void) {
        pthread_mutex_lock(mutex)
        queue.append(Item(objects: objects, work: work))
        unfinished += 1
        waiting += objects
        // The thread exists from the first use on: most servers in tests never need it.
        if !started {
            started = true
            BackgroundThread.startIfPossible("disposer", .low) { [self] in run() }
        }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    override var isIdle: Bool { withLock { unfinished == 0 } }

    override var pending: Int { withLock { waiting } }

    override var finished: Int { withLock { done } }

    override func resetStatistics() { withLock { done = 0 } }

    private func withLock<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    private func finish(_ item: Item) {
        item.work()
        withLock {
            unfinished -= 1
            waiting -= item.objects
            done += item.objects
        }
    }

    private func run() -> Never {
        while true {
            pthread_mutex_lock(mutex)
            while queue.isEmpty { pthread_cond_wait(condition, mutex) }
            let items = queue
            queue = []
            pthread_mutex_unlock(mutex)
            for item in items { finish(item) }
        }
    }
}
