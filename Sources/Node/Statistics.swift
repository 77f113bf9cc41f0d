import Base
import CSystem

/// One loop's counters. Written by its own thread with relaxed stores, read by any.
public final class Statistics: @unchecked Sendable {
    /// Per command: calls, ticks, rejected, failed; then the histogram of durations.
    static let commandWords = 4 + histogramBuckets
    /// Four buckets per doubling of nanoseconds.
    static let histogramBuckets = 160

    let commandCount: Int
    /// What a call adds to its command's histogram: 0 while latency-tracking is off.
    var histogramStep: UInt64 = 1
    private let commands: UnsafeMutablePointer<UInt64>
    private let counters: UnsafeMutablePointer<UInt64>

    enum Counter: Int, CaseIterable {
        case commandsProcessed, connectionsReceived, connectionsRejected, inputBytes, outputBytes
        case errorReplies, reads, writes, turns, longestTurn, queryBufferDisconnects, outputBufferDisconnects
        case evictedClients, protocolErrors, largeValues, evictedKeys
        /// After which a client was not read for a while.
        case slowedTurns
        /// In a cluster: replies that were too few, versions sent to replicas that a read found behind, requests of peers that could
        /// not be understood, slots of which something was missing.
        case quorumFailures, readRepairs, peerRequestsRefused, slotsCaughtUp
        case deniedCommands, deniedKeys, deniedChannels, deniedLogins
        /// Not counters but the latest means per second: commands, bytes read, bytes written.
        case commandRate, inputRate, outputRate
    }

    init(commandCount: Int) {
        self.commandCount = commandCount
        // Half a megabyte, of which the commands that nobody uses take nothing.
        let words = Statistics.wordCount(commandCount)
        commands = cs_map_pages(words * 8)!.bindMemory(to: UInt64.self, capacity: words)
        counters = .allocate(capacity: Counter.allCases.count)
        counters.initialize(repeating: 0, count: Counter.allCases.count)
    }

    private static func wordCount(_ commandCount: Int) -> Int { max(1, commandCount) * commandWords }

    deinit {
        cs_unmap_pages(commands, Statistics.wordCount(commandCount) * 8)
        counters.deallocate()
    }

    @inline(__always)
    func add(_ counter: Counter, _ n: Int = 1) {
        let word = counters + counter.rawValue
        cs_store_u64(word, cs_load_u64(word) &+ UInt64(truncatingIfNeeded: n))
    }

    func raise(_ counter: Counter, to value: UInt64) {
        if cs_load_u64(counters + counter.rawValue) < value { cs_store_u64(counters + counter.rawValue, value) }
    }

    func set(_ counter: Counter, to value: UInt64) { cs_store_u64(counters + counter.rawValue, value) }

    subscript(_ counter: Counter) -> UInt64 { cs_load_u64(counters + counter.rawValue) }

    /// Counts a call that took this many ticks, which are `nanoseconds`.
    @inline(__always)
    func count(_ command: Int32, ticks: UInt64) {
        let words = commands + Int(command) &* Statistics.commandWords
        cs_store_u64(words, cs_load_u64(words) &+ 1)
        cs_store_u64(words + 1, cs_load_u64(words + 1) &+ ticks)
        let bucket = words + (4 &+ Statistics.bucket(ticks))
        cs_store_u64(bucket, cs_load_u64(bucket) &+ histogramStep)
    }

    func countRejected(_ command: Int32) {
        let word = commands + (Int(command) * Statistics.commandWords + 2)
        cs_store_u64(word, cs_load_u64(word) &+ 1)
    }

    func countFailed(_ command: Int32) {
        let word = commands + (Int(command) * Statistics.commandWords + 3)
        cs_store_u64(word, cs_load_u64(word) &+ 1)
    }

    /// The histogram bucket of a duration in ticks: its highest bit and the two after it.
    @inline(__always)
    static func bucket(_ ticks: UInt64) -> Int {
        if ticks < 4 { return Int(truncatingIfNeeded: ticks) }
        let high = 63 &- ticks.leadingZeroBitCount
        let bucket = high &* 4 &+ Int(truncatingIfNeeded: (ticks >> UInt64(high &- 2)) & 3) &- 4
        return min(bucket, histogramBuckets &- 1)
    }

    /// The largest duration, in ticks, that falls into a bucket.
    static func bucketLimit(_ bucket: Int) -> UInt64 {
        if bucket < 4 { return UInt64(bucket) }
        let high = UInt64((bucket + 4) / 4), quarter = UInt64(bucket & 3)
        return ((4 + quarter + 1) << (high - 2)) - 1
    }

    struct CommandFigures {
        var calls: UInt64 = 0
        var ticks: UInt64 = 0
        var rejected: UInt64 = 0
        var failed: UInt64 = 0
    }

    func figures(_ command: Int) -> CommandFigures {
        let words = commands + command * Statistics.commandWords
        return CommandFigures(
            calls: cs_load_u64(words), ticks: cs_load_u64(words + 1), rejected: cs_load_u64(words + 2),
            failed: cs_load_u64(words + 3))
    }

    /// Adds a command's histogram to `sums` (`histogramBuckets` long).
    func addHistogram(_ command: Int, to sums: inout [UInt64]) {
        let words = commands + (command * Statistics.commandWords + 4)
        for i in 0..<Statistics.histogramBuckets { sums[i] &+= cs_load_u64(words + i) }
    }

    /// Sets everything to 0 (CONFIG RESETSTAT). A count made at the same moment may survive.
    func reset() {
        // What is 0 may never have been written.
        for i in 0..<commandCount * Statistics.commandWords where cs_load_u64(commands + i) != 0 {
            cs_store_u64(commands + i, 0)
        }
        for counter in Counter.allCases { cs_store_u64(counters + counter.rawValue, 0) }
    }
}
