import Base

/// Reading everything.
extension Table {
    /// Reads the whole file and holds it against itself: checksums, the order of keys, fences, filter, properties.
    /// Throws at the first thing that is wrong.
    public func verify() throws(TableError) {
        var counted = TableProperties()
        var scan = TableScan(self)
        var bytes = ByteBuffer()
        // What is in memory may be older than what is on disk by now.
        for section in [footer.filter, footer.index, footer.properties] { try readStored(section, into: &bytes) }
        while let record = try scan.next() {
            guard filter.mayHold(StemFilter.hash(record.key.slice(0, record.stem), seed: filterSeed)),
                index.block(holding: record.key) == scan.blockOfLast
            else { throw damage(of: scan.blockOfLast) }
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

    private func damage(of block: Int) -> TableError {
        .damaged(path, offset: Int64(index.section(block).offset))
    }
}
