import Base
import CSystem
import Storage
import Synchronization

/// How fast, and how often, everything on disk is read to see whether it still is what it was.
struct ScrubTerms: Equatable, Sendable {
    /// 0: never.
    var bytesPerSecond = 0
    /// From one round's beginning to the next one's.
    var intervalSeconds: Int64 = 0
}

/// Goes through all tables and complete segments of the log, slowly, round after round, and says where there is rot
/// (Bairavasundaram et al., "An analysis of latent sector errors in disk drives", SIGMETRICS 2007: what nobody reads rots
/// unseen). One thread, an idle one; the first round begins with the server.
final class Scrubber: @unchecked Sendable {
    /// What INFO shows.
    struct Figures: Sendable {
        var isAtWork = false
        /// Rounds that came to their end, and when the last one did, in seconds since 1970; 0: none has.
        var rounds: UInt64 = 0
        var lastRound: Int64 = 0
        var bytes: Int64 = 0
        /// Tables and segments that could not be read or were damaged, again in each round.
        var damage: UInt64 = 0
    }

    private enum Place {
        /// Until then, in seconds since 1970.
        case resting(Int64)
        case tables
        /// At those whose first record's number is higher than this.
        case segments(UInt64)
    }

    private struct State {
        var terms = ScrubTerms()
        var figures = Figures()
    }

    private let tree: Tree
    private let log: Log
    private let report: @Sendable (LogLevel, String) -> Void
    private let bell = Doorbell()
    private let state = Mutex(State())
    /// Whether it is to end, and whether it has.
    private let flags: UnsafeMutablePointer<UInt32>

    // The thread's.
    private var place = Place.resting(0)
    private var beganAt: Int64 = 0
    /// Bytes of segments that were allowed and not read.
    private var allowance: Int64 = 0

    init(_ tree: Tree, _ log: Log, report: @escaping @Sendable (LogLevel, String) -> Void) {
        self.tree = tree
        self.log = log
        self.report = report
        flags = .allocate(capacity: 2)
        flags.initialize(repeating: 0, count: 2)
    }

    deinit { flags.deallocate() }

    // MARK: from any thread

    /// `scrub-rate` and `scrub-interval`; CONFIG SET changes them.
    var terms: ScrubTerms {
        get { state.withLock { $0.terms } }
        set {
            state.withLock { $0.terms = newValue }
            bell.ring()
        }
    }

    var figures: Figures { state.withLock { $0.figures } }

    /// Has the thread end.
    func askToEnd() {
        cs_store_release_u32(flags, 1)
        bell.ring()
    }

    var hasEnded: Bool { cs_load_acquire_u32(flags + 1) != 0 }

    // MARK: the thread's

    /// - Parameter whenLogIsDamaged: a segment is not what it was: what it holds is in memory, and had better be saved.
    func run(whenLogIsDamaged: () -> Void) {
        while cs_load_acquire_u32(flags) == 0 {
            let seconds = tick(now: cs_wall_us() / 1_000_000, whenLogIsDamaged)
            bell.wait(microseconds: seconds < 0 ? -1 : seconds * 1_000_000)
        }
        cs_store_release_u32(flags + 1, 1)
    }

    /// Does what a second allows, in seconds since 1970. Answers after how many more it wants to be called again; -1: not
    /// before the terms change.
    func tick(now: Int64, _ whenLogIsDamaged: () -> Void) -> Int64 {
        let terms = terms
        if terms.bytesPerSecond == 0 { return -1 }
        switch place {
        case .resting(let end):
            // The interval may be another one since; the clock, too.
            let due = min(end, beganAt + terms.intervalSeconds)
            if now < due && now >= beganAt { return due - now }
            begin(now)
        case .tables: scrubTables(terms.bytesPerSecond)
        case .segments(let last): scrubSegments(after: last, terms, now, whenLogIsDamaged)
        }
        return 1
    }

    private func begin(_ now: Int64) {
        beganAt = now
        place = .tables
        state.withLock { $0.figures.isAtWork = true }
    }

    private func scrubTables(_ bytes: Int) {
        let found = tree.scrub(bytes: bytes)
        count(found.bytes)
        for damage in found.damage { tell("\(damage.error)") }
        if !found.isRoundDone { return }
        place = .segments(0)
        allowance = 0
    }

    private func scrubSegments(after last: UInt64, _ terms: ScrubTerms, _ now: Int64, _ whenLogIsDamaged: () -> Void) {
        allowance += Int64(terms.bytesPerSecond)
        var last = last
        while let segment = log.closedSegments.first(where: { $0.first > last }) {
            if allowance < segment.bytes { return place = .segments(last) }
            allowance -= segment.bytes
            last = segment.first
            do throws(LogError) {
                if try log.verify(segment) { count(segment.bytes) }
            } catch {
                tell("\(error)")
                whenLogIsDamaged()
            }
        }
        place = .resting(beganAt + terms.intervalSeconds)
        state.withLock {
            $0.figures.isAtWork = false
            $0.figures.rounds += 1
            $0.figures.lastRound = now
        }
    }

    private func count(_ bytes: Int64) { state.withLock { $0.figures.bytes += bytes } }

    private func tell(_ text: String) {
        state.withLock { $0.figures.damage += 1 }
        report(.warning, "Scrubbing found damage: \(text)")
    }
}

extension TreeKeeper {
    /// Takes over what CONFIG SET has changed.
    func adopt(_ settings: Settings) {
        if compactor.pace != settings.writePace { compactor.pace = settings.writePace }
        if scrubber.terms != settings.scrubTerms { scrubber.terms = settings.scrubTerms }
    }
}
