import Base
import CSystem
import Commands
import Keyspace

/// When a loop has to wake without an event.
struct ExecutorTimers {
    /// The next tick, on the monotonic clock.
    var next: UInt64 = 0
    /// Quiet ticks after which memory that stands ready for clients is given back.
    static let restAfter = 10
    /// Ticks in a row that found nothing to do.
    var quietTicks = 0
    /// What the last tick saw.
    var commandsSeen: UInt64 = 0
    var lastTick: UInt64 = 0
    /// Commands per second over the last 16 ticks.
    var rates: [Double] = []
    var inputRates: [Double] = []
    var outputRates: [Double] = []
    var inputSeen: UInt64 = 0
    var outputSeen: UInt64 = 0
    /// When active expiry runs next, ms since 1970; `Int64.max`: when a tick finds a deadline.
    var nextExpiry = Int64.max
}

extension Executor {
    /// Milliseconds between ticks (hz).
    private var period: Int { max(2, 1000 / max(1, settings.hz)) }

    /// Nanoseconds for one slice of active expiry: a quarter more for each step of `active-expire-effort`.
    private var expiryBudget: UInt64 {
        Limits.expirySliceNanoseconds / 4 &* UInt64(3 + settings.activeExpireEffort)
    }

    /// A regular look at everything that no event announces.
    func tick(monotonic: UInt64) {
        sample(monotonic)
        watchClients()
        if index == 0 { node.memory.sample() }
        lookForDeadlines()
        if node.cron.isOn { limitRememberedKeys() }
        lookAfterSaving()
        timers.next = monotonic &+ UInt64(period) &* 1_000_000
        timers.lastTick = monotonic
    }

    /// How long the loop may sleep. With nothing connected, expiring or changing, as long as it likes:
    /// an idle server uses no CPU.
    /// How often those are looked after that wait for room.
    private static let roomMilliseconds: Int64 = 2

    func sleepTime(_ monotonic: UInt64) -> Int32 {
        let now = state.pointee.moment.wall
        var wait = expireDue(now)
        if wait == 0 { return 0 }
        if _slowPath(!served.isEmpty) { return 0 }
        if _slowPath(!waitingForRoom.isEmpty) { wait = min(wait, Executor.roomMilliseconds) }
        for client in slowed { wait = min(wait, client.until - now) }
        if let due = deadlines.earliest { wait = min(wait, due - now) }
        if node.pause.until != 0 { wait = min(wait, node.pause.until - now) }
        if needsTicks {
            wait = min(wait, timers.next > monotonic ? Int64((timers.next - monotonic) / 1_000_000) + 1 : 0)
        }
        if snapshots.due != .max {
            let tick = timers.next > monotonic ? Int64((timers.next - monotonic) / 1_000_000) + 1 : 0
            wait = min(wait, max(snapshots.due - now, tick))
        }
        if wait == Int64.max { return -1 }
        return Int32(clamping: max(0, wait))
    }

    /// Ticks go on while there is something that only time brings about.
    private var needsTicks: Bool {
        // Long enough for what idle clients hold to be given back, and for the rates to come down to 0.
        if timers.quietTicks < 30 { return true }
        return settings.timeoutSeconds > 0 && !roster.isEmpty
    }

    private func sample(_ monotonic: UInt64) {
        let seconds = Double(monotonic &- timers.lastTick) / 1e9
        let commands = statistics[.commandsProcessed]
        let input = statistics[.inputBytes], output = statistics[.outputBytes]
        if seconds > 0 && timers.lastTick != 0 {
            Executor.push(&timers.rates, Executor.rise(commands, timers.commandsSeen) / seconds)
            Executor.push(&timers.inputRates, Executor.rise(input, timers.inputSeen) / seconds)
            Executor.push(&timers.outputRates, Executor.rise(output, timers.outputSeen) / seconds)
            publishRates()
        }
        timers.quietTicks = input == timers.inputSeen && paused.isEmpty ? timers.quietTicks + 1 : 0
        if timers.quietTicks == ExecutorTimers.restAfter { isAtRest = true }
        timers.commandsSeen = commands
        timers.inputSeen = input
        timers.outputSeen = output
    }

    /// How far a counter has come. CONFIG RESETSTAT, on any loop, may have set it to 0 in between.
    private static func rise(_ now: UInt64, _ before: UInt64) -> Double { Double(now >= before ? now - before : now) }

    /// Other loops' INFO reads the means from the statistics.
    private func publishRates() {
        func mean(_ rates: [Double]) -> UInt64 { UInt64(rates.reduce(0, +) / Double(max(1, rates.count))) }
        statistics.set(.commandRate, to: mean(timers.rates))
        statistics.set(.inputRate, to: mean(timers.inputRates))
        statistics.set(.outputRate, to: mean(timers.outputRates))
    }

    private static func push(_ rates: inout [Double], _ rate: Double) {
        rates.append(rate)
        if rates.count > 16 { rates.removeFirst() }
    }

    /// Idle timeouts, soft output limits, buffers that have been larger than needed.
    private func watchClients() {
        let now = state.pointee.moment.wall
        let timeout = Int64(settings.timeoutSeconds) * 1000
        for session in roster {
            let link = session.pointee.link
            publish(session)
            let idle = now - session.pointee.activeAt
            if timeout > 0 && idle > timeout && session.pointee.mode.isDisjoint(with: Executor.staying) {
                node.doors.log(.verbose, "Closing idle client")
                close(session, afterReplies: false)
            }
            recentPeaks.note(
                input: max(session.pointee.details.inputPeak, link.pointee.input.capacity),
                output: max(link.pointee.output.peak, link.pointee.output.pending), now: now)
            shrinkInput(session, idle: idle > Limits.idleMilliseconds)
            if idle > Limits.idleMilliseconds {
                link.pointee.output.shrink(keep: 0)
            } else {
                link.pointee.output.shrink(keep: max(Limits.replyBytesFirst, link.pointee.output.peak * 2))
            }
            link.pointee.output.peak = 0
            checkSoftLimit(session, now)
        }
    }

    /// Gives the client's own input buffer back when it is idle, or no longer needs one of that size.
    private func shrinkInput(_ session: SessionPointer, idle: Bool) {
        let link = session.pointee.link
        let capacity = link.pointee.input.capacity
        let peak = session.pointee.details.inputPeak
        session.pointee.details.inputPeak = 0
        guard link.pointee.input.isEmpty, capacity > 0 else { return }
        if idle || (capacity > 2 * Limits.inputRoomShown && peak < capacity / 2) { link.pointee.input.reset() }
    }

    /// Clients that are not idle even if they say nothing.
    private static let staying: SessionMode = [.suspended, .subscribed, .monitor]

    private func checkSoftLimit(_ session: SessionPointer, _ now: Int64) {
        let details = session.pointee.details
        let limit = settings.outputLimits[outputClass(session)]
        guard limit.soft > 0, session.pointee.link.pointee.output.pending > limit.soft else {
            details.softLimitSince = 0
            return
        }
        if details.softLimitSince == 0 {
            details.softLimitSince = now
        } else if now - details.softLimitSince > Int64(limit.softSeconds) * 1000 {
            closeForOutput(session)
        }
    }

    var ticks: UInt64 { cs_ticks() }

    /// Runs a slice of active expiry when it is time. Answers the milliseconds until the next, 0 if more
    /// is due at once, `Int64.max` if nothing is known to expire.
    private func expireDue(_ now: Int64) -> Int64 {
        if _slowPath(now >= timers.nextExpiry) {
            guard node.activeExpiry.isOn, !isLoading else {
                timers.nextExpiry = .max
                cs_store_u64(knownExpiry, UInt64(bitPattern: .max))
                return .max
            }
            let progress = expiry.slice(state.pointee.moment, budget: expiryBudget)
            settleNow()
            let delay = progress.delay(now: now)
            timers.nextExpiry = delay == .max ? .max : now &+ delay
            cs_store_u64(knownExpiry, UInt64(bitPattern: timers.nextExpiry))
        }
        return timers.nextExpiry == .max ? .max : max(0, timers.nextExpiry &- now)
    }

    /// Commands of any loop set deadlines in any partition: a tick finds those that are earlier than what
    /// the partitions' own loop knows of, and wakes it if it sleeps.
    private func lookForDeadlines() {
        guard node.activeExpiry.isOn else { return }
        for executor in node.executors {
            let earliest = executor.expiry.earliestDeadline
            // The lower bound may lie in the past only while its own loop is at work on it.
            guard earliest < Int64.max, earliest &+ 1 < Int64(bitPattern: cs_load_u64(executor.knownExpiry)) else {
                continue
            }
            if executor === self {
                expireBy(earliest &+ 1)
            } else {
                executor.mailbox.post { $0.expireBy(earliest &+ 1) }
            }
        }
    }

    /// Active expiry is to run at this time at the latest, ms since 1970.
    private func expireBy(_ time: Int64) {
        timers.nextExpiry = min(timers.nextExpiry, time)
        cs_store_u64(knownExpiry, UInt64(bitPattern: timers.nextExpiry))
    }
}
