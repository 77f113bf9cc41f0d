import Base
import CSystem
import Causality
import Testing

@testable import Keyspace

/// A table with entries whose keys are numbers.
private final class NumberTable {
    var table = Table()
    let reclaimer = Reclaimer(readers: 1)
    var model: [Int: UnsafeMutableRawPointer] = [:]

    deinit {
        table.dismantle(reclaimer) { $0.destroy() }
    }

    static func name(_ number: Int) -> [UInt8] { Array("key:\(number)".utf8) }

    func with<R>(_ number: Int, _ body: (Key) -> R) -> R { NumberTable.name(number).withView { body(Key($0)) } }

    func insert(_ number: Int) {
        if model[number] != nil { return }
        with(number) { key in
            let header = Entry.Header(
                type: .string, encoding: .bytes, dot: Dot(packed: 1), moment: moment(), deadline: nil)
            let entry = Entry.make(header, key: key.view, valueCount: 0)
            table.insert(entry, hash: key.hash, reclaimer)
            model[number] = entry.base
        }
    }

    func remove(_ number: Int) {
        with(number) { key in
            guard let slot = table.find(key) else { return }
            let entry = Table.entry(slot)
            table.remove(slot, hash: key.hash, reclaimer)
            entry.destroy()
            model[number] = nil
        }
    }

    func agrees(_ number: Int) -> Bool {
        with(number) { key in table.find(key).map { Table.entry($0).base } == model[number] }
    }

    static func number(_ entry: Entry) -> Int { Int(entry.key.text.dropFirst(4))! }
}

@Suite struct TableTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func agreesWithADictionary(seed: UInt64) {
        var random = PRNG(seed: seed)
        let numbers = NumberTable()
        var sawResizing = false
        for phase in 0..<6 {
            // Growing and shrinking by turns; the range makes hits and misses both common.
            let insertShare: UInt64 = phase % 2 == 0 ? 80 : 15
            for _ in 0..<3000 {
                let number = Int(random.below(4000))
                if random.below(100) < insertShare { numbers.insert(number) } else { numbers.remove(number) }
                sawResizing = sawResizing || numbers.table.isResizing
                let probe = Int(random.below(4000))
                if !numbers.agrees(number) || !numbers.agrees(probe) {
                    Issue.record("seed \(seed), phase \(phase): differs at \(number) or \(probe)")
                    return
                }
            }
            #expect(numbers.table.count == numbers.model.count)
            var seen: [Int: Int] = [:]
            numbers.table.forEach { seen[NumberTable.number($0), default: 0] += 1 }
            #expect(seen.count == numbers.model.count && seen.values.allSatisfy { $0 == 1 })
        }
        #expect(sawResizing)
    }

    @Test func growsAndShrinksWithItsContents() {
        let numbers = NumberTable()
        for number in 0..<20_000 { numbers.insert(number) }
        while numbers.table.isResizing { numbers.table.step(numbers.reclaimer) }
        let grown = numbers.table.bucketCounts.main
        // Between two and six entries a bucket.
        #expect(grown * 2 <= 20_000 && grown * 6 >= 20_000)
        for number in 0..<19_990 { numbers.remove(number) }
        while numbers.table.isResizing { numbers.table.step(numbers.reclaimer) }
        #expect(numbers.table.bucketCounts.main <= 64)
        #expect((19_990..<20_000).allSatisfy { numbers.agrees($0) })
    }

    /// What is there from the first step of a scan to its last is seen, whatever happens in between.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func scanSeesWhatStays(seed: UInt64) {
        var random = PRNG(seed: seed)
        let numbers = NumberTable()
        let stable = 0..<(50 + Int(random.below(500)))
        for number in stable { numbers.insert(number) }
        let target = [0, 10, 100, 3000, 20_000]
        for number in 10_000..<10_000 + target[Int(random.below(5))] { numbers.insert(number) }
        var seen: Set<Int> = []
        var cursor: UInt64 = 0
        var steps = 0
        var shrinks = random.below(2) == 0
        repeat {
            cursor = numbers.table.scan(cursor) { seen.insert(NumberTable.number($0)) }
            steps += 1
            if random.below(20) == 0 { shrinks.toggle() }
            for _ in 0..<random.below(60) {
                let number = 10_000 + Int(random.below(20_000))
                if shrinks {
                    numbers.model.keys.first { $0 >= 10_000 }.map(numbers.remove)
                } else {
                    numbers.insert(number)
                }
            }
        } while cursor != 0 && steps < 200_000
        #expect(cursor == 0)
        #expect(stable.allSatisfy { seen.contains($0) }, "seed \(seed) after \(steps) steps")
    }

    /// Without changes, a scan sees everything, in no more steps than there are buckets.
    @Test(arguments: [0, 1, 7, 100, 5000])
    func scanOfATableAtRest(count: Int) {
        let numbers = NumberTable()
        for number in 0..<count { numbers.insert(number) }
        while numbers.table.isResizing { numbers.table.step(numbers.reclaimer) }
        var seen: [Int] = []
        var cursor: UInt64 = 0
        var steps = 0
        repeat {
            cursor = numbers.table.scan(cursor) { seen.append(NumberTable.number($0)) }
            steps += 1
        } while cursor != 0
        #expect(seen.sorted() == Array(0..<count))
        #expect(steps == max(1, numbers.table.bucketCounts.main))
    }

    @Test func randomPicksReachEverything() {
        var random = PRNG(seed: 5)
        let numbers = NumberTable()
        #expect(numbers.table.random(&random) == nil)
        for number in 0..<40 { numbers.insert(number) }
        var seen: Set<Int> = []
        for _ in 0..<4000 { numbers.table.random(&random).map { _ = seen.insert(NumberTable.number($0)) } }
        #expect(seen.count == 40)
    }
}
