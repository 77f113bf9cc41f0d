import Base

/// What a backup holds.
public struct TreeBackup: Sendable {
    public var tables: Int
    public var bytes: Int64
    /// The state that is in it.
    public var state: [UInt8]
}

extension Tree {
    /// Makes a directory, in a parent that is there on the same file system, or takes an empty one, for this moment's
    /// tree: hard links of the tables, a manifest of its own, the same identity. Others go on meanwhile. Once it returns
    /// the backup is durable; after an error what was made of it is removed. One that a crash left unfinished has no file
    /// `identity`.
    /// - Parameter others: adds what else belongs into the directory, after the tree.
    public func backUp(
        to path: String, with others: () throws(DiskError) -> Void = {}
    ) throws(TreeError) -> TreeBackup {
        let (version, contents) = snapshot
        let files = place.files
        try orTreeError { () throws(DiskError) in try makeEmpty(path) }
        do throws(TreeError) {
            try orTreeError { () throws(DiskError) in
                for handle in version.tables {
                    try files.link(
                        place.path(handle.number), to: path + "/" + ManifestFormat.tableName(handle.number))
                }
            }
            try ManifestWriter.write(contents, to: path, files, identity: place.identity)
            try orTreeError { () throws(DiskError) in
                try others()
                try files.syncDirectory(path)
                try DataDirectory.write(files, path, place.identity)
                try files.syncDirectory(DataDirectory.parent(of: path))
            }
        } catch {
            // The directory itself stays: this door removes files only.
            for name in (try? files.list(path)) ?? [] { try? files.remove(path + "/" + name) }
            throw error
        }
        let bytes = version.tables.reduce(0) { $0 + $1.table.properties.fileBytes }
        return TreeBackup(tables: version.tables.count, bytes: bytes, state: contents.state)
    }

    private func makeEmpty(_ path: String) throws(DiskError) {
        do {
            try place.files.makeDirectory(path)
        } catch {
            if error.code != Errno.exists { throw error }
            if try !place.files.list(path).isEmpty { throw error }
        }
    }
}
