import Base
import CSystem
import Storage

/// What overwriting at random costs a tree, without a server: TableBench DIRECTORY overwrite [KEYS] [RUN]
/// [none|lz4|zstd]. Keys are written once, in runs of so many records, then twice as many at random; values have 1000
/// bytes and compress to half, as RocksDB's db_bench makes them.
struct TreeBench {
    let directory: String
    let keys: Int
    let run: Int
    var options = Tree.Options()
    private let pool: [UInt8]

    private static let valueBytes = 1000

    init(directory: String, keys: Int, run: Int) {
        (self.directory, self.keys, self.run) = (directory, keys, run)
        var random = PRNG(seed: 1)
        pool = (0..<1 << 20).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    func overwrite() throws {
        let files = RealFileSystem()
        let place = try DataDirectory.open(files, directory + "/bench-tree", newIdentity: 1)
        let tree = try Tree.open(place, options)
        var random = PRNG(seed: 2)
        var version = 0
        var peak = 1.0
        let began = TableBench.cpu()
        for at in stride(from: 0, to: 3 * keys, by: run) {
            let part = at..<min(at + run, 3 * keys)
            let wanted = part.map { $0 < keys ? $0 : Int(random.below(UInt64(keys))) }
            version += 1
            try install(Set(wanted).sorted(), version, tree)
            while try tree.compact() {}
            let space = Double(tree.bytes) / Double(min(part.upperBound, keys) * (Self.valueBytes / 2 + 26))
            if part.upperBound > keys { peak = max(peak, space) }
        }
        report(tree.statistics, peak, TableBench.cpu() - began)
        for name in try files.list(place.path) { try files.remove(place.path + "/" + name) }
    }

    private func install(_ wanted: [Int], _ version: Int, _ tree: Tree) throws {
        let run = tree.beginRun()
        var key = ByteBuffer()
        var value = ByteBuffer()
        for i in wanted {
            key.truncate(to: 0)
            TableBench.append(key: i, of: keys, to: &key)
            value.truncate(to: 0)
            let half = Self.valueBytes / 2
            let start = (i &* 7919 &+ version &* 104_729) % (pool.count - half)
            pool.withView { view in
                for _ in 0..<2 { value.append(view.slice(start, start + half)) }
            }
            try run.add(key: key.view, stem: key.count, value: value.view)
        }
        try tree.install(run, state: ByteView(""))
    }

    private func report(_ figures: TreeStatistics, _ peak: Double, _ nanoseconds: Int) {
        let raw = Double(3 * keys * (Self.valueBytes + 16))
        func share(_ bytes: Int64) -> Double { (Double(bytes) / raw * 100).rounded() / 100 }
        print(
            "written per byte given: \(share(figures.flushedBytes)) by runs, \(share(figures.compactedBytes)) compacted"
        )
        print(
            "bytes per live byte: \((Double(figures.bytes) / Double(keys * (Self.valueBytes / 2 + 26)) * 100).rounded() / 100)"
                + " at the end, \((peak * 100).rounded() / 100) at most")
        print("\(figures.compactions) compactions, \(nanoseconds / (3 * keys)) ns per record")
    }
}
