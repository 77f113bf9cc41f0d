import Base
import CSystem
import Causality

/// Emptying and exchanging whole databases. All partitions' locks are held by the caller.
extension Keyspace {
    /// Removes all keys of one database, or of all (nil). The keys are gone when this returns; their
    /// memory is freed by the disposer. Every slot that had keys takes a dot. `isLazy`: what is freed is counted as
    /// freed in the background because the client wanted that.
    public func flush(database: Int?, moment: Moment, isLazy: Bool = true) {
        let contents = DetachedTables(shared.pointee.reclaimer)
        for i in 0..<Limits.partitions {
            for index in database.map({ $0...$0 }) ?? 0...(databaseCount - 1) {
                flush(i, index, moment, into: contents)
            }
        }
        if !contents.isEmpty {
            shared.pointee.disposer.dispose(objects: isLazy ? contents.count : 0) { contents.free() }
        }
        forgetReaders()
    }

    private func flush(_ index: Int, _ database: Int, _ moment: Moment, into contents: DetachedTables) {
        let partition = partitions + index
        let tables = partition.pointee.databases + database
        let access = Access(partition, database: database, moment: moment)
        if tables.pointee.entries.count == 0 && partition.pointee.siblingCount(database) == 0 { return }
        if partition.pointee.observers != 0 {
            Access.tellAllWatchers(partition, database, replacement: nil, moment: moment)
        }
        signalAll(partition, index, database)
        let slots = Keyspace.occupiedSlots(partition, database)
        if partition.pointee.clocks != nil {
            for slot in 0..<64 where slots >> UInt64(slot) & 1 != 0 { access.noteFlush(of: index << 6 | slot) }
        }
        emit(index, slots, database, moment, .flush)
        access.dropSiblings()
        contents.add(&tables.pointee)
        access.countAway(-tables.pointee.awayCount)
        tables.pointee.forgetUnsaved()
        tables.pointee.space = partition.pointee.nextSpace
        partition.pointee.nextSpace += 1
        if database == 0 {
            for slot in 0..<64 { partition.pointee.slots[slot].keys = 0 }
        }
    }

    /// Exchanges two databases. Every slot that had keys in either takes a dot.
    public func swap(_ first: Int, _ second: Int, moment: Moment) {
        precondition(first != second, "a database cannot be exchanged with itself")
        for i in 0..<Limits.partitions { swap(i, first, second, moment) }
    }

    private func swap(_ index: Int, _ first: Int, _ second: Int, _ moment: Moment) {
        let partition = partitions + index
        let a = partition.pointee.databases + first
        let b = partition.pointee.databases + second
        let siblings = partition.pointee.siblingCount(first) + partition.pointee.siblingCount(second)
        if a.pointee.entries.count == 0 && b.pointee.entries.count == 0 && siblings == 0 { return }
        if partition.pointee.observers != 0 {
            Access.tellAllWatchers(partition, first, replacement: second, moment: moment)
            Access.tellAllWatchers(partition, second, replacement: first, moment: moment)
        }
        signalAll(partition, index, first)
        signalAll(partition, index, second)
        let slots = Keyspace.occupiedSlots(partition, first) | Keyspace.occupiedSlots(partition, second)
        PartitionDatabase.exchange(a, b)
        partition.pointee.exchangeSiblings(first, second)
        if first == 0 || second == 0 { Keyspace.recountSlots(partition) }
        emit(index, slots, first, moment, .swap(with: second))
    }

    /// Whoever waits for a key of the database has to look at it again.
    private func signalAll(_ partition: PartitionPointer, _ index: Int, _ database: Int) {
        if partition.pointee.waiting == 0 { return }
        shared.pointee.events?.becameReady(allOf: database, partition: index)
    }

    /// Gives each of the slots (bits, of partition `index`) a dot and emits the change for it.
    private func emit(_ index: Int, _ slots: UInt64, _ database: Int, _ moment: Moment, _ change: Mutation.Change) {
        let access = Access(partitions + index, database: database, moment: moment)
        var rest = slots
        while rest != 0 {
            access.emitSlot(index << 6 | rest.trailingZeroBitCount, change)
            rest &= rest &- 1
        }
    }

    /// The slots, as bits, that may have keys in a database: exact for database 0 and for small tables;
    /// for others all, because finding out would mean to hash every key.
    static func occupiedSlots(_ partition: PartitionPointer, _ database: Int) -> UInt64 {
        var slots: UInt64 = 0
        for name in partition.pointee.siblings?.pointee.keys(database) ?? [] {
            name.withView { slots |= 1 << UInt64(Key($0).slot & 63) }
        }
        if database == 0 {
            for slot in 0..<64 where partition.pointee.slots[slot].keys != 0 { slots |= 1 << UInt64(slot) }
            return slots
        }
        let entries = partition.pointee.databases[database].entries
        if entries.count > 256 { return .max }
        entries.forEach { slots |= 1 << UInt64(Key($0.key).slot & 63) }
        return slots
    }

    /// Counts database 0's keys per slot anew.
    private static func recountSlots(_ partition: PartitionPointer) {
        for slot in 0..<64 { partition.pointee.slots[slot].keys = 0 }
        partition.pointee.databases[0].entries.forEach { entry in
            partition.pointee.slots[Key(entry.key).slot & 63].keys &+= 1
        }
    }
}

extension Access {
    /// Stamps and emits a change to a whole slot of the database.
    func emitSlot(_ slot: Int, _ change: Mutation.Change) {
        let dot = nextDot(slot)
        if shared.pointee.sink == nil { return }
        Partition.record(
            partition,
            Mutation(
                database: database, key: ByteView(""), slot: slot, dot: dot, timestamp: moment.wall, change: change))
    }
}

extension PartitionDatabase {
    /// Exchanges two databases' tables and what is known about their deadlines.
    static func exchange(_ a: UnsafeMutablePointer<PartitionDatabase>, _ b: UnsafeMutablePointer<PartitionDatabase>) {
        let old = a.pointee
        a.pointee.entries.adopt(b.pointee.entries)
        a.pointee.expiring.adopt(b.pointee.expiring)
        b.pointee.entries.adopt(old.entries)
        b.pointee.expiring.adopt(old.expiring)
        Swift.swap(&a.pointee.earliestDeadline, &b.pointee.earliestDeadline)
        Swift.swap(&a.pointee.expiryCursor, &b.pointee.expiryCursor)
        Swift.swap(&a.pointee.earliestMet, &b.pointee.earliestMet)
        Swift.swap(&a.pointee.unsavedPlace, &b.pointee.unsavedPlace)
        Swift.swap(&a.pointee.space, &b.pointee.space)
        Swift.swap(&a.pointee.awayCount, &b.pointee.awayCount)
    }
}

extension Table {
    /// Takes over another table's contents; its own are the caller's. The words are stored one by one,
    /// as atomics, because prefetching may read them at any time.
    fileprivate mutating func adopt(_ other: Table) {
        cs_store_release_u64(&mainWord, other.mainWord)
        cs_store_release_u64(&nextWord, other.nextWord)
        mainCount = other.mainCount
        nextCount = other.nextCount
        moved = other.moved
    }
}

/// The contents of flushed databases on their way to the disposer: nobody else reaches them any more.
private final class DetachedTables: @unchecked Sendable {
    private var entries: [Table] = []
    private var expiring: [Table] = []
    private let reclaimer: Reclaimer

    init(_ reclaimer: Reclaimer) { self.reclaimer = reclaimer }

    var isEmpty: Bool { entries.isEmpty }

    /// Keys.
    var count: Int { entries.reduce(0) { $0 + $1.count } }

    func add(_ database: inout PartitionDatabase) {
        entries.append(database.entries.detach())
        expiring.append(database.expiring.detach())
        database.earliestDeadline = .max
        database.earliestMet = .max
        database.expiryCursor = 0
    }

    func free() {
        // The same entries are in both tables: they are freed through one of them.
        for table in expiring { table.dismantle(reclaimer) { _ in } }
        for table in entries { table.dismantle(reclaimer) { $0.destroy() } }
        entries = []
        expiring = []
    }
}
