import Base

/// What the choice of compactions goes by: a table's keys and sizes.
struct TableSummary: Equatable, Sendable {
    var number: UInt64
    var bytes: Int64
    var records: Int64
    var tombstones: Int64
    var first: [UInt8]
    var last: [UInt8]
    var compression: Compression

    init(_ properties: TableProperties) {
        self.init(
            number: properties.number, bytes: properties.fileBytes, records: Int64(properties.records),
            tombstones: Int64(properties.tombstones), first: properties.firstKey, last: properties.lastKey,
            compression: properties.compression)
    }

    init(
        number: UInt64, bytes: Int64, records: Int64 = 0, tombstones: Int64 = 0, first: [UInt8], last: [UInt8],
        compression: Compression = .none
    ) {
        self.number = number
        self.bytes = bytes
        self.records = records
        self.tombstones = tombstones
        self.first = first
        self.last = last
        self.compression = compression
    }

    func overlaps(_ first: [UInt8], _ last: [UInt8]) -> Bool { !(self.last < first) && !(last < self.first) }
}

extension [UInt8] {
    /// Byte-wise order, as of views.
    static func < (a: [UInt8], b: [UInt8]) -> Bool { a.withView { a in b.withView { a < $0 } } }
}

/// The tree's tables as the choice of compactions sees them.
struct Layout: Sendable {
    struct Run: Sendable {
        var number: UInt64
        /// In the order of keys, disjoint.
        var tables: [TableSummary]
    }

    /// Level 0, the newest first.
    var runs: [Run]
    /// By level; level 0 has none here. In the order of keys, disjoint.
    var levels: [[TableSummary]]

    var level0: [TableSummary] { runs.flatMap(\.tables) }

    /// The tables of a level, which is not 0, that have keys in a range.
    func overlapping(_ level: Int, _ first: [UInt8], _ last: [UInt8]) -> [TableSummary] {
        levels[level].filter { $0.overlaps(first, last) }
    }
}

extension Sequence<TableSummary> {
    var bytes: Int64 { reduce(0) { $0 + $1.bytes } }
}
