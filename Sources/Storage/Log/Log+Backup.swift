import Base

/// What a backup of a data directory holds.
public struct DirectoryBackup: Sendable {
    public var tables: Int
    public var segments: Int
    /// Of both; hard links take no room of their own.
    public var bytes: Int64
}

extension Log {
    /// Copies the directory that the log is in, while it is in use, as it is on disk at some moment of this call: hard
    /// links of tables and of segments that are complete, the durable part of the segment that is not. Any thread.
    /// - Parameters:
    ///   - tree: the same directory's.
    ///   - path: a directory that is empty, or is not there while its parent is, on the same file system. It is a data
    ///     directory once this returns; after an error nothing is left in it.
    public func backUp(_ tree: Tree, to path: String) throws(TreeError) -> DirectoryBackup {
        // What the tree says it has needs no log; what is later is in segments that nobody removes meanwhile.
        try segments.whileHeld { () throws(TreeError) in
            var copied: [LogSegment] = []
            let backup = try tree.backUp(to: path) { () throws(DiskError) in copied = try copySegments(to: path) }
            let bytes = backup.bytes + copied.reduce(0) { $0 + $1.durableBytes }
            return DirectoryBackup(tables: backup.tables, segments: copied.count, bytes: bytes)
        }
    }

    private func copySegments(to path: String) throws(DiskError) -> [LogSegment] {
        let all = segments.all
        for segment in all.dropLast() { try files.link(self.path(segment.first), to: copy(segment, path)) }
        if let last = all.last { try copyDurable(last, to: copy(last, path)) }
        return all
    }

    private func copy(_ segment: LogSegment, _ path: String) -> String {
        path + "/" + LogFormat.segmentName(segment.first)
    }

    /// Frames are durable as a whole: the copy ends behind one.
    private func copyDurable(_ segment: LogSegment, to new: String) throws(DiskError) {
        let source = try files.open(path(segment.first), .read)
        let target = try files.open(new, .create)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var at: Int64 = 0
        while at < segment.durableBytes {
            let wanted = Int(min(Int64(buffer.count), segment.durableBytes - at))
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
            let count = try source.read(part, at: at)
            // It was that long.
            if count < wanted { throw DiskError(.read, source.path, Errno.inputOutput) }
            try target.write(UnsafeRawBufferPointer(part), at: at)
            at += Int64(count)
        }
        try target.sync()
    }
}
