import Base
import CSystem
import Causality

/// All keys of a node: 256 partitions, each with its share of every database.
///
/// Shared by all loops. The partitions lock themselves; this class only finds them and does what
/// concerns them all.
public final class Keyspace: @unchecked Sendable {
    public let partitions: UnsafeMutablePointer<Partition>
    /// Every partition's share of database 0, then of database 1, ...
    public let tables: UnsafeMutablePointer<PartitionDatabase>
    /// By slot: those of a partition are `Partition.slots`.
    public let slotCounters: UnsafeMutablePointer<SlotCounters>
    /// By slot: room for the partitions' clocks (`Partition.clocks`), in memory that is not touched before they have any.
    public let slotClocks: UnsafeMutablePointer<SlotClock>
    public let shared: UnsafeMutablePointer<KeyspaceShared>
    public let databaseCount: Int

    /// `reclaimer`: its readers are the loops, for whose prefetching it waits. `actor`: under which id this node writes.
    public init(
        databases: Int, reclaimer: Reclaimer, disposer: Disposer, actor: ActorID = ActorID(high: 0, low: 1)
    ) {
        databaseCount = databases
        shared = .allocate(capacity: 1)
        shared.initialize(
            to: KeyspaceShared(
                databaseCount: databases, reclaimer: reclaimer, disposer: disposer,
                actors: ActorRegistry(first: actor)))
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Partition>.stride * Limits.partitions, alignment: 64)
        partitions = raw.bindMemory(to: Partition.self, capacity: Limits.partitions)
        tables = Keyspace.makeTables(databases)
        slotCounters = .allocate(capacity: Limits.slots)
        slotCounters.initialize(repeating: SlotCounters(), count: Limits.slots)
        precondition(64 % MemoryLayout<SlotClock>.stride == 0, "a slot's clock is meant to be in one cache line")
        // Pages of their own: what nobody writes to takes no memory, and is not counted as such.
        guard let clocks = cs_map_pages(Keyspace.clockBytes) else { preconditionFailure("no memory for clocks") }
        slotClocks = clocks.bindMemory(to: SlotClock.self, capacity: Limits.slots)
        for i in 0..<Limits.partitions { prepare(i) }
    }

    private static let clockBytes = MemoryLayout<SlotClock>.stride * Limits.slots

    private static func makeTables(_ databases: Int) -> UnsafeMutablePointer<PartitionDatabase> {
        precondition(MemoryLayout<PartitionDatabase>.stride == 128, "a lookup is meant to read one cache line")
        let count = databases * Limits.partitions
        let raw = UnsafeMutableRawPointer.allocate(byteCount: count * 128, alignment: 128)
        let tables = raw.bindMemory(to: PartitionDatabase.self, capacity: count)
        for i in 0..<count {
            (tables + i).initialize(to: PartitionDatabase(space: UInt64(i / Limits.partitions)))
        }
        return tables
    }

    private func prepare(_ index: Int) {
        let databases = PartitionDatabases(first: tables + index)
        (partitions + index).initialize(
            to: Partition(
                actor: 1, databases: databases, slots: slotCounters + index << 6, shared: shared,
                clockPlaces: slotClocks + index << 6))
    }

    deinit {
        for i in 0..<Limits.partitions {
            let partition = partitions + i
            for database in 0..<databaseCount {
                partition.pointee.databases[database].entries.detach()
                    .dismantle(shared.pointee.reclaimer) { $0.destroy() }
                partition.pointee.databases[database].expiring.detach().dismantle(shared.pointee.reclaimer) { _ in }
                partition.pointee.databases[database].forgetUnsaved()
            }
            partition.pointee.readers?.forEach { _, readers in readers.pointee.free() }
            partition.pointee.forgetVersions()
            partition.deinitialize(count: 1)
        }
        partitions.deallocate()
        tables.deallocate()
        slotCounters.deallocate()
        cs_unmap_pages(slotClocks, Keyspace.clockBytes)
        shared.pointee.packing.free()
        shared.pointee.siblingFigures.free()
        shared.deinitialize(count: 1)
        shared.deallocate()
    }

    /// The partition whose lock guards the key.
    @inline(__always)
    public func partition(of key: Key) -> PartitionPointer { partitions + key.partition }

    /// Locks every partition, in order. The caller holds none.
    public func lockAll() {
        for i in 0..<Limits.partitions { Partition.lock(partitions + i) }
    }

    /// Gives all locks back.
    public func unlockAll() {
        for i in 0..<Limits.partitions { Partition.unlock(partitions + i) }
    }

    /// Runs `body` on each partition in turn, under its lock unless the caller holds them all.
    public func forEachPartition(locked: Bool = false, _ body: (PartitionPointer) -> Void) {
        for i in 0..<Limits.partitions {
            if !locked { Partition.lock(partitions + i) }
            body(partitions + i)
            if !locked { Partition.unlock(partitions + i) }
        }
    }

    /// Keys of a database, expired ones that are still there included.
    public func count(database: Int, locked: Bool = false) -> Int {
        var total = 0
        forEachPartition(locked: locked) { total += $0.pointee.databases[database].entries.count }
        return total
    }

    /// Writes coordinated since the start: the sum of all slots' counters.
    public var writes: UInt64 {
        var total: UInt64 = 0
        forEachPartition { partition in
            for slot in 0..<64 { total &+= partition.pointee.slots[slot].writes }
        }
        return total
    }
}

/// Frees large memory away from the loops. The shell supplies one with a thread behind it; by itself
/// it frees at once.
open class Disposer: @unchecked Sendable {
    public init() {}

    /// Runs `work`, sooner or later, on any thread. `objects`: how much it counts for in `pending` and `finished`,
    /// which are about what clients wanted to be freed in the background.
    open func dispose(objects: Int, _ work: @escaping @Sendable () -> Void) { work() }

    /// Nothing that was handed over is still to be freed.
    open var isIdle: Bool { true }

    /// Objects handed over and not freed yet.
    open var pending: Int { 0 }

    /// Objects freed since the start, or since `resetStatistics`.
    open var finished: Int { 0 }

    /// Makes `finished` 0.
    open func resetStatistics() {}
}
