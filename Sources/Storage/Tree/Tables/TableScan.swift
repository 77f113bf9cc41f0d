import Base
import CSystem

/// The records of a table, or of several whose keys follow each other, in order, between two keys. Reads ahead, in
/// pieces that grow, and leaves the cache alone. One thread at a time; the tables stay open as long as it is there.
public struct TableScan: ~Copyable {
    private let tables: [Table]
    private let from: [UInt8]
    private let upTo: [UInt8]?
    /// The table that is read, and which of its blocks come next.
    private var table = -1
    private var block = 0
    private var endBlock = 0
    private var isSeeking = true
    private var isFirst = true

    /// Stored blocks that were read ahead, and their place in the file.
    private var window = ByteBuffer()
    private var windowStart: UInt64 = 0
    private var readAhead = TableScan.readAheadMin
    /// The block that is being read, if it was compressed, and where its records are.
    private var raw = ByteBuffer()
    private(set) var current: Block?
    private var records = ByteView("")
    private var at = 0
    private var key = ByteBuffer()

    private static let readAheadMin = 16 * 1024
    private static let readAheadMax = 256 * 1024

    /// - Parameters:
    ///   - tables: each one's keys are behind those of the one before.
    ///   - from: the first key that counts.
    ///   - upTo: the first one that does not any more; nil: all do.
    public init(_ tables: [Table], from: ByteView, upTo: ByteView?) {
        self.tables = tables
        self.from = from.bytes
        self.upTo = upTo?.bytes
    }

    public init(_ table: Table, from: ByteView = ByteView(""), upTo: ByteView? = nil) {
        self.init([table], from: from, upTo: upTo)
    }

    /// The next record, nil after the last one. Its views are valid until the next call. After an error: the same
    /// error or an end, never a wrong record.
    public mutating func next() throws(TableError) -> TableRecord? {
        while true {
            if at == records.count, try !beginBlock() { return nil }
            let record = try nextInBlock()
            if isSeeking {
                if from.withView({ record.key < $0 }) { continue }
                isSeeking = false
            }
            if let upTo, !upTo.withView({ record.key < $0 }) {
                end()
                return nil
            }
            return record
        }
    }

    private mutating func end() {
        table = tables.count
        (block, endBlock, at) = (0, 0, 0)
        records = ByteView("")
    }

    private mutating func nextInBlock() throws(TableError) -> TableRecord {
        guard let stored = StoredRecord(records, at: at, limit: records.count), accept(stored) else {
            throw damage()
        }
        at = stored.end
        return TableRecord(key: key.view, stem: key.count - stored.keyTail, value: stored.value)
    }

    /// Puts the record's key together. False if it is not behind the one before.
    private mutating func accept(_ record: StoredRecord) -> Bool {
        guard record.shared <= key.count else { return false }
        let old = key.view.slice(record.shared, key.count)
        guard isFirst || old < record.suffix else { return false }
        isFirst = false
        key.truncate(to: record.shared)
        key.append(record.suffix)
        return true
    }

    /// The block that the last record came from.
    var blockOfLast: Int { block - 1 }

    /// An error at the block that is being read; nothing comes after it.
    private mutating func damage() -> TableError {
        let error = TableError.damaged(
            tables[table].path, offset: Int64(tables[table].index.section(block - 1).offset))
        end()
        return error
    }

    /// Goes to the next block. False if there is none.
    private mutating func beginBlock() throws(TableError) -> Bool {
        while block == endBlock {
            if table + 1 >= tables.count { return false }
            beginTable()
        }
        let source = tables[table]
        let section = source.index.section(block)
        let stored: ByteView
        do {
            stored = try self.stored(section, source)
        } catch {
            end()
            throw error
        }
        block += 1
        guard let compression = source.seal.compression(of: stored, at: section.offset) else { throw damage() }
        let packed = stored.slice(0, stored.count - TableFormat.trailerBytes)
        var bytes = packed
        if compression != .none {
            raw.truncate(to: 0)
            let count = Int(section.rawBytes)
            if !compression.decompress(packed, to: raw.reserve(count), count) { throw damage() }
            raw.advance(count)
            bytes = raw.view
        }
        guard let begun = Block(bytes), begun.limit > 0 else { throw damage() }
        current = begun
        records = ByteView(bytes.start, begun.limit)
        at = 0
        if isSeeking {
            guard let start = from.withView({ begun.lastRestart(notAfter: $0) }) else { throw damage() }
            at = start
        }
        return true
    }

    private mutating func beginTable() {
        table += 1
        let index = tables[table].index.count
        block = isSeeking ? from.withView { tables[table].index.firstBlock(from: $0) } : 0
        endBlock = upTo?.withView { tables[table].index.endBlock(upTo: $0) } ?? index
        if block > endBlock { block = endBlock }
        window.truncate(to: 0)
        readAhead = min(readAhead, TableScan.readAheadMax)
    }

    /// The stored bytes of a section, from what was read ahead.
    private mutating func stored(_ section: Section, _ source: Table) throws(TableError) -> ByteView {
        if section.offset < windowStart || section.end > windowStart + UInt64(window.count) {
            try fillWindow(section, source)
        }
        let place = Int(section.offset - windowStart)
        return window.view.slice(place, place + Int(section.storedBytes))
    }

    private mutating func fillWindow(_ section: Section, _ source: Table) throws(TableError) {
        let last = source.index.section(endBlock - 1).end
        let count = max(Int(section.storedBytes), min(readAhead, Int(last - section.offset)))
        window.truncate(to: 0)
        try Table.read(source.file, Int64(section.offset), count, into: &window)
        windowStart = section.offset
        readAhead = min(readAhead * 2, TableScan.readAheadMax)
    }
}
