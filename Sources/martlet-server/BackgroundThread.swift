import CSystem
import Glibc
import Node

/// Threads that nobody waits for: the node's background work (`Doors.spawn`) and the server's own.
enum BackgroundThread {
    private final class Work {
        let name: String
        let priority: ThreadPriority
        let body: @Sendable () -> Void

        init(_ name: String, _ priority: ThreadPriority, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.priority = priority
            self.body = body
        }
    }

    /// The thread ends with its work.
    static func start(_ name: String, _ priority: ThreadPriority = .usual, _ body: @escaping @Sendable () -> Void) {
        let isStarted = startIfPossible(name, priority, body)
        precondition(isStarted, "cannot start a thread")
    }

    /// The same; answers false if the system has no thread to give.
    @discardableResult
    static func startIfPossible(
        _ name: String, _ priority: ThreadPriority = .usual, _ body: @escaping @Sendable () -> Void
    ) -> Bool {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(name, priority, body))
        let failure = pthread_create(
            &thread, nil,
            { raw in
                let work = Unmanaged<Work>.fromOpaque(raw!).takeRetainedValue()
                cs_begin_thread(work.name)
                switch work.priority {
                case .usual: break
                case .low: cs_make_thread_low()
                case .idle: cs_make_thread_idle()
                }
                work.body()
                return nil
            }, work.toOpaque())
        if failure != 0 {
            work.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}
