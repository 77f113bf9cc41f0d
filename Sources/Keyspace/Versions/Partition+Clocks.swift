import Base
import CSystem
import Causality

/// The slots' clocks. A slot in which only this node has written has none: its counter says it all. One that knows of
/// others has a clock that also has this node's writes, up to when somebody looked last.
extension Partition {
    /// Which writes the slot holds. The partition's lock is held. `now`: ms since 1970, for this node's own entry.
    static func clock(_ partition: PartitionPointer, of slot: Int, now: Int64) -> SlotClock {
        let own = ownDot(partition, of: slot)
        return clock(partition, of: slot, upTo: own, now: now)
    }

    /// The same, with this node's own writes up to one that need not be its last.
    static func clock(_ partition: PartitionPointer, of slot: Int, upTo own: Dot, now: Int64) -> SlotClock {
        var clock = SlotClock()
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
        let clocks = partition.pointee.clocks ?? makeClocks(partition)
        note(ownDot(partition, of: slot), in: &clocks[slot & 63], now: now)
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
        if let clocks = partition.pointee.clocks { return clocks[slot & 63].contains(dot) }
        return partition.pointee.shared.pointee.dropped.covers(dot)
    }

    /// Notes the write.
    static func hold(_ dot: Dot, _ partition: PartitionPointer, of slot: Int, at timestamp: Int64) {
        if dot.counter == 0 { return }
        if dot.actor == partition.pointee.shared.pointee.actor {
            let counters = partition.pointee.slots + (slot & 63)
            counters.pointee.writes = max(counters.pointee.writes, dot.counter)
        } else {
            withClock(partition, of: slot, now: timestamp) { _ = $0.noteNothing(dot, at: timestamp) }
        }
    }

    private static func makeClocks(_ partition: PartitionPointer) -> UnsafeMutablePointer<SlotClock> {
        let clocks = UnsafeMutablePointer<SlotClock>.allocate(capacity: 64)
        var empty = SlotClock()
        empty.drop(partition.pointee.shared.pointee.dropped)
        clocks.initialize(repeating: empty, count: 64)
        partition.pointee.clocks = clocks
        return clocks
    }
}

extension Keyspace {
    /// The index of this node's actor.
    public var actor: UInt64 { shared.pointee.actor }

    /// The actors that this node has heard of.
    public var actors: ActorRegistry { shared.pointee.actors }

    /// Which writes a slot holds. Its partition's lock is held. `now`: ms since 1970, for this node's own entry.
    public func clock(of slot: Int, now: Int64) -> SlotClock {
        Partition.clock(partitions + slot >> 6, of: slot, now: now)
    }

    /// The slot holds what `body` says, and this is logged. It must not claim what is not here. The partition's lock is
    /// held.
    public func updateClock(of slot: Int, now: Int64, _ body: (inout SlotClock) -> Void) {
        let partition = partitions + slot >> 6
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
        var context = Partition.clock(partition, of: mutation.slot, upTo: before, now: mutation.timestamp).context()
        if let siblings = partition.pointee.siblings(mutation.database, mutation.key) {
            context.join(siblings.stored.residue)
        }
        return context
    }
}
