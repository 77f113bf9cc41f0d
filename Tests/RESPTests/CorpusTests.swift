import FuzzOracles
import Glibc
import Testing

/// Every input that the fuzzer found worth keeping, checked again.
struct CorpusTests {
    private static let directory: String = {
        let folders = "\(#filePath)".split(separator: "/").dropLast(2)
        return "/" + folders.joined(separator: "/") + "/Corpus/requests"
    }()

    private static func names() -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func read(_ name: String) -> [UInt8]? {
        guard let file = fopen(directory + "/" + name, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }

    @Test func requests() throws {
        let names = Self.names()
        #expect(names.count >= 10, "the corpus is not where it should be")
        for name in names {
            let input = try #require(Self.read(name))
            #expect(!input.isEmpty, "\(name)")
            #expect(RequestOracle.check(input) == nil, "\(name)")
        }
    }
}
