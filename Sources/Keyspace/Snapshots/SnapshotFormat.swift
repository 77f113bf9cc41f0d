import Base

/// The file in which Redis keeps a data set (its RDB format): "REDIS" and four digits of a version, then records, an
/// end mark, and the CRC-64 of all that. A record is a mark with what belongs to it, or a key: the kind of its value,
/// its name, the value as in a payload. What the marks before a key say (deadline, last use) is the key's.
enum SnapshotFormat {
    /// The name of notes that are versions which a key has besides its value.
    static let siblingNote: StaticString = "martlet-sibling"
    static let magic: StaticString = "REDIS"
    /// The version we write (Redis 7.0's), and the highest we read.
    static let version = 10
    static let headerBytes = 9
    /// Files of earlier versions end with the end mark.
    static let checksumFrom = 5
}

/// What a record is that is no key (Redis: RDB_OPCODE_...).
enum SnapshotMark: UInt8 {
    /// A library of functions: its source.
    case library = 245
    /// The same in a form that only release candidates of Redis 7 wrote.
    case earlyLibrary = 246
    case module = 247
    /// Seconds since the next key's last use.
    case idle = 248
    /// The next key's counter of accesses.
    case frequency = 249
    /// A name and a text, about the file.
    case note = 250
    /// Keys of the database, and how many of them have a deadline.
    case size = 251
    /// The next key's, ms since 1970.
    case deadline = 252
    /// The same in seconds.
    case deadlineSeconds = 253
    /// Keys from here on are in this database.
    case database = 254
    case end = 255
}

/// Why a snapshot cannot be read. Each is one line, without the file's name.
public enum SnapshotError: Error, Equatable, CustomStringConvertible {
    case disk(DiskError)
    case foreign
    case version(Int)
    /// It ends in the midst of what begins here.
    case truncated(at: Int64)
    /// What is here contradicts itself.
    case damaged(at: Int64)
    case checksum
    /// Data of a module, or of a kind that this server does not know.
    case unknown(UInt8, at: Int64)
    case database(UInt64, of: Int)
    case duplicate([UInt8], database: Int)
    /// A library of functions does not load.
    case library(String)

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .foreign: "this is no RDB file"
        case .version(let version): "it has version \(version) of the RDB format, which is newer than 10"
        case .truncated(let place): "it ends too early, in the record at byte \(place)"
        case .damaged(let place): "it is damaged at byte \(place)"
        case .checksum: "it is damaged: its checksum is wrong"
        case .unknown(let kind, let place):
            "it has data of kind \(kind), which this server does not know, at byte \(place)"
        case .database(let number, let count): "it has keys in database \(number), but `databases` is \(count)"
        case .duplicate(let key, let database):
            "it has a key of database \(database) that is there already: "
                + String(decoding: key.prefix(100), as: UTF8.self)
        case .library(let text): "a library of functions does not load: \(text)"
        }
    }
}
