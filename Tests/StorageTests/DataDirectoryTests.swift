import Base
import Testing

@testable import Storage

@Suite struct DataDirectoryTests {
    private let scratch = ScratchDirectory()
    private let files = RealFileSystem()

    private var path: String { scratch.path + "/data" }

    private func clear() {
        for name in (try? files.list(path)) ?? [] { try? files.remove(path + "/" + name) }
        removeDirectory(path)
    }

    @Test func keepsItsIdentity() throws {
        defer { clear() }
        #expect(try DataDirectory.open(files, path, newIdentity: 7).identity == 7)
        #expect(try DataDirectory.open(files, path, newIdentity: 8).identity == 7)
        #expect(Set(try files.list(path)) == ["identity", "lock"])
    }

    /// docs/storage-format.md. The checksum was computed bit by bit, by another program.
    @Test func bytesArePinned() throws {
        defer { clear() }
        _ = try DataDirectory.open(files, path, newIdentity: 0x1122_3344_5566_7788)
        let file = try files.open(path + "/identity", .read)
        var bytes = [UInt8](repeating: 0, count: 40)
        #expect(try bytes.withUnsafeMutableBytes { try file.read($0, at: 0) } == 32)
        let expected: [UInt8] =
            Array("MartDir\n".utf8) + [1, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]
            + [0x85, 0x45, 0x67, 0xd0, 0, 0, 0, 0]
        #expect(Array(bytes[..<32]) == expected)
    }

    @Test func oneProcessAtATime() throws {
        defer { clear() }
        let first = try DataDirectory.open(files, path, newIdentity: 7)
        // Another open file is what another process would have.
        #expect(throws: DirectoryError.taken(path)) {
            try DataDirectory.open(files, path, newIdentity: 7)
        }
        #expect(first.identity == 7)
    }

    @Test func whatIsWrongIsTold() throws {
        defer { clear() }
        _ = try DataDirectory.open(files, path, newIdentity: 7)
        let name = path + "/identity"
        for bit in 0..<28 * 8 {
            let file = try files.open(name, .write)
            var byte: [UInt8] = [0]
            _ = try byte.withUnsafeMutableBytes { try file.read($0, at: Int64(bit / 8)) }
            let whole = byte
            byte[0] ^= 1 << UInt8(bit % 8)
            try byte.withView { try file.write($0, at: Int64(bit / 8)) }
            #expect(throws: DirectoryError.damaged(name)) { try DataDirectory.open(files, path, newIdentity: 7) }
            try whole.withView { try file.write($0, at: Int64(bit / 8)) }
        }
        try files.open(name, .write).truncate(to: 31)
        #expect(throws: DirectoryError.damaged(name)) { try DataDirectory.open(files, path, newIdentity: 7) }
        #expect(throws: DirectoryError.self) {
            try DataDirectory.open(files, scratch.path + "/no/such", newIdentity: 7)
        }
    }
}
