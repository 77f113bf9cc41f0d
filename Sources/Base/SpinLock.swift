import CSystem

/// A lock for short critical sections: spins about a microsecond, then sleeps on a futex.
/// Lives at a fixed address (it is the address that threads sleep on).
public final class SpinLock: @unchecked Sendable {
    private let word: UnsafeMutablePointer<UInt32>

    public init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// Runs `body` with the lock held. Not reentrant; nothing that may wait belongs in it.
    @inline(__always)
    public func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        cs_lock(word)
        defer { cs_unlock(word) }
        return try body()
    }

    /// The same if the lock is free; nil: somebody has it.
    @inline(__always)
    public func withLockIfFree<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R? {
        if cs_try_lock(word) == 0 { return nil }
        defer { cs_unlock(word) }
        return try body()
    }
}
