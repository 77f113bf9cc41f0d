import Base

/// Reading everything.
extension Table {
    /// Reads the whole file and holds it against itself: checksums, the order of keys, fences, filter, properties.
    /// Throws at the first thing that is wrong.
    public func verify() throws(TableError) {
        var counted = TableProperties()
        var scan = TableScan(self)
        var bytes = ByteBuffer()
        try Table.read(file, 0, TableFormat.headerBytes, into: &bytes)
        try TableFormat.check(header: bytes.view, identity: filterSeed, number: properties.number, path)
        let footerAt = properties.fileBytes - Int64(TableFormat.footerBytes)
        try Table.read(file, footerAt, TableFormat.footerBytes, into: &bytes)
        guard try TableFooter(bytes.view, seal, at: UInt64(footerAt), path) == footer else {
            throw .damaged(path, offset: footerAt)
        }
        // What is in memory may be older than what is on disk by now.
        for section in [footer.filter, footer.index, footer.properties] { try readStored(section, into: &bytes) }
        while let record = try scan.next() {
            guard isFound(record, in: scan.current, scan.blockOfLast) else { throw damage(of: scan.blockOfLast) }
            counted.records += 1
            if record.value == nil { counted.tombstones += 1 }
            counted.keyBytes += UInt64(record.key.count)
            counted.valueBytes += UInt64(record.value?.count ?? 0)
            if counted.records == 1 { counted.firstKey = record.key.bytes }
            if counted.records == properties.records { counted.lastKey = record.key.bytes }
        }
        guard counted.records == properties.records, counted.tombstones == properties.tombstones,
            counted.keyBytes == properties.keyBytes, counted.valueBytes == properties.valueBytes,
            counted.firstKey == properties.firstKey, counted.lastKey == properties.lastKey
        else { throw .damaged(path, offset: Int64(footer.properties.offset)) }
    }

    /// Whether looking the key up would come to this record.
    private func isFound(_ record: TableRecord, in block: Block?, _ number: Int) -> Bool {
        guard filter.mayHold(StemFilter.hash(record.key.slice(0, record.stem), seed: filterSeed)),
            index.block(holding: record.key) == number, index.isBetweenFences(record.key, number)
        else { return false }
        return switch block?.find(record.key) {
        case .value(let value): value.start == record.value?.start && value.count == record.value?.count
        case .tombstone: record.value == nil
        default: false
        }
    }

    private func damage(of block: Int) -> TableError {
        .damaged(path, offset: Int64(index.section(block).offset))
    }
}
