import PayloadOracle

#if FUZZING
    // libFuzzer has one thread.
    nonisolated(unsafe) private let oracle = PayloadOracle()

    /// libFuzzer calls this with every input it thinks of.
    @c(LLVMFuzzerTestOneInput)
    public func checkPayloads(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        if let problem = oracle.check(Array(UnsafeBufferPointer(start: bytes, count: count))) {
            fatalError(problem)
        }
        return 0
    }
#else
    import FuzzCorpus
    import Glibc

    /// Checks files of the corpus: FuzzPayloads FILE...
    @main
    struct FuzzPayloads {
        static func main() {
            let oracle = PayloadOracle()
            let paths = CommandLine.arguments.dropFirst()
            let failed = Corpus.replay(paths) { oracle.check($0) }
            print("\(paths.count - failed) passed, \(failed) failed, \(oracle.taken) were values")
            exit(failed == 0 ? 0 : 1)
        }
    }
#endif
