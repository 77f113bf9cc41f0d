import CSystem

/// The system's files.
public final class RealFileSystem: FileSystem {
    public init() {}

    public func open(_ path: String, _ use: FileUse) throws(DiskError) -> any File {
        let flags =
            switch use {
            case .read: O_RDONLY
            case .write: O_RDWR | O_CREAT
            case .create: O_RDWR | O_CREAT | O_EXCL
            }
        return RealFile(path, Int32(try check(.open, path) { cs_file_open($0, flags) }))
    }

    public func rename(_ path: String, to new: String) throws(DiskError) {
        try check(.rename, path) { from in new.withCString { cs_path_rename(from, $0) } }
    }

    public func link(_ path: String, to new: String) throws(DiskError) {
        try check(.link, path) { from in new.withCString { cs_path_link(from, $0) } }
    }

    public func remove(_ path: String) throws(DiskError) { try check(.remove, path) { cs_path_remove($0) } }

    public func list(_ directory: String) throws(DiskError) -> [String] {
        var names: [String] = []
        try withUnsafeMutablePointer(to: &names) { (names) throws(DiskError) in
            _ = try check(.list, directory) {
                cs_path_list($0, names) { context, name in
                    guard let context, let name else { return }
                    context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
                }
            }
        }
        return names
    }

    public func makeDirectory(_ path: String) throws(DiskError) {
        try check(.makeDirectory, path) { cs_path_make_directory($0) }
    }

    public func syncDirectory(_ path: String) throws(DiskError) {
        try check(.syncDirectory, path) { cs_path_sync_directory($0) }
    }

    public func freeBytes(_ path: String) throws(DiskError) -> Int64 {
        try check(.measure, path) { cs_path_free_bytes($0) }
    }

    @discardableResult
    private func check(
        _ operation: DiskError.Operation, _ path: String, _ call: (UnsafePointer<CChar>) -> Int64
    ) throws(DiskError) -> Int64 {
        let answer = path.withCString(call)
        if answer < 0 { throw DiskError(operation, path, Int32(-answer)) }
        return answer
    }
}

/// A file of the system; owns its descriptor.
private final class RealFile: File {
    let path: String
    private let descriptor: Int32

    init(_ path: String, _ descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func readSome(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int64, waits: Bool) -> Int {
        waits
            ? Int(cs_file_read(descriptor, bytes.baseAddress, bytes.count, offset))
            : Int(cs_file_read_cached(descriptor, bytes.baseAddress, bytes.count, offset))
    }

    func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> Int {
        Int(cs_file_write(descriptor, bytes.baseAddress, bytes.count, offset))
    }

    func sync() throws(DiskError) { try check(.sync, cs_file_sync(descriptor)) }

    func truncate(to size: Int64) throws(DiskError) { try check(.truncate, cs_file_truncate(descriptor, size)) }

    func size() throws(DiskError) -> Int64 { try check(.measure, cs_file_size(descriptor)) }

    func lock() throws(DiskError) -> Bool {
        let answer = cs_file_lock(descriptor)
        if answer == -Int64(Errno.taken) { return false }
        try check(.lock, answer)
        return true
    }

    @discardableResult
    private func check(_ operation: DiskError.Operation, _ answer: Int64) throws(DiskError) -> Int64 {
        if answer < 0 { throw DiskError(operation, path, Int32(-answer)) }
        return answer
    }
}
