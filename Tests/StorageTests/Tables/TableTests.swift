import Base
import Simulation
import Testing

@testable import Storage

/// Tables against sorted arrays.
@Suite struct TableTests {
    private func options(_ maker: inout RecordMaker, _ compression: Compression) -> TableOptions {
        var options = TableOptions(compression: compression)
        options.blockBytes = [1, 100, 1000, 4096][maker.below(4)]
        return options
    }

    @Test(arguments: Compression.allCases, 0..<12 as Range<UInt64>)
    func findsWhatWasWritten(_ compression: Compression, _ seed: UInt64) throws {
        var maker = RecordMaker(seed: seed)
        let shelf = TableShelf()
        let records = maker.records([0, 1, 2, 30, 3000][maker.below(5)])
        let options = options(&maker, compression)
        let written = try shelf.write(records, 1, options)
        let table = try shelf.open()
        #expect(table.properties == written)
        #expect(written.records == UInt64(records.count))
        #expect(written.fileBytes == Int64(shelf.files.contents(shelf.path(1))?.count ?? 0))
        #expect(written.firstKey == records.first?.key ?? [] && written.lastKey == records.last?.key ?? [])
        try table.verify()
        let cache = BlockCache(capacity: 100_000)
        for record in records {
            let wanted = record.value.map(PlainAnswer.value) ?? .tombstone
            #expect(table.find(record.key, stem: record.stem) == wanted, "\(record)")
            #expect(table.find(record.key, stem: record.stem, cache) == wanted, "\(record)")
            #expect(record.key.withView { table.mayHold(stem: $0.slice(0, record.stem)) })
        }
        let keys = Set(records.map(\.key))
        for _ in 0..<2000 {
            let probe = maker.probe(records)
            if !keys.contains(probe) { #expect(table.find(probe) == .absent, "\(probe)") }
        }
    }

    /// Without its filter, which would answer most, a table knows what it does not hold.
    @Test(arguments: 0..<9 as Range<UInt64>)
    func absenceIsNotTheFiltersDoing(seed: UInt64) throws {
        var maker = RecordMaker(seed: seed)
        let shelf = TableShelf()
        let records = maker.records(2000, longest: 100).map { PlainRecord($0.key, stem: 0, $0.value) }
        _ = try shelf.write(records, 1, options(&maker, .lz4))
        let table = try shelf.open()
        let keys = Dictionary(uniqueKeysWithValues: records.map { ($0.key, $0.value) })
        for _ in 0..<10_000 {
            let probe = maker.probe(records)
            let wanted = keys[probe].map { $0.map(PlainAnswer.value) ?? .tombstone } ?? .absent
            #expect(table.find(probe, stem: 0) == wanted, "\(probe)")
        }
    }

    @Test(arguments: Compression.allCases, 0..<6 as Range<UInt64>)
    func scansRanges(_ compression: Compression, _ seed: UInt64) throws {
        var maker = RecordMaker(seed: seed)
        let shelf = TableShelf()
        let records = maker.records([1, 30, 3000][maker.below(3)])
        _ = try shelf.write(records, 1, options(&maker, compression))
        let table = try shelf.open()
        #expect(try table.records() == records)
        for _ in 0..<50 {
            let (from, upTo) = (maker.probe(records), maker.below(4) == 0 ? nil : maker.probe(records))
            let wanted = records.filter { record in !(record.key < from) && upTo.map { record.key < $0 } ?? true }
            #expect(try table.records(from: from, upTo: upTo) == wanted)
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func mergesTheNewestFirst(seed: UInt64) throws {
        var maker = RecordMaker(seed: seed)
        let shelf = TableShelf()
        var model: [[UInt8]: PlainRecord] = [:]
        var sources: [[Table]] = []
        var number: UInt64 = 0
        let all = maker.records(3000, longest: 200)
        for _ in 0..<1 + maker.below(7) {
            // A source is one table or several behind each other.
            var records = all.filter { _ in maker.below(3) == 0 }
            for i in records.indices { records[i].value = maker.value(longest: 100) }
            var tables: [Table] = []
            for record in records where model[record.key] == nil { model[record.key] = record }
            while !records.isEmpty {
                let count = min(records.count, 1 + maker.below(1000))
                number += 1
                _ = try shelf.write(Array(records[..<count]), number)
                records.removeFirst(count)
                tables.append(try shelf.open(number))
            }
            sources.append(tables)
        }
        for tombstones in [true, false] {
            let (from, upTo) = (maker.probe(all), maker.probe(all))
            for (from, upTo) in [([], [UInt8](repeating: 255, count: 5)), (from, upTo)] {
                var found: [PlainRecord] = []
                try from.withView { from in
                    try upTo.withView { upTo in
                        var scan = MergedScan(sources, from: from, upTo: upTo, tombstones: tombstones)
                        while let record = try scan.next() { found.append(PlainRecord(record)) }
                    }
                }
                let wanted = model.values.sorted { $0.key < $1.key }
                    .filter { !($0.key < from) && $0.key < upTo && (tombstones || $0.value != nil) }
                #expect(found == wanted)
            }
        }
    }

    @Test func aRecordIsNeverSplitAndBlocksAreShort() throws {
        let shelf = TableShelf()
        var maker = RecordMaker(seed: 5)
        let records = (0..<400).map { PlainRecord(Array("key:\(1000 + $0)".utf8), maker.bytes(1024)) }
        let properties = try shelf.write(records, 1, TableOptions(compression: .none))
        #expect(properties.blocks == 134)
        let large = [PlainRecord([1], maker.bytes(10)), PlainRecord([2], maker.bytes(9000)), PlainRecord([3], [])]
        #expect(try shelf.write(large, 2).blocks == 3)
    }

    @Test func filtersLetFewStrangersPass() throws {
        let shelf = TableShelf()
        _ = try shelf.write((0..<20_000).map { PlainRecord(Array("key:\(100_000 + $0)".utf8), []) })
        let table = try shelf.open()
        let passed = (0..<20_000).filter { i in "stranger:\(i)".withView { table.mayHold(stem: $0) } }.count
        #expect((20..<300).contains(passed), "\(passed) of 20,000")
    }

    @Test func compressionPays() throws {
        let shelf = TableShelf()
        let records = (0..<2000).map { i in
            PlainRecord(Array("key:\(1_000_000 + i)".utf8), Array(String(repeating: "value \(i) ", count: 20).utf8))
        }
        let sizes = try Compression.allCases.enumerated().map { number, compression in
            try shelf.write(records, UInt64(number + 1), TableOptions(compression: compression)).fileBytes
        }
        #expect(sizes[1] < sizes[0] / 3 && sizes[2] < sizes[1])
    }
}
