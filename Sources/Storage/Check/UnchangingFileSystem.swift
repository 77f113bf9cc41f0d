import Base

/// Another file system as it is: nothing is changed through this one. What recovery would cut or remove stays, and is
/// noted.
final class UnchangingFileSystem: FileSystem {
    private let files: any FileSystem
    private let changes = Changes()

    init(_ files: any FileSystem) { self.files = files }

    /// What would have been changed, a line each.
    var notes: [String] { changes.lock.withLock { changes.lines } }

    func open(_ path: String, _ use: FileUse) throws(DiskError) -> any File {
        UnchangingFile(try files.open(path, .read), changes)
    }

    func remove(_ path: String) throws(DiskError) {
        changes.note("\(path) is what a crash left unfinished: it will be removed at the next start")
    }

    func rename(_ path: String, to new: String) throws(DiskError) {}
    func link(_ path: String, to new: String) throws(DiskError) {}
    func list(_ directory: String) throws(DiskError) -> [String] { try files.list(directory) }
    func makeDirectory(_ path: String) throws(DiskError) {}
    func syncDirectory(_ path: String) throws(DiskError) {}
    func freeBytes(_ path: String) throws(DiskError) -> Int64 { try files.freeBytes(path) }
}

/// What would have been changed.
private final class Changes: @unchecked Sendable {
    let lock = SpinLock()
    var lines: [String] = []

    func note(_ line: String) { lock.withLock { lines.append(line) } }
}

private final class UnchangingFile: File {
    private let file: any File
    private let changes: Changes

    init(_ file: any File, _ changes: Changes) {
        self.file = file
        self.changes = changes
    }

    var path: String { file.path }

    func readSome(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int64, waits: Bool) -> Int {
        file.readSome(bytes, at: offset, waits: waits)
    }

    func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> Int { bytes.count }
    func sync() throws(DiskError) {}
    func size() throws(DiskError) -> Int64 { try file.size() }
    func lock() throws(DiskError) -> Bool { try file.lock() }

    func truncate(to size: Int64) throws(DiskError) {
        let there = try file.size()
        if there == size { return }
        changes.note("\(path) has \(there - size) bytes at its end that a crash left unfinished: they will be cut off")
    }
}
