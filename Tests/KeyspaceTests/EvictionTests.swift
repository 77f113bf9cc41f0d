import Base
import Testing

@testable import Keyspace

struct EvictionTests {
    /// Evicts until nothing is left; the keys in the order in which they went.
    private func order(
        _ store: TestKeyspace, _ names: [String], by measure: Eviction.Measure, onlyVolatile: Bool = false
    ) -> [String] {
        var eviction = Eviction(store.keyspace)
        var random = PRNG(seed: 3)
        var left = names, gone: [String] = []
        while eviction.evictOne(
            onlyVolatile ? .volatileKeys : .keys, by: measure, samples: 100, moment(store.now), &random) == .evicted
        {
            let went = left.filter { store.value($0) == nil }
            #expect(went.count == 1)
            gone += went
            left.removeAll { went.contains($0) }
        }
        #expect(store.brokenInvariant() == nil)
        return gone
    }

    @Test func theLongestUnusedGoFirst() {
        let store = TestKeyspace()
        let names = ["c", "a", "d", "b"]
        for name in names {
            store.put(name, "v")
            store.now += 60_000
        }
        // Reading is an access.
        store.with(Array("c".utf8)) { access, key in _ = access.read(key) }
        // All are in one look, which the pool of 16 can hold.
        #expect(order(store, names, by: .recency) == ["a", "d", "b", "c"])
    }

    @Test func theNextDeadlinesGoFirst() {
        let store = TestKeyspace()
        for (name, deadline) in [("a", 30), ("b", 10), ("c", 20)] {
            store.put(name, "v", deadline: .set(store.now + Int64(deadline) * 1000))
        }
        store.put("stays", "v")
        #expect(order(store, ["a", "b", "c"], by: .deadline, onlyVolatile: true) == ["b", "c", "a"])
        #expect(store.value("stays") == "v")
    }

    @Test func theLeastUsedGoFirst() {
        let store = TestKeyspace()
        for (name, frequency) in [("a", 30), ("b", 10), ("c", 200)] as [(String, UInt32)] {
            store.put(name, "v", 1)
            store.with(Array(name.utf8), 1) { access, key in
                access.peek(key)!.setAccessStamp(AccessStamp.counted(frequency, now: store.now))
            }
        }
        var eviction = Eviction(store.keyspace)
        var random = PRNG(seed: 3)
        for expected in [["a", "c"], ["c"], []] {
            #expect(eviction.evictOne(.keys, by: .frequency, samples: 100, moment(store.now), &random) == .evicted)
            #expect(["a", "b", "c"].filter { store.value($0, 1) != nil } == expected)
        }
        #expect(eviction.evictOne(.keys, by: .frequency, samples: 100, moment(store.now), &random) == .none)
    }

    @Test func anyMayGoAtRandom() {
        var firsts: Set<String> = []
        for seed in 0..<40 {
            let store = TestKeyspace()
            let names = ["a", "b", "c", "d"]
            for (i, name) in names.enumerated() { store.put(name, "v", i) }
            var eviction = Eviction(store.keyspace)
            var random = PRNG(seed: UInt64(seed))
            _ = eviction.evictOne(.keys, by: .none, samples: 5, moment(store.now), &random)
            firsts.formUnion(names.enumerated().filter { store.value($1, $0) == nil }.map(\.1))
        }
        #expect(firsts == ["a", "b", "c", "d"])
    }

    /// Few samples of many keys: most of what goes is old.
    @Test func samplingFindsOldKeys() {
        let store = TestKeyspace()
        for i in 0..<2000 {
            store.put("k\(i)", "v")
            store.now += 1000
        }
        var eviction = Eviction(store.keyspace)
        var random = PRNG(seed: 5)
        for _ in 0..<1000 {
            #expect(eviction.evictOne(.keys, by: .recency, samples: 5, moment(store.now), &random) == .evicted)
        }
        let youngGone = (1000..<2000).filter { store.value("k\($0)") == nil }.count
        #expect(store.count() == 1000 && youngGone < 250)
    }

    /// Nothing has been saved: no call looks everywhere, and once all of them together have, there is none.
    @Test func lookingForSavedValuesIsDoneInParts() {
        let store = TestKeyspace()
        for i in 0..<2000 { store.put("k\(i)", "v") }
        var eviction = Eviction(store.keyspace)
        var random = PRNG(seed: 5)
        let outcomes = (0..<100).map { _ in
            eviction.evictOne(.savedValues, by: .recency, samples: 5, moment(store.now), &random)
        }
        let unfinished = outcomes.prefix { $0 == .unfinished }.count
        #expect(unfinished >= 8 && unfinished < 50)
        #expect(outcomes[unfinished...].allSatisfy { $0 == .none })
    }

    /// Somebody has every partition: nobody is waited for, and nobody says that there is nothing to be found.
    @Test(.timeLimit(.minutes(1))) func lookingForSavedValuesWaitsForNobody() {
        let store = TestKeyspace()
        for i in 0..<2000 { store.put("k\(i)", "v") }
        var eviction = Eviction(store.keyspace)
        var random = PRNG(seed: 5)
        for i in 0..<Limits.partitions { Partition.lock(store.keyspace.partitions + i) }
        for _ in 0..<100 {
            let outcome = eviction.evictOne(.savedValues, by: .recency, samples: 5, moment(store.now), &random)
            #expect(outcome == .unfinished)
        }
        for i in 0..<Limits.partitions { Partition.unlock(store.keyspace.partitions + i) }
    }
}
