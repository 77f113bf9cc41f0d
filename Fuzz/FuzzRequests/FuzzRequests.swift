import FuzzOracles

#if FUZZING
    /// libFuzzer calls this with every input it thinks of.
    @c(LLVMFuzzerTestOneInput)
    public func checkRequests(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        if let problem = RequestOracle.check(Array(UnsafeBufferPointer(start: bytes, count: count))) {
            fatalError(problem)
        }
        return 0
    }
#else
    import FuzzCorpus
    import Glibc

    /// Checks files of the corpus: FuzzRequests FILE...
    @main
    struct FuzzRequests {
        static func main() {
            let paths = CommandLine.arguments.dropFirst()
            let failed = Corpus.replay(paths) { RequestOracle.check($0) }
            print("\(paths.count - failed) passed, \(failed) failed")
            exit(failed == 0 ? 0 : 1)
        }
    }
#endif
