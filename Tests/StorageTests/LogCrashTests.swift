import Base
import Simulation
import Testing

@testable import Storage

/// What the log promises (docs/durability.md) on a disk that loses, tears and refuses.
@Suite struct LogCrashTests {
    /// A log on a simulated disk, and what is known of it.
    private final class Play {
        let files: SimulatedFileSystem
        let log: Log
        private(set) var appended: UInt64
        /// Sizes are a function of the number, so that recovery can be checked without the play.
        static func record(_ i: UInt64) -> [UInt8] {
            sampleRecord(i, bytes: Int(i &* 131 % 900))
        }

        init(_ files: SimulatedFileSystem, after end: LogEnd = .empty, segmentBytes: Int64) {
            self.files = files
            var options = Log.Options()
            options.segmentBytes = segmentBytes
            log = Log(files, directory: "/data", identity: 5, after: end, options)
            appended = end.last
        }

        func append() {
            appended += 1
            #expect(Self.record(appended).withView { log.append($0) } == appended)
        }

        /// One of the things that happen to a log.
        func step(_ random: inout PRNG) throws(DiskError) {
            switch random.below(4) {
            case 0: try log.sync()
            case 1: try log.write()
            default: for _ in 0...random.below(4) { append() }
            }
        }
    }

    /// Reads what a crash left: whole records from the first on, none missing up to `durable`, none after `appended`.
    @discardableResult
    private func check(
        _ files: SimulatedFileSystem, durable: UInt64, appended: UInt64, _ hint: @autoclosure () -> String
    ) throws -> LogEnd {
        var recovery = LogRecovery(files, directory: "/data", identity: 5)
        var next: UInt64 = 1
        let end = try recovery.run(from: 1) { number, record throws(LogError) in
            #expect(number == next && record.bytes == Play.record(number), "\(hint()), record \(number)")
            next = number + 1
        }
        #expect(end.last == next - 1, "\(hint())")
        #expect(end.last >= durable && end.last <= appended, "\(hint()): \(end.last), \(durable)...\(appended)")
        return end
    }

    private static func disk(_ seed: UInt64, _ faults: DiskFaults = DiskFaults()) -> SimulatedFileSystem {
        SimulatedFileSystem(seed: seed, faults: faults, directories: ["/data"])
    }

    /// Power fails before every call of a run, and each subset of what was pending stays (some of them, if there are
    /// more than 64): recovery finds a prefix with all that was durable, and so does a recovery after it.
    @Test(arguments: 1...6)
    func powerFailsAnywhere(seed: Int) throws {
        let files = Self.disk(UInt64(seed))
        let play = Play(files, segmentBytes: 1500)
        var random = PRNG(seed: UInt64(seed))
        nonisolated(unsafe) var states: [(SimulatedFileSystem, UInt64, UInt64)] = []
        nonisolated(unsafe) let watched = play
        files.beforeEachCall { _ in
            let count = watched.files.pending.count
            let subsets = count <= 6 ? (0..<UInt64(1) << UInt64(count)).map(Keeping.subset) : []
            let sampled = count <= 6 ? [] : (0..<64).map { Keeping.each(seed: UInt64($0)) }
            for keeping in subsets + sampled {
                states.append((watched.files.afterCrash(keeping: keeping), watched.log.durable, watched.appended))
            }
        }
        for _ in 0..<60 { try play.step(&random) }
        files.beforeEachCall(nil)
        for (i, (after, durable, appended)) in states.enumerated() {
            let end = try check(after, durable: durable, appended: appended, "seed \(seed), state \(i)")
            // The next process goes on, and its records come back as well.
            let next = Play(after, after: end, segmentBytes: 1500)
            next.append()
            try next.log.write()
            try next.log.sync()
            try check(after, durable: end.last + 1, appended: end.last + 1, "seed \(seed), state \(i), again")
        }
        #expect(states.count > 150)
    }

    /// Process after process on one disk, each ended by a crash or a kill, some of them in the midst of recovery.
    @Test(arguments: 1...20)
    func livesOfCrashes(seed: Int) throws {
        var random = PRNG(seed: UInt64(seed) &* 77)
        var files = Self.disk(UInt64(seed))
        var durable: UInt64 = 0
        var appended: UInt64 = 0
        // What is there as long as power does not fail.
        var present: UInt64 = 0
        for life in 0..<40 {
            if random.below(4) == 0 {
                present = durable
                // Power fails again while the log is read.
                let half = files.asAnotherProcess()
                half.failAt(1 + Int(random.below(6)), persistent: true)
                _ = try? check(half, durable: durable, appended: appended, "seed \(seed), life \(life), half")
                files = files.crash(keeping: .each(seed: random.next()))
            }
            let end = try check(files, durable: present, appended: appended, "seed \(seed), life \(life)")
            let play = Play(files, after: end, segmentBytes: 3000)
            for _ in 0..<random.below(30) { try play.step(&random) }
            durable = play.log.durable
            appended = play.appended
            present = durable
            if random.below(3) == 0 {
                present = play.log.written
                files = files.kill()
            } else {
                files = files.crash(keeping: .each(seed: random.next()))
            }
        }
        #expect(appended > 100)
    }

    /// Each disk call fails once, in every way: what was written is there in the end, and what was not is told.
    @Test(arguments: [DiskFault.error, .noSpace, .interrupted, .short])
    func everyCallFailsOnce(fault: DiskFault) throws {
        var reached = 0
        for n in 1...200 {
            let files = Self.disk(UInt64(n))
            files.failAt(n, fault)
            let play = Play(files, segmentBytes: 600)
            for _ in 0..<12 {
                for _ in 0..<2 { play.append() }
                do throws(DiskError) {
                    try play.log.write()
                    try play.log.sync()
                } catch {
                    #expect(fault == .error || fault == .noSpace, "\(error)")
                }
            }
            if files.injected == 0 { break }
            reached = n
            do throws(DiskError) {
                try play.log.write()
                try play.log.sync()
                #expect(play.log.durable == play.appended, "\(fault) of call \(n)")
            } catch {
                // Only a sync that failed is for good.
                #expect([.sync, .syncDirectory].contains(error.operation), "\(fault) of call \(n): \(error)")
            }
            try check(
                files.crash(keeping: .nothing), durable: play.log.durable, appended: play.appended,
                "\(fault) of call \(n)")
        }
        #expect(reached >= 20)
    }
}
