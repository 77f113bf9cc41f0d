import Base

/// Where a snapshot is kept.
public struct SnapshotPlace: Sendable {
    public let files: any FileSystem
    public let directory: String
    public let name: String

    public init(_ files: any FileSystem, directory: String, name: String) {
        self.files = files
        self.directory = directory
        self.name = name
    }

    public var path: String { directory + "/" + name }

    /// Puts a snapshot in the place of the one that is there, if one is: after a crash it is the old one or the new
    /// one. `mark` names the file until it is whole. Answers its bytes.
    public func replace(
        mark: Int32, hasChecksum: Bool, _ fill: (inout SnapshotWriter) -> Void
    ) throws(DiskError) -> Int64 {
        let temporary = "\(directory)/temp-\(mark).rdb"
        do throws(DiskError) {
            let file = try files.open(temporary, .write)
            try file.truncate(to: 0)
            var writer = SnapshotWriter(file, hasChecksum: hasChecksum)
            fill(&writer)
            let bytes = try writer.finish()
            try file.sync()
            try files.rename(temporary, to: path)
            try files.syncDirectory(directory)
            return bytes
        } catch {
            removeTemporary(mark: mark)
            throw error
        }
    }

    /// Removes what a writer that did not finish has left.
    public func removeTemporary(mark: Int32) {
        do throws(DiskError) { try files.remove("\(directory)/temp-\(mark).rdb") } catch {}
    }

    /// The file to read; nil if there is none.
    public func open() throws(DiskError) -> (any File)? {
        do throws(DiskError) {
            return try files.open(path, .read)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }
}
