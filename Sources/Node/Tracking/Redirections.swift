import Synchronization

/// Which clients have their invalidation messages sent to clients of other loops (CLIENT TRACKING REDIRECT). A message
/// goes there straight from the loop that changed the key: by way of the caching client's loop it could come after what
/// its receiver sends once it knows of the change.
final class Redirections: Sendable {
    struct Route {
        /// The receiver's id, and its loop.
        var target: UInt64
        var loop: Int
        /// It is not there any more, or about to go.
        var isBroken = false
    }

    /// By `ReaderName`.
    private let routes = Mutex<[UInt64: Route]>([:])
    /// How many there are; relaxed atomic, so that nobody takes the lock in vain.
    private let count = Atomic<Int>(0)

    /// Nil: messages go to the client itself, or to one of its own loop, or it caches nothing.
    func set(_ reader: UInt64, _ route: Route?) {
        if route == nil && count.load(ordering: .relaxed) == 0 { return }
        routes.withLock { routes in
            routes[reader] = route
            count.store(routes.count, ordering: .relaxed)
        }
    }

    /// A client is about to go: whoever redirects to it has to be told at the next occasion.
    func targetLeaves(_ id: UInt64) {
        if count.load(ordering: .relaxed) == 0 { return }
        routes.withLock { routes in
            for (reader, route) in routes where route.target == id { routes[reader]?.isBroken = true }
        }
    }

    func find(_ reader: UInt64) -> Route? {
        if count.load(ordering: .relaxed) == 0 { return nil }
        return routes.withLock { $0[reader] }
    }
}
