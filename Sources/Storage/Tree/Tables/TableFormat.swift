import Base

/// A sorted table's file (docs/storage-format.md): a header, blocks of records, then the filter, the index, the
/// properties and a footer. Written once, front to back. After the format of LevelDB's tables (Dean and Ghemawat,
/// 2011), which goes back to Bigtable's (Chang et al., OSDI 2006).
///
/// A *section* is a block, the filter, the index or the properties: its bytes, perhaps compressed, then a byte that
/// says how, then a CRC-32C. That begins with the table's identity and number and the section's place, so that what a
/// disk put elsewhere is recognised.
enum TableFormat {
    static let version: UInt32 = 1
    static let headerMagic: UInt64 = 0x0a6c_6254_7472_614d  // "MartTbl\n"
    static let headerBytes = 40
    static let footerMagic: UInt64 = 0x0a64_6e45_7472_614d  // "MartEnd\n"
    static let footerBytes = 96
    /// What follows a section's bytes.
    static let trailerBytes = 5
    /// No block is longer.
    static let blockBytesMax = Int(UInt32.max)

    static func header(identity: UInt64, number: UInt64, to output: inout ByteBuffer) {
        let start = output.count
        output.append(littleEndian: headerMagic)
        output.append(littleEndian: version)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: identity)
        output.append(littleEndian: number)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: CRC32C.checksum(output.view.slice(start, output.count)))
    }

    /// Throws if these are not the first bytes of this table.
    static func check(header: ByteView, identity: UInt64, number: UInt64, _ path: String) throws(TableError) {
        guard header.count == headerBytes else { throw .truncated(path) }
        guard header.integer(at: 0, UInt64.self) == headerMagic,
            header.integer(at: 36, UInt32.self) == CRC32C.checksum(header.slice(0, 36))
        else { throw .foreign(path) }
        let version = header.integer(at: 8, UInt32.self)
        if version > self.version { throw .newerVersion(path, version) }
        guard header.integer(at: 16, UInt64.self) == identity, header.integer(at: 24, UInt64.self) == number else {
            throw .foreign(path)
        }
    }
}

/// Where a section is.
struct Section: Equatable {
    var offset: UInt64 = 0
    /// With the trailer.
    var storedBytes: UInt64 = 0
    var rawBytes: UInt64 = 0

    var end: UInt64 { offset &+ storedBytes }
}

/// Makes and checks sections' checksums, for one table.
struct SectionSeal {
    private let base: UInt32

    init(identity: UInt64, number: UInt64) {
        var bytes = ByteBuffer(capacity: 16)
        bytes.append(littleEndian: identity)
        bytes.append(littleEndian: number)
        base = CRC32C.checksum(bytes.view)
    }

    /// The checksum of a section's bytes and of how they are compressed.
    @inline(__always)
    func checksum(_ bytes: ByteView, at offset: UInt64) -> UInt32 {
        let place = withUnsafeBytes(of: offset.littleEndian) {
            CRC32C.checksum(ByteView(raw: $0.baseAddress.unsafelyUnwrapped, $0.count), after: base)
        }
        return CRC32C.checksum(bytes, after: place)
    }

    /// Appends a section and answers where it is. `fileOffset` is where the output's end will be.
    func append(
        _ raw: ByteView, _ compression: Compression, to output: inout ByteBuffer, fileOffset: UInt64
    ) -> Section {
        let start = output.count
        var used = compression
        if !compression.compress(raw, to: &output) {
            used = .none
            output.append(raw)
        }
        output.append(used.rawValue)
        output.append(littleEndian: checksum(output.view.slice(start, output.count), at: fileOffset))
        return Section(
            offset: fileOffset, storedBytes: UInt64(output.count - start), rawBytes: UInt64(raw.count))
    }

    /// How the bytes of a stored section are compressed; nil if it is damaged.
    @inline(__always)
    func compression(of stored: ByteView, at offset: UInt64) -> Compression? {
        let end = stored.count &- TableFormat.trailerBytes
        if end < 0 { return nil }
        let wanted = stored.integer(at: end &+ 1, UInt32.self)
        if checksum(stored.slice(0, end &+ 1), at: offset) != wanted { return nil }
        return Compression(rawValue: stored[end])
    }
}

/// A table's last bytes.
struct TableFooter: Equatable {
    var filter = Section()
    var index = Section()
    var properties = Section()

    private var sections: [Section] { [filter, index, properties] }

    func write(to output: inout ByteBuffer, _ seal: SectionSeal, fileOffset: UInt64) {
        let start = output.count
        for section in sections {
            output.append(littleEndian: section.offset)
            output.append(littleEndian: section.storedBytes)
            output.append(littleEndian: section.rawBytes)
        }
        output.append(littleEndian: UInt64(0))
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: seal.checksum(output.view.slice(start, output.count), at: fileOffset))
        output.append(littleEndian: TableFormat.footerMagic)
    }

    init() {}

    /// `offset` is where the footer is.
    init(_ bytes: ByteView, _ seal: SectionSeal, at offset: UInt64, _ path: String) throws(TableError) {
        guard bytes.count == TableFormat.footerBytes,
            bytes.integer(at: 88, UInt64.self) == TableFormat.footerMagic
        else { throw .truncated(path) }
        let damage = TableError.damaged(path, offset: Int64(offset))
        guard bytes.integer(at: 84, UInt32.self) == seal.checksum(bytes.slice(0, 84), at: offset) else { throw damage }
        func section(at place: Int) -> Section {
            Section(
                offset: bytes.integer(at: place, UInt64.self), storedBytes: bytes.integer(at: place + 8, UInt64.self),
                rawBytes: bytes.integer(at: place + 16, UInt64.self))
        }
        (filter, index, properties) = (section(at: 0), section(at: 24), section(at: 48))
        // They lie side by side, up to the footer.
        var at = filter.offset
        guard (UInt64(TableFormat.headerBytes)...offset).contains(at) else { throw damage }
        for section in sections {
            guard section.offset == at, section.storedBytes <= offset - at,
                section.storedBytes >= UInt64(TableFormat.trailerBytes),
                section.rawBytes <= UInt64(Compression.rawBytesMax(stored: Int(section.storedBytes)))
            else { throw damage }
            at = section.end
        }
        guard at == offset else { throw damage }
    }
}
