import Base
import Simulation
import Testing

@testable import Storage

@Suite struct DirectoryCheckTests {
    /// A directory with a log of two segments and a tree.
    private static func filled() throws -> SimulatedFileSystem {
        let files = treeDisk(seed: 1)
        do {
            let play = try TreePlay(files)
            var options = Log.Options()
            options.segmentBytes = 100
            let log = Log(files, directory: "/data", identity: 5, after: .empty, options)
            var random = PRNG(seed: 1)
            for round in 0..<8 {
                log.append(ByteView("a record of this length, more or less, to fill segments"))
                try log.write()
                try log.sync()
                try play.install(TreePlay.changes(&random, count: 50, keys: 100), state: [UInt8(round)])
                try play.settle()
            }
        }
        // The process goes, and its lock with it. (After a crash files that were removed might be there again.)
        return files.kill()
    }

    private func check(_ files: SimulatedFileSystem) -> DirectoryCheck {
        let before = files.paths.map { files.contents($0) }
        let result = DirectoryCheck(files, "/data")
        #expect(files.paths.map { files.contents($0) } == before)
        return result
    }

    @Test func allIsWell() throws {
        let files = try Self.filled()
        let result = check(files)
        #expect(result.problems == [])
        #expect(result.notes.contains("identity 5"))
        #expect(result.notes.contains { $0.hasPrefix("log: ") && $0.hasSuffix("the last is 8") })
        let tables = files.paths.filter { $0.contains("/table-") }.count
        #expect(result.notes.contains { $0.hasPrefix("tables: \(tables) whole") })
        #expect(result.notes.count == 4)
    }

    @Test func nothingIsThere() throws {
        #expect(check(treeDisk(seed: 1)).problems.count == 1)
        let files = treeDisk(seed: 2)
        _ = try DataDirectory.open(files, "/data", newIdentity: 6)
        let result = check(files)
        #expect(result.problems == [] && result.notes.contains("tree: none"))
    }

    /// No record has number 0, so that such a segment is never read.
    @Test func aSegmentThatCannotBe() throws {
        let files = treeDisk(seed: 2)
        _ = try DataDirectory.open(files, "/data", newIdentity: 6)
        try files.open("/data/log-0000000000000000", .write).sync()
        #expect(check(files).problems == [])
    }

    @Test func aDirectoryInUseIsLeftAlone() throws {
        let files = try Self.filled()
        let play = try TreePlay(files)
        let result = check(files.asAnotherProcess())
        #expect(result.isTaken && result.problems.count == 1)
        _ = play
    }

    /// What a crash leaves is no problem, and is named.
    @Test func whatACrashLeft() throws {
        let files = try Self.filled()
        try files.open("/data/table-00000000000000ff", .create).truncate(to: 10)
        let log = try #require(files.paths.last { $0.contains("/log-") })
        let manifest = try #require(files.paths.last { $0.contains("/manifest-") })
        for path in [log, manifest] {
            let file = try files.open(path, .write)
            try file.write(ByteView("the beginning of something"), at: file.size())
        }
        let result = check(files)
        #expect(result.problems == [])
        for path in [log, manifest, "/data/table-00000000000000ff"] {
            #expect(result.notes.filter { $0.hasPrefix(path + " ") }.count == 1, "\(path): \(result.notes)")
        }
    }

    /// A bit in any byte of any file: it is found, and where it is, unless nothing hangs on it.
    @Test func flippedBits() throws {
        let files = try Self.filled()
        var random = PRNG(seed: 2)
        for path in files.paths where !path.hasSuffix("/lock") {
            let bytes = UInt64(try #require(files.contents(path)?.count))
            for _ in 0..<40 {
                let copy = files.afterCrash(keeping: .everything)
                copy.flipBit(path, Int64(random.below(bytes)), Int(random.below(8)))
                let result = check(copy)
                if result.problems.isEmpty {
                    // The end of the log or the manifest looks like a crash's doing; the identity has four idle bytes.
                    #expect(path.contains("/log-") || path.contains("/manifest-") || path.hasSuffix("/identity"))
                } else {
                    #expect(result.problems.contains { $0.contains(path) }, "\(path): \(result.problems)")
                }
            }
        }
    }

    @Test func eachProblemIsNamed() throws {
        let files = try Self.filled()
        let tables = files.paths.filter { $0.contains("/table-") }
        files.flipBit(tables[0], 50, 1)
        try files.remove(tables[1])
        let segments = files.paths.filter { $0.contains("/log-") }
        try files.remove(segments[1])
        let result = check(files)
        #expect(result.problems.count == 3, "\(result.problems)")
        for path in [tables[0], tables[1]] { #expect(result.problems.contains { $0.contains(path) }) }
        #expect(result.problems.contains { $0.contains("missing") && $0.contains("record") })
    }
}
