import FuzzCorpus
import FuzzOracles
import Testing

/// Every input that the fuzzer found worth keeping, checked again.
struct CorpusTests {
    @Test func requests() throws {
        let paths = Corpus.paths("requests")
        #expect(paths.count >= 10, "the corpus is not where it should be")
        for path in paths {
            let input = try #require(Corpus.read(path))
            #expect(!input.isEmpty, "\(path)")
            #expect(RequestOracle.check(input) == nil, "\(path)")
        }
    }
}
