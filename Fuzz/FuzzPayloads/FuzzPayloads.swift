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
    import Glibc

    /// Checks files of the corpus: FuzzPayloads FILE...
    @main
    struct FuzzPayloads {
        static func main() {
            let oracle = PayloadOracle()
            var failed = 0
            for path in CommandLine.arguments.dropFirst() {
                guard let input = read(path) else {
                    print("\(path): cannot be read")
                    failed += 1
                    continue
                }
                if let problem = oracle.check(input) {
                    print("\(path): \(problem)")
                    failed += 1
                }
            }
            print("\(CommandLine.arguments.count - 1 - failed) passed, \(failed) failed, \(oracle.taken) were values")
            exit(failed == 0 ? 0 : 1)
        }

        private static func read(_ path: String) -> [UInt8]? {
            guard let file = fopen(path, "r") else { return nil }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = fread(&bytes, 1, bytes.count, file)
            return Array(bytes[..<count])
        }
    }
#endif
