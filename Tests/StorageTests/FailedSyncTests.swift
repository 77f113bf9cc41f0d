import Base
import Simulation
import Testing

@testable import Storage

/// What a sync that failed, or never came about, means for the next process: the system's cache shows what the disk
/// does not have (fsyncgate), and names of files and directories may still vanish.
@Suite struct FailedSyncTests {
    private static func disk(_ seed: Int = 1) -> SimulatedFileSystem {
        SimulatedFileSystem(seed: UInt64(seed), directories: ["/data"])
    }

    private static func log(
        _ files: SimulatedFileSystem, after end: LogEnd = .empty, segmentBytes: Int64 = 1 << 20
    ) -> Log {
        var options = Log.Options()
        options.segmentBytes = segmentBytes
        return Log(files, directory: "/data", identity: 5, after: end, options)
    }

    private static func record(_ i: UInt64) -> [UInt8] {
        sampleRecord(i, bytes: Int(i &* 131 % 3000))
    }

    private static func append(_ numbers: ClosedRange<UInt64>, to log: Log) {
        for i in numbers { #expect(record(i).withView { log.append($0) } == i) }
    }

    /// Reads the log; its records are what they were.
    @discardableResult
    private static func recover(_ files: SimulatedFileSystem, from start: UInt64 = 1) throws(LogError) -> LogEnd {
        var recovery = LogRecovery(files, directory: "/data", identity: 5)
        return try recovery.run(from: start) { number, bytes throws(LogError) in
            #expect(bytes.bytes == record(number), "record \(number)")
        }
    }

    // MARK: the log

    /// A sync of a segment's beginning that failed, of the file or of the directory, ends the log: the next sync would
    /// succeed, and prove nothing.
    @Test(arguments: [DiskError.Operation.sync, .syncDirectory], [DiskFault.error, .noSpace])
    func aSegmentsBeginningIsNotSyncedAgain(operation: DiskError.Operation, fault: DiskFault) throws {
        let files = Self.disk()
        let log = Self.log(files)
        Self.append(1...3, to: log)
        files.failAt(1, fault, of: operation)
        #expect(throws: DiskError.self) { try log.write() }
        for _ in 0..<3 {
            #expect(throws: DiskError.self) { try log.write() }
            #expect(throws: DiskError.self) { try log.sync() }
        }
        #expect(log.written == 0 && log.durable == 0)
        #expect(try Self.recover(files.crash(keeping: .nothing)).last == 0)
    }

    /// What the next process reads after a sync that failed, it may show: so it must be there after a loss of power.
    @Test(arguments: 1...30)
    func theCacheIsNotBelievedAfterAFailedSync(seed: Int) throws {
        var files = Self.disk(seed)
        let log = Self.log(files)
        Self.append(1...4, to: log)
        try log.write()
        try log.sync()
        for batch in 0..<3 as Range<UInt64> {
            Self.append(5 + batch * 4...8 + batch * 4, to: log)
            try log.write()
        }
        files.failAt(1, .error, of: .sync)
        #expect(throws: DiskError.self) { try log.sync() }
        files = files.kill()
        let end = try Self.recover(files)
        #expect(end.last == 16)
        #expect(try Self.recover(files.crash(keeping: .nothing)).last == 16)
    }

    /// Old segments were removed, and a crash brings back any of them.
    @Test func removedSegmentsComeBackInAnyCombination() throws {
        let files = Self.disk()
        let log = Self.log(files, segmentBytes: 800)
        for i in 1...12 as ClosedRange<UInt64> {
            Self.append(i...i, to: log)
            try log.write()
        }
        try log.sync()
        let starts = log.segmentStarts
        try #require(starts.count >= 6)
        let needed = starts[4]
        try log.removeSegments(before: needed)
        let pending = files.pending.count
        #expect(pending == 4)
        for bits in 0..<UInt64(1) << UInt64(pending) {
            let after = files.afterCrash(keeping: .subset(bits))
            let end = try Self.recover(after, from: needed)
            #expect(end.last == 12 && end.segments == Array(starts[4...]), "\(bits)")
            #expect(!after.paths.contains("/data/" + LogFormat.segmentName(starts[3])), "\(bits)")
        }
    }

    /// The log has lost its end, which the tree has: it goes on where the tree is, and is whole from there on.
    @Test func aLogThatIsBehindTheTree() throws {
        let files = Self.disk()
        let log = Self.log(files)
        Self.append(1...10, to: log)
        try log.write()
        try log.sync()
        let end = try Self.recover(files, from: 31)
        #expect(end.last == 30)
        let second = Self.log(files, after: end)
        Self.append(31...33, to: second)
        try second.write()
        try second.sync()
        #expect(try Self.recover(files.crash(keeping: .nothing), from: 31).last == 33)
    }

    /// A torn end does not have a stranger's file behind it removed.
    @Test func strangersStayBehindATornEnd() throws {
        let files = Self.disk()
        let log = Self.log(files)
        Self.append(1...3, to: log)
        try log.write()
        try files.open("/data/" + LogFormat.segmentName(1), .write).truncate(to: 60)
        let stranger = "/data/" + LogFormat.segmentName(9)
        try [UInt8](repeating: 7, count: 100).withView { try files.open(stranger, .write).write($0, at: 0) }
        #expect(throws: LogError.foreign(stranger)) { try Self.recover(files) }
        #expect(files.contents(stranger)?.count == 100)
    }

    // MARK: the directory

    /// The directory's own name lasts, whoever made it and however far it came.
    @Test func theDirectorysNameLasts() throws {
        for n in 1...40 {
            let files = SimulatedFileSystem(seed: UInt64(n), directories: ["/home"])
            files.failAt(n)
            _ = try? DataDirectory.open(files, "/home/data", newIdentity: 5)
            let isOver = files.injected == 0
            files.stopFailing()
            let next = files.kill()
            let directory = try DataDirectory.open(next, "/home/data", newIdentity: 6)
            // Before there is any data, a tree is begun.
            _ = try Tree.open(directory)
            let after = next.crash(keeping: .nothing)
            #expect(after.paths.contains("/home/data/identity"), "call \(n)")
            #expect(try DataDirectory.open(after, "/home/data", newIdentity: 7).identity == directory.identity)
            if isOver { return }
        }
        Issue.record("it never ends")
    }

    /// Without its identity nothing in a directory can be told from a stranger's, and no other one is made up.
    @Test func aDirectoryWithoutIdentityIsRefused() throws {
        let files = Self.disk()
        _ = try DataDirectory.open(files, "/data", newIdentity: 5)
        let log = Self.log(files)
        Self.append(1...1, to: log)
        try log.write()
        try files.remove("/data/identity")
        for _ in 0..<2 {
            #expect(throws: DirectoryError.missing("/data/identity")) {
                try DataDirectory.open(files, "/data", newIdentity: 6)
            }
        }
    }

    // MARK: the manifest

    private static func install(_ play: TreePlay, _ value: UInt8) throws {
        try play.install([TreeKey(stem: 1): [value], TreeKey(stem: Int(value)): [value]], state: [value])
    }

    /// What the next process finds in the manifest after a sync that failed is there after a loss of power, too.
    @Test(arguments: 1...30)
    func theManifestsCacheIsNotBelieved(seed: Int) throws {
        var files = treeDisk(seed: UInt64(seed))
        var play = try TreePlay(files)
        try Self.install(play, 2)
        // Of an install's syncs the first one is the table's, the second one the manifest's.
        files.failAt(2, .error, of: .sync)
        #expect(throws: TreeError.self) { try Self.install(play, 3) }
        #expect(play.tree.failure != nil)
        files = files.kill()
        play = try TreePlay(files)
        let state = play.tree.state
        #expect(state == [3])
        play = try TreePlay(files.crash(keeping: .nothing))
        #expect(play.tree.state == state)
        #expect(try play.find(TreeKey(stem: 1)) == state)
    }

    /// The manifest's write fails, whatever part of it arrived: neither a crash nor a kill brings back an edit whose
    /// tables have been removed. And the tree goes on.
    @Test(arguments: 1...60)
    func aRefusedEditDoesNotComeBack(seed: Int) throws {
        for (number, fault) in [(0, DiskFault.error), (1, .error), (2, .error), (0, .noSpace)] {
            let files = treeDisk(seed: UInt64(seed))
            let play = try TreePlay(files)
            try Self.install(play, 2)
            // Of an install's writes the table's is the first one, the edit's the second. Then cutting it off fails, or
            // syncing that.
            files.failAt(2, fault, of: .write)
            if number == 1 { files.failAt(1, .error, of: .truncate) }
            if number == 2 { files.failAt(2, .error, of: .sync) }
            #expect(throws: TreeError.self) { try Self.install(play, 3) }
            files.stopFailing()
            for keeping in [Keeping.nothing, .everything, .each(seed: UInt64(seed)), .each(seed: UInt64(seed + 100))] {
                let other = try TreePlay(files.afterCrash(keeping: keeping))
                let state = other.tree.state
                #expect(state == [2] || state == [3] && number > 0, "\(number), \(fault)")
                #expect(try other.find(TreeKey(stem: 1)) == state)
            }
            #expect(try TreePlay(files.afterKill()).tree.state.count == 1)
            try Self.install(play, 4)
            #expect(try TreePlay(files.crash(keeping: .nothing)).find(TreeKey(stem: 1)) == [4])
        }
    }
}
