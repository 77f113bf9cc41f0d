import TableOracle

#if FUZZING
    // libFuzzer has one thread.
    nonisolated(unsafe) private let oracle = TableOracle()

    /// libFuzzer calls this with every input it thinks of.
    @c(LLVMFuzzerTestOneInput)
    public func checkTables(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        if let problem = oracle.check(Array(UnsafeBufferPointer(start: bytes, count: count))) {
            fatalError(problem)
        }
        return 0
    }
#else
    import FuzzCorpus
    import Glibc

    /// Checks files of the corpus: FuzzTables FILE...; writes inputs to begin with: FuzzTables --seeds DIRECTORY
    @main
    struct FuzzTables {
        static func main() throws {
            let words = Array(CommandLine.arguments.dropFirst())
            if words.count == 2, words[0] == "--seeds" {
                return try Corpus.write(TableOracle.seeds().enumerated().map { ("seed-\($0)", $1) }, to: words[1])
            }
            let oracle = TableOracle()
            let failed = Corpus.replay(words) { oracle.check($0) }
            print("\(words.count - failed) passed, \(failed) failed, \(oracle.whole) were whole")
            exit(failed == 0 ? 0 : 1)
        }
    }
#endif
