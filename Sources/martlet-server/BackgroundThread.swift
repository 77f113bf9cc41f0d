import CSystem
import Glibc
import Node

/// Runs the node's background work (`Doors.spawn`).
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
    static func start(_ name: String, _ priority: ThreadPriority, _ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
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
            }, Unmanaged.passRetained(Work(name, priority, body)).toOpaque())
        precondition(failure == 0, "cannot start a thread")
        pthread_detach(thread)
    }
}
