import Glibc
import PayloadOracle
import Testing

/// What the payload fuzzer starts from, Redis' payloads, and what it found worth keeping, checked again.
struct PayloadCorpusTests {
    private static let directory: String = {
        let folders = "\(#filePath)".split(separator: "/").dropLast(2)
        return "/" + folders.joined(separator: "/") + "/Corpus/payloads"
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

    @Test func payloadsOfRedis() throws {
        let oracle = PayloadOracle()
        var inputs = 0
        for step in try GoldenTrace("payloads").steps where step.words[0] == Array("RESTORE".utf8) {
            for header: [UInt8] in [[0, 1], [1, 2], [0, 3], [1, 4]] {
                inputs += 1
                if let problem = oracle.check(header + step.words[3].dropLast(10)) {
                    Issue.record("line \(step.line), header \(header): \(problem)")
                }
            }
        }
        #expect(inputs > 1000 && oracle.taken > inputs / 4 && oracle.taken < inputs)
    }

    @Test func corpus() throws {
        let names = Self.names()
        #expect(names.count >= 10, "the corpus is not where it should be")
        let oracle = PayloadOracle()
        for name in names {
            let input = try #require(Self.read(name))
            let problem = oracle.check(input)
            #expect(problem == nil, "\(name): \(problem ?? "")")
        }
        #expect(oracle.taken > names.count / 4)
    }
}
