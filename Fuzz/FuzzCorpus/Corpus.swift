import Base

/// Inputs that a fuzzer found worth keeping: files, which tests and the fuzzers' programs check again.
public enum Corpus {
    private static let bytesMax = 1 << 20

    /// The paths of a folder's files in Tests/Corpus, sorted; none if it is not there.
    public static func paths(_ folder: String) -> [String] {
        let root = "/" + "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        let directory = root + "/Tests/Corpus/" + folder
        let names = (try? RealFileSystem().list(directory)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted().map { directory + "/" + $0 }
    }

    /// A file's bytes, of a long one the first; nil if it cannot be read.
    public static func read(_ path: String) -> [UInt8]? {
        guard let file = try? RealFileSystem().open(path, .read) else { return nil }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read($0, at: 0) }) else { return nil }
        return Array(bytes[..<count])
    }

    /// Writes inputs to files of these names.
    public static func write(_ inputs: some Sequence<(name: String, input: [UInt8])>, to directory: String) throws {
        for (name, input) in inputs {
            let file = try RealFileSystem().open("\(directory)/\(name)", .write)
            try file.truncate(to: 0)
            try input.withView { (view) throws(DiskError) in try file.write(view, at: 0) }
        }
    }

    /// Checks files and prints what is wrong with each. Answers how many failed.
    public static func replay(_ paths: some Sequence<String>, _ check: ([UInt8]) -> String?) -> Int {
        var failed = 0
        for path in paths {
            guard let problem = read(path).map(check) ?? "cannot be read" else { continue }
            print("\(path): \(problem)")
            failed += 1
        }
        return failed
    }
}
