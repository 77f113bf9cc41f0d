import Base

/// The manifest: which tables are the tree's, in which levels, and the state that its owner keeps with them
/// (docs/storage-format.md). A manifest file is a header and frames, each of them one edit; the first says what there
/// was when the file was begun. The file `current` says which manifest counts.
///
///     header           8  magic
///                      4  version
///                      4  0
///                      8  the directory's identity
///                      8  the manifest's number
///                      4  0
///                      4  CRC-32C of the 36 bytes before
///     frame header     4  magic
///                      4  CRC-32C of all bytes of the frame after it
///                      8  bytes of the edit; 0: there is none, the frame only says what was durable
///                      8  the edit's number, from 1 on without gaps in each file (the next one's if there is none)
///                      8  up to which number edits were durable when this was written
///
/// `current` is a header alone, with a magic number of its own. Integers have their lowest byte first.
public enum ManifestFormat {
    public static let version: UInt32 = 1
    static let magic: UInt64 = 0x0a6e_614d_7472_614d  // "MartMan\n"
    static let currentMagic: UInt64 = 0x0a72_7543_7472_614d  // "MartCur\n"
    static let headerBytes = 40
    static let frameMagic: UInt32 = 0x6964_454d  // "MEdi"
    static let frameHeaderBytes = 32
    /// No file, run or edit has such a number, or a higher one: sums of what files say do not overflow.
    static let numberBound: UInt64 = 1 << 62

    static let currentName = "current"
    static let newCurrentName = "current.new"

    static func manifestName(_ number: UInt64) -> String { name("manifest-", number) }
    /// A table's name: its number in sixteen hexadecimal digits.
    public static func tableName(_ number: UInt64) -> String { name("table-", number) }
    /// The number in a manifest's name; nil if it is not one.
    static func manifest(ofName name: String) -> UInt64? { number(of: name, "manifest-") }
    /// The number in a table's name; nil if it is not one.
    public static func table(ofName name: String) -> UInt64? { number(of: name, "table-") }

    private static func name(_ prefix: String, _ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return prefix + String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func number(of name: String, _ prefix: String) -> UInt64? {
        guard name.hasPrefix(prefix), let number = UInt64(name.dropFirst(prefix.count), radix: 16),
            number < numberBound, name == Self.name(prefix, number)
        else { return nil }
        return number
    }
}

/// The header of a manifest, and all of `current`.
struct ManifestHeader: Equatable {
    var version = ManifestFormat.version
    var identity: UInt64
    /// Of the manifest that this is, or that counts.
    var number: UInt64

    init(identity: UInt64, number: UInt64) {
        self.identity = identity
        self.number = number
    }

    func write(_ magic: UInt64, to output: inout ByteBuffer) {
        let start = output.count
        output.append(littleEndian: magic)
        output.append(littleEndian: version)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: identity)
        output.append(littleEndian: number)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: CRC32C.checksum(output.view.slice(start, output.count)))
    }

    /// Nil if these bytes are not such a header, or not a whole one.
    init?(_ magic: UInt64, _ bytes: ByteView) {
        guard bytes.count >= ManifestFormat.headerBytes, bytes.integer(at: 0, UInt64.self) == magic,
            bytes.integer(at: 36, UInt32.self) == CRC32C.checksum(bytes.slice(0, 36))
        else { return nil }
        version = bytes.integer(at: 8, UInt32.self)
        identity = bytes.integer(at: 16, UInt64.self)
        number = bytes.integer(at: 24, UInt64.self)
    }
}

/// A frame of a manifest.
struct ManifestFrame {
    var edit: ByteView
    var number: UInt64
    var durable: UInt64

    init(edit: ByteView, number: UInt64, durable: UInt64) {
        self.edit = edit
        self.number = number
        self.durable = durable
    }

    /// Nil if there is no whole frame here, one that does not agree with its checksum, or one that says of its own edit that
    /// it was durable before.
    init?(_ bytes: ByteView) {
        let header = ManifestFormat.frameHeaderBytes
        guard bytes.count >= header, bytes.integer(at: 0, UInt32.self) == ManifestFormat.frameMagic else { return nil }
        let count = bytes.integer(at: 8, UInt64.self)
        number = bytes.integer(at: 16, UInt64.self)
        durable = bytes.integer(at: 24, UInt64.self)
        guard count <= UInt64(bytes.count - header), number < ManifestFormat.numberBound, durable < number else {
            return nil
        }
        let end = header + Int(count)
        guard bytes.integer(at: 4, UInt32.self) == CRC32C.checksum(bytes.slice(8, end)) else { return nil }
        edit = bytes.slice(header, end)
    }

    var totalBytes: Int { ManifestFormat.frameHeaderBytes + edit.count }

    func write(to output: inout ByteBuffer) {
        let start = output.count
        output.append(littleEndian: ManifestFormat.frameMagic)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: UInt64(edit.count))
        output.append(littleEndian: number)
        output.append(littleEndian: durable)
        output.append(edit)
        output.replace(
            at: start + 4, littleEndian: CRC32C.checksum(output.view.slice(start + 8, output.count)))
    }
}
