import CSystem
import Commands
import Keyspace

/// Making room when more memory is in use than `maxmemory`, as `maxmemory-policy` says.
extension Executor {
    /// Compares the memory in use with `maxmemory`, at the start of a batch, and makes room if it may. What may use
    /// more is refused while there is no room to be made.
    func checkMemory() {
        guard settings.maxMemory > 0, isMemoryShort else {
            if settings.maxMemory == 0 { isNearlyFull = false }
            clientEviction.shortSince = nil
            isOverMemory = false
            return
        }
        // Clients go before keys do.
        if isEvictingClients {
            isOverMemory = false
            return
        }
        isOverMemory = !makeRoom()
        if isOverMemory { pausing = true }
    }

    /// What is evicted: keys, as `maxmemory-policy` says; or, where none may be lost, values that the tree has. Nil:
    /// nothing.
    private var victims: Eviction.Victims? {
        let policy = settings.maxMemoryPolicy
        if policy != .noEviction { return policy.onlyVolatile ? .volatileKeys : .keys }
        return persistence == nil ? nil : .savedValues
    }

    /// A client whose request needs memory waits while room is being made: until what has changed is in the tree, so
    /// that it may leave memory. Answers false if there is no hope, and the request is refused.
    func waitForRoom(_ session: SessionPointer, from start: UnsafeMutablePointer<UInt8>) -> Bool {
        guard settings.maxMemoryPolicy == .noEviction, let keeper = persistence?.keeper, !refusesWrites,
            !isAttending, keeper.mayMakeRoom
        else { return false }
        session.pointee.mode.insert(.suspended)
        setBlock(session, .waitingForRoom)
        waitingForRoom.append(session)
        pushBack(session, from: start)
        return true
    }

    /// Between turns: lets those go on that waited for room, if there is some, or no hope any more.
    func resumeWaitingForRoom() {
        checkMemory()
        if isOverMemory && persistence?.keeper?.mayMakeRoom ?? false { return }
        let all = waitingForRoom
        waitingForRoom = []
        for session in all { resume(session) }
    }

    /// After CONFIG SET, whose client's transaction may hold locks: room is made later.
    func recheckMemory() {
        if settings.maxMemoryPolicy != .noEviction {
            isOverMemory = false
            isMakingRoom = settings.maxMemory > 0
            return
        }
        isOverMemory = settings.maxMemory > 0 && isMemoryShort
        if isOverMemory { pausing = true }
    }

    /// Goes on making room at the start of a turn, if the time was not enough the last time.
    func goOnMakingRoom() {
        isMakingRoom = false
        if settings.maxMemory > 0 && isMemoryShort { _ = makeRoom() }
    }

    private var isMemoryShort: Bool {
        let allocated = cs_thread_allocated()
        let hasFilledMuch = allocated &- allocatedAtLook > Executor.bytesUnseen
        if hasFilledMuch { allocatedAtLook = allocated }
        let now = state.pointee.moment.wall
        let excess = node.memory.excess(over: memoryLimit, now: now, looksAgain: hasFilledMuch)
        isNearlyFull = excess > -settings.maxMemory / 16
        return excess > 0
    }

    /// By what the log's buffers have grown does not count, as in Redis: what is evicted is logged, and would have more
    /// evicted.
    private var memoryLimit: Int { settings.maxMemory + (persistence?.logMemory ?? 0) }

    /// Bytes that a loop may fill before it asks the allocator again within the same millisecond.
    private static let bytesUnseen: UInt64 = 32 * 1024

    /// Evicts keys until there is enough room or the time is up (then it goes on in the next turn). Answers false
    /// if there is nothing to evict.
    private func makeRoom() -> Bool {
        let policy = settings.maxMemoryPolicy
        guard let victims, !isAttending, state.pointee.held.isEmpty else { return false }
        // While clients are paused nothing may change.
        if node.pause.until > state.pointee.moment.wall { return true }
        let started = cs_monotonic_ns()
        let end = started &+ timeToMakeRoom
        var excess = node.memory.freshExcess(over: memoryLimit)
        var isDone = true
        var evicted = 0
        while excess > 0 {
            let before = cs_thread_balance()
            let outcome = eviction.evictOne(
                victims, by: victims == .savedValues ? .recency : policy.measure, samples: settings.maxMemorySamples,
                state.pointee.moment, &state.pointee.random)
            if outcome == .none {
                isDone = false
                if victims == .savedValues { persistence?.keeper?.requestRoom() }
                break
            }
            if outcome == .evicted {
                evicted += 1
                excess -= max(0, Int(before &- cs_thread_balance()))
                if excess <= 0 || evicted % 16 == 0 { excess = node.memory.freshExcess(over: memoryLimit) }
            }
            if cs_monotonic_ns() >= end {
                isMakingRoom = excess > 0
                break
            }
        }
        if victims != .savedValues { statistics.add(.evictedKeys, evicted) }
        noteLatency("eviction-cycle", microseconds: Int((cs_monotonic_ns() &- started) / 1000))
        if pushes.areUnfinished { finishPushes() }
        // What the disposer has yet to free is as good as free.
        return isDone || !node.doors.disposer.isIdle
    }

    /// `maxmemory-eviction-tenacity` in nanoseconds, as Redis reads it: 50 us per step up to 10, then 15 % more per
    /// step, at 100 without end.
    private var timeToMakeRoom: UInt64 {
        let tenacity = settings.evictionTenacity
        if tenacity <= 10 { return UInt64(max(0, tenacity)) * 50_000 }
        if tenacity >= 100 { return UInt64(Int64.max) }
        var time = 500_000.0
        for _ in 10..<tenacity { time *= 1.15 }
        return UInt64(time)
    }
}

extension EvictionPolicy {
    fileprivate var measure: Eviction.Measure {
        switch self {
        case .volatileLRU, .allKeysLRU: .recency
        case .volatileLFU, .allKeysLFU: .frequency
        case .volatileTTL: .deadline
        case .volatileRandom, .allKeysRandom, .noEviction: .none
        }
    }
}
