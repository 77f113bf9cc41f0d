import Base
import CSystem

/// A table as one of the tree's. When the last version that has it goes, and an edit took it out, its file is to be
/// removed: that is left to the next thread that writes, since who drops the last reference may be a reader.
final class TableHandle: Sendable {
    let table: Table
    private let refuse: TableRefuse
    /// One word: 1 once an edit has taken the table out.
    private nonisolated(unsafe) let isObsolete: UnsafeMutablePointer<UInt64>

    init(_ table: Table, _ refuse: TableRefuse) {
        self.table = table
        self.refuse = refuse
        isObsolete = .allocate(capacity: 1)
        isObsolete.initialize(to: 0)
    }

    deinit {
        if cs_load_acquire_u64(isObsolete) != 0 { refuse.add(table.properties.number) }
        isObsolete.deallocate()
    }

    var number: UInt64 { table.properties.number }

    func markObsolete() { cs_store_release_u64(isObsolete, 1) }
}

/// The numbers of tables whose files are to be removed. Any thread may call.
final class TableRefuse: @unchecked Sendable {
    private let lock = SpinLock()
    private var numbers: [UInt64] = []

    func add(_ number: UInt64) { lock.withLock { numbers.append(number) } }

    func takeAll() -> [UInt64] {
        lock.withLock {
            defer { numbers = [] }
            return numbers
        }
    }
}

/// Tables whose keys follow each other: a run of level 0, or all of another level. Does not change.
final class SortedRun: Sendable {
    /// In level 0: later runs have higher ones.
    let number: UInt64
    let tables: [TableHandle]
    /// Of each table's last key the first eight bytes, as a number: most searches need no more.
    private nonisolated(unsafe) let prefixes: UnsafeMutablePointer<UInt64>
    let bytes: Int64

    /// - Parameter tables: in the order of their keys.
    init(number: UInt64 = 0, _ tables: [TableHandle]) {
        self.number = number
        self.tables = tables
        prefixes = .allocate(capacity: tables.count + 1)
        for (i, handle) in tables.enumerated() {
            (prefixes + i).initialize(to: handle.table.properties.lastKey.withView { Self.prefix($0) })
        }
        bytes = tables.reduce(0) { $0 + $1.table.properties.fileBytes }
    }

    deinit { prefixes.deallocate() }

    private static func prefix(_ key: ByteView) -> UInt64 {
        if key.count >= 8 { return UInt64(bigEndian: UnsafeRawPointer(key.start).loadUnaligned(as: UInt64.self)) }
        var value: UInt64 = 0
        for i in 0..<8 { value = value << 8 | (i < key.count ? UInt64(key[i]) : 0) }
        return value
    }

    /// The first table whose last key is not before this one; the number of tables if there is none.
    @inline(__always)
    func index(from key: ByteView) -> Int {
        let wanted = Self.prefix(key)
        var (low, high) = (0, tables.count)
        while low < high {
            let middle = (low &+ high) >> 1
            let there = prefixes[middle]
            let isBefore =
                there != wanted
                ? there < wanted : tables[middle].table.properties.lastKey.withView { $0 < key }
            if isBefore { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    /// The table that has the key if any has.
    @inline(__always)
    func table(around key: ByteView) -> Table? {
        let i = index(from: key)
        if i == tables.count { return nil }
        let table = tables[i].table
        return table.properties.firstKey.withView { key < $0 } ? nil : table
    }

    /// The tables that may have keys from the first up to the second (nil: no end).
    func tables(from: ByteView, upTo: ByteView?) -> ArraySlice<TableHandle> {
        let start = index(from: from)
        var end = tables.count
        if let upTo {
            end = start
            while end < tables.count, tables[end].table.properties.firstKey.withView({ $0 < upTo }) { end += 1 }
        }
        return tables[start..<end]
    }
}
