import Base
import CSystem
import Commands
import Keyspace

/// What the clients of each loop take, as that loop last found it. Written by the loop, read by all: relaxed atomics.
final class ClientMemoryShares: @unchecked Sendable {
    private let loops: Int
    /// Of each loop: bytes of all its clients, and of the largest one that may be closed.
    private let words: UnsafeMutablePointer<UInt64>

    init(loops: Int) {
        self.loops = loops
        words = .allocate(capacity: 2 * loops)
        words.initialize(repeating: 0, count: 2 * loops)
    }

    deinit { words.deallocate() }

    func publish(_ loop: Int, total: Int, largest: Int) {
        cs_store_u64(words + 2 * loop, UInt64(total))
        cs_store_u64(words + 2 * loop + 1, UInt64(largest))
    }

    var total: Int { (0..<loops).reduce(0) { $0 + Int(cs_load_u64(words + 2 * $1)) } }

    /// The loop with the largest client; nil: no client may be closed.
    var loopOfLargest: Int? {
        let loop = (0..<loops).max { cs_load_u64(words + 2 * $0 + 1) < cs_load_u64(words + 2 * $1 + 1) }
        return loop.flatMap { cs_load_u64(words + 2 * $0 + 1) > 0 ? $0 : nil }
    }
}

/// When a loop looks at what its clients take.
struct ClientEviction {
    /// `maxmemory-clients` in bytes; 0: nothing is looked at.
    var limit = 0
    /// When the next look is due, on the monotonic clock.
    var nextLook: UInt64 = 0

    /// Nanoseconds between looks, at least; and how many times as long as a look took.
    static let pause: UInt64 = 1_000_000
    static let rest: UInt64 = 20
    /// A limit below this one would shut out everybody, and is taken for this one, as in Redis.
    static let leastLimit = 128 * 1024
}

/// Closing the largest clients while all of them together take `maxmemory-clients` or more (redis.io, "Client
/// eviction"). CLIENT NO-EVICT spares a client, which counts all the same.
extension Executor {
    /// At the end of a turn, if there is a limit. Answers after how many milliseconds the next look is due, if what
    /// clients have done meanwhile has not been looked at.
    func lookAtClientMemory(_ monotonic: UInt64) -> Int32? {
        if monotonic < clientEviction.nextLook || isAttending {
            return Int32(clamping: (max(clientEviction.nextLook, monotonic) &- monotonic) / 1_000_000 + 1)
        }
        let started = cs_monotonic_ns()
        evictClients()
        let took = cs_monotonic_ns() &- started
        clientEviction.nextLook = monotonic &+ max(ClientEviction.pause, took &* ClientEviction.rest)
        return nil
    }

    /// The limit may have changed. Loops that sleep must look, too, if there has been none.
    func adoptClientMemoryLimit() {
        let isNew = clientEviction.limit == 0
        clientEviction.limit = settings.clientMemoryLimit
        clientEviction.nextLook = 0
        if !isNew || clientEviction.limit == 0 { return }
        for executor in node.executors where executor !== self { executor.mailbox.post { _ in } }
    }

    /// Closes clients of this loop until the rest is below the limit, or another loop has larger ones: that one goes on.
    /// Answers whether it has closed some: what they take is free at the end of the turn.
    @discardableResult
    func evictClients() -> Bool {
        publishAll()
        var clients = clientsBySize()
        var hasClosed = false
        while true {
            node.clientMemory.publish(index, total: clients.total, largest: clients.closable.last?.bytes ?? 0)
            if node.clientMemory.total < clientEviction.limit { return hasClosed }
            guard let loop = node.clientMemory.loopOfLargest else { return hasClosed }
            if loop != index {
                askToEvict(loop)
                return hasClosed
            }
            let largest = clients.closable.removeLast()
            clients.total -= largest.bytes
            evict(largest.session)
            hasClosed = true
        }
    }

    private func askToEvict(_ loop: Int) {
        node.executors[loop].mailbox.post { $0.clientEviction.nextLook = 0 }
    }

    private func evict(_ session: SessionPointer) {
        statistics.add(.evictedClients)
        node.doors.log(.notice, "Evicting client: \(describeOwn(session))")
        close(session, afterReplies: false)
    }

    /// Bytes of all clients of this loop; and those that may be closed, the largest last.
    private func clientsBySize() -> (total: Int, closable: [(bytes: Int, session: SessionPointer)]) {
        let now = state.pointee.moment.wall
        var total = 0
        var closable: [(bytes: Int, session: SessionPointer)] = []
        for session in roster where !session.pointee.mode.contains(.closing) {
            let bytes = memory(session, now: now).total
            total += bytes
            if !session.pointee.details.noEvict { closable.append((bytes, session)) }
        }
        closable.sort { $0.bytes < $1.bytes }
        return (total, closable)
    }
}

extension Settings {
    /// `maxmemory-clients` in bytes; 0: no limit.
    var clientMemoryLimit: Int {
        let limit =
            switch maxMemoryClients {
            case .bytes(let bytes): bytes
            case .percent(let share): maxMemory / 100 * share + maxMemory % 100 * share / 100
            }
        return limit == 0 ? 0 : max(limit, ClientEviction.leastLimit)
    }
}
