import FuzzCorpus
import PayloadOracle
import Testing

/// What the payload fuzzer starts from, Redis' payloads, and what it found worth keeping, checked again.
struct PayloadCorpusTests {
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
        let paths = Corpus.paths("payloads")
        #expect(paths.count >= 10, "the corpus is not where it should be")
        let oracle = PayloadOracle()
        for path in paths {
            let input = try #require(Corpus.read(path))
            let problem = oracle.check(input)
            #expect(problem == nil, "\(path): \(problem ?? "")")
        }
        #expect(oracle.taken > paths.count / 4)
    }
}
