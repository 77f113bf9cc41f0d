import Base
import Simulation
import Testing

@testable import Storage

@Suite struct ManifestTests {
    private static let identity: UInt64 = 0x1122_3344_5566_7788

    private static func place(_ number: UInt64, level: Int = 0, run: UInt64 = 3) -> TablePlace {
        TablePlace(level: level, run: level == 0 ? run : 0, number: number, bytes: 1000 + Int64(number), records: 300)
    }

    private static func reader(_ files: SimulatedFileSystem) -> ManifestReader {
        ManifestReader(files, directory: "/data", identity: identity)
    }

    /// A manifest of three edits.
    private static func written(_ files: SimulatedFileSystem) throws -> ManifestWriter {
        let numbers = FileNumbers(next: 2)
        let writer = try ManifestWriter(newIn: "/data", files, identity: identity, numbers)
        for _ in 0..<5 { _ = numbers.take() }
        try writer.append(
            ManifestEdit(nextNumber: 0, state: [0xaa, 0xbb], added: [place(4), place(5)]))
        try writer.append(ManifestEdit(nextNumber: 0, added: [place(6, level: 6)], removed: [4, 5]))
        return writer
    }

    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).map { at in
            let start = digits.index(digits.startIndex, offsetBy: at)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)!
        }
    }

    /// docs/storage-format.md. The checksums were computed by another program.
    @Test func bytesArePinned() throws {
        let files = treeDisk(seed: 1)
        _ = try Self.written(files)
        #expect(files.contents("/data/current") == bytes(Self.pinnedCurrent))
        #expect(files.contents("/data/manifest-0000000000000001") == bytes(Self.pinnedManifest))
    }

    @Test func editsComeBack() throws {
        let files = treeDisk(seed: 1)
        #expect(try Self.reader(files).read() == nil)
        let writer = try Self.written(files)
        let found = try #require(try Self.reader(files).read())
        #expect(found.contents == writer.contents)
        #expect(found.contents.state == [0xaa, 0xbb])
        #expect(found.contents.tables.keys.sorted() == [6])
        #expect(found.contents.nextNumber == 7)
        #expect(found.last == 3 && found.torn == 0)
    }

    @Test func editsThatDoNotFitAreRefused() throws {
        var contents = ManifestContents(nextNumber: 10)
        func fits(_ edit: ManifestEdit) -> Bool { contents.apply(edit) }
        #expect(fits(ManifestEdit(nextNumber: 10, added: [Self.place(4)])))
        #expect(!fits(ManifestEdit(nextNumber: 9)))
        #expect(!fits(ManifestEdit(nextNumber: 10, added: [Self.place(4)])))
        #expect(!fits(ManifestEdit(nextNumber: 10, added: [Self.place(10)])))
        #expect(!fits(ManifestEdit(nextNumber: 10, removed: [5])))
        for wrong in [
            "", "0201aa", "0107 09", "0107 0107", "0107 03 07 00 04 05 06", "0107 03 00 00 04 05 06", "0107 02 05",
            "01 ffffffffffffffffff01",
        ] {
            #expect(bytes(wrong).withView { ManifestEdit($0) } == nil, "\(wrong)")
        }
        #expect(bytes("0107 03 02 00 04 05 06").withView { ManifestEdit($0) } != nil)
    }

    /// A name with a number after which there is none is not the tree's.
    @Test func theHighestNumberIsAStrangers() throws {
        let files = treeDisk(seed: 1)
        try files.open("/data/table-ffffffffffffffff", .write).sync()
        let play = try TreePlay(files)
        try play.install([TreeKey(stem: 1): [7]], state: [])
        #expect(try play.tree.everything().count == 1)
    }

    /// Wherever a crash tore the end, edits before it are there, and the next one goes in its place.
    @Test func tornAnywhere() throws {
        let whole = treeDisk(seed: 1)
        _ = try Self.written(whole)
        let path = "/data/manifest-0000000000000001"
        let size = try #require(whole.contents(path)?.count)
        // Edits end at 76, 162 and 240; behind each a frame says that it was durable.
        #expect(size == 272)
        for length in 108..<size {
            let files = whole.afterCrash(keeping: .everything)
            try files.open(path, .write).truncate(to: Int64(length))
            let found = try #require(try Self.reader(files).read())
            #expect(found.last == (length < 162 ? 1 : length < 240 ? 2 : 3))
            let numbers = FileNumbers(next: 20)
            let writer = try ManifestWriter(
                files, directory: "/data", identity: Self.identity, numbers, after: found)
            try writer.append(ManifestEdit(nextNumber: 0, added: [Self.place(15, level: 2)]))
            let again = try #require(try Self.reader(files.crash(keeping: .nothing)).read())
            #expect(again.contents == writer.contents && again.torn == 0)
            // Where nothing says that the last edit was durable, a new manifest begins with all there is.
            #expect(again.last == (found.claimed < found.last ? 2 : found.last + 1))
            #expect(again.contents.tables[15] != nil)
        }
    }

    /// Every bit of a manifest and of `current`: it is told, or it does no harm.
    @Test func flippedBits() throws {
        let whole = treeDisk(seed: 1)
        let contents = try Self.written(whole).contents
        var harmless = 0
        for path in ["/data/current", "/data/manifest-0000000000000001"] {
            for bit in 0..<(whole.contents(path)?.count ?? 0) * 8 {
                let files = whole.afterCrash(keeping: .everything)
                files.flipBit(path, Int64(bit / 8), bit % 8)
                do throws(TreeError) {
                    let found = try Self.reader(files).read()
                    #expect(found?.contents == contents, "bit \(bit) of \(path)")
                    harmless += 1
                } catch {
                    #expect(error.description.contains("/data/"), "\(error)")
                }
            }
        }
        // Those of the last frame, which has no edit.
        #expect(harmless == 32 * 8)
    }

    /// Edits that nobody wrote, in frames that are whole: they are refused, or mean something.
    @Test(arguments: 1...4)
    func hostileEdits(seed: Int) throws {
        var random = PRNG(seed: UInt64(seed))
        let header = ManifestHeader(identity: Self.identity, number: 1)
        var (refused, read) = (0, 0)
        for _ in 0..<1500 {
            let files = treeDisk(seed: 1)
            let path = "/data/manifest-0000000000000001"
            _ = try ManifestWriter(newIn: "/data", files, identity: Self.identity, FileNumbers(next: 2))
            var output = ByteBuffer()
            header.write(ManifestFormat.magic, to: &output)
            for number in 1...3 as ClosedRange<UInt64> {
                var edit = ByteBuffer()
                let added = (0..<random.below(3)).map { Self.place(4 + $0 + 3 * number, level: Int(random.below(7))) }
                ManifestEdit(nextNumber: 20, state: [1, 2, 3], added: added).write(to: &edit)
                var bytes = edit.view.bytes
                for _ in 0..<random.below(3) {
                    let place = Int(random.below(UInt64(bytes.count)))
                    switch random.below(3) {
                    case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                    case 1: bytes.remove(at: place)
                    default: bytes.insert(contentsOf: [UInt8](repeating: 0xff, count: 9), at: place)
                    }
                    if bytes.isEmpty { bytes = [1] }
                }
                bytes.withView { ManifestFrame(edit: $0, number: number, durable: number - 1).write(to: &output) }
            }
            let file = try files.open(path, .write)
            try file.truncate(to: 0)
            try file.write(output.view, at: 0)
            do throws(TreeError) {
                guard let found = try Self.reader(files).read() else { throw TreeError.missing(path) }
                #expect(found.contents.state.count <= output.count)
                var again = ManifestContents()
                let fits = again.apply(found.contents.snapshot)
                #expect(fits && again == found.contents)
                read += 1
            } catch {
                guard case .unreadable(path, _) = error else { throw error }
                refused += 1
            }
        }
        #expect(refused > 50 && read > 50)
    }

    @Test func strangersAreTold() throws {
        let files = treeDisk(seed: 1)
        _ = try Self.written(files)
        let (current, manifest) = ("/data/current", "/data/manifest-0000000000000001")
        #expect(throws: TreeError.foreign(current)) {
            try ManifestReader(files, directory: "/data", identity: 8).read()
        }
        var newer = try #require(files.contents(manifest))
        newer[8] = 2
        let sum = newer.withView { CRC32C.checksum($0.slice(0, 36)) }
        for i in 0..<4 { newer[36 + i] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * i)) }
        let changed = files.afterCrash(keeping: .everything)
        try newer.withView { try changed.open(manifest, .write).write($0, at: 0) }
        #expect(throws: TreeError.newerVersion(manifest, 2)) { try Self.reader(changed).read() }
        let without = files.afterCrash(keeping: .everything)
        try without.remove(manifest)
        #expect(throws: TreeError.missing(manifest)) { try Self.reader(without).read() }
        let nameless = files.afterCrash(keeping: .everything)
        try nameless.remove(current)
        #expect(throws: TreeError.missing(current)) { try Self.reader(nameless).read() }
        try files.open(manifest, .write).truncate(to: 70)
        #expect(throws: TreeError.damaged(manifest, offset: 40)) { try Self.reader(files).read() }
    }

    private final class Last { var round: UInt8 = 0 }

    /// A manifest that has grown is replaced, and the old one removed; crashes at any call lose nothing.
    @Test func growthIsCutBack() throws {
        let files = treeDisk(seed: 2)
        let numbers = FileNumbers(next: 2)
        let writer = try ManifestWriter(newIn: "/data", files, identity: Self.identity, numbers)
        let state = [UInt8](repeating: 7, count: 300_000)
        nonisolated(unsafe) var states: [(SimulatedFileSystem, UInt8)] = []
        nonisolated(unsafe) let last = Last()
        files.beforeEachCall { [unowned files] _ in
            for seed in 0..<3 as Range<UInt64> {
                states.append((files.afterCrash(keeping: .each(seed: seed)), last.round))
            }
            states.append((files.afterCrash(keeping: .nothing), last.round))
        }
        for round in 0..<12 as Range<UInt8> {
            try writer.append(ManifestEdit(nextNumber: 0, state: [round] + state))
            last.round = round
        }
        files.beforeEachCall(nil)
        #expect(files.paths.count == 2)
        #expect(!files.paths.contains("/data/manifest-0000000000000001"))
        for (i, (after, durable)) in states.enumerated() {
            guard let found = try Self.reader(after).read() else {
                #expect(durable == 0)
                continue
            }
            let round = found.contents.state.first ?? 0
            #expect(round == durable || round == durable + 1, "state \(i): \(round), \(durable)")
        }
    }
}

extension ManifestTests {
    fileprivate static let pinnedCurrent = """
        4d6172744375720a010000000000000088776655443322110100000000000000
        00000000c43d86c0
        """
    fileprivate static let pinnedManifest = """
        4d6172744d616e0a010000000000000088776655443322110100000000000000
        0000000018f967744d456469bd396bf604000000000000000100000000000000
        0000000000000000010202004d456469c4fc332c000000000000000002000000
        0000000001000000000000004d4564696d3fd403160000000000000002000000
        00000000010000000000000001070202aabb03000304ec07ac0203000305ed07
        ac024d45646953767b0500000000000000000300000000000000020000000000
        00004d4564695184204a0e000000000000000300000000000000020000000000
        000001070404040503060006ee07ac024d4564696cc7bb990000000000000000
        04000000000000000300000000000000
        """
}
