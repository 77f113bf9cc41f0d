import Base
import CSystem
import Simulation
import Testing

@Suite struct DiskFaultTests {
    private func faults(_ set: (inout DiskFaults) -> Void) -> DiskFaults {
        var faults = DiskFaults()
        set(&faults)
        return faults
    }

    @Test func nothingGoesWrongUnlessAsked() throws {
        let disk = emptyDisk()
        let file = try disk.open("/d/f", .create)
        var random = PRNG(seed: 3)
        var model: [UInt8] = []
        for _ in 0..<500 {
            let bytes = (0..<random.below(9000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let offset = Int(random.below(UInt64(model.count + 1)))
            #expect(file.writeSome(bytes, at: Int64(offset)) == bytes.count)
            model.replaceSubrange(offset..<min(model.count, offset + bytes.count), with: bytes)
            if random.below(9) == 0 { try file.sync() }
            if model.count > 100_000 {
                model.removeLast(model.count - 5000)
                try file.truncate(to: 5000)
            }
        }
        #expect(try file.read(1 << 20) == model)
        #expect(disk.contents("/d/f") == model)
        #expect(disk.injected == 0)
    }

    // MARK: Calls that are refused or do less

    @Test func shortReadsAndWrites() throws {
        let disk = try diskWithFile(pages(7, 7), faults { ($0.shortReads, $0.shortWrites) = (1, 1) })
        let file = try disk.open("/d/f", .write)
        #expect((1..<8192).contains(file.readSome(8192)))
        #expect((1..<8192).contains(file.writeSome(pages(8, 8))))
        #expect(file.readSome(1) == 1)
        #expect(file.readSome(10, at: 8192) == 0)
        // Who goes on gets there.
        try file.write(pages(9, 9))
        #expect(try file.read(9000) == pages(9, 9))
        #expect(disk.injected(.short) > 5)
    }

    @Test func interruptions() throws {
        let disk = try diskWithFile(pages(7), faults { $0.interruptions = 0.9 })
        let file = try disk.open("/d/f", .write)
        try file.write(pages(9))
        #expect(try file.read(9000) == pages(9))
        #expect(disk.injected(.interrupted) > 0)
        disk.faults.interruptions = 1
        #expect(file.readSome(1) == -Int(EINTR))
        #expect(file.writeSome([1]) == -Int(EINTR))
    }

    @Test func errorsOfReadsAndWrites() throws {
        let disk = try diskWithFile(pages(7), faults { ($0.readErrors, $0.writeErrors) = (1, 1) })
        let file = try disk.open("/d/f", .write)
        #expect(file.readSome(1) == -Int(EIO))
        #expect(refusal { try file.truncate(to: 0) } == DiskError(.truncate, "/d/f", EIO))
        for _ in 0..<8 { #expect(file.writeSome(pages(9)) == -Int(EIO)) }
        // A write that failed may have begun: from its start, not in the midst.
        let held = try #require(disk.contents("/d/f"))
        let new = held.prefix { $0 == 9 }.count
        #expect(new > 0 && held[new...].allSatisfy { $0 == 7 })
    }

    @Test func errorsOfNames() {
        let disk = emptyDisk(faults { $0.nameErrors = 1 })
        #expect(refusal { _ = try disk.open("/d/f", .create) } == DiskError(.open, "/d/f", EIO))
        #expect(refusal { try disk.rename("/d/f", to: "/d/g") }?.code == EIO)
        #expect(refusal { try disk.link("/d/f", to: "/d/g") }?.code == EIO)
        #expect(refusal { try disk.remove("/d/f") }?.code == EIO)
        #expect(refusal { try disk.makeDirectory("/d/f") }?.code == EIO)
        #expect(refusal { _ = try disk.list("/d") }?.code == EIO)
        #expect(disk.paths == [])
    }

    @Test func noSpaceByLot() throws {
        let disk = try diskWithFile(pages(7), faults { $0.noSpace = 1 })
        #expect(refusal { _ = try disk.open("/d/g", .create) }?.isFull == true)
        #expect(refusal { try disk.makeDirectory("/d/g") }?.isFull == true)
        #expect(try disk.open("/d/f", .read).read(1) == [7])
        try disk.remove("/d/f")
    }

    @Test func capacity() throws {
        let disk = emptyDisk(faults { $0.capacity = 3 * 4096 })
        #expect(try disk.freeBytes("/d") == 3 * 4096)
        let file = try disk.open("/d/f", .create)
        try file.write(pages(1, 2))
        let other = try disk.open("/d/g", .create)
        // What fits is written; what takes no new page always fits.
        #expect(other.writeSome(pages(3, 4), at: 100) == 4096 - 100)
        #expect(other.writeSome([1], at: 4096) == -Int(ENOSPC))
        #expect(refusal { try other.write(pages(3, 4)) }?.isFull == true)
        try file.write(pages(5, 6))
        #expect(try disk.freeBytes("/d") == 0)
        try file.truncate(to: 4096)
        #expect(other.writeSome([1], at: 4096) == 1)
        #expect(other.writeSome([1], at: 8192) == -Int(ENOSPC))
        // A removed file takes space as long as it is open.
        try disk.remove("/d/f")
        #expect(try disk.freeBytes("/d") == 0)
        withExtendedLifetime(file) {}
    }

    @Test func removalFreesSpace() throws {
        let disk = emptyDisk(faults { $0.capacity = 3 * 4096 })
        try disk.open("/d/f", .create).write(pages(1, 2))
        try disk.link("/d/f", to: "/d/g")
        try disk.remove("/d/f")
        #expect(try disk.freeBytes("/d") == 4096)
        try disk.remove("/d/g")
        #expect(try disk.freeBytes("/d") == 3 * 4096)
    }

    // MARK: Syncs that fail or lie

    @Test(arguments: [true, false])
    func syncThatFails(cleans: Bool) throws {
        var lost = 0
        for seed in 0..<50 as Range<UInt64> {
            let disk = try diskWithFile(seed: seed, pages(1, 1, 1), faults { $0.failedSyncCleans = cleans })
            let file = try disk.open("/d/f", .write)
            disk.failAt(1, .error, of: .sync)
            try file.write(pages(2, 2, 2))
            #expect(refusal { try file.sync() } == DiskError(.sync, "/d/f", EIO))
            // The second sync says that all is well. Processes see what they wrote.
            try file.sync()
            #expect(try file.read(12288) == pages(2, 2, 2))
            #expect(disk.pending == [])
            let after = disk.crash(keeping: .everything)
            if after.contents("/d/f") != pages(2, 2, 2) { lost += 1 }
        }
        #expect(cleans ? lost > 30 && lost < 50 : lost == 0)
    }

    @Test func syncOfADirectoryThatFails() throws {
        let disk = emptyDisk()
        disk.failAt(1, .noSpace, of: .syncDirectory)
        _ = try disk.open("/d/f", .create)
        #expect(refusal { try disk.syncDirectory("/d") }?.isFull == true)
        #expect(disk.afterCrash(keeping: .nothing).paths == [])
        try disk.syncDirectory("/d")
        #expect(disk.afterCrash(keeping: .nothing).paths == ["/d/f"])
    }

    @Test func lostWrites() throws {
        let disk = try diskWithFile(pages(1, 1, 1), faults { $0.lostWrites = 1 })
        let file = try disk.open("/d/f", .write)
        try file.write(pages(2, 2, 2))
        try file.sync()
        #expect(try file.read(12288) == pages(2, 2, 2))
        let after = try #require(disk.afterCrash(keeping: .everything).contents("/d/f"))
        #expect([pages(1, 2, 2), pages(2, 1, 2), pages(2, 2, 1)].contains(after))
        disk.dropCaches()
        #expect(try file.read(12288) == after)
    }

    /// The file has grown all the same: what was lost reads as zeros.
    @Test func lostAppend() throws {
        let disk = try diskWithFile(pages(1), faults { $0.lostWrites = 1 })
        let file = try disk.open("/d/f", .write)
        try file.write(pages(2), at: 4096)
        try file.sync()
        #expect(disk.afterCrash(keeping: .everything).contents("/d/f") == pages(1, 0))
    }

    @Test func misdirectedWrites() throws {
        let disk = try diskWithFile(pages(1), faults { $0.misdirectedWrites = 1 })
        try disk.open("/d/f", .write).write(pages(2))
        let other = try disk.open("/d/g", .create)
        try other.write(pages(3))
        try disk.syncDirectory("/d")
        try other.sync()
        #expect(disk.contents("/d/f") == pages(2))
        let after = disk.afterCrash(keeping: .nothing)
        #expect(after.contents("/d/f") == pages(3))
        #expect(after.contents("/d/g") == pages(0))
    }

    // MARK: Rot

    private func wrongBits(_ bytes: [UInt8], _ wanted: UInt8) -> Int {
        bytes.reduce(0) { $0 + ($1 ^ wanted).nonzeroBitCount }
    }

    @Test func rotOnRead() throws {
        let disk = try diskWithFile(pages(0x55), faults { $0.rotOnRead = 1 })
        let file = try disk.open("/d/f", .read)
        #expect(wrongBits(try file.read(4096), 0x55) == 1)
        disk.faults.rotOnRead = 0
        #expect(wrongBits(try file.read(4096), 0x55) == 0)
    }

    @Test func rotAtRest() throws {
        let disk = try diskWithFile(pages(0x55), faults { $0.rotAtRest = 1 })
        let file = try disk.open("/d/f", .read)
        #expect(wrongBits(try file.read(4096), 0x55) == 1)
        disk.faults.rotAtRest = 0
        #expect(wrongBits(try file.read(4096), 0x55) == 1)
        #expect(wrongBits(disk.crash(keeping: .nothing).contents("/d/f") ?? [], 0x55) == 1)
    }

    @Test func coldReadsShowDamage() throws {
        let disk = try diskWithFile(pages(1), faults { $0.lostWrites = 1 })
        let file = try disk.open("/d/f", .write)
        try file.write(pages(2))
        try file.sync()
        #expect(try file.read(1) == [2])
        disk.faults = faults { $0.coldReads = 1 }
        #expect(try file.read(1) == [1])
        // What is still to be written is not read from the disk.
        try file.write(pages(3))
        #expect(try file.read(1) == [3])
    }

    @Test func flippedBits() throws {
        let disk = try diskWithFile(pages(0))
        let file = try disk.open("/d/f", .write)
        try file.write(pages(0), at: 4096)
        #expect(disk.flipBit("/d/f", 10, 3) && disk.flipBit("/d/f", 5000, 7))
        #expect(!disk.flipBit("/d/f", 8192, 0) && !disk.flipBit("/d/g", 0, 0) && !disk.flipBit("/d", 0, 0))
        var wanted = pages(0, 0)
        (wanted[10], wanted[5000]) = (8, 128)
        #expect(try file.read(8192) == wanted)
        #expect(disk.crash(keeping: .everything).contents("/d/f") == wanted)
    }

    // MARK: The n-th call

    @Test func theNthCallFails() throws {
        for number in 1...5 {
            let disk = try diskWithFile(pages(1))
            let file = try disk.open("/d/f", .write)
            disk.failAt(number, of: .read)
            let answers = (1...5).map { _ in
                _ = file.writeSome([1])
                return file.readSome(1)
            }
            #expect(answers == (1...5).map { $0 == number ? -Int(EIO) : 1 })
            #expect(disk.injected == 1)
        }
    }

    @Test func allFromTheNthCallFail() throws {
        let disk = try diskWithFile(pages(1))
        let file = try disk.open("/d/f", .read)
        disk.failAt(3, persistent: true)
        #expect((1...5).map { _ in file.readSome(1) } == [1, 1, -5, -5, -5])
        #expect(refusal { _ = try disk.list("/d") }?.code == EIO)
        disk.stopFailing()
        #expect(file.readSome(1) == 1)
        #expect(disk.injected(.error) == 4)
    }

    /// Until no call is left to fail, as tests of the engine do.
    @Test(arguments: [DiskFault.error, .noSpace, .short, .interrupted])
    func untilUnreached(fault: DiskFault) throws {
        var number = 1
        while true {
            let disk = emptyDisk()
            disk.failAt(number, fault)
            let failed = refusal {
                let file = try disk.open("/d/f", .create)
                try file.write(pages(1))
                #expect(try file.read(5000) == pages(1))
                try file.sync()
                try disk.syncDirectory("/d")
            }
            if disk.injected == 0 { break }
            #expect((failed == nil) == (fault == .short || fault == .interrupted))
            if fault == .noSpace { #expect(failed?.isFull == true) }
            number += 1
        }
        // Open, write, read, read at the end, sync, directory sync; short and interrupted calls are made good.
        #expect(number == [.error: 7, .noSpace: 5, .short: 4, .interrupted: 4][fault])
    }

    // MARK: Reproducible

    private func run(seed: UInt64) -> (trace: String, contents: [[UInt8]?]) {
        let all = faults {
            ($0.readErrors, $0.writeErrors, $0.syncErrors, $0.nameErrors) = (0.05, 0.05, 0.1, 0.05)
            ($0.noSpace, $0.interruptions, $0.shortReads, $0.shortWrites) = (0.05, 0.1, 0.1, 0.1)
            ($0.lostWrites, $0.misdirectedWrites, $0.rotOnRead, $0.rotAtRest) = (0.1, 0.1, 0.1, 0.1)
            $0.coldReads = 0.1
        }
        let disk = emptyDisk(seed: seed, all)
        var random = PRNG(seed: 5)
        for step in 0..<150 {
            let path = "/d/\(random.below(4))"
            _ = refusal {
                let file = try disk.open(path, .write)
                try file.write([UInt8](repeating: UInt8(step), count: 6000), at: Int64(random.below(9000)))
                _ = try file.read(10000)
                if step % 3 == 0 { try file.sync() }
                if step % 7 == 0 { try disk.rename(path, to: "/d/\(random.below(4))") }
                if step % 11 == 0 { try disk.syncDirectory("/d") }
            }
        }
        let after = disk.crash(keeping: .each(seed: seed))
        return (after.trace, (0..<4).map { after.contents("/d/\($0)") })
    }

    @Test func sameSeedSameOutcome() {
        for seed in 0..<10 as Range<UInt64> {
            let (first, second, other) = (run(seed: seed), run(seed: seed), run(seed: seed + 1))
            #expect(first.trace == second.trace && first.contents == second.contents)
            #expect(first.trace != other.trace)
        }
    }

    @Test func traceHoldsTheLastCalls() throws {
        let disk = try diskWithFile(pages(1))
        let file = try disk.open("/d/f", .read)
        disk.failAt(1, .short)
        _ = file.readSome(10, at: 20)
        let last = try #require(disk.trace.split(separator: "\n").last)
        #expect(last.hasPrefix("6 read /d/f at 20, 10 bytes: ") && last.hasSuffix(" (short)"))
        for _ in 0..<300 { _ = file.readSome(1) }
        let lines = disk.trace.split(separator: "\n")
        #expect(lines.count == 200)
        #expect(lines.first == "107 read /d/f at 0, 1 bytes: 1" && lines.last == "306 read /d/f at 0, 1 bytes: 1")
        #expect(disk.calls == 306 && disk.calls(of: .read) == 301)
    }
}
