import Base
import CSystem
import Commands
import Keyspace

/// When a loop looks at what its clients take.
struct ClientEviction {
    /// `maxmemory-clients` in bytes; 0: nothing is looked at.
    var limit = 0
    /// When the next look is due, on the monotonic clock.
    var nextLook: UInt64 = 0
    /// Bytes of all clients when they were last looked at, without those picked then.
    var total = 0
    /// Since when memory is short although clients are within the limit, ms since 1970.
    var shortSince: Int64?

    /// Milliseconds.
    static let patience: Int64 = 5
    /// Nanoseconds between looks, at least; and how many times as long as a look took.
    static let pause: UInt64 = 1_000_000
    static let rest: UInt64 = 20
    /// A limit below this one would shut out everybody, and is taken for this one, as in Redis.
    static let leastLimit = 128 * 1024
}

/// Closing the largest clients while all of them together take `maxmemory-clients` or more (redis.io, "Client
/// eviction"). CLIENT NO-EVICT spares a client, which counts all the same.
extension Executor {
    /// Memory is short. Answers whether keys are spared for now, since clients go first: some have just been picked or are
    /// still being closed, or other loops have yet to end the turns that they are in, and to find theirs too large.
    var isEvictingClients: Bool {
        if clientEviction.limit == 0 || isAttending { return false }
        if evictClients() || node.evictedClients.count > 0 { return true }
        // Too little to be the reason, however much comes in one turn.
        if clientEviction.total < clientEviction.limit / 4 { return false }
        let now = state.pointee.moment.wall
        if clientEviction.shortSince == nil { clientEviction.shortSince = now }
        return now - (clientEviction.shortSince ?? now) < ClientEviction.patience
    }

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

    /// Closes the largest clients, of any loop, until the rest is below the limit. Answers whether there were some: what
    /// they take is free at the end of their loops' turns.
    @discardableResult
    func evictClients() -> Bool {
        publishAll()
        var clients = clientsBySize()
        var hasClosed = false
        while clients.total >= clientEviction.limit, let largest = clients.closable.popLast() {
            clients.total -= largest.bytes
            hasClosed = true
            let id = largest.id
            if largest.loop == index {
                evict(id)
            } else {
                node.executors[largest.loop].mailbox.post { $0.evict(id) }
            }
        }
        clientEviction.total = clients.total
        return hasClosed
    }

    private func evict(_ id: UInt64) {
        guard let session = roster.first(where: { $0.pointee.id == id }), !session.pointee.mode.contains(.closing)
        else { return }
        statistics.add(.evictedClients)
        session.pointee.details.isEvicted = true
        node.evictedClients.change(by: 1)
        node.doors.log(.notice, "Evicting client: \(describeOwn(session))")
        close(session, afterReplies: false)
    }

    private struct Candidate {
        var bytes: Int
        var loop: Int
        var id: UInt64
    }

    /// Bytes of all clients; and those that may be closed, the largest last.
    private func clientsBySize() -> (total: Int, closable: [Candidate]) {
        let now = state.pointee.moment.wall
        var total = 0
        var closable: [Candidate] = []
        for executor in node.executors {
            executor.rosterLock.withLock {
                for session in executor.roster where !session.pointee.details.isGone {
                    let bytes = executor.memory(session, now: now).total
                    total += bytes
                    if session.pointee.details.noEvict { continue }
                    closable.append(Candidate(bytes: bytes, loop: executor.index, id: session.pointee.id))
                }
            }
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
