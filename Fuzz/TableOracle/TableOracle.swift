import Base
import Simulation
import Storage

/// Reads tables that may be anything: no input may crash, and a table that calls itself whole has to give the same
/// records however it is asked.
///
/// An input is a byte and then a table's file. The byte's lowest bit: its checksums are made right first, as far as its
/// sections can be found, so that what is wrong gets past them.
public final class TableOracle {
    /// How many inputs were tables that verification found nothing wrong with.
    public private(set) var whole = 0

    private static let path = "/d/table"
    private let files = SimulatedFileSystem(seed: 1, directories: ["/d"])

    public init() {}

    /// Answers nil, or what is wrong.
    public func check(_ input: [UInt8]) -> String? {
        guard let flags = input.first else { return nil }
        var bytes = Array(input.dropFirst())
        if flags & 1 != 0 { TableSeals.renew(&bytes) }
        do {
            let file = try files.open(Self.path, .write)
            try file.truncate(to: 0)
            try bytes.withView { (view) throws(DiskError) in try file.write(view, at: 0) }
        } catch {
            return "the disk: \(error)"
        }
        guard
            let table = try? Table.open(
                files, path: Self.path, identity: TableSeals.identity, number: TableSeals.number)
        else { return nil }
        return check(table)
    }

    private struct Record: Equatable {
        var key: [UInt8]
        var stem: Int
        var value: [UInt8]?
    }

    private func check(_ table: Table) -> String? {
        let (records, isComplete) = records(table, from: [])
        for (i, record) in records.enumerated().dropFirst() {
            if !records[i - 1].key.lexicographicallyPrecedes(record.key) { return "record \(i) is out of order" }
        }
        var isWhole = true
        do { try table.verify() } catch { isWhole = false }
        if !isWhole {
            // Whatever comes, it comes.
            for record in records.prefix(30) { _ = find(record.key, record.stem, table) }
            if let last = records.last { _ = self.records(table, from: last.key) }
            _ = find([0, 1, 2], 3, table)
            return nil
        }
        whole += 1
        if !isComplete || UInt64(records.count) != table.properties.records { return "it verified, but cannot be read" }
        for (i, record) in records.enumerated() {
            if find(record.key, record.stem, table) != .some(record.value) { return "record \(i) is not found" }
            if i % 16 == 0, self.records(table, from: record.key, most: 4).0 != Array(records[i...].prefix(4)) {
                return "a scan from record \(i) begins elsewhere"
            }
        }
        return nil
    }

    /// The records that a scan gives from a key on, and whether it came to its end.
    private func records(_ table: Table, from: [UInt8], most: Int = .max) -> ([Record], Bool) {
        var found: [Record] = []
        return from.withView { start in
            var scan = MergedScan([[table], [table]], from: start, tombstones: true)
            do {
                while let record = try scan.next() {
                    found.append(Record(key: record.key.bytes, stem: record.stem, value: record.value?.bytes))
                    if found.count == most { break }
                }
                return (found, true)
            } catch {
                return (found, false)
            }
        }
    }

    /// The value; a tombstone is nil in it; nil if there is no such key or an error.
    ///
    /// Inlined where nobody wants the value, Swift 6.3.1's optimizer (-O) frees the array before it copies the bytes into it.
    @inline(never)
    private func find(_ key: [UInt8], _ stem: Int, _ table: Table) -> [UInt8]?? {
        var output = ByteBuffer()
        switch key.withView({ table.find($0, stem: stem, nil, waits: true, into: &output) }) {
        case .value: return .some(output.view.bytes)
        case .tombstone: return .some(nil)
        default: return nil
        }
    }

    // MARK: Inputs to begin with

    /// Small tables of each kind.
    public static func seeds() -> [[UInt8]] {
        var random = PRNG(seed: 1)
        return Compression.allCases.flatMap { compression in
            [0, 1, 7, 60].compactMap { count in seed(compression, records: count, &random) }
        }
    }

    private static func seed(_ compression: Compression, records: Int, _ random: inout PRNG) -> [UInt8]? {
        let files = SimulatedFileSystem(seed: 1, directories: ["/d"])
        var options = TableOptions(compression: compression)
        options.blockBytes = 200
        guard
            let writer = try? TableWriter(
                files, path: path, identity: TableSeals.identity, number: TableSeals.number, options)
        else { return nil }
        for i in 0..<records {
            let key = Array("key:\(1000 + i)".utf8)
            let value = [UInt8](repeating: UInt8(i), count: Int(random.below(60)))
            key.withView { key in
                value.withView { value in
                    try? writer.add(key: key, stem: i % 3 == 0 ? key.count : 6, value: i % 5 == 4 ? nil : value)
                }
            }
        }
        guard (try? writer.finish()) != nil, let bytes = files.contents(path) else { return nil }
        return [1] + bytes
    }
}
