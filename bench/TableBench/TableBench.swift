import Base
import CSystem
import Glibc
import Storage

/// CPU of looking keys up in sorted tables whose file is in the page cache: TableBench DIRECTORY [RECORDS]
/// [none|lz4|zstd] [ROUNDS]. What RocksDB's `db_bench` calls readrandom, without a network either.
@main
struct TableBench {
    static let identity: UInt64 = 1
    let files = RealFileSystem()
    let directory: String
    let records: Int
    let compression: Compression
    private var tables: [Table] = []

    static func main() throws {
        let words = CommandLine.arguments
        guard words.count > 1 else { return print("TableBench DIRECTORY [RECORDS] [none|lz4|zstd] [ROUNDS]") }
        if words.count > 2 && words[2] == "overwrite" { return try overwrite(words) }
        let compression: Compression =
            switch words.count > 3 ? words[3] : "lz4" {
            case "none": .none
            case "zstd": .zstd
            default: .lz4
            }
        var bench = TableBench(
            directory: words[1], records: words.count > 2 ? Int(words[2]) ?? 1_000_000 : 1_000_000,
            compression: compression)
        try bench.write()
        try bench.scan()
        let rounds = words.count > 4 ? Int(words[4]) ?? 1 : 1
        for _ in 0..<rounds { bench.find("present, from the file", present: true, nil) }
        if rounds > 1 { return bench.remove() }
        bench.find("absent", present: false, nil)
        let cache = BlockCache(capacity: 4 << 30)
        bench.find("present, into the cache", present: true, cache)
        bench.find("present, from the cache", present: true, cache)
        print("cache: \(cache.figures)")
        bench.remove()
    }

    private static func overwrite(_ words: [String]) throws {
        func number(_ at: Int, _ usual: Int) -> Int { words.count > at ? Int(words[at]) ?? usual : usual }
        var bench = TreeBench(directory: words[1], keys: number(3, 1_000_000), run: number(4, 250_000))
        switch words.count > 5 ? words[5] : "" {
        case "none": bench.options.newest = .none
        case "lz4": bench.options.newest = .lz4
        case "zstd": bench.options.newest = .zstd
        default: break
        }
        try bench.overwrite()
    }

    init(directory: String, records: Int, compression: Compression) {
        (self.directory, self.records, self.compression) = (directory, records, compression)
    }

    private func path(_ number: Int) -> String { "\(directory)/bench-table-\(number)" }

    private func key(_ i: Int, into buffer: inout ByteBuffer) {
        buffer.truncate(to: 0)
        Self.append(key: i, of: records, to: &buffer)
    }

    /// slot, space, key, end: as the tree has them.
    static func append(key i: Int, of records: Int, to buffer: inout ByteBuffer) {
        // 16384 slots in order, the keys of one looking as if they were chosen at random.
        let slot = i * 16384 / records
        buffer.append(bigEndian: UInt16(slot))
        buffer.append(bigEndian: UInt64(0))
        "key:".withView { buffer.append($0) }
        let digits = String(1_000_000_000_000 + i * 7919)
        digits.withView { buffer.append($0) }
        buffer.append(bigEndian: UInt16(1))
    }

    /// A kilobyte that can be compressed by half, as db_bench's.
    private func fill(_ value: inout ByteBuffer, _ random: inout PRNG) {
        value.truncate(to: 0)
        for _ in 0..<64 { value.append(littleEndian: random.next()) }
        let half = value.view.bytes
        half.withView { value.append($0) }
    }

    private mutating func write() throws {
        let start = Self.cpu()
        var random = PRNG(seed: 1)
        var key = ByteBuffer()
        var value = ByteBuffer()
        var number = 0
        var bytes: Int64 = 0
        var i = 0
        while i < records {
            number += 1
            let writer = try TableWriter(
                files, path: path(number), identity: Self.identity, number: UInt64(number),
                TableOptions(compression: compression))
            while i < records, writer.bytes < 32 << 20 {
                self.key(i, into: &key)
                fill(&value, &random)
                try writer.add(key: key.view, stem: key.count, value: value.view)
                i += 1
            }
            bytes += try writer.finish().fileBytes
            tables.append(
                try Table.open(
                    files, path: path(number), identity: Self.identity, number: UInt64(number)))
        }
        report("write", Self.cpu() - start, records)
        let memory = tables.reduce(0) { $0 + $1.memoryBytes }
        print("\(tables.count) tables, \(bytes) bytes, \(memory) of index and filter in memory")
    }

    private func scan() throws {
        let start = Self.cpu()
        var scan = MergedScan([tables], tombstones: false)
        var found = 0
        while try scan.next() != nil { found += 1 }
        precondition(found == records)
        report("scan", Self.cpu() - start, found)
    }

    private func find(_ name: String, present: Bool, _ cache: BlockCache?) {
        let count = 1_000_000
        var random = PRNG(seed: 2)
        // Keys are made beforehand, and the table of each is known: what remains is the table's own work.
        var keys = ByteBuffer()
        var places: [(table: Int, key: Int, count: Int)] = []
        var key = ByteBuffer()
        let firsts = tables.map(\.properties.firstKey)
        for _ in 0..<count {
            self.key(Int(random.below(UInt64(records))), into: &key)
            if !present { key.replace(at: key.count - 3, littleEndian: UInt8(ascii: "x")) }
            var (low, high) = (0, firsts.count)
            while high - low > 1 {
                let middle = (low + high) / 2
                if firsts[middle].withView({ key.view < $0 }) { high = middle } else { low = middle }
            }
            places.append((low, keys.count, key.count))
            keys.append(key.view)
        }
        var output = ByteBuffer(capacity: 16384)
        var found = 0
        let start = Self.cpu()
        for place in places {
            output.truncate(to: 0)
            let key = keys.view.slice(place.key, place.key + place.count)
            if case .value = tables[place.table].find(key, stem: key.count, cache, waits: false, into: &output) {
                found += 1
            }
        }
        report(name, Self.cpu() - start, count)
        precondition(found == (present ? count : 0), "\(found)")
    }

    private func remove() { for number in 1...tables.count { try? files.remove(path(number)) } }

    private func report(_ name: String, _ nanoseconds: Int, _ count: Int) {
        print("\(name): \(nanoseconds / count) ns")
    }

    /// Processor time of this process in nanoseconds.
    static func cpu() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
