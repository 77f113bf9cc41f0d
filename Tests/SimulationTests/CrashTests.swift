import Base
import CSystem
import Simulation
import Testing

@Suite struct CrashTests {
    private let keepings: [Keeping] = [.nothing, .everything] + (0..<20).map { .each(seed: $0) }

    @Test func whatIsSyncedSurvives() throws {
        let disk = try diskWithFile(pages(1, 2))
        #expect(disk.pending == [])
        for keeping in keepings { #expect(disk.afterCrash(keeping: keeping).contents("/d/f") == pages(1, 2)) }
        let after = disk.crash(keeping: .nothing)
        #expect(try after.open("/d/f", .read).read(9000) == pages(1, 2))
    }

    @Test func unsyncedPagesVanishInAnySubset() throws {
        let disk = try diskWithFile(pages(1, 1, 1))
        try disk.open("/d/f", .write).write(pages(2, 3, 4))
        #expect(disk.pending == (0..<3).map { "page \($0) of /d/f" })
        for subset in 0..<8 as Range<UInt64> {
            let wanted = (0..<3).map { subset >> UInt64($0) & 1 != 0 ? UInt8($0 + 2) : 1 }
            let after = disk.afterCrash(keeping: .subset(subset))
            #expect(after.contents("/d/f") == pages(wanted[0], wanted[1], wanted[2]))
            #expect(after.pending == [])
        }
        #expect(disk.afterCrash(keeping: .first(2)).contents("/d/f") == pages(2, 3, 1))
        #expect(disk.contents("/d/f") == pages(2, 3, 4))
    }

    @Test func lotsReachAllSubsets() throws {
        let disk = try diskWithFile(pages(1, 1, 1))
        try disk.open("/d/f", .write).write(pages(2, 2, 2))
        let found = Set((0..<300).map { disk.afterCrash(keeping: .each(seed: $0)).contents("/d/f") })
        for subset in 0..<8 as Range<UInt64> {
            #expect(found.contains(disk.afterCrash(keeping: .subset(subset)).contents("/d/f")))
        }
        // And torn pages.
        #expect(found.count > 8)
    }

    @Test func tornPages() throws {
        let disk = try diskWithFile(pages(1, 1))
        try disk.open("/d/f", .write).write(pages(2, 2))
        for sectors in 0...8 {
            let torn = [UInt8](repeating: 2, count: sectors * 512) + [UInt8](repeating: 1, count: (8 - sectors) * 512)
            let everything = disk.afterCrash(keeping: .everything.tearingLast(after: sectors))
            #expect(everything.contents("/d/f") == pages(2) + torn)
            let first = disk.afterCrash(keeping: .only([0]).tearingLast(after: sectors))
            #expect(first.contents("/d/f") == torn + pages(1))
        }
    }

    /// The length may come without the bytes, and bytes only with a length that holds them.
    @Test func growth() throws {
        let disk = try diskWithFile([1, 1])
        try disk.open("/d/f", .write).write([2, 2, 2], at: 2)
        #expect(disk.pending == ["page 0 of /d/f", "growth to 5 of /d/f"])
        let found = (0..<4).map { disk.afterCrash(keeping: .subset($0)).contents("/d/f") }
        #expect(found == [[1, 1], [1, 1, 2, 2, 2], [1, 1, 0, 0, 0], [1, 1, 2, 2, 2]])
    }

    @Test func tornGrowth() throws {
        let disk = try diskWithFile([])
        try disk.open("/d/f", .write).write(pages(2))
        let torn = disk.afterCrash(keeping: .only([0]).tearingLast(after: 3)).contents("/d/f")
        #expect(torn == [UInt8](repeating: 2, count: 1536))
        let grown = disk.afterCrash(keeping: .everything.tearingLast(after: 3)).contents("/d/f")
        #expect(grown == [UInt8](repeating: 2, count: 1536) + [UInt8](repeating: 0, count: 4096 - 1536))
    }

    /// Nothing of what follows a cut is there without the cut.
    @Test func cuts() throws {
        let disk = try diskWithFile(pages(1, 1))
        let file = try disk.open("/d/f", .write)
        try file.truncate(to: 4096)
        try file.write(pages(2), at: 4096)
        try file.write([3])
        #expect(disk.pending.count == 4)
        let found = Set((0..<16).map { disk.afterCrash(keeping: .subset($0)).contents("/d/f") })
        let touched = [3] + pages(1).dropFirst()
        #expect(
            found == [
                pages(1, 1), pages(1), pages(1, 0), pages(1, 2), touched, touched + pages(0), touched + pages(2),
            ])
    }

    @Test func olderVersionsOfAPage() throws {
        let disk = try diskWithFile([0])
        let file = try disk.open("/d/f", .write)
        for byte in 1...4 as ClosedRange<UInt8> { try file.write([byte]) }
        #expect(disk.pending.count == 1)
        disk.faults.versionsPerPage = 3
        for byte in 5...9 as ClosedRange<UInt8> { try file.write([byte]) }
        #expect(disk.pending.count == 3)
        let found = (0..<8).map { disk.afterCrash(keeping: .subset($0)).contents("/d/f")?[0] }
        #expect(found == [0, 7, 8, 8, 9, 9, 9, 9])
    }

    /// Each sector is what it was when it was synced, or something that was written later.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func anySectorIsOldOrNew(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let count = 6
        let disk = try diskWithFile(seed: seed, [UInt8](repeating: 0, count: count * 4096))
        disk.faults.versionsPerPage = Int(1 + random.below(3))
        let file = try disk.open("/d/f", .write)
        var allowed = [Set<UInt8>](repeating: [0], count: count * 8)
        for step in 1...UInt8(5 + random.below(60)) {
            let start = Int(random.below(UInt64(count * 8)))
            let sectors = 1 + Int(random.below(UInt64(count * 8 - start)))
            try file.write([UInt8](repeating: step, count: sectors * 512), at: Int64(start * 512))
            for sector in start..<start + sectors { allowed[sector].insert(step) }
            if random.below(10) == 0 {
                try file.sync()
                let now = try file.read(count * 4096)
                for sector in allowed.indices { allowed[sector] = [now[sector * 512]] }
            }
        }
        let after = try #require(disk.crash(keeping: .each(seed: seed)).contents("/d/f"))
        for sector in allowed.indices {
            let held = Set(after[sector * 512..<(sector + 1) * 512])
            #expect(held.count == 1 && held.isSubset(of: allowed[sector]))
        }
    }

    /// After a sync that failed, where pages wait for the next one: nothing that a cut removed comes back.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func pagesThatWaitForAnotherSync(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let disk = try diskWithFile(seed: seed, pages(9, 9, 9, 9))
        disk.faults.failedSyncCleans = false
        disk.faults.versionsPerPage = Int(1 + random.below(3))
        let file = try disk.open("/d/f", .write)
        for step in 1...UInt8(30) {
            switch random.below(5) {
            case 0: try file.truncate(to: Int64(random.below(20_000)))
            case 1:
                disk.failAt(1, of: .sync)
                #expect(refusal { try file.sync() }?.code == EIO)
            default: try file.write([UInt8](repeating: step, count: 3000), at: Int64(random.below(14_000)))
            }
            #expect(disk.afterCrash(keeping: .everything).contents("/d/f") == disk.contents("/d/f"))
        }
        try file.sync()
        #expect(disk.pending == [])
        #expect(disk.afterCrash(keeping: .nothing).contents("/d/f") == disk.contents("/d/f"))
    }

    // MARK: Names

    @Test func nameWithoutDirectorySyncVanishes() throws {
        let disk = emptyDisk()
        let file = try disk.open("/d/f", .create)
        try file.write("abc")
        try file.sync()
        #expect(disk.pending == ["create /d/f"])
        #expect(disk.afterCrash(keeping: .nothing).paths == [])
        #expect(disk.afterCrash(keeping: .everything).text("/d/f") == "abc")
        try disk.syncDirectory("/")
        #expect(disk.afterCrash(keeping: .nothing).paths == [])
        try disk.syncDirectory("/d")
        #expect(disk.afterCrash(keeping: .nothing).text("/d/f") == "abc")
    }

    @Test func directoryWithoutSyncVanishesWithItsFiles() throws {
        let disk = emptyDisk()
        try disk.makeDirectory("/d/e")
        _ = try disk.open("/d/e/f", .create)
        try disk.syncDirectory("/d/e")
        #expect(disk.afterCrash(keeping: .nothing).paths == [])
        #expect(refusal { _ = try disk.afterCrash(keeping: .nothing).list("/d/e") }?.isMissing == true)
        try disk.syncDirectory("/d")
        #expect(disk.afterCrash(keeping: .nothing).paths == ["/d/e/f"])
    }

    /// The old file or the new one, whatever else is kept; and never both names.
    @Test func renameIsAtomic() throws {
        let disk = try diskWithFile([1])
        let file = try disk.open("/d/new", .create)
        try file.write([2])
        try file.sync()
        try disk.rename("/d/new", to: "/d/f")
        #expect(disk.pending == ["create /d/new", "rename /d/new to /d/f"])
        let found = (0..<4).map { disk.afterCrash(keeping: .subset($0)) }
        #expect(found.map { $0.contents("/d/f") } == [[1], [1], [2], [2]])
        #expect(found.map { $0.contents("/d/new") } == [nil, [2], nil, nil])
    }

    @Test func renameAcrossDirectories() throws {
        let disk = try diskWithFile([1])
        try disk.makeDirectory("/d/e")
        try disk.syncDirectory("/d")
        try disk.rename("/d/f", to: "/d/e/g")
        #expect(disk.afterCrash(keeping: .nothing).paths == ["/d/f"])
        try disk.syncDirectory("/d/e")
        #expect(disk.afterCrash(keeping: .nothing).paths == ["/d/e/g"])
        #expect(disk.pending == [])
    }

    @Test func removedFileMayReturn() throws {
        let disk = try diskWithFile([1])
        try disk.link("/d/f", to: "/d/g")
        try disk.remove("/d/f")
        try disk.remove("/d/g")
        #expect(disk.paths == [])
        let found = (0..<8).map { disk.afterCrash(keeping: .subset($0)).paths }
        #expect(found == [["/d/f"], ["/d/f", "/d/g"], [], ["/d/g"], ["/d/f"], ["/d/f"], [], []])
        try disk.syncDirectory("/d")
        #expect(disk.afterCrash(keeping: .nothing).paths == [])
    }

    /// What nothing can bring back is not pending: explorers need not try it.
    @Test func changesOfFilesThatAreGone() throws {
        let disk = emptyDisk()
        let file = try disk.open("/d/f", .create)
        try disk.remove("/d/f")
        try disk.syncDirectory("/d")
        try file.write(pages(1, 2))
        #expect(disk.pending == [])
        #expect(try file.read(1) == [1])
    }

    // MARK: Processes

    @Test func killKeepsWhatWasWritten() throws {
        let disk = try diskWithFile([1])
        let file = try disk.open("/d/f", .write)
        #expect(try file.lock())
        try file.write([2])
        let copy = disk.afterKill()
        #expect(try file.read(1) == [2])
        let after = disk.kill()
        for next in [copy, after] {
            #expect(next.contents("/d/f") == [2])
            #expect(try next.open("/d/f", .write).lock())
            // It was never synced.
            #expect(next.crash(keeping: .nothing).contents("/d/f") == [1])
        }
    }

    @Test func deadProcessesGetErrors() throws {
        for power in [true, false] {
            let disk = try diskWithFile([1])
            let other = disk.asAnotherProcess()
            let file = try disk.open("/d/f", .write)
            let after = power ? disk.crash(keeping: .everything) : disk.kill()
            #expect(file.readSome(1) == -Int(EIO) && file.writeSome([9]) == -Int(EIO))
            #expect(refusal { try file.sync() }?.code == EIO)
            #expect(refusal { try file.truncate(to: 0) }?.code == EIO)
            #expect(refusal { _ = try file.lock() }?.code == EIO)
            #expect(refusal { _ = try disk.open("/d/f", .read) }?.code == EIO)
            #expect(refusal { try disk.remove("/d/f") }?.code == EIO)
            #expect(refusal { _ = try other.list("/d") }?.code == (power ? EIO : nil))
            #expect(after.contents("/d/f") == [1])
        }
    }

    @Test func locks() throws {
        let disk = try diskWithFile([1])
        let other = disk.asAnotherProcess()
        var file: (any File)? = try disk.open("/d/f", .write)
        #expect(try file?.lock() == true)
        #expect(try file?.lock() == true)
        let second = try other.open("/d/f", .write)
        #expect(try !second.lock())
        // As flock(2), the lock is the handle's, not the process's.
        #expect(try !disk.open("/d/f", .write).lock())
        file = nil
        #expect(try second.lock())
        let third = try disk.open("/d/f", .write)
        #expect(try !third.lock())
        #expect(try !other.asAnotherProcess().open("/d/f", .read).lock())
        _ = other.kill()
        #expect(try third.lock())
        #expect(try disk.crash(keeping: .nothing).open("/d/f", .write).lock())
    }

    @Test func processesShareFiles() throws {
        let disk = emptyDisk()
        let other = disk.asAnotherProcess()
        try disk.open("/d/f", .create).write("abc")
        #expect(try other.open("/d/f", .read).text() == "abc")
    }

    // MARK: Exploring

    /// A file replaced step by step; `steps` says which of the syncs are done.
    private func replace(_ disk: SimulatedFileSystem, fileSync: Bool, directorySync: Bool) throws {
        let file = try disk.open("/d/new", .create)
        try file.write("new contents")
        if fileSync { try file.sync() }
        try disk.rename("/d/new", to: "/d/f")
        if directorySync { try disk.syncDirectory("/d") }
    }

    private final class Findings: @unchecked Sendable {
        var texts: Set<String> = []
        var crashes = 0
        var mostPending = 0
    }

    /// All that /d/f may hold after a crash before any of the calls or after the last, and then.
    private func explore(fileSync: Bool, directorySync: Bool) throws -> (during: Findings, afterwards: Findings) {
        let disk = try diskWithFile([UInt8]("old contents".utf8))
        @Sendable func crashInAllWays(_ disk: SimulatedFileSystem, _ findings: Findings) {
            let pending = disk.pending.count
            findings.mostPending = max(findings.mostPending, pending)
            for subset in 0..<UInt64(1) << UInt64(pending) {
                findings.crashes += 1
                findings.texts.insert(disk.afterCrash(keeping: .subset(subset)).text("/d/f") ?? "missing")
            }
        }
        let (during, afterwards) = (Findings(), Findings())
        disk.beforeEachCall { [unowned disk] _ in crashInAllWays(disk, during) }
        try replace(disk, fileSync: fileSync, directorySync: directorySync)
        disk.beforeEachCall(nil)
        crashInAllWays(disk, afterwards)
        return (during, afterwards)
    }

    @Test func explorerFindsWhatAnOrderOfCallsAllows() throws {
        let right = try explore(fileSync: true, directorySync: true)
        #expect(right.during.texts == ["old contents", "new contents"])
        #expect(right.afterwards.texts == ["new contents"])
        #expect(right.during.mostPending == 3 && right.during.crashes == 1 + 2 + 8 + 2 + 4)

        let withoutDirectory = try explore(fileSync: true, directorySync: false)
        #expect(withoutDirectory.afterwards.texts == ["old contents", "new contents"])

        let withoutFile = try explore(fileSync: false, directorySync: true)
        #expect(withoutFile.during.texts.contains("") && withoutFile.afterwards.texts.contains(""))
        #expect(withoutFile.during.texts.contains(String(repeating: "\0", count: 12)))
    }

    @Test func crashFromTheHook() throws {
        let disk = try diskWithFile([1])
        let file = try disk.open("/d/f", .write)
        let number = disk.calls + 2
        disk.beforeEachCall { [unowned disk] call in
            if call.number == number {
                #expect(call.kind == .sync && call.path == "/d/f")
                _ = disk.crash(keeping: .nothing)
            }
        }
        try file.write([2])
        #expect(refusal { try file.sync() }?.code == EIO)
        disk.beforeEachCall(nil)
    }

    /// Copies go their own ways.
    @Test func copiesAreIndependent() throws {
        let disk = try diskWithFile(pages(1))
        let copy = disk.afterKill()
        try copy.open("/d/f", .write).write(pages(2))
        _ = try copy.open("/d/g", .create)
        #expect(disk.contents("/d/f") == pages(1) && disk.paths == ["/d/f"])
        #expect(copy.contents("/d/f") == pages(2) && copy.paths == ["/d/f", "/d/g"])
    }
}
