import FuzzCorpus
import TableOracle
import Testing

/// Every input that the fuzzer of tables found worth keeping, checked again.
@Suite struct TableCorpusTests {
    @Test func tables() throws {
        let paths = Corpus.paths("tables")
        #expect(paths.count >= 12, "the corpus is not where it should be")
        let oracle = TableOracle()
        for path in paths {
            let input = try #require(Corpus.read(path))
            #expect(oracle.check(input) == nil, "\(path)")
        }
        // What the first version wrote can be read for ever.
        #expect(oracle.whole >= 12)
    }

    /// What a byte less or another byte makes of a whole table does no harm.
    @Test func everyByteOfSomeTables() {
        let oracle = TableOracle()
        for seed in TableOracle.seeds() where seed.count < 900 {
            for place in 1..<seed.count {
                for change: UInt8 in [1, 0x80, 0xff] {
                    var input = seed
                    input[place] ^= change
                    #expect(oracle.check(input) == nil, "byte \(place)")
                }
            }
        }
    }
}
