import Base
import CSystem

/// What a table says about a key.
public enum TableAnswer {
    /// It was appended to the caller's buffer.
    case value
    /// The key is deleted, whatever older tables say.
    case tombstone
    case absent
    /// The disk would have to be asked.
    case wouldWait
    case damaged(TableError)
}

/// An open table: filter and index in memory, blocks read as they are asked for. Any thread may call. The file is
/// closed when the last reference goes.
public final class Table: @unchecked Sendable {
    public let properties: TableProperties
    public let path: String
    let file: any File
    let seal: SectionSeal
    let filterSeed: UInt64
    let filter: StemFilter
    let index: TableIndex
    let footer: TableFooter
    /// Unique in this process: what caches know blocks by.
    let cacheNumber: UInt64

    /// Opens a table's file and reads what is kept in memory.
    /// - Parameters:
    ///   - identity: the directory's.
    ///   - number: the table's.
    public static func open(
        _ files: any FileSystem, path: String, identity: UInt64, number: UInt64
    ) throws(TableError) -> Table {
        try Table(files, path, identity, number)
    }

    private init(
        _ files: any FileSystem, _ path: String, _ identity: UInt64, _ number: UInt64
    ) throws(TableError) {
        seal = SectionSeal(identity: identity, number: number)
        file = try Table.disk { () throws(DiskError) in try files.open(path, .read) }
        let (file, seal) = (file, seal)
        let size = try Table.disk { () throws(DiskError) in try file.size() }
        var bytes = ByteBuffer(capacity: 4096)
        try Table.read(file, 0, min(Int(size), TableFormat.headerBytes), into: &bytes)
        try TableFormat.check(header: bytes.view, identity: identity, number: number, path)
        let footerAt = size - Int64(TableFormat.footerBytes)
        guard footerAt >= Int64(TableFormat.headerBytes) else { throw .truncated(path) }
        try Table.read(file, footerAt, TableFormat.footerBytes, into: &bytes)
        let footer = try TableFooter(bytes.view, seal, at: UInt64(footerAt), path)
        // Filter, index and properties lie side by side.
        let start = footer.filter.offset
        try Table.read(file, Int64(start), Int(footerAt) - Int(start), into: &bytes)
        func section(_ section: Section) throws(TableError) -> ByteBuffer {
            let place = Int(section.offset - start)
            let stored = bytes.view.slice(place, place + Int(section.storedBytes))
            guard let raw = Table.unpack(stored, section, seal) else {
                throw .damaged(path, offset: Int64(section.offset))
            }
            return raw
        }
        let described = try section(footer.properties)
        guard let properties = TableProperties(described.view, number: number, fileBytes: size) else {
            throw .damaged(path, offset: Int64(footer.properties.offset))
        }
        let lines = try section(footer.filter)
        guard let filter = StemFilter(lines.view) else {
            throw .damaged(path, offset: Int64(footer.filter.offset))
        }
        let fences = try section(footer.index)
        guard let index = TableIndex.read(fences.view, properties, end: start) else {
            throw .damaged(path, offset: Int64(footer.index.offset))
        }
        (self.path, self.properties, self.footer, filterSeed) = (path, properties, footer, identity)
        self.filter = filter
        self.index = index
        cacheNumber = BlockCache.newNumber()
    }

    /// Bytes that filter and index take.
    public var memoryBytes: Int { filter.byteCount + index.memoryBytes }

    /// False: the table says nothing about keys with this stem.
    public func mayHold(stem: ByteView) -> Bool { filter.mayHold(StemFilter.hash(stem, seed: filterSeed)) }

    // MARK: Reading

    static func disk<R>(_ body: () throws(DiskError) -> R) throws(TableError) -> R {
        do throws(DiskError) { return try body() } catch { throw .disk(error) }
    }

    /// Reads just so many bytes into a buffer, in place of what it holds.
    static func read(
        _ file: any File, _ offset: Int64, _ count: Int, into buffer: inout ByteBuffer
    ) throws(TableError) {
        buffer.truncate(to: 0)
        let place = UnsafeMutableRawBufferPointer(start: buffer.reserve(count), count: count)
        let found = try disk { () throws(DiskError) in try file.read(place, at: offset) }
        if found < count { throw .truncated(file.path) }
        buffer.advance(count)
    }

    /// The bytes of a section, nil if it is damaged.
    static func unpack(_ stored: ByteView, _ section: Section, _ seal: SectionSeal) -> ByteBuffer? {
        guard let compression = seal.compression(of: stored, at: section.offset) else { return nil }
        let raw = Int(section.rawBytes)
        var output = ByteBuffer(capacity: raw)
        let packed = stored.slice(0, stored.count - TableFormat.trailerBytes)
        if !compression.decompress(packed, to: output.reserve(raw), raw) { return nil }
        output.advance(raw)
        return output
    }
}
