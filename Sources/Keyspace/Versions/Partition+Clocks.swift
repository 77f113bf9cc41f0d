import Base
import CSystem
import Causality

/// The slots' clocks. A slot in which only this node has written has none: its counter says it all. One that knows of
/// others has a clock that also has this node's writes, up to when somebody looked last.
extension Partition {
    /// Whether this node keeps the slot's keys for others.
    @inline(__always)
    static func standsIn(_ partition: PartitionPointer, for slot: Int) -> Bool {
        _slowPath(partition.pointee.standInSlots & 1 << UInt64(slot & 63) != 0)
    }

    /// Which writes the slot holds. The partition's lock is held. `now`: ms since 1970, for this node's own entry.
    static func clock(_ partition: PartitionPointer, of slot: Int, now: Int64) -> SlotClock {
        let own = ownDot(partition, of: slot)
        return clock(partition, of: slot, upTo: own, now: now)
    }

    /// The same, with this node's own writes up to one that need not be its last.
    static func clock(_ partition: PartitionPointer, of slot: Int, upTo own: Dot, now: Int64) -> SlotClock {
        var clock = SlotClock()
        if standsIn(partition, for: slot) { return clock }
        if let clocks = partition.pointee.clocks {
            clock = clocks[slot & 63]
        } else {
            clock.drop(partition.pointee.shared.pointee.dropped)
        }
        note(own, in: &clock, now: now)
        return clock
    }

    /// The same for noting writes of others. Takes memory for the partition's clocks the first time.
    static func withClock<R>(
        _ partition: PartitionPointer, of slot: Int, now: Int64, _ body: (inout SlotClock) -> R
    ) -> R {
        withClock(partition, of: slot, upTo: ownDot(partition, of: slot), now: now, body)
    }

    /// The same, with this node's own writes up to one that need not be its last.
    static func withClock<R>(
        _ partition: PartitionPointer, of slot: Int, upTo own: Dot, now: Int64, _ body: (inout SlotClock) -> R
    ) -> R {
        if standsIn(partition, for: slot) {
            var none = SlotClock()
            return body(&none)
        }
        let clocks = partition.pointee.clocks ?? makeClocks(partition)
        note(own, in: &clocks[slot & 63], now: now)
        return body(&clocks[slot & 63])
    }

    private static func note(_ own: Dot, in clock: inout SlotClock, now: Int64) {
        let held = clock.base.counter(of: own.actor)
        if own.counter <= held { return }
        clock.claim(DotRange(actor: own.actor, held + 1...own.counter), at: now)
    }

    /// This node's latest dot in the slot; counter 0: none.
    static func ownDot(_ partition: PartitionPointer, of slot: Int) -> Dot {
        let actor = partition.pointee.shared.pointee.actor
        if let lent = partition.pointee.lent, lent.slot == slot & 63 { return Dot(actor: actor, counter: lent.writes) }
        return Dot(actor: actor, counter: partition.pointee.slots[slot & 63].writes)
    }

    /// Whether the write is held.
    static func holds(_ dot: Dot, _ partition: PartitionPointer, of slot: Int) -> Bool {
        let own = ownDot(partition, of: slot)
        if dot.actor == own.actor { return dot.counter <= own.counter }
        // What others wrote comes with records that say of themselves whether they are old.
        if standsIn(partition, for: slot) { return true }
        if let clocks = partition.pointee.clocks { return clocks[slot & 63].contains(dot) }
        return partition.pointee.shared.pointee.dropped.covers(dot)
    }

    /// Notes the write.
    static func hold(_ dot: Dot, _ partition: PartitionPointer, of slot: Int, at timestamp: Int64) {
        if dot.counter == 0 { return }
        hold(DotRange(actor: dot.actor, dot.counter...dot.counter), partition, of: slot, at: timestamp)
    }

    /// Notes the writes, which all have had their effect here.
    static func hold(_ range: DotRange, _ partition: PartitionPointer, of slot: Int, at timestamp: Int64) {
        if range.actor == partition.pointee.shared.pointee.actor {
            let counters = partition.pointee.slots + (slot & 63)
            counters.pointee.writes = max(counters.pointee.writes, range.last)
        } else {
            withClock(partition, of: slot, now: timestamp) { $0.claim(range, at: timestamp) }
        }
    }

    /// By slot, the clocks that know of more than this node's writes.
    static func encodedClocks(_ partition: PartitionPointer) -> [Int: [UInt8]] {
        guard let clocks = partition.pointee.clocks else { return [:] }
        let shared = partition.pointee.shared
        var encoded: [Int: [UInt8]] = [:]
        for slot in 0..<64 {
            let clock = clocks[slot]
            let isOwn = clock.base.entries.allSatisfy { $0.actor == shared.pointee.actor }
            if isOwn && clock.isDense && clock.superseded.isEmpty { continue }
            var bytes = ByteBuffer(capacity: 128)
            shared.pointee.actors.read { clock.encode(to: &bytes, $0) }
            encoded[slot] = bytes.view.bytes
        }
        return encoded
    }

    /// Takes over what `encodedClocks` answered. Nobody else is there.
    static func adopt(_ encoded: [Int: [UInt8]], _ partition: PartitionPointer) throws(CausalityError) {
        for (slot, bytes) in encoded {
            let clock = try bytes.withView { (bytes) throws(CausalityError) in
                try partition.pointee.shared.pointee.actors.update { (table) throws(CausalityError) in
                    try SlotClock(bytes, &table)
                }
            }
            withClock(partition, of: slot, now: Limits.timestampEpoch) { $0.join(heldHere: clock) }
        }
    }

    private static func makeClocks(_ partition: PartitionPointer) -> UnsafeMutablePointer<SlotClock> {
        let clocks = partition.pointee.clockPlaces
        var empty = SlotClock()
        empty.drop(partition.pointee.shared.pointee.dropped)
        clocks.initialize(repeating: empty, count: 64)
        partition.pointee.hasClocks = true
        return clocks
    }
}

extension Keyspace {
    /// The index of this node's actor.
    public var actor: UInt64 { shared.pointee.actor }

    /// Brings what a write notes of its key's slot towards the cache. Needs no lock.
    @inline(__always)
    public func prefetchSlot(_ slot: Int) {
        let partition = UnsafeRawPointer(partitions + slot >> 6)
        cs_prefetch(partition)
        cs_prefetch(partition + 64)
        cs_prefetch(slotCounters + slot)
        cs_prefetch(slotClocks + slot)
    }

    /// The actors that this node has heard of.
    public var actors: ActorRegistry { shared.pointee.actors }

    /// What clients' contexts are made and checked with.
    public var contexts: ContextToken { shared.pointee.contexts }

    /// How many entries a client's context has at most (vector-clock-max-entries). Any thread.
    public var contextEntriesMax: Int {
        get { Int(cs_load_u64(&shared.pointee.contextEntriesWord)) }
        set { cs_store_u64(&shared.pointee.contextEntriesWord, UInt64(newValue)) }
    }

    public var siblingFigures: SiblingFigures { shared.pointee.siblingFigures }

    /// Which writes a slot holds. Its partition's lock is held. `now`: ms since 1970, for this node's own entry.
    public func clock(of slot: Int, now: Int64) -> SlotClock {
        Partition.clock(partitions + slot >> 6, of: slot, now: now)
    }

    /// What `body` makes of that clock, where it is.
    public func withClock<R>(of slot: Int, now: Int64, _ body: (SlotClock) -> R) -> R {
        Partition.withClock(partitions + slot >> 6, of: slot, now: now) { body($0) }
    }

    /// The slot holds what `body` says, and this is logged. It must not claim what is not here. The partition's lock is
    /// held.
    public func updateClock(of slot: Int, now: Int64, _ body: (inout SlotClock) -> Void) {
        let partition = partitions + slot >> 6
        if Partition.standsIn(partition, for: slot) { return }
        Partition.withClock(partition, of: slot, now: now, body)
        recordClock(of: slot, partition, now: now)
    }

    /// From now on this node's writes are this actor's. All locks are held, or nobody else is there. What it wrote as
    /// another one stays known.
    public func write(as actor: UInt64, now: Int64) {
        if actor == shared.pointee.actor { return }
        for i in 0..<Limits.partitions {
            let partition = partitions + i
            for slot in 0..<64 {
                let last = Partition.ownDot(partition, of: slot)
                if last.counter > 0 && !shared.pointee.dropped.covers(last) {
                    Partition.withClock(partition, of: slot, now: now) { _ in }
                }
                let clocks = partition.pointee.clocks
                partition.pointee.slots[slot].writes = clocks?[slot].highest(of: actor) ?? 0
            }
            partition.pointee.actor = UInt32(actor)
        }
        shared.pointee.actor = actor
    }

    /// From now on this node writes under a new id; the one before issues no more dots. `dropsOld`: and all of them are
    /// here, and nowhere else. All locks are held, or nobody else is there.
    public func write(asNew id: ActorID, dropsOld: Bool, now: Int64) {
        let old = actor
        let new = actors.update { table in
            table.close(old)
            if dropsOld { table.drop(old) }
            do throws(CausalityError) {
                return try table.intern(id)
            } catch {
                // 65,536 of them: after so many crashes its own successor is nobody's any more.
                preconditionFailure("a directory has had too many actors")
            }
        }
        dropActors()
        write(as: new, now: now)
    }

    /// Clocks name no longer the actors that have been dropped (`ActorTable.drop`). All locks are held, or nobody
    /// else is there.
    public func dropActors() {
        let dropped = actors.read { $0.dropped }
        shared.pointee.dropped = dropped
        for i in 0..<Limits.partitions {
            guard let clocks = partitions[i].clocks else { continue }
            for slot in 0..<64 { clocks[slot].drop(dropped) }
        }
    }

    /// From now on mutations say which version they were made to (`Mutation.predecessor`). All locks are held, or nobody
    /// else is there.
    public func notePredecessors() {
        for i in 0..<Limits.partitions { partitions[i].notesPredecessors = true }
    }

    /// What the write that is being recorded supersedes: all that this node knew of the key before it. To be asked by the
    /// sink, in `record`, about a plain write of this node's own.
    public func context(of mutation: Mutation) -> CausalContext {
        let partition = partitions + mutation.slot >> 6
        let before = Dot(actor: mutation.dot.actor, counter: mutation.dot.counter - 1)
        var context = Partition.withClock(partition, of: mutation.slot, upTo: before, now: mutation.timestamp) {
            $0.context()
        }
        if let siblings = partition.pointee.siblings(mutation.database, mutation.key) {
            context.join(siblings.stored.residue)
        }
        return context
    }
}
