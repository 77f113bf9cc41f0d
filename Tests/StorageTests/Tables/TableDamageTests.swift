import Base
import CSystem
import Simulation
import Testing

@testable import Storage

/// Tables on disks that lie.
@Suite struct TableDamageTests {
    private static let records: [PlainRecord] = [
        PlainRecord([], Array("nothing".utf8)),
        PlainRecord([0], []),
        PlainRecord([0, 0], nil),
        PlainRecord([0, 1, 7, 7], stem: 2, Array("piece".utf8)),
        PlainRecord([0, 1, 7, 8], stem: 2, [UInt8](repeating: 65, count: 100)),
        PlainRecord(Array("key:1".utf8), Array("value 1, value 1, value 1, value 1".utf8)),
        PlainRecord(Array("key:2".utf8), [0]),
        PlainRecord([255, 255], nil),
    ]

    private func options(_ compression: Compression) -> TableOptions {
        var options = TableOptions(compression: compression)
        options.blockBytes = 150
        return options
    }

    private func bytes(_ compression: Compression) throws -> [UInt8] {
        let shelf = TableShelf()
        _ = try shelf.write(Self.records, 1, options(compression))
        return try #require(shelf.files.contents(shelf.path(1)))
    }

    /// What is wrong with a table's answers: they have to be right, or errors.
    private func problem(_ table: Table) -> String? {
        for record in Self.records {
            let wanted = record.value.map(PlainAnswer.value) ?? .tombstone
            switch table.find(record.key, stem: record.stem) {
            case wanted, .damaged: break
            case let other: return "\(record) gives \(other)"
            }
        }
        for stranger: [UInt8] in [[1], [0, 1], [0, 1, 7], Array("key:".utf8), Array("key:11".utf8), [255, 255, 255]] {
            switch table.find(stranger) {
            case .absent, .damaged: break
            case let other: return "\(stranger) gives \(other)"
            }
        }
        if let found = try? table.records(), found != Self.records { return "the scan gives \(found)" }
        return nil
    }

    @Test(arguments: Compression.allCases)
    func everyBitCounts(_ compression: Compression) throws {
        let whole = try bytes(compression)
        var opened = 0
        for place in 0..<whole.count * 8 {
            var bytes = whole
            bytes[place / 8] ^= 1 << UInt8(place % 8)
            // Wrong from the beginning, and wrong later.
            if let table = try? TableShelf().open(bytes: bytes) {
                opened += 1
                #expect(problem(table) == nil, "bit \(place)")
                #expect(throws: TableError.self, "bit \(place)") { try table.verify() }
            }
            let shelf = TableShelf()
            let table = try shelf.open(bytes: whole)
            #expect(try table.records() == Self.records)
            shelf.files.flipBit(shelf.path(1), Int64(place / 8), place % 8)
            #expect(problem(table) == nil, "bit \(place)")
            #expect(throws: TableError.self, "bit \(place)") { try table.verify() }
        }
        // What is wrong with a block shows when it is read.
        #expect(opened > 900)
    }

    @Test(arguments: Compression.allCases)
    func filesThatEndEarly(_ compression: Compression) throws {
        let whole = try bytes(compression)
        for length in 0..<whole.count {
            #expect(throws: TableError.self, "\(length)") { try TableShelf().open(bytes: Array(whole[..<length])) }
            let shelf = TableShelf()
            let table = try shelf.open(bytes: whole)
            try shelf.files.open(shelf.path(1), .write).truncate(to: Int64(length))
            #expect(problem(table) == nil)
            #expect(throws: TableError.self) { try table.verify() }
        }
        #expect(throws: TableError.truncated("/d/table-1")) { try TableShelf().open(bytes: Array(whole.dropLast())) }
        #expect(throws: TableError.truncated("/d/table-1")) { try TableShelf().open(bytes: []) }
    }

    @Test func filesOfOthers() throws {
        let shelf = TableShelf()
        _ = try shelf.write(Self.records, 1)
        #expect(throws: TableError.foreign("/d/table-1")) { try shelf.open(identity: 7) }
        try shelf.files.rename(shelf.path(1), to: shelf.path(2))
        #expect(throws: TableError.foreign("/d/table-2")) { try shelf.open(2) }
        #expect(throws: TableError.disk(DiskError(.open, "/d/table-1", ENOENT))) { try shelf.open(1) }
        #expect(throws: TableError.foreign("/d/table-1")) {
            try shelf.open(bytes: [UInt8]("MartLog\n".utf8) + [UInt8](repeating: 0, count: 500))
        }
    }

    @Test func filesOfLaterVersions() throws {
        var bytes = try bytes(.none)
        bytes[8] = 2
        let checksum = bytes.withView { CRC32C.checksum($0.slice(0, 36)) }
        for i in 0..<4 { bytes[36 + i] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * i)) }
        #expect(throws: TableError.newerVersion("/d/table-1", 2)) { try TableShelf().open(bytes: bytes) }
    }

    /// A block of another table, or of another place, in this one's place.
    @Test func blocksThatAreElsewhere() throws {
        let shelf = TableShelf()
        var records: [PlainRecord] = []
        for i in 0..<100 as Range<UInt8> { records.append(PlainRecord([i], [UInt8](repeating: i, count: 50))) }
        _ = try shelf.write(records, 1, TableOptions(compression: .none))
        _ = try shelf.write(records, 2, TableOptions(compression: .none))
        let (one, two) = (try #require(shelf.files.contents(shelf.path(1))), shelf.files.contents(shelf.path(2)))
        let table = try shelf.open(1)
        let (first, second) = (table.index.section(0), table.index.section(1))
        #expect(first.storedBytes > 4000 && table.find([0]) == .value([UInt8](repeating: 0, count: 50)))
        let block = Int(first.offset)..<Int(first.end)
        var strayed = one
        strayed.replaceSubrange(block, with: try #require(two)[block])
        #expect(try TableShelf().open(bytes: strayed).find([0]) == .damaged(.damaged("/d/table-1", offset: 40)))
        strayed = one
        strayed.replaceSubrange(Int(second.offset)..<Int(second.offset) + 1000, with: one[40..<1040])
        let damage = TableError.damaged("/d/table-1", offset: Int64(second.offset))
        #expect(try TableShelf().open(bytes: strayed).find([99]) == .damaged(damage))
    }

    // MARK: Calls that fail

    @Test func everyFailingCallWhileOpening() throws {
        for (fault, code) in [(DiskFault.error, EIO), (.interrupted, 0), (.short, 0), (.rotOnRead, 0)] {
            var number = 0
            while true {
                number += 1
                let shelf = TableShelf(seed: UInt64(number))
                _ = try shelf.write(Self.records)
                shelf.files.failAt(number, fault)
                let table = Result { () throws(TableError) in try shelf.open() }
                if shelf.files.injected == 0 { break }
                switch table {
                case .success(let table): #expect(problem(table) == nil && fault != .error)
                case .failure(.disk(let error)): #expect(error.code == code && code != 0)
                case .failure: #expect(fault == .rotOnRead)
                }
            }
            #expect(number >= 4)
        }
    }

    @Test func everyFailingCallWhileWriting() throws {
        for (fault, code) in [(DiskFault.error, EIO), (.noSpace, ENOSPC), (.interrupted, 0), (.short, 0)] {
            for persistent in fault == .interrupted ? [false] : [false, true] {
                var number = 0
                while true {
                    number += 1
                    let shelf = TableShelf(seed: UInt64(number))
                    var records = Self.records
                    let value = [UInt8](repeating: 7, count: 1000)
                    for i in 0..<600 {
                        records.append(PlainRecord([255, 255, 255, UInt8(i / 256), UInt8(i % 256)], value))
                    }
                    shelf.files.failAt(number, fault, persistent: persistent)
                    let written = Result { () throws(DiskError) in try shelf.write(records, 1, options(.none)) }
                    if shelf.files.injected == 0 { break }
                    shelf.files.stopFailing()
                    switch written {
                    case .success:
                        #expect(code == 0)
                        #expect(try shelf.open().records() == records)
                    case .failure(let error): #expect(error.code == code && code != 0)
                    }
                }
                #expect(number > 2)
            }
        }
    }

    @Test func aWriterThatFailedSaysSoAgain() throws {
        let shelf = TableShelf()
        let writer = try TableWriter(shelf.files, path: shelf.path(1), identity: 1, number: 1)
        try writer.add(key: ByteView("a"), stem: 1, value: ByteView("b"))
        shelf.files.failAt(1, .noSpace)
        let full = DiskError(.write, shelf.path(1), ENOSPC)
        #expect(throws: full) { _ = try writer.finish() }
        #expect(throws: full) { try writer.add(key: ByteView("b"), stem: 1, value: nil) }
        #expect(throws: full) { _ = try writer.finish() }
    }

    @Test(arguments: [nil, 1_000_000])
    func readsThatFail(_ cacheBytes: Int?) throws {
        let shelf = TableShelf()
        _ = try shelf.write(Self.records, 1, options(.lz4))
        let table = try shelf.open()
        func find(waits: Bool = true) -> PlainAnswer {
            table.find(Array("key:2".utf8), cacheBytes.map { BlockCache(capacity: $0, shards: 1) }, waits: waits)
        }
        func expect(_ fault: DiskFault, persistent: Bool = false, waits: Bool = true, _ wanted: PlainAnswer) {
            shelf.files.failAt(1, fault, persistent: persistent)
            #expect(find(waits: waits) == wanted, "\(fault)")
            shelf.files.stopFailing()
            #expect(find() == .value([0]))
        }
        expect(.error, .damaged(.disk(DiskError(.read, shelf.path(1), EIO))))
        for waits in [true, false] {
            expect(.interrupted, waits: waits, .value([0]))
            expect(.short, waits: waits, .value([0]))
            expect(.rotOnRead, waits: waits, .value([0]))
        }
        expect(.short, persistent: true, .value([0]))
        expect(.wouldWait, persistent: true, .value([0]))
        expect(.wouldWait, waits: false, .wouldWait)
        // A part of the block is in memory.
        shelf.files.failAt(1, .short)
        shelf.files.failAt(2, .wouldWait)
        #expect(find(waits: false) == .wouldWait)
        shelf.files.failAt(1, .rotAtRest)
        guard case .damaged(.damaged) = find() else {
            Issue.record("rot is an answer")
            return
        }
    }

    @Test func scansThatFail() throws {
        var number = 0
        while true {
            number += 1
            let shelf = TableShelf()
            _ = try shelf.write(Self.records, 1, options(.zstd))
            let table = try shelf.open()
            shelf.files.failAt(number, .error, of: .read)
            var found: [PlainRecord] = []
            var failed = false
            var scan = MergedScan([[table]], tombstones: true)
            do {
                while let record = try scan.next() { found.append(PlainRecord(record)) }
            } catch {
                #expect(error == .disk(DiskError(.read, shelf.path(1), EIO)))
                failed = true
                // Nothing comes after an error that might be taken for all there is.
                #expect(try scan.next() == nil)
            }
            #expect(failed ? Self.records.starts(with: found) : found == Self.records)
            if shelf.files.injected == 0 { break }
            #expect(failed)
        }
        #expect(number == 2)
    }
}
