import Base
import CSystem

/// Writes a directory's manifest, edit after edit. Not synchronised: its owner has one thread in it at a time.
///
/// What `append` refused has not happened, and may be tried again, except after a sync that failed: then nobody knows
/// what is on disk, and all that follows is refused (as with the log).
final class ManifestWriter {
    static let firstNumber: UInt64 = 1
    /// Bytes of a manifest without tables and state: a header, a frame's, four varints.
    static let emptyBytes = ManifestFormat.headerBytes + ManifestFormat.frameHeaderBytes + 4
    /// A manifest that is no longer is not replaced.
    private static let smallBytes = 1 << 20

    private let files: any FileSystem
    private let directory: String
    private let identity: UInt64

    private let numbers: FileNumbers

    private(set) var contents: ManifestContents
    private var file: any File
    /// The last edit's number, and where the next frame belongs.
    private var last: UInt64
    private var offset: Int64
    /// Bytes of the first edit.
    private var snapshotBytes: Int64
    /// A frame may have been written in part where the next one belongs.
    private var isUnclean = false
    /// `current` may name another manifest already, or this one may have what was refused.
    private var mustReplace = false
    private var failure: DiskError?
    /// What `takeOver` has to do.
    private var found: ManifestFindings?

    /// Goes on where the reader found the end. Changes nothing yet.
    init(
        _ files: any FileSystem, directory: String, identity: UInt64, _ numbers: FileNumbers,
        after found: ManifestFindings
    ) throws(TreeError) {
        self.files = files
        self.directory = directory
        self.identity = identity
        self.numbers = numbers
        contents = found.contents
        last = found.last
        offset = Int64(found.end)
        snapshotBytes = Int64(Self.frame(found.contents.snapshot, 1, durable: 0).count)
        self.found = found
        let path = directory + "/" + ManifestFormat.manifestName(found.number)
        file = try orTreeError { () throws(DiskError) in try files.open(path, .write) }
    }

    /// Cuts off what a crash left unfinished. If nothing says that the last edit was durable, a killed process may have
    /// written it and not synced, or a sync of its failed, after which the system never writes it (fsyncgate): then all
    /// there is goes to a new file. Before the first edit; earlier once it is certain that the directory is used.
    func takeOver() throws(TreeError) {
        guard let found else { return }
        try orTreeError { [file] () throws(DiskError) in
            if found.torn > 0 { try file.truncate(to: Int64(found.end)) }
            try file.sync()
            try files.syncDirectory(directory)
        }
        if found.claimed < found.last { try replace() } else { seal() }
        self.found = nil
    }

    /// Makes a directory's first manifest.
    init(
        newIn directory: String, _ files: any FileSystem, identity: UInt64, _ numbers: FileNumbers
    ) throws(TreeError) {
        self.files = files
        self.directory = directory
        self.identity = identity
        self.numbers = numbers
        contents = ManifestContents(nextNumber: Self.firstNumber + 1)
        let begun = try Self.begin(files, directory, identity, Self.firstNumber, contents)
        (file, offset) = (begun.file, begun.bytes)
        last = 1
        snapshotBytes = offset
        try orTreeError { () throws(DiskError) in
            try Self.makeCurrent(files, directory, identity, Self.firstNumber)
            try files.syncDirectory(directory)
        }
        seal()
    }

    /// What was refused last may or may not be durable, or become so.
    var isInDoubt: Bool { failure != nil || mustReplace }

    /// The sync that failed, after which all is refused.
    var finalFailure: DiskError? { failure }

    /// Makes an edit durable. `edit.nextNumber` is filled in here.
    func append(_ edit: ManifestEdit) throws(TreeError) {
        if let failure { throw .failedBefore(failure) }
        try takeOver()
        if mustReplace || offset > max(Int64(Self.smallBytes), 4 * snapshotBytes) { try replace() }
        var edit = edit
        edit.nextNumber = numbers.next
        var after = contents
        guard after.apply(edit) else { throw .unreadable(file.path, edit: last + 1) }
        let frame = Self.frame(edit, last + 1, durable: last)
        do throws(DiskError) {
            if isUnclean { try file.truncate(to: offset) }
            isUnclean = true
            try file.write(frame.view, at: offset)
        } catch {
            takeBack()
            throw .disk(error)
        }
        try sync { [file] () throws(DiskError) in try file.sync() }
        isUnclean = false
        offset += Int64(frame.count)
        last += 1
        contents = after
        seal()
    }

    /// A write that was refused may have arrived, even the whole frame. It must not come back after a crash, since the
    /// tables it names are about to be removed: if it cannot be cut off for good, a new file is to take this one's place.
    private func takeBack() {
        do throws(DiskError) {
            try file.truncate(to: offset)
            try file.sync()
            isUnclean = false
        } catch {
            mustReplace = true
        }
    }

    private func sync(_ body: () throws(DiskError) -> Void) throws(TreeError) {
        do throws(DiskError) {
            try body()
        } catch {
            failure = error
            throw .disk(error)
        }
    }

    /// Says in the file that all its edits are durable, so that the last one's rot is not taken for a crash's doing.
    /// No harm if it does not get there.
    private func seal() {
        var output = ByteBuffer(capacity: ManifestFormat.frameHeaderBytes)
        ManifestFrame(edit: ByteView(""), number: last + 1, durable: last).write(to: &output)
        do throws(DiskError) {
            try file.write(output.view, at: offset)
            offset += Int64(output.count)
        } catch {
            isUnclean = true
        }
    }

    private static func frame(_ edit: ManifestEdit, _ number: UInt64, durable: UInt64) -> ByteBuffer {
        var body = ByteBuffer()
        edit.write(to: &body)
        var output = ByteBuffer(capacity: body.count + ManifestFormat.frameHeaderBytes)
        ManifestFrame(edit: body.view, number: number, durable: durable).write(to: &output)
        return output
    }

    // MARK: a new file

    /// Begins a new manifest with all there is, and makes it the one that counts.
    private func replace() throws(TreeError) {
        let next = numbers.take()
        contents.nextNumber = numbers.next
        let begun = try Self.begin(files, directory, identity, next, contents)
        // Whether a rename that was refused happened is not for certain: the new file must be the one that counts
        // before anything else is written, this one or another.
        do throws(DiskError) {
            try Self.prepareCurrent(files, directory, identity, next)
        } catch {
            try? files.remove(begun.file.path)
            throw .disk(error)
        }
        mustReplace = true
        try orTreeError { () throws(DiskError) in try Self.renameCurrent(files, directory) }
        try sync { [files, directory] () throws(DiskError) in try files.syncDirectory(directory) }
        mustReplace = false
        try? files.remove(file.path)
        (file, offset) = (begun.file, begun.bytes)
        last = 1
        snapshotBytes = offset
        isUnclean = false
        seal()
    }

    /// A manifest with one edit, durable, but not counting yet.
    private static func begin(
        _ files: any FileSystem, _ directory: String, _ identity: UInt64, _ number: UInt64,
        _ contents: ManifestContents
    ) throws(TreeError) -> (file: any File, bytes: Int64) {
        let path = directory + "/" + ManifestFormat.manifestName(number)
        return try orTreeError { () throws(DiskError) in
            var output = ByteBuffer()
            ManifestHeader(identity: identity, number: number).write(ManifestFormat.magic, to: &output)
            let first = frame(contents.snapshot, 1, durable: 0)
            output.append(first.view)
            let file = try files.open(path, .write)
            do throws(DiskError) {
                try file.truncate(to: 0)
                try file.write(output.view, at: 0)
                try file.sync()
                try files.syncDirectory(directory)
            } catch {
                try? files.remove(path)
                throw error
            }
            return (file, Int64(output.count))
        }
    }

    private static func prepareCurrent(
        _ files: any FileSystem, _ directory: String, _ identity: UInt64, _ number: UInt64
    ) throws(DiskError) {
        var output = ByteBuffer()
        ManifestHeader(identity: identity, number: number).write(ManifestFormat.currentMagic, to: &output)
        let file = try files.open(directory + "/" + ManifestFormat.newCurrentName, .write)
        try file.truncate(to: 0)
        try file.write(output.view, at: 0)
        try file.sync()
    }

    private static func renameCurrent(_ files: any FileSystem, _ directory: String) throws(DiskError) {
        try files.rename(
            directory + "/" + ManifestFormat.newCurrentName, to: directory + "/" + ManifestFormat.currentName)
    }

    private static func makeCurrent(
        _ files: any FileSystem, _ directory: String, _ identity: UInt64, _ number: UInt64
    ) throws(DiskError) {
        try prepareCurrent(files, directory, identity, number)
        try renameCurrent(files, directory)
    }

    /// A manifest for a copy of the tree in another directory, which has none.
    static func write(
        _ contents: ManifestContents, to directory: String, _ files: any FileSystem, identity: UInt64
    ) throws(TreeError) {
        var contents = contents
        contents.nextNumber += 1
        _ = try begin(files, directory, identity, contents.nextNumber - 1, contents)
        try orTreeError { () throws(DiskError) in try makeCurrent(files, directory, identity, contents.nextNumber - 1) }
    }
}

/// Numbers for files and runs, each of them given once in a directory's life. Any thread may call.
final class FileNumbers: Sendable {
    private nonisolated(unsafe) let word: UnsafeMutablePointer<UInt64>

    init(next: UInt64) {
        word = .allocate(capacity: 1)
        word.initialize(to: next)
    }

    deinit { word.deallocate() }

    func take() -> UInt64 { cs_add_u64(word, 1) }

    /// No number from this one on has been given.
    var next: UInt64 { cs_load_acquire_u64(word) }
}
