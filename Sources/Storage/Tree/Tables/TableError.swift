import Base

/// Why a table cannot be used, or a part of it.
public enum TableError: Error, Equatable, CustomStringConvertible, Sendable {
    case disk(DiskError)
    /// No table, or another directory's, or another one of this directory.
    case foreign(String)
    case newerVersion(String, UInt32)
    /// The file ends early.
    case truncated(String)
    case damaged(String, offset: Int64)

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .foreign(let path):
            "\(path) is not the table of this directory that its name says, or its beginning is damaged"
        case .newerVersion(let path, let version):
            "\(path) has version \(version) of the tables' format, which is newer"
        case .truncated(let path): "\(path) ends early"
        case .damaged(let path, let offset): "\(path) is damaged at byte \(offset)"
        }
    }
}
