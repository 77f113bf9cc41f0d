import Base
import Simulation

@testable import Storage

/// A record as plain values.
struct PlainRecord: Equatable, CustomStringConvertible {
    var key: [UInt8]
    var stem: Int
    var value: [UInt8]?

    init(_ key: [UInt8], stem: Int? = nil, _ value: [UInt8]?) {
        (self.key, self.stem, self.value) = (key, stem ?? key.count, value)
    }

    init(_ record: TableRecord) { self.init(record.key.bytes, stem: record.stem, record.value?.bytes) }

    var description: String { "\(key) (\(stem)): \(value.map { "\($0.count) bytes" } ?? "tombstone")" }
}

/// What a table answered, as a plain value.
enum PlainAnswer: Equatable {
    case value([UInt8])
    case tombstone
    case absent
    case wouldWait
    case damaged(TableError)
}

extension [UInt8] {
    static func < (a: [UInt8], b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }
}

extension Table {
    func find(_ key: [UInt8], stem: Int? = nil, _ cache: BlockCache? = nil, waits: Bool = true) -> PlainAnswer {
        var output = ByteBuffer(capacity: 16)
        output.append(7)
        let answer = key.withView { find($0, stem: stem ?? key.count, cache, waits: waits, into: &output) }
        let added = output.view.slice(1, output.count).bytes
        precondition(output.view[0] == 7)
        switch answer {
        case .value: return .value(added)
        case .tombstone: return .tombstone
        case .absent: return .absent
        case .wouldWait: return .wouldWait
        case .damaged(let error): return .damaged(error)
        }
    }

    func records(from: [UInt8] = [], upTo: [UInt8]? = nil) throws(TableError) -> [PlainRecord] {
        let end = upTo ?? []
        var found: [PlainRecord] = []
        try from.withView { (from) throws(TableError) in
            try end.withView { (end) throws(TableError) in
                var scan = TableScan(self, from: from, upTo: upTo == nil ? nil : end)
                while let record = try scan.next() { found.append(PlainRecord(record)) }
            }
        }
        return found
    }
}

/// Tables in a simulated file system.
struct TableShelf {
    static let identity: UInt64 = 0x1122_3344_5566_7788
    let files: SimulatedFileSystem

    init(seed: UInt64 = 1) { files = SimulatedFileSystem(seed: seed, directories: ["/d"]) }

    func path(_ number: UInt64) -> String { "/d/table-\(number)" }

    func write(
        _ records: [PlainRecord], _ number: UInt64 = 1, _ options: TableOptions = TableOptions()
    ) throws(DiskError) -> TableProperties {
        let writer = try TableWriter(files, path: path(number), identity: Self.identity, number: number, options)
        for record in records {
            try record.key.withView { (key) throws(DiskError) in
                guard let value = record.value else {
                    return try writer.add(key: key, stem: record.stem, value: nil)
                }
                try value.withView { (value) throws(DiskError) in
                    try writer.add(key: key, stem: record.stem, value: value)
                }
            }
        }
        return try writer.finish()
    }

    func open(_ number: UInt64 = 1, identity: UInt64 = identity) throws(TableError) -> Table {
        try Table.open(files, path: path(number), identity: identity, number: number)
    }

    /// A file with these bytes, opened as a table.
    func open(bytes: [UInt8]) throws -> Table {
        let file = try files.open(path(1), .write)
        try file.truncate(to: 0)
        try bytes.withView { (view) throws(DiskError) in try file.write(view, at: 0) }
        return try open()
    }
}

/// Random records, all of one kind of keys.
struct RecordMaker {
    var random: PRNG

    init(seed: UInt64) { random = PRNG(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

    mutating func bytes(_ count: Int, of alphabet: Int = 256) -> [UInt8] {
        (0..<count).map { _ in UInt8(below(alphabet)) }
    }

    /// Values of all lengths: empty, short, about a block, a hundred kilobytes; some that can be compressed.
    mutating func value(longest: Int) -> [UInt8]? {
        let count =
            switch below(20) {
            case 0: 0
            case 1: -1
            case 2: 1000 + below(4000)
            case 3: min(longest, 4000 + below(longest))
            default: below(200)
            }
        if count < 0 { return nil }
        return below(3) == 0
            ? [UInt8](repeating: UInt8(below(256)), count: count) : bytes(count, of: below(2) * 250 + 4)
    }

    /// Keys as the tree has them: slot, space, key, end, and for some a piece.
    mutating func treeKey() -> (key: [UInt8], stem: Int) {
        var key: [UInt8] = [UInt8(below(4)), UInt8(below(256)), 0, 0, 0, 0, 0, 0, 0, UInt8(below(2))]
        key += Array("key:\(below(100_000))".utf8) + [0, 1]
        let stem = key.count
        if below(4) == 0 { key += bytes(8, of: 2) }
        return (key, stem)
    }

    /// Any bytes, many zeros, one often another's beginning.
    mutating func wildKey() -> (key: [UInt8], stem: Int) {
        let key = bytes(below(12), of: 3) + (below(50) == 0 ? bytes(below(300)) : [])
        return (key, below(3) == 0 ? below(key.count + 1) : key.count)
    }

    /// Keys with the same long beginning.
    mutating func longKey() -> (key: [UInt8], stem: Int) {
        let key = [UInt8](repeating: 9, count: 60 + below(3) * 10) + bytes(3, of: 5)
        return (key, key.count)
    }

    mutating func records(_ count: Int, longest: Int = 100_000) -> [PlainRecord] {
        let kind = below(3)
        var found: [[UInt8]: PlainRecord] = [:]
        for _ in 0..<count {
            let (key, stem) = kind == 0 ? treeKey() : kind == 1 ? wildKey() : longKey()
            found[key] = PlainRecord(key, stem: stem, value(longest: longest))
        }
        return found.values.sorted { $0.key < $1.key }
    }

    /// A key that may or may not be among these records.
    mutating func probe(_ records: [PlainRecord]) -> [UInt8] {
        if records.isEmpty || below(10) == 0 { return bytes(below(20)) }
        var key = records[below(records.count)].key
        switch below(4) {
        case 0 where !key.isEmpty: key[below(key.count)] &+= UInt8(1 + below(255))
        case 1 where !key.isEmpty: key.removeLast()
        case 2: key.append(UInt8(below(3)))
        default: break
        }
        return key
    }
}
