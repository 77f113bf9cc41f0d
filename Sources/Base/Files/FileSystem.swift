/// The one door to disk: everything that lasts goes through it, so that the simulated one can lose, tear and refuse
/// whatever the real one might. What a name refers to (a file made, renamed, removed) lasts once its directory is
/// synced, what a file holds once the file is.
///
/// Any thread may call.
public protocol FileSystem: AnyObject, Sendable {
    func open(_ path: String, _ use: FileUse) throws(DiskError) -> any File
    /// Replaces what has the new name, at once.
    func rename(_ path: String, to new: String) throws(DiskError)
    /// A second name for a file on the same file system.
    func link(_ path: String, to new: String) throws(DiskError)
    func remove(_ path: String) throws(DiskError)
    /// The names in a directory, in no order.
    func list(_ directory: String) throws(DiskError) -> [String]
    func makeDirectory(_ path: String) throws(DiskError)
    func syncDirectory(_ path: String) throws(DiskError)
    /// Bytes that may still be written where the path is.
    func freeBytes(_ path: String) throws(DiskError) -> Int64
}

/// What a file is opened for.
public enum FileUse: Sendable {
    case read
    /// To read and write a file that need not be there yet.
    case write
    /// To read and write a file that must not be there yet.
    case create
}

/// An open file. Closed when the last reference goes. Any thread may call; whoever writes sees to it that nobody else
/// writes the same bytes.
public protocol File: AnyObject, Sendable {
    var path: String { get }
    /// As pread(2): how many bytes were read, maybe fewer than asked for, 0 at the file's end; minus errno.
    /// - Parameter waits: false: not for the disk. The answer is then minus `Errno.wouldWait` if the bytes are not in
    ///   memory, or if nobody can say (preadv2's RWF_NOWAIT).
    func readSome(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int64, waits: Bool) -> Int
    /// As pwrite(2): how many bytes were written, maybe fewer than asked for; minus errno.
    func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> Int
    /// As fdatasync(2): what was written lasts. After an error nobody knows what does: some systems call the
    /// pages clean then, so trying again proves nothing (fsyncgate).
    func sync() throws(DiskError)
    func truncate(to size: Int64) throws(DiskError)
    func size() throws(DiskError) -> Int64
    /// Takes the file for this process, as long as it is open. False if another process has it.
    func lock() throws(DiskError) -> Bool
}

extension File {
    /// Reads until the buffer is full or the file ends. Answers how many bytes.
    public func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int64) throws(DiskError) -> Int {
        var done = 0
        while done < bytes.count {
            let count = readSome(
                UnsafeMutableRawBufferPointer(rebasing: bytes[done...]), at: offset + Int64(done), waits: true)
            if count == -Int(Errno.interrupted) { continue }
            if count < 0 { throw DiskError(.read, path, Int32(-count)) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes all the bytes. After an error some of them may be there.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(DiskError) {
        var done = 0
        while done < bytes.count {
            let count = writeSome(UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + Int64(done))
            if count == -Int(Errno.interrupted) { continue }
            if count < 0 { throw DiskError(.write, path, Int32(-count)) }
            // A write that takes nothing and says nothing would go on for ever.
            if count == 0 { throw DiskError(.write, path, Errno.inputOutput) }
            done += count
        }
    }

    public func write(_ bytes: ByteView, at offset: Int64) throws(DiskError) {
        try write(UnsafeRawBufferPointer(start: bytes.start, count: bytes.count), at: offset)
    }
}
