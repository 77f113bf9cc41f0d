import Base
import CSystem

/// A part of a block cache, under a lock of its own.
struct CacheShard: ~Copyable {
    private let lock: UnsafeMutablePointer<UInt32>
    private var capacity: Int
    /// Blocks by hash, chained. As many buckets as there may be blocks of two kilobytes.
    private var buckets: UnsafeMutablePointer<UnsafeMutablePointer<CachedBlock.Header>?>
    private var bucketCount: Int
    private var small = BlockQueue()
    private var main = BlockQueue()
    /// What left the small queue lately: by hash, its upper half and when it left. A newer one may take its place.
    private var ghosts: UnsafeMutablePointer<UInt64>
    private var ghostClock: UInt32 = 0
    private var hits: UInt64 = 0
    private var misses: UInt64 = 0

    private static let hitsMax: UInt8 = 3

    init(capacity: Int) {
        lock = .allocate(capacity: 1)
        lock.initialize(to: 0)
        (self.capacity, bucketCount) = CacheShard.sizes(capacity)
        (buckets, ghosts) = CacheShard.tables(bucketCount)
    }

    deinit {
        for bucket in 0..<bucketCount {
            var next = buckets[bucket]
            while let header = next {
                next = header.pointee.chained
                CachedBlock(header).letGo()
            }
        }
        buckets.deallocate()
        ghosts.deallocate()
        lock.deallocate()
    }

    @inline(__always)
    mutating func withLock<R>(_ body: (inout CacheShard) -> R) -> R {
        let lock = lock
        cs_lock(lock)
        defer { cs_unlock(lock) }
        return body(&self)
    }

    // MARK: under the lock

    /// The bytes for blocks, and buckets.
    private static func sizes(_ capacity: Int) -> (Int, Int) {
        var buckets = 16
        while buckets * 2048 < capacity { buckets *= 2 }
        return (max(0, capacity - buckets * 16), buckets)
    }

    private static func tables(
        _ count: Int
    ) -> (UnsafeMutablePointer<UnsafeMutablePointer<CachedBlock.Header>?>, UnsafeMutablePointer<UInt64>) {
        let buckets = UnsafeMutablePointer<UnsafeMutablePointer<CachedBlock.Header>?>.allocate(capacity: count)
        buckets.initialize(repeating: nil, count: count)
        let ghosts = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        ghosts.initialize(repeating: 0, count: count)
        return (buckets, ghosts)
    }

    func add(to figures: inout BlockCache.Figures) {
        figures.hits += hits
        figures.misses += misses
        figures.blocks += small.count + main.count
        figures.memoryBytes += memoryBytes + bucketCount * 16
        figures.capacity += capacity + bucketCount * 16
    }

    private var memoryBytes: Int { small.memoryBytes + main.memoryBytes }

    mutating func setCapacity(_ bytes: Int) {
        let (capacity, count) = CacheShard.sizes(bytes)
        self.capacity = capacity
        makeRoom(0)
        if count == bucketCount { return }
        let (newBuckets, newGhosts) = CacheShard.tables(count)
        for old in 0..<bucketCount {
            var next = buckets[old]
            while let header = next {
                next = header.pointee.chained
                let new = newBuckets + bucket(BlockCache.hash(header.pointee.table, header.pointee.block), of: count)
                header.pointee.chained = new.pointee
                new.pointee = header
            }
        }
        buckets.deallocate()
        ghosts.deallocate()
        (buckets, ghosts, bucketCount) = (newBuckets, newGhosts, count)
    }

    /// The hash's lowest bits chose the shard.
    @inline(__always)
    private func bucket(_ hash: UInt64, of count: Int) -> Int { Int(truncatingIfNeeded: hash &>> 16) & (count &- 1) }

    @inline(__always)
    private func find(_ table: UInt64, _ block: Int, _ hash: UInt64) -> UnsafeMutablePointer<CachedBlock.Header>? {
        var next = buckets[bucket(hash, of: bucketCount)]
        while let header = next {
            if header.pointee.block == block && header.pointee.table == table { return header }
            next = header.pointee.chained
        }
        return nil
    }

    @inline(__always)
    mutating func get(_ table: UInt64, _ block: Int, _ hash: UInt64) -> CachedBlock? {
        guard let header = find(table, block, hash) else {
            misses &+= 1
            return nil
        }
        hits &+= 1
        if header.pointee.hits < CacheShard.hitsMax { header.pointee.hits &+= 1 }
        let found = CachedBlock(header)
        found.hold()
        return found
    }

    mutating func put(_ table: UInt64, _ block: Int, _ hash: UInt64, _ bytes: CachedBlock) {
        let memory = bytes.memoryBytes
        // One that would drive out everything else stays outside, and so does one that another thread was faster with.
        if memory > capacity / 4 || find(table, block, hash) != nil { return }
        makeRoom(memory)
        bytes.hold()
        let header = bytes.header
        (header.pointee.table, header.pointee.block, header.pointee.hits) = (table, block, 0)
        let place = buckets + bucket(hash, of: bucketCount)
        header.pointee.chained = place.pointee
        place.pointee = header
        header.pointee.isInMain = isGhost(hash)
        if header.pointee.isInMain { main.append(bytes) } else { small.append(bytes) }
    }

    /// Drops blocks until there is room for so many bytes more.
    private mutating func makeRoom(_ bytes: Int) {
        while memoryBytes > 0 && memoryBytes + bytes > capacity {
            if small.memoryBytes >= capacity / 10 || main.count == 0 { dropSmall() } else { dropMain() }
        }
    }

    /// The oldest of the small queue leaves, or goes on into the main one if it was asked for more than once.
    private mutating func dropSmall() {
        guard let block = small.removeFirst() else { return }
        if block.header.pointee.hits > 1 {
            block.header.pointee.hits = 0
            block.header.pointee.isInMain = true
            main.append(block)
        } else {
            let hash = BlockCache.hash(block.header.pointee.table, block.header.pointee.block)
            remember(hash)
            unchain(block, hash)
        }
    }

    /// The oldest of the main queue leaves, or begins anew if it was asked for.
    private mutating func dropMain() {
        while let block = main.removeFirst() {
            if block.header.pointee.hits == 0 {
                return unchain(block, BlockCache.hash(block.header.pointee.table, block.header.pointee.block))
            }
            block.header.pointee.hits -= 1
            main.append(block)
        }
    }

    private mutating func unchain(_ block: CachedBlock, _ hash: UInt64) {
        let place = buckets + bucket(hash, of: bucketCount)
        if place.pointee == block.header {
            place.pointee = block.header.pointee.chained
        } else {
            var before = place.pointee
            while let header = before, header.pointee.chained != block.header { before = header.pointee.chained }
            before?.pointee.chained = block.header.pointee.chained
        }
        block.letGo()
    }

    // MARK: ghosts

    @inline(__always)
    private func ghostSlot(_ hash: UInt64) -> Int { bucket(hash, of: bucketCount) }

    private mutating func remember(_ hash: UInt64) {
        ghostClock &+= 1
        ghosts[ghostSlot(hash)] = hash & 0xffff_ffff_0000_0000 | UInt64(ghostClock)
    }

    /// Whether it left the small queue lately: since then not more have left than the main queue has.
    private func isGhost(_ hash: UInt64) -> Bool {
        let ghost = ghosts[ghostSlot(hash)]
        return (ghost ^ hash) &>> 32 == 0 && ghost & 0xffff_ffff != 0
            && Int(ghostClock &- UInt32(truncatingIfNeeded: ghost)) <= max(main.count, 16)
    }
}
