import Base
import CSystem

/// How a table is written.
public struct TableOptions: Sendable {
    /// About how long blocks are, before compression. A record is never split: a longer one has a block of its own.
    public var blockBytes = 4096
    public var compression = Compression.lz4
    /// 0: no filter to speak of.
    public var filterBitsPerKey = 10

    public init(compression: Compression = .lz4) { self.compression = compression }
}

/// Writes one table's file, front to back, in large pieces. One thread at a time. After an error it only gives that
/// error again: the file is to be removed.
public final class TableWriter {
    private let file: any File
    private let path: String
    private let options: TableOptions
    private let seal: SectionSeal
    private let filterSeed: UInt64

    private var block = BlockWriter()
    private var index = TableIndexWriter()
    private var hashes: [UInt64] = []
    private var properties = TableProperties()
    private var lastKey = ByteBuffer()
    private var stemBytes = -1
    /// The fence of the block that is being filled.
    private var fence = ByteBuffer()

    private var output = ByteBuffer(capacity: TableWriter.pieceBytes + 64 * 1024)
    /// Where `output` belongs.
    private var offset: Int64 = 0
    private var failure: DiskError?

    private static let pieceBytes = 256 * 1024

    /// Begins a file, which must not be there yet.
    /// - Parameters:
    ///   - identity: the directory's.
    ///   - number: the table's, which no other table of the directory ever had.
    public init(
        _ files: any FileSystem, path: String, identity: UInt64, number: UInt64,
        _ options: TableOptions = TableOptions()
    ) throws(DiskError) {
        file = try files.open(path, .create)
        self.path = path
        self.options = options
        seal = SectionSeal(identity: identity, number: number)
        filterSeed = identity
        properties.number = number
        properties.compression = options.compression
        TableFormat.header(identity: identity, number: number, to: &output)
    }

    /// About how long the file is by now.
    public var bytes: Int64 { offset + Int64(output.count) + Int64(block.bytes.count) }

    /// Records so far.
    public var records: UInt64 { properties.records }

    /// Adds a record; its key is behind all before it.
    /// - Parameters:
    ///   - stem: how many bytes of the key the filter is to know.
    ///   - value: nil: a tombstone.
    public func add(key: ByteView, stem: Int, value: ByteView?) throws(DiskError) {
        if let failure { throw failure }
        precondition((0...key.count).contains(stem))
        let last = lastKey.view
        let shared = cs_common_prefix(last.start, key.start, min(last.count, key.count))
        precondition(
            properties.records == 0 || shared < key.count && (shared == last.count || last[shared] < key[shared]),
            "keys of a table ascend")
        let size = key.count.addingReportingOverflow(value?.count ?? 0).partialValue
        if size > TableFormat.blockBytesMax - 1024 { throw DiskError(.write, path, Errno.tooLarge) }
        if !block.isEmpty && block.byteCount(with: size) > options.blockBytes { try endBlock() }
        if block.isEmpty {
            fence.truncate(to: 0)
            fence.append(key.slice(0, min(shared + 1, key.count)))
        }
        block.add(key, shared: shared, stem: stem, value)
        remember(key, shared, stem, value)
    }

    private func remember(_ key: ByteView, _ shared: Int, _ stem: Int, _ value: ByteView?) {
        // Pieces of one value follow each other: their stem is put into the filter once.
        if stem != stemBytes || shared < stem {
            hashes.append(StemFilter.hash(key.slice(0, stem), seed: filterSeed))
            stemBytes = stem
        }
        if properties.records == 0 { properties.firstKey = key.bytes }
        properties.varying |= properties.firstKey.withView { KeyColumns.differences($0, key) }
        lastKey.truncate(to: shared)
        lastKey.append(key.slice(shared, key.count))
        properties.records += 1
        if value == nil { properties.tombstones += 1 }
        properties.keyBytes += UInt64(key.count)
        properties.valueBytes += UInt64(value?.count ?? 0)
    }

    private func endBlock() throws(DiskError) {
        cs_give_way()
        if block.isEmpty { return }
        let raw = block.finish()
        index.add(fence: fence.view, append(raw, options.compression))
        properties.blocks += 1
        properties.blockBytes += UInt64(raw.count)
        block.clear()
        if output.count >= TableWriter.pieceBytes { try writeOutput() }
    }

    private func append(_ raw: ByteView, _ compression: Compression) -> Section {
        seal.append(raw, compression, to: &output, fileOffset: UInt64(offset) + UInt64(output.count))
    }

    private func writeOutput() throws(DiskError) {
        do throws(DiskError) {
            try file.write(output.view, at: offset)
        } catch {
            failure = error
            throw error
        }
        offset += Int64(output.count)
        output.truncate(to: 0)
    }

    /// Writes what is left and makes the file durable; its name is the caller's to make so. Nothing can be added then.
    public func finish() throws(DiskError) -> TableProperties {
        if let failure { throw failure }
        try endBlock()
        var footer = TableFooter()
        var section = ByteBuffer(capacity: 64 * 1024)
        StemFilter(hashes, bitsPerStem: options.filterBitsPerKey).write(to: &section)
        footer.filter = append(section.view, .none)
        footer.index = append(index.bytes.view, options.compression)
        properties.lastKey = lastKey.view.bytes
        section.truncate(to: 0)
        properties.write(to: &section)
        footer.properties = append(section.view, .none)
        footer.write(to: &output, seal, fileOffset: UInt64(offset) + UInt64(output.count))
        try writeOutput()
        properties.fileBytes = offset
        do throws(DiskError) {
            try file.sync()
        } catch {
            failure = error
            throw error
        }
        failure = DiskError(.write, path, Errno.inputOutput)
        return properties
    }
}
