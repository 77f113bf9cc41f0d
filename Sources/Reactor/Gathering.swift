/// Decides how long a busy loop waits before it looks for input again, so that one turn serves several
/// clients (interrupt moderation, as network cards do it).
///
/// Every turn has a price that does not depend on how many clients it serves: waking up, epoll, cold
/// caches. A server that is faster than its clients would pay it for each of them. The wait is bounded
/// by `waitMax`, and happens only while many clients are active at a high rate: with few clients, or a
/// low rate, a loop never waits; when turns are full by themselves, neither.
struct Gathering {
    /// Reads that a turn should find.
    static let readsWanted = 16
    /// Microseconds.
    static let waitMax: UInt32 = 200
    /// Of the active clients at most one in so many is kept waiting: the others keep the wire busy.
    static let share = 3
    /// Nanoseconds over which rate and number of clients are taken.
    static let window: UInt64 = 2_000_000
    /// Active clients below which a loop never waits: they may all be waiting for it.
    static let clientsMin = 24
    /// Reads per millisecond below which a wait would delay more than it gathers.
    static let rateMin: UInt64 = 60

    /// Tells links that were read in this window from others.
    private(set) var generation: UInt32 = 1
    private var begun: UInt64 = 0
    private var reads: UInt64 = 0
    private var clients = 0
    /// Microseconds to wait after a turn that found few reads; 0: none.
    private var wait: UInt32 = 0
    private var readsBefore: UInt64 = 0

    /// A link was read; `last` is the generation of its last read.
    @inline(__always)
    mutating func note(_ last: inout UInt32) {
        reads &+= 1
        if last != generation {
            last = generation
            clients &+= 1
        }
    }

    /// At the end of a turn: microseconds to wait before the next.
    @inline(__always)
    mutating func afterTurn(monotonic: UInt64) -> UInt32 {
        let found = reads &- readsBefore
        if _slowPath(monotonic &- begun >= Gathering.window) { close(monotonic) }
        readsBefore = reads
        return found > 0 && found < UInt64(Gathering.readsWanted) ? wait : 0
    }

    private mutating func close(_ monotonic: UInt64) {
        let elapsed = max(1, (monotonic &- begun) / 1000)
        let rate = reads &* 1000 / elapsed
        let wanted = UInt64(min(Gathering.readsWanted, clients / Gathering.share))
        let isWorthwhile = rate >= Gathering.rateMin && clients >= Gathering.clientsMin
        wait = isWorthwhile ? min(Gathering.waitMax, UInt32(wanted &* 1000 / rate)) : 0
        begun = monotonic
        reads = 0
        clients = 0
        generation &+= 1
    }
}
