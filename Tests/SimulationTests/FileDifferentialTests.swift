import Base
import CSystem
import Simulation
import Testing

/// The simulated file system and the system's own get the same calls and must give the same answers.
@Suite struct FileDifferentialTests {
    @Test(arguments: 0..<30 as Range<UInt64>)
    func sameAnswers(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        var pair = Pair(directory.path, seed: seed)
        for step in 0..<400 {
            let (call, real, simulated) = pair.step()
            try #require(real == simulated, "step \(step), \(call)\n\(pair.simulated.trace)")
        }
        #expect(pair.simulated.injected == 0)
    }
}

/// A directory of its own below /tmp.
struct TemporaryDirectory {
    let path: String

    init() throws {
        var template = [CChar]("/tmp/martlet-files-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw DiskError(.makeDirectory, "/tmp", cs_errno()) }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    func remove() {
        let files = RealFileSystem()
        func empty(_ directory: String) {
            for name in (try? files.list(directory)) ?? [] {
                let inner = directory + "/" + name
                do { try files.remove(inner) } catch { empty(inner) }
            }
            rmdir(directory)
        }
        empty(path)
    }
}

/// Two file systems side by side, and files that are open in both.
private struct Pair {
    let real = RealFileSystem()
    let simulated: SimulatedFileSystem
    private let directory: String
    private var random: PRNG
    private var open: [(real: any File, simulated: any File)] = []

    init(_ directory: String, seed: UInt64) {
        self.directory = directory
        random = PRNG(seed: seed)
        simulated = SimulatedFileSystem(seed: seed, directories: [directory])
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

    /// Mostly files in the directory or one below, also directories and what cannot be there.
    private mutating func path() -> String {
        let names = ["a", "b", "c", "d", "e", "e/a", "e/b", "f", "f/a", "e/f", "e/f/a", "missing/a", "a/a"]
        let odd = ["./a", "e/../a", "e//b", "e/.", "e/..", "f/./a", String(repeating: "n", count: 256)]
        let name = below(12) == 0 ? odd[below(odd.count)] : names[below(names.count)]
        return directory + "/" + name
    }

    /// One call on both; the answers as text.
    mutating func step() -> (call: String, real: String, simulated: String) {
        switch below(20) {
        case 0..<4: return openBoth()
        case 4: return both("list", path()) { try $0.list($1).sorted() }
        case 5: return both("make directory", path()) { try $0.makeDirectory($1) }
        case 6: return both("remove", path()) { try $0.remove($1) }
        case 7: return both("sync directory", path()) { try $0.syncDirectory($1) }
        case 8: return both("free bytes", path()) { try $0.freeBytes($1) >= 0 }
        case 9:
            let new = path()
            return both("link to \(new) from", path()) { try $0.link($1, to: new) }
        case 10, 11:
            let new = path()
            return both("rename to \(new) from", path()) { try $0.rename($1, to: new) }
        default: return onFile()
        }
    }

    private func both<R>(
        _ call: String, _ path: String, _ body: (any FileSystem, String) throws -> R
    ) -> (String, String, String) {
        ("\(call) \(path)", answer { try body(real, path) }, answer { try body(simulated, path) })
    }

    private func answer<R>(_ body: () throws -> R) -> String {
        do {
            return "\(try body())"
        } catch {
            return "\(error)"
        }
    }

    private mutating func openBoth() -> (String, String, String) {
        let path = path()
        let use = [FileUse.read, .write, .create][below(3)]
        var files: [any File] = []
        // The system opens directories for reading, which nobody here does.
        if use == .read, (try? real.list(path)) != nil { return ("open directory", "", "") }
        let result = both("open for \(use)", path) { system, path in files.append(try system.open(path, use)) }
        if files.count == 2 { open.append((files[0], files[1])) }
        if open.count > 6 { open.remove(at: below(open.count)) }
        return result
    }

    private mutating func onFile() -> (String, String, String) {
        if open.isEmpty { return openBoth() }
        let index = below(open.count)
        let offset = Int64(below(3) == 0 ? below(40_000) : below(9000)) - (below(30) == 0 ? 9000 : 0)
        let count = below(4) == 0 ? below(10_000) : below(300)
        switch below(10) {
        case 0..<3: return onFile(index, "read \(count) at \(offset) of") { $0.readAll(count, offset) }
        case 3..<7:
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            return onFile(index, "write \(count) at \(offset) of") { $0.writeSome(bytes, at: offset) }
        case 7: return onFile(index, "truncate to \(offset)") { try $0.truncate(to: offset) }
        case 8:
            return onFile(index, "size and sync of") { file in
                try file.sync()
                return try file.size()
            }
        default:
            if below(2) == 0 { return onFile(index, "lock") { try $0.lock() } }
            let closed = open.remove(at: index)
            return ("close \(closed.real.path)", "", "")
        }
    }

    private func onFile<R>(_ index: Int, _ call: String, _ body: (any File) throws -> R) -> (String, String, String) {
        let (first, second) = open[index]
        return ("\(call) \(first.path)", answer { try body(first) }, answer { try body(second) })
    }
}

extension File {
    /// What pread answers, and the bytes.
    fileprivate func readAll(_ count: Int, _ offset: Int64) -> [Int] {
        var bytes = [UInt8](repeating: 0xee, count: count)
        let answer = bytes.withUnsafeMutableBytes { readSome($0, at: offset, waits: true) }
        return [answer] + bytes.map(Int.init)
    }
}
