import Base

/// What was found of a directory's manifest. Reading changes nothing.
struct ManifestFindings {
    /// Of the manifest that counts.
    var number: UInt64
    var contents = ManifestContents()
    /// The last edit's number, and where the last whole frame ends.
    var last: UInt64 = 0
    var end = 0
    /// Bytes after it, which a crash left unfinished.
    var torn = 0
    /// Up to which number a frame says that edits were durable. The first one was before the manifest counted.
    var claimed: UInt64 = 1
}

/// Reads the manifest of a directory. Tells an end that a crash tore from rot as the log does: it is no crash's doing
/// if a later frame says that the edit was durable. (After each sync a frame without an edit says so, which is not
/// synced itself.)
struct ManifestReader {
    private let files: any FileSystem
    private let directory: String
    private let identity: UInt64

    init(_ files: any FileSystem, directory: String, identity: UInt64) {
        self.files = files
        self.directory = directory
        self.identity = identity
    }

    /// Nil if the directory has no manifest yet.
    func read() throws(TreeError) -> ManifestFindings? {
        let path = directory + "/" + ManifestFormat.currentName
        guard let bytes = try contents(path) else {
            try checkThatNothingIsThere()
            return nil
        }
        let number = try bytes.withView { (view) throws(TreeError) in
            if view.count != ManifestFormat.headerBytes { throw TreeError.foreign(path) }
            return try header(view, ManifestFormat.currentMagic, path).number
        }
        return try manifest(number)
    }

    /// Without `current` there may be what a crash left while the first manifest was made, and nothing else.
    private func checkThatNothingIsThere() throws(TreeError) {
        for name in try orTreeError({ () throws(DiskError) in try files.list(directory) }) {
            if ManifestFormat.table(ofName: name) != nil { throw missingCurrent }
            if ManifestFormat.manifest(ofName: name) == nil { continue }
            let bytes = try contents(directory + "/" + name)?.count ?? 0
            let isFirst = name == ManifestFormat.manifestName(ManifestWriter.firstNumber)
            if !isFirst || bytes > ManifestWriter.emptyBytes { throw missingCurrent }
        }
    }

    private var missingCurrent: TreeError { .missing(directory + "/" + ManifestFormat.currentName) }

    private func header(_ bytes: ByteView, _ magic: UInt64, _ path: String) throws(TreeError) -> ManifestHeader {
        guard let header = ManifestHeader(magic, bytes) else { throw .foreign(path) }
        if header.version > ManifestFormat.version { throw .newerVersion(path, header.version) }
        if header.identity != identity { throw .foreign(path) }
        return header
    }

    private func manifest(_ number: UInt64) throws(TreeError) -> ManifestFindings {
        let path = directory + "/" + ManifestFormat.manifestName(number)
        guard let bytes = try contents(path) else { throw .missing(path) }
        return try bytes.withView { (view) throws(TreeError) in
            if try header(view, ManifestFormat.magic, path).number != number { throw TreeError.foreign(path) }
            return try frames(view, path, number)
        }
    }

    private func frames(_ bytes: ByteView, _ path: String, _ number: UInt64) throws(TreeError) -> ManifestFindings {
        var found = ManifestFindings(number: number, end: ManifestFormat.headerBytes)
        while found.end < bytes.count {
            let rest = bytes.slice(found.end, bytes.count)
            guard let frame = ManifestFrame(rest), frame.number == found.last + 1 else { break }
            if !frame.edit.isEmpty {
                guard let edit = ManifestEdit(frame.edit), found.contents.apply(edit) else {
                    throw .unreadable(path, edit: frame.number)
                }
                found.last = frame.number
            }
            found.claimed = max(found.claimed, frame.durable)
            found.end += frame.totalBytes
        }
        found.torn = bytes.count - found.end
        // The first edit was durable before `current` named the file.
        if found.last == 0 || Self.claims(found.last + 1, bytes.slice(found.end, bytes.count)) {
            throw .damaged(path, offset: found.end)
        }
        return found
    }

    /// Whether there is a whole frame, anywhere, that says the edit of this number was durable.
    private static func claims(_ number: UInt64, _ bytes: ByteView) -> Bool {
        var at = 0
        while at + ManifestFormat.frameHeaderBytes <= bytes.count {
            // What it says is looked at before its checksum, which is dear if much is called a frame.
            if bytes[at] == 0x4d, bytes.integer(at: at + 24, UInt64.self) >= number,
                ManifestFrame(bytes.slice(at, bytes.count)) != nil
            {
                return true
            }
            at += 1
        }
        return false
    }

    /// A file's bytes; nil if there is none.
    private func contents(_ path: String) throws(TreeError) -> [UInt8]? {
        try orTreeError { () throws(DiskError) in
            do throws(DiskError) {
                let file = try files.open(path, .read)
                var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
                let read: Result<Int, DiskError> = bytes.withUnsafeMutableBytes { buffer in
                    do throws(DiskError) {
                        return .success(try file.read(buffer, at: 0))
                    } catch {
                        return .failure(error)
                    }
                }
                return Array(bytes[..<(try read.get())])
            } catch {
                if error.isMissing { return nil }
                throw error
            }
        }
    }
}
