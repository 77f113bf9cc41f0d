import Base
import Testing

@testable import Storage

@Suite struct BlockCacheTests {
    private func block(_ number: Int, byteCount: Int = 1000) -> CachedBlock {
        let block = CachedBlock(byteCount: byteCount)
        for i in 0..<byteCount { block.start[i] = UInt8(truncatingIfNeeded: number &* 31 &+ i) }
        return block
    }

    private func put(_ cache: BlockCache, _ number: Int, byteCount: Int = 1000) {
        let new = block(number, byteCount: byteCount)
        cache.put(1, number, new)
        new.letGo()
    }

    /// Whether a block is there, and what it should be.
    private func holds(_ cache: BlockCache, _ number: Int) -> Bool {
        guard let held = cache.get(1, number) else { return false }
        defer { held.letGo() }
        let wanted = block(number, byteCount: held.byteCount)
        defer { wanted.letGo() }
        #expect(held.bytes == wanted.bytes)
        return true
    }

    @Test func keepsWhatFits() {
        let cache = BlockCache(capacity: 1_000_000, shards: 4)
        for number in 0..<500 { put(cache, number) }
        for number in 0..<500 { #expect(holds(cache, number)) }
        #expect(!holds(cache, 500) && cache.get(2, 1) == nil)
        let figures = cache.figures
        #expect(figures.hits == 500 && figures.misses == 2 && figures.blocks == 500)
        #expect(figures.memoryBytes > 500_000 && figures.memoryBytes < 1_000_000)
    }

    @Test func staysWithinItsCapacity() {
        let cache = BlockCache(capacity: 300_000, shards: 2)
        for number in 0..<3000 {
            put(cache, number, byteCount: 1 + number % 9000)
            #expect(cache.figures.memoryBytes <= 300_000)
        }
        #expect(cache.figures.memoryBytes > 200_000)
        put(cache, 9999, byteCount: 200_000)
        #expect(!holds(cache, 9999))
        cache.setCapacity(100_000)
        #expect((50_000...100_000).contains(cache.figures.memoryBytes))
        cache.setCapacity(1_000_000)
        for number in 0..<3000 where number % 9000 < 500 { put(cache, number, byteCount: 100) }
        #expect(cache.figures.memoryBytes > 50_000)
        cache.setCapacity(0)
        #expect(cache.figures.blocks == 0)
        put(cache, 1)
        #expect(!holds(cache, 1))
    }

    /// Half of the cache is used all the time while ten times the cache is read once.
    @Test func scansPassBy() {
        let cache = BlockCache(capacity: 1_000_000, shards: 1)
        var random = PRNG(seed: 1)
        func use() {
            let number = Int(random.below(400))
            if !holds(cache, number) { put(cache, number) }
        }
        for _ in 0..<5000 { use() }
        let before = cache.figures
        for number in 10_000..<20_000 {
            put(cache, number)
            use()
        }
        let hits = cache.figures.hits - before.hits
        #expect(hits > 9900, "\(hits) of 10,000")
    }

    /// What comes back soon after it left the small queue stays.
    @Test func ghosts() {
        let cache = BlockCache(capacity: 500_000, shards: 1)
        for number in 0..<1000 { put(cache, number) }
        let gone = (0..<1000).filter { !holds(cache, $0) }
        let back = Array(gone.suffix(10))
        for number in back { put(cache, number) }
        for number in 5000..<5200 { put(cache, number) }
        #expect(back.allSatisfy { holds(cache, $0) })
    }

    @Test func whoHoldsABlockKeepsIt() throws {
        let cache = BlockCache(capacity: 100_000, shards: 1)
        put(cache, 7)
        let held = try #require(cache.get(1, 7))
        for number in 100..<1000 { put(cache, number) }
        #expect(!holds(cache, 7))
        let wanted = block(7)
        #expect(held.bytes == wanted.bytes)
        wanted.letGo()
        held.letGo()
    }

    @Test func theFirstOneStays() throws {
        let cache = BlockCache(capacity: 100_000, shards: 1)
        put(cache, 7, byteCount: 100)
        put(cache, 7, byteCount: 200)
        let held = try #require(cache.get(1, 7))
        #expect(held.byteCount == 100 && cache.figures.blocks == 1)
        held.letGo()
    }
}
