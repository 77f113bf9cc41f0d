import Base

/// Why a directory cannot be used.
public enum DirectoryError: Error, Equatable, CustomStringConvertible {
    case disk(DiskError)
    /// Another process has it.
    case taken(String)
    /// Its identity cannot be read.
    case damaged(String)
    /// It has files of a data directory, and no identity.
    case missing(String)
    case newerVersion(String, UInt32)

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .taken(let path): "\(path) is in use by another process"
        case .damaged(let path): "\(path) is damaged"
        case .missing(let path): "\(path) is missing, though the directory has data"
        case .newerVersion(let path, let version): "\(path) has version \(version) of the format, which is newer"
        }
    }
}

/// A directory that one process owns while it is open, and that can tell its files from another's.
///
/// The file `identity` has the magic number, a version, the random identity and a CRC-32C (docs/storage-format.md);
/// `lock` is empty.
public final class DataDirectory: Sendable {
    public let files: any FileSystem
    public let path: String
    public let identity: UInt64
    private let lock: any File

    static let version: UInt32 = 1
    private static let magic: UInt64 = 0x0a72_6944_7472_614d  // "MartDir\n"
    private static let identityBytes = 32

    private init(_ files: any FileSystem, _ path: String, _ identity: UInt64, _ lock: any File) {
        self.files = files
        self.path = path
        self.identity = identity
        self.lock = lock
    }

    /// Takes the directory for this process; makes it, in a parent that is there, if need be. `newIdentity` is what
    /// it gets if it has none.
    public static func open(
        _ files: any FileSystem, _ path: String, newIdentity: UInt64
    ) throws(DirectoryError) -> DataDirectory {
        guard let lock = try disk({ () throws(DiskError) in try take(files, path) }) else { throw .taken(path) }
        let name = path + "/identity"
        guard let bytes = try disk({ () throws(DiskError) in try read(files, name) }) else {
            // It is durable before anything else is there. An unfinished backup has none, either.
            if try disk({ () throws(DiskError) in try hasData(files, path) }) { throw .missing(name) }
            try disk { () throws(DiskError) in try write(files, path, newIdentity) }
            return DataDirectory(files, path, newIdentity, lock)
        }
        return DataDirectory(files, path, try identity(bytes, name), lock)
    }

    /// Bytes in all its files, about.
    public var bytes: Int64 {
        let names = (try? files.list(path)) ?? []
        return names.reduce(0) { $0 + ((try? files.open(path + "/" + $1, .read).size()) ?? 0) }
    }

    /// The identity of a directory that is only looked at; nil if it has none.
    static func identity(of files: any FileSystem, _ path: String) throws(DirectoryError) -> UInt64? {
        let name = path + "/identity"
        guard let bytes = try disk({ () throws(DiskError) in try read(files, name) }) else { return nil }
        return try identity(bytes, name)
    }

    private static func disk<R>(_ body: () throws(DiskError) -> R) throws(DirectoryError) -> R {
        do throws(DiskError) { return try body() } catch { throw .disk(error) }
    }

    /// The lock file, nil if another process has it.
    private static func take(_ files: any FileSystem, _ path: String) throws(DiskError) -> (any File)? {
        do throws(DiskError) {
            try files.makeDirectory(path)
        } catch {
            if error.code != Errno.exists { throw error }
        }
        // Its name lasts once its parent is synced, or all that is in it would be lost with it. Whoever made it may not
        // have come that far.
        try files.syncDirectory(parent(of: path))
        let lock = try files.open(path + "/lock", .write)
        return try lock.lock() ? lock : nil
    }

    /// Whether there is a log or a tree.
    private static func hasData(_ files: any FileSystem, _ path: String) throws(DiskError) -> Bool {
        try files.list(path).contains { name in
            LogFormat.firstRecord(ofName: name) != nil || ManifestFormat.table(ofName: name) != nil
                || ManifestFormat.manifest(ofName: name) != nil || name == ManifestFormat.currentName
        }
    }

    /// The directory that a path's last name is in.
    static func parent(of path: String) -> String {
        let parts = path.split(separator: "/").dropLast()
        return (path.hasPrefix("/") ? "/" : "./") + parts.joined(separator: "/")
    }

    /// The bytes of the identity file, nil if there is none.
    private static func read(_ files: any FileSystem, _ name: String) throws(DiskError) -> [UInt8]? {
        do throws(DiskError) {
            let file = try files.open(name, .read)
            var bytes = [UInt8](repeating: 0, count: identityBytes + 1)
            let count = try withBytes(&bytes) { (buffer) throws(DiskError) in try file.read(buffer, at: 0) }
            return Array(bytes[..<count])
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }

    private static func withBytes<R>(
        _ bytes: inout [UInt8], _ body: (UnsafeMutableRawBufferPointer) throws(DiskError) -> R
    ) throws(DiskError) -> R {
        let result: Result<R, DiskError> = bytes.withUnsafeMutableBytes { buffer in
            do throws(DiskError) { return .success(try body(buffer)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func identity(_ bytes: [UInt8], _ name: String) throws(DirectoryError) -> UInt64 {
        let (isWhole, version, identity) = bytes.withView { view -> (Bool, UInt32, UInt64) in
            guard view.count == identityBytes, view.integer(at: 0, UInt64.self) == magic,
                view.integer(at: 24, UInt32.self) == CRC32C.checksum(view.slice(0, 24))
            else { return (false, 0, 0) }
            return (true, view.integer(at: 8, UInt32.self), view.integer(at: 16, UInt64.self))
        }
        if !isWhole { throw .damaged(name) }
        if version > self.version { throw .newerVersion(name, version) }
        return identity
    }

    /// Under another name first, so that there is a whole one or none.
    static func write(_ files: any FileSystem, _ path: String, _ identity: UInt64) throws(DiskError) {
        var output = ByteBuffer(capacity: identityBytes)
        output.append(littleEndian: magic)
        output.append(littleEndian: version)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: identity)
        output.append(littleEndian: CRC32C.checksum(output.view))
        output.append(littleEndian: UInt32(0))
        let temporary = path + "/identity.new"
        let file = try files.open(temporary, .write)
        try file.truncate(to: 0)
        try file.write(output.view, at: 0)
        try file.sync()
        try files.rename(temporary, to: path + "/identity")
        try files.syncDirectory(path)
    }
}
