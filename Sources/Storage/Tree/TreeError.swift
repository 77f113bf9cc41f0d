import Base

/// Why a tree cannot be used, or a step of it not be done.
public enum TreeError: Error, Equatable, CustomStringConvertible {
    case disk(DiskError)
    case table(TableError)
    /// A manifest, or the file that says which one counts, that is none or another directory's.
    case foreign(String)
    case newerVersion(String, UInt32)
    /// What was durable cannot be read.
    case damaged(String, offset: Int)
    /// A file that must be there is not.
    case missing(String)
    /// An edit that nobody of this version has written, or that does not fit what was before it.
    case unreadable(String, edit: UInt64)
    /// A table is not the one that the manifest names.
    case mistaken(String)
    /// A sync failed earlier: nobody knows what is on disk, and nothing is written after it.
    case failedBefore(DiskError)

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .table(let error): error.description
        case .foreign(let path): "\(path) is not this directory's, or its beginning is damaged"
        case .newerVersion(let path, let version):
            "\(path) has version \(version) of the manifest's format, which is newer"
        case .damaged(let path, let offset): "\(path) is damaged at byte \(offset): edits that were durable are lost"
        case .missing(let path): "\(path) is missing"
        case .unreadable(let path, let edit): "edit \(edit) in \(path) cannot be read"
        case .mistaken(let path): "\(path) is not the table that the manifest names"
        case .failedBefore(let error): "nothing is written after a sync that failed: \(error)"
        }
    }
}

/// Has a refusal of the disk speak as the tree's.
func orTreeError<R>(_ body: () throws(DiskError) -> R) throws(TreeError) -> R {
    do throws(DiskError) { return try body() } catch { throw .disk(error) }
}
