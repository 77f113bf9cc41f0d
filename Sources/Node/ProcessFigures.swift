import Base
import CSystem

/// What the operating system says of the process; the shell asks it (Doors).
public struct ProcessFigures: Sendable {
    public var processID = 0
    /// "Linux 6.1.0 x86_64".
    public var system = ""
    public var executable = ""
    /// CPU seconds used so far.
    public var systemSeconds = 0.0
    public var userSeconds = 0.0
    /// Of children that have ended.
    public var childSystemSeconds = 0.0
    public var childUserSeconds = 0.0
    /// Of the calling loop's thread.
    public var threadSystemSeconds = 0.0
    public var threadUserSeconds = 0.0
    public var residentBytes = 0
    /// Of the machine.
    public var memoryBytes = 0

    public init() {}
}

/// Memory in use at start, and the most that was seen: looked at several times a second and at every INFO. Any thread.
///
/// Bytes in use are counted thread by thread: jemalloc's own figure takes the locks of all its arenas, and one of those
/// may be held by a thread that has just lost its processor.
final class MemoryGauge: @unchecked Sendable {
    private let lock = SpinLock()
    private var startup = 0
    private var peak = 0
    /// What was in use before anybody counted.
    private let uncounted: Int

    private var lastAllocated = 0
    /// When `excess` last looked, ms since 1970.
    private var lookedAt = Int64.min

    struct Figures {
        /// Bytes in live allocations; in pages with any; mapped; and when the server had started.
        var allocated = 0
        var active = 0
        var resident = 0
        var peak = 0
        var startup = 0
    }

    init() {
        cs_count_thread_memory()
        cs_allocator_refresh()
        // What threads keep for themselves is not in use (4096: all arenas).
        let kept = cs_allocator_figure("stats.arenas.4096.tcache_bytes")
        uncounted = cs_allocator_figure("stats.allocated") - kept - Int(cs_counted_memory())
    }

    /// Bytes in live allocations.
    var allocated: Int { max(0, uncounted + Int(cs_counted_memory())) }

    /// Takes a look, for the peak. The first one tells what the server needs for itself.
    func sample() {
        _ = lock.withLock { noteAllocated() }
    }

    private func noteAllocated() -> Int {
        let allocated = allocated
        if startup == 0 { startup = allocated }
        peak = max(peak, allocated)
        return allocated
    }

    /// All that is known. Asks jemalloc, which may take milliseconds while other threads are busy.
    var figures: Figures {
        cs_allocator_refresh()
        let active = cs_allocator_figure("stats.active"), resident = cs_allocator_figure("stats.resident")
        return lock.withLock {
            let allocated = noteAllocated()
            return Figures(
                allocated: allocated, active: max(active, allocated), resident: max(resident, allocated), peak: peak,
                startup: startup)
        }
    }

    /// Bytes allocated beyond `limit`. Counts once per millisecond, or if the caller knows that much has been filled
    /// meanwhile.
    func excess(over limit: Int, now: Int64, looksAgain: Bool) -> Int {
        lock.withLock {
            if now != lookedAt || looksAgain {
                lastAllocated = allocated
                lookedAt = now
            }
            return lastAllocated - limit
        }
    }

    /// The same, counted now.
    func freshExcess(over limit: Int) -> Int {
        lock.withLock {
            lastAllocated = allocated
            return lastAllocated - limit
        }
    }

    /// "jemalloc-5.3.0".
    static let allocatorName: String = {
        var text: UnsafePointer<CChar>?
        var size = MemoryLayout<UnsafePointer<CChar>?>.size
        guard mallctl("version", &text, &size, nil, 0) == 0, let text else { return "jemalloc" }
        return "jemalloc-" + String(cString: text).prefix { $0 != "-" }
    }()
}

/// The largest input and output of any client of a loop, second by second for the last eight.
/// Written by the loop, read by any.
final class RecentPeaks: @unchecked Sendable {
    private static let seconds = 8
    /// (second, input, output), eight times.
    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: RecentPeaks.seconds * 3)
        words.initialize(repeating: 0, count: RecentPeaks.seconds * 3)
    }

    deinit { words.deallocate() }

    /// `now` in ms since 1970.
    func note(input: Int, output: Int, now: Int64) {
        let second = UInt64(now / 1000)
        let slot = words + Int(second % UInt64(RecentPeaks.seconds)) * 3
        if cs_load_u64(slot) != second {
            cs_store_u64(slot + 1, 0)
            cs_store_u64(slot + 2, 0)
            cs_store_u64(slot, second)
        }
        cs_store_u64(slot + 1, max(cs_load_u64(slot + 1), UInt64(input)))
        cs_store_u64(slot + 2, max(cs_load_u64(slot + 2), UInt64(output)))
    }

    func latest(now: Int64) -> (input: Int, output: Int) {
        var result = (input: 0, output: 0)
        for i in 0..<RecentPeaks.seconds {
            let slot = words + i * 3
            guard cs_load_u64(slot) + UInt64(RecentPeaks.seconds) > UInt64(now / 1000) else { continue }
            result = (max(result.input, Int(cs_load_u64(slot + 1))), max(result.output, Int(cs_load_u64(slot + 2))))
        }
        return result
    }
}
