import Base
import Glibc
import Keyspace

/// Frees large memory on a thread of its own, so that no loop waits for it.
final class ThreadedDisposer: Disposer, @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var queue: [@Sendable () -> Void] = []
    private var unfinished = 0
    private var done = 0
    private var started = false

    override init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        super.init()
    }

    override func dispose(_ work: @escaping @Sendable () -> Void) {
        pthread_mutex_lock(mutex)
        queue.append(work)
        unfinished += 1
        // The thread exists from the first use on: most servers in tests never need it.
        if !started {
            started = true
            startThread()
        }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    override var pending: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return unfinished
    }

    override var finished: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return done
    }

    private func startThread() {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in
                let disposer = Unmanaged<ThreadedDisposer>.fromOpaque(raw!).takeRetainedValue()
                disposer.run()
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(thread)
    }

    private func run() -> Never {
        while true {
            pthread_mutex_lock(mutex)
            while queue.isEmpty { pthread_cond_wait(condition, mutex) }
            let work = queue.removeFirst()
            pthread_mutex_unlock(mutex)
            work()
            pthread_mutex_lock(mutex)
            unfinished -= 1
            done += 1
            pthread_mutex_unlock(mutex)
        }
    }
}
