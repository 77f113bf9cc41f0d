import Base
import Simulation
import Testing

@testable import Storage

/// Rot, scrubbing, backups, and what goes wrong with files.
@Suite struct TreeCareTests {
    private static func filled(_ files: SimulatedFileSystem, rounds: Int = 12) throws -> TreePlay {
        var random = PRNG(seed: 11)
        let play = try TreePlay(files)
        for round in 0..<rounds {
            try play.install(TreePlay.changes(&random, count: 60, keys: 150), state: [UInt8(round)])
            try play.settle()
        }
        return play
    }

    private static func tables(_ files: SimulatedFileSystem) -> [String] {
        files.paths.filter { $0.contains("/table-") }
    }

    @Test func scrubbingReadsEverythingInTurn() throws {
        let play = try Self.filled(treeDisk(seed: 1))
        let bytes = play.tree.statistics.bytes
        var report = ScrubReport()
        var calls = 0
        repeat {
            let part = play.tree.scrub(bytes: 1000)
            report.tables += part.tables
            report.bytes += part.bytes
            report.damage += part.damage
            report.isRoundDone = part.isRoundDone
            calls += 1
        } while !report.isRoundDone && calls < 10_000
        #expect(report.tables == play.tree.statistics.tables)
        #expect(report.bytes == bytes && report.damage.isEmpty)
        #expect(calls >= Int(bytes) / 1000)
    }

    @Test func scrubbingFindsRot() throws {
        let files = treeDisk(seed: 1)
        let play = try Self.filled(files)
        let paths = Self.tables(files)
        let rotten = paths[paths.count / 2]
        files.flipBit(rotten, 200, 3)
        let report = play.tree.scrub(bytes: Int(play.tree.statistics.bytes))
        #expect(report.damage.count == 1 && report.isRoundDone)
        let number = try #require(report.damage.first?.table)
        #expect(rotten.hasSuffix(ManifestFormat.tableName(number)))
        #expect(play.tree.statistics.damagedTables == [number])
        // A foot that slips once is no rot.
        files.failAt(1, .error, of: .read)
        let again = play.tree.scrub(bytes: Int(play.tree.statistics.bytes))
        #expect(again.damage.count == 2 || again.damage.count == 1)
        #expect(play.tree.statistics.damagedTables == [number])
    }

    /// Compaction leaves a damaged table where it is, loses nothing by it, and goes on elsewhere.
    @Test func compactionGoesAroundRot() throws {
        let files = treeDisk(seed: 2)
        let play = try Self.filled(files)
        var random = PRNG(seed: 12)
        let version = play.tree.current
        let rotten = try #require(version.levels.last { !$0.tables.isEmpty }?.tables.first)
        files.flipBit(rotten.table.path, 60, 3)
        var failures = 0
        for round in 0..<20 as Range<UInt8> {
            try play.install(TreePlay.changes(&random, count: 60, keys: 150), state: [round])
            for _ in 0..<50 {
                do throws(TreeError) {
                    if try !play.tree.compact() { break }
                } catch {
                    guard case .table = error else { throw error }
                    failures += 1
                }
            }
        }
        #expect(failures <= 1)
        #expect(files.paths.contains(rotten.table.path))
        let properties = rotten.table.properties
        for stem in 0..<150 {
            let key = TreeKey(stem: stem)
            if key.bytes < properties.firstKey || properties.lastKey < key.bytes {
                #expect(try play.find(key) == play.model[key])
            } else if let value = try? play.find(key) {
                #expect(value == play.model[key])
            }
        }
    }

    /// Any bit of any file of a small directory: opening or reading tells, or everything is as it was.
    @Test func flippedBits() throws {
        let files = treeDisk(seed: 3)
        var options = Tree.Options.small
        options.compressAll(.lz4)
        let play = try TreePlay(files, options)
        for round in 0..<2 as Range<UInt8> {
            var changes: [TreeKey: [UInt8]?] = [:]
            for stem in 0..<8 { changes[TreeKey(stem: stem * 2 + Int(round))] = [round, round, round] }
            try play.install(changes, state: [round])
        }
        var (told, harmless) = (0, 0)
        for path in files.paths where !path.hasSuffix("/lock") {
            let bytes = files.contents(path)?.count ?? 0
            for place in 0..<bytes * 2 {
                // Two bits of each byte.
                let bit = place / 2 * 8 + (place / 2 * 3 + place % 2 * 5) % 8
                let copy = files.afterCrash(keeping: .everything)
                copy.flipBit(path, Int64(bit / 8), bit % 8)
                do {
                    let other = try TreePlay(copy, options, model: play.model)
                    #expect(other.tree.state == [1], "bit \(bit) of \(path)")
                    let found = try other.tree.everything()
                    let expected = play.model.sorted { $0.key < $1.key }.map { ($0.key.bytes, $0.value) }
                    #expect(found.elementsEqual(expected) { $0.0 == $1.0 && $0.1 == $1.1 }, "bit \(bit) of \(path)")
                    harmless += 1
                } catch {
                    told += 1
                }
            }
        }
        #expect(told > 1000)
        print("\(told) flipped bits told, \(harmless) harmless")
    }

    @Test func filesThatAreWrongAreTold() throws {
        let files = treeDisk(seed: 4)
        let play = try Self.filled(files)
        let paths = Self.tables(files)
        func open(_ change: (SimulatedFileSystem) throws -> Void) throws -> TreeError? {
            let copy = files.afterCrash(keeping: .everything)
            try change(copy)
            do {
                _ = try TreePlay(copy)
                return nil
            } catch {
                return error as? TreeError
            }
        }
        #expect(try open { _ in } == nil)
        #expect(try open { try $0.remove(paths[0]) } == .missing(paths[0]))
        // Another of the directory's tables in its place.
        let foreign = try open {
            try $0.remove(paths[0])
            try $0.rename(paths[1], to: paths[0])
        }
        #expect(foreign == .table(.foreign(paths[0])))
        let short = try open { try $0.open(paths[0], .write).truncate(to: 100) }
        guard case .table = short else {
            Issue.record("\(String(describing: short))")
            return
        }
        _ = play
    }

    // MARK: backups

    @Test func backupsAreOfOneMoment() throws {
        let files = treeDisk(seed: 5)
        let play = try Self.filled(files)
        let (model, tables) = (play.model, play.tree.statistics.tables)
        let backup = try play.tree.backUp(to: "/data/copy")
        #expect(backup.tables == tables && backup.state == [11])
        #expect(backup.bytes == play.tree.statistics.bytes)
        // The tree goes on, and loses the tables.
        var random = PRNG(seed: 14)
        for round in 0..<10 as Range<UInt8> {
            try play.install(TreePlay.changes(&random, count: 80, keys: 150), state: [100 + round])
            try play.settle()
        }
        try play.check(keys: 150)
        let after = files.crash(keeping: .nothing)
        let directory = try DataDirectory.open(after, "/data/copy", newIdentity: 9)
        #expect(directory.identity == 5)
        let tree = try Tree.open(directory, .small)
        #expect(tree.state == [11])
        let found = try tree.everything()
        let expected = model.sorted { $0.key < $1.key }.map { ($0.key.bytes, $0.value) }
        #expect(found.elementsEqual(expected) { $0.0 == $1.0 && $0.1 == $1.1 })
        // It is a tree like any other.
        let run = tree.beginRun()
        try TreePlay.add(TreeKey(stem: 1), [9], to: run)
        try tree.install(run, state: ByteView("x"))
        while try tree.compact() {}
        #expect(try tree.value(TreeKey(stem: 1)) == [9])
        // The first one is not touched by it.
        try TreePlay(after, model: play.model).check(keys: 150)
    }

    /// Whichever call fails, the tree is well, and nothing half made is taken for a backup.
    @Test func backupsThatFail() throws {
        for n in 1...200 {
            let files = treeDisk(seed: 6)
            let play = try Self.filled(files, rounds: 3)
            files.failAt(n)
            do {
                _ = try play.tree.backUp(to: "/data/copy")
                if files.injected == 0 { break }
            } catch {
                #expect(files.paths.allSatisfy { !$0.hasPrefix("/data/copy/") }, "\(n): \(files.paths)")
            }
            files.stopFailing()
            try play.check(keys: 150, "call \(n)")
            try play.install([TreeKey(stem: 1): [1]], state: [1])
            #expect(n < 200)
        }
        let play = try Self.filled(treeDisk(seed: 7), rounds: 3)
        _ = try play.tree.backUp(to: "/data/copy")
        #expect(throws: TreeError.self) { try play.tree.backUp(to: "/data/copy") }
        #expect(play.files.paths.contains { $0.hasPrefix("/data/copy/table-") })
    }
}
