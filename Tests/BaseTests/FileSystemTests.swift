import Base
import CSystem
import Testing

@Suite struct FileSystemTests {
    private let files = RealFileSystem()

    /// Runs with a directory of its own below /tmp, which must be empty of directories at the end.
    private func withDirectory(_ body: (String) throws -> Void) throws {
        var template = [CChar]("/tmp/martlet-files-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw DiskError(.makeDirectory, "/tmp", cs_errno()) }
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer {
            for name in (try? files.list(path)) ?? [] {
                do { try files.remove("\(path)/\(name)") } catch { rmdir("\(path)/\(name)") }
            }
            rmdir(path)
        }
        try body(path)
    }

    private func refusal(_ body: () throws -> Void) -> DiskError? {
        do {
            try body()
            return nil
        } catch {
            return error as? DiskError
        }
    }

    private func read(_ file: any File, _ count: Int, at offset: Int64 = 0) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let there = try bytes.withUnsafeMutableBytes { try file.read($0, at: offset) }
        return [UInt8](bytes[..<there])
    }

    private func write(_ file: any File, _ bytes: [UInt8], at offset: Int64 = 0) throws {
        try bytes.withView { try file.write($0, at: offset) }
    }

    @Test func readsWhatWasWritten() throws {
        try withDirectory { directory in
            let file = try files.open(directory + "/f", .create)
            #expect(file.path == directory + "/f")
            try write(file, [1, 2, 3])
            try write(file, [4], at: 5)
            try file.sync()
            #expect(try file.size() == 6)
            #expect(try read(file, 100) == [1, 2, 3, 0, 0, 4])
            #expect(try read(file, 2, at: 4) == [0, 4])
            #expect(try read(file, 2, at: 6) == [])
            try file.truncate(to: 2)
            try file.truncate(to: 4)
            #expect(try read(files.open(directory + "/f", .read), 100) == [1, 2, 0, 0])
        }
    }

    @Test func opens() throws {
        try withDirectory { directory in
            let path = directory + "/f"
            #expect(refusal { _ = try files.open(path, .read) } == DiskError(.open, path, ENOENT))
            #expect(refusal { _ = try files.open(path, .read) }?.isMissing == true)
            try write(files.open(path, .write), [1])
            #expect(refusal { _ = try files.open(path, .create) } == DiskError(.open, path, EEXIST))
            #expect(try read(files.open(path, .write), 9) == [1])
            let reader = try files.open(path, .read)
            #expect(refusal { try write(reader, [2]) } == DiskError(.write, path, EBADF))
            #expect(refusal { try reader.truncate(to: 0) } == DiskError(.truncate, path, EINVAL))
            #expect(refusal { _ = try files.open(directory, .write) } == DiskError(.open, directory, EISDIR))
            #expect(refusal { _ = try files.open(path + "/g", .write) }?.code == ENOTDIR)
        }
    }

    @Test func names() throws {
        try withDirectory { directory in
            let (first, second) = (directory + "/1", directory + "/2")
            try write(files.open(first, .create), [1])
            try files.link(first, to: second)
            #expect(try files.list(directory).sorted() == ["1", "2"])
            #expect(refusal { try files.link(first, to: second) } == DiskError(.link, first, EEXIST))
            try write(files.open(second, .write), [2])
            #expect(try read(files.open(first, .read), 9) == [2])
            try files.remove(first)
            #expect(refusal { try files.remove(first) } == DiskError(.remove, first, ENOENT))
            #expect(refusal { try files.rename(first, to: second) } == DiskError(.rename, first, ENOENT))
            try write(files.open(first, .create), [3])
            try files.rename(first, to: second)
            #expect(try read(files.open(second, .read), 9) == [3])
            #expect(try files.list(directory) == ["2"])
            try files.syncDirectory(directory)
        }
    }

    @Test func directories() throws {
        try withDirectory { directory in
            let inner = directory + "/inner"
            #expect(refusal { _ = try files.list(inner) } == DiskError(.list, inner, ENOENT))
            try files.makeDirectory(inner)
            #expect(refusal { try files.makeDirectory(inner) } == DiskError(.makeDirectory, inner, EEXIST))
            #expect(try files.list(inner) == [])
            #expect(refusal { try files.remove(inner) } == DiskError(.remove, inner, EISDIR))
            #expect(refusal { try files.syncDirectory(inner + "/x") }?.isMissing == true)
            _ = try files.open(directory + "/f", .create)
            #expect(refusal { try files.syncDirectory(directory + "/f") }?.code == ENOTDIR)
            #expect(try files.freeBytes(inner) > 0)
            #expect(refusal { _ = try files.freeBytes(inner + "/x") }?.operation == .measure)
        }
    }

    @Test func removedFileStaysOpen() throws {
        try withDirectory { directory in
            let file = try files.open(directory + "/f", .create)
            try files.remove(directory + "/f")
            try write(file, [1, 2])
            #expect(try read(file, 9) == [1, 2])
            #expect(try files.list(directory) == [])
        }
    }

    @Test func locks() throws {
        try withDirectory { directory in
            var file: (any File)? = try files.open(directory + "/f", .create)
            #expect(try file?.lock() == true)
            #expect(try file?.lock() == true)
            let other = try files.open(directory + "/f", .write)
            #expect(try !other.lock())
            file = nil
            #expect(try other.lock())
        }
    }

    @Test func errorsSayWhatFailed() {
        let error = DiskError(.syncDirectory, "/x", ENOSPC)
        #expect(error.description == "cannot sync directory /x: No space left on device")
        #expect(error.isFull && !error.isMissing)
        #expect(DiskError(.write, "/x", EDQUOT).isFull && DiskError(.write, "/x", EFBIG).isFull)
        #expect(!DiskError(.write, "/x", EIO).isFull)
    }

    // MARK: Whole reads and writes

    /// A file that answers as told, then does what it should.
    private final class OddFile: File, @unchecked Sendable {
        let path = "odd"
        var bytes: [UInt8]
        var answers: [Int]

        init(_ bytes: [UInt8], _ answers: [Int]) { (self.bytes, self.answers) = (bytes, answers) }

        /// Above 0: at most so many bytes.
        private func count(_ asked: Int) -> Int { min(asked, answers.isEmpty ? asked : answers.removeFirst()) }

        func readSome(_ into: UnsafeMutableRawBufferPointer, at offset: Int64, waits: Bool) -> Int {
            let count = count(min(into.count, bytes.count - Int(offset)))
            if count > 0 { into.copyBytes(from: bytes[Int(offset)..<Int(offset) + count]) }
            return count
        }

        func writeSome(_ from: UnsafeRawBufferPointer, at offset: Int64) -> Int {
            let count = count(from.count)
            if count > 0 { bytes.replaceSubrange(Int(offset)..<Int(offset) + count, with: from[..<count]) }
            return count
        }

        func sync() {}
        func truncate(to size: Int64) {}
        func size() -> Int64 { Int64(bytes.count) }
        func lock() -> Bool { true }
    }

    private let interrupted = -Int(EINTR)

    @Test func readsGoOn() throws {
        let file = OddFile([1, 2, 3, 4, 5], [2, interrupted, 1])
        #expect(try read(file, 9) == [1, 2, 3, 4, 5])
        #expect(refusal { _ = try read(OddFile([1, 2], [1, -5]), 2) } == DiskError(.read, "odd", EIO))
    }

    @Test func writesGoOn() throws {
        let file = OddFile([0, 0, 0, 0, 0], [2, interrupted, 1])
        try write(file, [1, 2, 3, 4, 5])
        #expect(file.bytes == [1, 2, 3, 4, 5])
        let full = OddFile([0, 0], [1, -Int(ENOSPC)])
        #expect(refusal { try write(full, [1, 2]) } == DiskError(.write, "odd", ENOSPC))
        // Zero bytes for ever would be an endless loop.
        #expect(refusal { try write(OddFile([0], [0]), [1]) } == DiskError(.write, "odd", EIO))
    }
}
