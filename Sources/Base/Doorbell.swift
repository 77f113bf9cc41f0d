import CSystem

/// Wakes one thread that sleeps until there is work. Ringing costs an exchange while it is awake. A ring is never
/// lost: one while the thread is busy ends its next wait at once.
public final class Doorbell: @unchecked Sendable {
    private let word: UnsafeMutablePointer<UInt32>

    public init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// From any thread.
    @inline(__always)
    public func ring() { cs_doorbell_ring(word) }

    /// Sleeps until it rings, or so many microseconds; negative: as long as it takes. One thread only.
    public func wait(microseconds: Int64 = -1) { cs_doorbell_wait(word, microseconds) }
}
