import FileOracle
import FuzzCorpus
import Testing

/// Every input that the fuzzer of logs, manifests and records found worth keeping, checked again.
@Suite struct FileCorpusTests {
    @Test func files() throws {
        let paths = Corpus.paths("files")
        #expect(paths.count >= 35, "the corpus is not where it should be")
        let oracle = FileOracle()
        for path in paths {
            let input = try #require(Corpus.read(path))
            #expect(oracle.check(input) == nil, "\(path)")
        }
        // What the first version wrote can be read for ever.
        for kind in FileOracle.Kind.allCases { #expect(oracle.accepted[kind] ?? 0 > 0, "no \(kind)") }
    }

    /// What the oracle begins with is what should be accepted: it is not all refused for a mistake of its own.
    @Test func seeds() {
        for (name, input) in FileOracle().seeds() {
            let oracle = FileOracle()
            #expect(oracle.check(input) == nil, "\(name)")
            #expect(oracle.accepted.count == 1, "\(name)")
        }
    }

    /// What another byte makes of a file does no harm.
    @Test(arguments: [FileOracle.Kind.manifest, .current, .identity]) func everyByte(_ kind: FileOracle.Kind) {
        let oracle = FileOracle()
        for (name, seed) in oracle.seeds() where name == "\(kind)" {
            for place in 0..<seed.count - 1 {
                var input = seed
                input[place + 1] ^= place % 2 == 0 ? 1 : 0xff
                #expect(oracle.check(input) == nil, "\(name) byte \(place)")
            }
        }
    }
}
