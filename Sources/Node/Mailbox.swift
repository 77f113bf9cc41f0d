import Base

/// Work that other threads leave for a loop. It runs on the loop's thread at the start of its next
/// turn, in order. Posting wakes the loop.
final class Mailbox: @unchecked Sendable {
    typealias Work = @Sendable (Executor) -> Void

    private let lock = SpinLock()
    private var letters: [Work] = []
    /// Wakes the loop; set by the shell before it runs.
    private var wake: @Sendable () -> Void = {}

    func connect(_ wake: @escaping @Sendable () -> Void) { lock.withLock { self.wake = wake } }

    func post(_ work: @escaping Work) {
        let wake = lock.withLock {
            letters.append(work)
            return self.wake
        }
        wake()
    }

    /// None while somebody is posting: that one may have lost its processor, and will wake the loop in any case.
    func take() -> [Work] {
        lock.withLockIfFree {
            if letters.isEmpty { return [] }
            defer { letters = [] }
            return letters
        } ?? []
    }
}
