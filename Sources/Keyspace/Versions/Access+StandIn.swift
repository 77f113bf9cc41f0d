import Base
import Causality

/// Keys that this node keeps for others. It has no clock there, so all that is to be known of a key is kept with it, and
/// nothing is claimed of any other (docs/causality.md, rule 4). A key's entry without anything beside it is a plain write of this
/// node's own: it supersedes what this node wrote before.
extension Access {
    /// Whether this node is no replica of the key's slot.
    @inline(__always)
    public func isStandIn(_ key: Key) -> Bool { Partition.standsIn(partition, for: key.slot) }

    /// Whether anything is known of the key, if only that it has been deleted.
    public func knows(_ key: Key) -> Bool { peekAny(key) != nil || hasSiblings(key) }

    /// A plain deletion by this node has taken this dot, ms since 1970: what it removed may be on its way to others, and must
    /// not come back. Does nothing where this node has a clock, which says as much.
    public func rememberRemoval(_ key: Key, _ dot: Dot, at timestamp: Int64) {
        if !isStandIn(key) || knows(key) { return }
        var stored = StoredSiblings<HeldVersion>()
        var gone = CausalContext()
        gone.raise(to: ClockEntry(dot, at: timestamp))
        stored.remember(gone)
        keep(stored, key, nil, SlotClock())
    }

    /// The key has been handed to all it was kept for: it goes, and nothing is remembered of it. It is no deletion, takes no
    /// dot, and is logged.
    public func dropCopy(_ key: Key) {
        precondition(isStandIn(key), "a replica's keys are its own")
        if !knows(key) { return }
        do throws(PayloadError) {
            try install(StoredSiblings(), key, SlotClock())
        } catch {
            preconditionFailure("nothing is read when nothing is left: \(error)")
        }
        recordSiblings(key, Dot(packed: 0), noting: CausalContext())
    }
}

extension Keyspace {
    /// Of which slots this node is no replica. Before anything is kept there for others, and before a log that has such keys is
    /// replayed. Takes each partition's lock.
    public func standIn(_ isStandIn: (Int) -> Bool) {
        for index in 0..<Limits.partitions {
            var slots: UInt64 = 0
            for slot in 0..<64 where isStandIn(index << 6 + slot) { slots |= 1 << UInt64(slot) }
            Partition.lock(partitions + index)
            partitions[index].standInSlots = slots
            Partition.unlock(partitions + index)
        }
    }
}

extension StoredSiblings<HeldVersion> {
    /// Whoever wrote this plainly superseded what it had written before.
    mutating func remember(pastOf dot: Dot, at timestamp: Int64) {
        if dot.counter <= 1 { return }
        var past = CausalContext()
        past.raise(to: ClockEntry(Dot(actor: dot.actor, counter: dot.counter - 1), at: timestamp))
        remember(past)
    }
}
