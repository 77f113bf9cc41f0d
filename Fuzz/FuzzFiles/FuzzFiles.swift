import CSystem
import FileOracle

#if FUZZING
    // libFuzzer has one thread.
    nonisolated(unsafe) private let oracle = {
        // An input does the same whenever it is run.
        cs_hash_fix_secrets(1)
        return FileOracle()
    }()

    /// libFuzzer calls this with every input it thinks of.
    @c(LLVMFuzzerTestOneInput)
    public func checkFiles(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        if let problem = oracle.check(Array(UnsafeBufferPointer(start: bytes, count: count))) {
            fatalError(problem)
        }
        return 0
    }
#else
    import Base
    import FuzzCorpus
    import Glibc

    /// Checks files of the corpus: FuzzFiles FILE...; writes inputs to begin with: FuzzFiles --seeds DIRECTORY
    @main
    struct FuzzFiles {
        static func main() throws {
            cs_hash_fix_secrets(1)
            let words = Array(CommandLine.arguments.dropFirst())
            let oracle = FileOracle()
            if words.count == 2, words[0] == "--seeds" {
                return try Corpus.write(oracle.seeds().map { ($0.name, $0.input) }, to: words[1])
            }
            let failed = Corpus.replay(words) { oracle.check($0) }
            print("\(words.count - failed) passed, \(failed) failed, accepted: \(oracle.accepted)")
            exit(failed == 0 ? 0 : 1)
        }
    }
#endif
