import Base
import CSystem

/// Blocks that were read, kept for reading them again. Any thread may call.
///
/// S3-FIFO (Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023): what is
/// new goes through a small queue, and only what is asked for while it is there, or soon after, gets into the main
/// one. So a scan passes by what is used. A hit moves nothing.
public final class BlockCache: @unchecked Sendable {
    private let shards: UnsafeMutablePointer<CacheShard>
    private let shardCount: Int

    /// - Parameters:
    ///   - capacity: bytes that the blocks may take, with what it takes to find them.
    ///   - shards: a power of two.
    public init(capacity: Int, shards: Int = 32) {
        precondition(shards > 0 && shards & (shards - 1) == 0)
        shardCount = shards
        self.shards = .allocate(capacity: shards)
        for i in 0..<shards { (self.shards + i).initialize(to: CacheShard(capacity: capacity / shards)) }
    }

    deinit {
        shards.deinitialize(count: shardCount)
        shards.deallocate()
    }

    /// What a cache is doing.
    public struct Figures: Sendable, Equatable {
        public var hits: UInt64 = 0
        public var misses: UInt64 = 0
        public var blocks = 0
        /// Of blocks and of what it takes to find them.
        public var memoryBytes = 0
        public var capacity = 0
    }

    public var figures: Figures {
        var sum = Figures()
        for i in 0..<shardCount { shards[i].withLock { $0.add(to: &sum) } }
        return sum
    }

    /// Drops what there is no room for any more. For CONFIG SET: takes a while.
    public func setCapacity(_ bytes: Int) {
        for i in 0..<shardCount { shards[i].withLock { $0.setCapacity(bytes / shardCount) } }
    }

    @inline(__always)
    static func hash(_ table: UInt64, _ block: Int) -> UInt64 {
        cs_fold(table ^ 0x9e37_79b9_7f4a_7c15, UInt64(truncatingIfNeeded: block) ^ 0xd1b5_4a32_d192_ed03)
    }

    @inline(__always)
    private func shard(_ hash: UInt64) -> UnsafeMutablePointer<CacheShard> {
        shards + Int(truncatingIfNeeded: hash) & (shardCount &- 1)
    }

    /// A block, which the caller lets go.
    @inline(__always)
    func get(_ table: UInt64, _ block: Int) -> CachedBlock? {
        let hash = BlockCache.hash(table, block)
        return shard(hash).pointee.withLock { $0.get(table, block, hash) }
    }

    /// Puts a block in, which nobody changes from now on. The caller still lets it go.
    func put(_ table: UInt64, _ block: Int, _ bytes: CachedBlock) {
        let hash = BlockCache.hash(table, block)
        shard(hash).pointee.withLock { $0.put(table, block, hash, bytes) }
    }

    /// A number for a table that no other one of this process has.
    static func newNumber() -> UInt64 { cs_add_u64(numbers, 1) }

    nonisolated(unsafe) private static let numbers = {
        let number = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        number.initialize(to: 1)
        return number
    }()
}
