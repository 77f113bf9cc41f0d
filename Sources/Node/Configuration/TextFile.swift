import Glibc

/// A failed call to the system.
struct FileError: Error {
    let text: String

    /// What the last call of this thread complained about.
    static var last: FileError { FileError(text: String(cString: strerror(errno))) }
}

/// The configuration's small doors to the file system: whole files, paths, replacing a file.
enum TextFile {
    static func read(_ path: String) throws(FileError) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        if fd < 0 { throw .last }
        defer { close(fd) }
        return try read(descriptor: fd)
    }

    static func read(descriptor fd: Int32) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = Glibc.read(fd, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw .last }
            if count == 0 { return bytes }
            bytes.append(contentsOf: piece[0..<count])
        }
    }

    /// Replaces a file by new content: whoever reads it, whenever the machine stops, finds the old or
    /// the new one as a whole. Its permissions stay.
    static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let temporary = "\(path).\(getpid()).tmp"
        var status = stat()
        let mode = stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0o644
        unlink(temporary)
        // Never through somebody's link: the file holds passwords.
        let fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        if fd < 0 { throw .last }
        var failure: FileError?
        do {
            try write(fd, bytes)
            if fchmod(fd, mode) != 0 || fsync(fd) != 0 { failure = .last }
        } catch {
            failure = error
        }
        if close(fd) != 0 && failure == nil { failure = .last }
        if failure == nil && rename(temporary, path) != 0 { failure = .last }
        if let failure {
            unlink(temporary)
            throw failure
        }
        synchronize(directory: parent(of: path))
    }

    private static func write(_ fd: Int32, _ bytes: [UInt8]) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress! + written, bytes.count - written) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { throw .last }
            written += count
        }
    }

    /// A rename is durable once its directory is.
    private static func synchronize(directory: String) {
        let fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if fd < 0 { return }
        fsync(fd)
        close(fd)
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static var currentDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    /// The absolute path, links resolved; nil if there is none.
    static func absolute(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The absolute path of a directory that can be entered, named relative to another one.
    static func directory(_ path: String, from base: String) -> Result<String, FileError> {
        let joined = path.hasPrefix("/") ? path : base + "/" + path
        guard let resolved = absolute(joined) else { return .failure(.last) }
        var status = stat()
        if stat(resolved, &status) != 0 { return .failure(.last) }
        if status.st_mode & S_IFMT != S_IFDIR { return .failure(FileError(text: String(cString: strerror(ENOTDIR)))) }
        return access(resolved, X_OK) == 0 ? .success(resolved) : .failure(.last)
    }

    /// The files that a pattern with `*`, `?` or `[` stands for, in order; a plain name is itself.
    static func matching(_ pattern: String) -> [String] {
        guard pattern.contains(where: { "*?[".contains($0) }) else { return [pattern] }
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { i in found.gl_pathv[i].map { String(cString: $0) } }
    }
}
