import Base
import Simulation
import Testing

@testable import Storage

/// What overwriting at random costs, in proportions as of a tree of 2 GB with tables of 32 MiB.
@Suite struct AmplificationTests {
    struct Outcome {
        var write = 0.0
        /// The most there was after any step, for each byte of what there is.
        var space = 0.0
        /// The same with what a step had read and not removed yet.
        var peak = 0.0
        var steps = 0
    }

    /// Fills a tree with so many keys in random order, then overwrites so many times as many at random, in runs of so
    /// many; what is measured is the second half of that.
    static func overwrite(
        keys: Int, times: Int, run: Int, _ change: (inout Tree.Options) -> Void = { _ in }
    ) throws -> Outcome {
        var options = Tree.Options()
        options.tableBytes = 16 << 10
        options.baseBytes = 128 << 10
        options.blockBytes = 1024
        options.compressAll(.none)
        change(&options)
        let files = treeDisk(seed: 1)
        let directory = try DataDirectory.open(files, "/data", newIdentity: 5)
        let tree = try Tree.open(directory, options)
        var random = PRNG(seed: 9)
        var order = Array(0..<keys)
        for i in order.indices { order.swapAt(i, Int(random.below(UInt64(keys)))) }
        var outcome = Outcome()
        var base = TreeStatistics()
        let total = keys * (times + 1)
        var at = 0
        while at < total {
            let part = (at..<min(at + run, total)).map { $0 < keys ? order[$0] : Int(random.below(UInt64(keys))) }
            at += run
            let next = tree.beginRun()
            for key in Set(part).sorted() {
                try TreePlay.add(TreeKey(stem: key), [UInt8](repeating: UInt8(key & 255), count: 90), to: next)
            }
            try tree.install(next, state: ByteView(""))
            while true {
                let before = tree.statistics
                if try !tree.compact() { break }
                let after = tree.statistics
                if at >= total / 2 {
                    let live = Double(keys) * 98
                    let written = after.compactedBytes - before.compactedBytes
                    outcome.space = max(outcome.space, Double(after.bytes) / live)
                    outcome.peak = max(outcome.peak, Double(before.bytes + written) / live)
                    outcome.steps += 1
                }
            }
            if at < total / 2 { base = tree.statistics }
        }
        let end = tree.statistics
        let flushed = end.flushedBytes - base.flushedBytes
        outcome.write = 1 + Double(end.compactedBytes - base.compactedBytes) / Double(flushed)
        return outcome
    }

    /// Runs of a hundredth and of a fiftieth of the data. RocksDB's db_bench 7.8 (level compaction, the same proportions:
    /// 400,000 keys, tables of 640 KB, write buffers of 640 KB and 1.25 MB, no compression, dynamic level bytes) writes
    /// 6.2 and 5.9 bytes for each.
    @Test(arguments: [(100, 6.2), (200, 5.9)])
    func overwritingAtRandom(run: Int, limit: Double) throws {
        let outcome = try Self.overwrite(keys: 10_000, times: 5, run: run)
        print("runs of \(run) in 10000: write \(outcome.write), space \(outcome.space), at most \(outcome.peak)")
        #expect(outcome.write <= limit)
        #expect(outcome.space <= 1.3)
        #expect(outcome.steps > 50)
    }
}
