import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication
import Synchronization

/// Hints' way to those they are for (SPEC D2): a member that can be reached gets the states of the keys that were kept for it,
/// and once it has them durably it lacks them no more. A copy that nobody lacks goes.
extension Executor {
    /// Begins what is due.
    func lookAfterHints(_ view: ClusterView) {
        let now = monotonicMilliseconds
        coordinator.handOver.next = now + HandOver.pause
        if isLoading { return }
        if !coordinator.handOver.hasLooked {
            coordinator.handOver.hasLooked = true
            findCopies(view)
        }
        for member in view.members.indices where member != view.own && canReach(member, view) {
            if coordinator.handOver.mayAsk(member, now: now) { handOver(to: member, view) }
        }
    }

    /// What was kept for others before the start. Whom it was kept for is not remembered: all of its replicas get it.
    private func findCopies(_ view: ClusterView) {
        for index in 0..<Limits.partitions {
            withPartition(index) { access in
                let keys = access.keys { view.ownRank($0) == nil }
                node.hints.withLock { hints in
                    for (slot, names) in keys.sorted(by: { $0.key < $1.key }) {
                        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                            for rank in 0..<view.replicaCount {
                                let member = view.replica(slot, rank)
                                name.withView { hints.add($0, slot: slot, for: member, isNew: false) }
                            }
                        }
                    }
                }
            }
        }
    }

    private func handOver(to member: Int, _ view: ClusterView) {
        let hints = node.hints.withLock { $0.hints(for: member, max: HandOver.keysMax) }
        if hints.isEmpty { return account(to: member) }
        coordinator.message.truncate(to: 0)
        var taken: [HintTable.Hint] = []
        for hint in hints where coordinator.message.count < HandOver.bytesMax {
            hint.key.withView { name in
                let before = coordinator.message.count
                appendState(of: Key(name), to: &coordinator.message)
                // One that cannot be read stays.
                if coordinator.message.count > before { taken.append(hint) }
            }
        }
        if taken.isEmpty { return }
        coordinator.handOver.begin(member)
        ask(PeerRequestCode.states, member, .handOver(taken))
    }

    /// The member has answered.
    func handedOver(_ id: UInt64, _ operation: Operation, _ hints: [HintTable.Hint], _ code: UInt8) {
        if code != PeerResponseCode.ok { return failed(id) }
        _ = coordinator.operations.remove(id)
        let member = operation.member
        coordinator.handOver.answered(member)
        for hint in hints {
            hint.key.withView { name in
                let key = Key(name)
                let isDrained = withAccess(key) { access in
                    let (isLast, isDrained) = node.hints.withLock {
                        ($0.handed(hint, slot: key.slot, to: member), $0.isDrained(member, slot: key.slot))
                    }
                    if isLast { access.dropCopy(key) }
                    return isDrained
                }
                if isDrained { coordinator.handOver.drained(key.slot, at: member) }
            }
        }
        if let view = cluster, canReach(member, view) { handOver(to: member, view) }
    }

    // MARK: dots

    /// Tells a member that it has all that this node wrote in slots of which it lacks nothing any more: dots whose versions were
    /// superseded before they were handed over would be gaps for ever.
    ///
    ///     dictionary of actors; to the end: varint slot, this node's last dot in it
    private func account(to member: Int) {
        guard let slots = coordinator.handOver.drained[member] else { return }
        var told: [(slot: Int, counter: UInt64)] = []
        for slot in slots.sorted() {
            // A write is among the hints before the lock under which it was made is free.
            withPartition(slot >> 6) { _ in
                if !node.hints.withLock({ $0.isDrained(member, slot: slot) }) { return }
                told.append((slot, partitions[slot >> 6].slots[slot & 63].writes))
            }
        }
        told.removeAll { $0.counter == 0 }
        coordinator.handOver.told(slots.filter { slot in !told.contains { $0.slot == slot } }, to: member)
        if told.isEmpty { return }
        let actor = keyspace.actor
        coordinator.message.truncate(to: 0)
        let dictionary = dictionary { $0.insert(actor) }
        dictionary.encode(to: &coordinator.message)
        for (slot, counter) in told {
            coordinator.message.append(varint: UInt64(slot))
            dictionary.encode(Dot(actor: actor, counter: counter), to: &coordinator.message)
        }
        coordinator.handOver.begin(member)
        ask(PeerRequestCode.account, member, .account(told.map(\.slot)))
    }

    func accounted(_ id: UInt64, _ operation: Operation, _ slots: [Int], _ code: UInt8) {
        if code != PeerResponseCode.ok { return failed(id) }
        _ = coordinator.operations.remove(id)
        coordinator.handOver.answered(operation.member)
        coordinator.handOver.told(slots, to: operation.member)
    }

    /// Another node has handed over all that it wrote in some slots.
    func serveAccount(_ payload: ByteView) throws(CausalityError) {
        guard let view = cluster else { throw .corrupt }
        var reader = CausalReader(payload)
        let dictionary = try readDictionary(&reader)
        while reader.rest > 0 {
            let slot = try reader.varint()
            let dot = try dictionary.dot(&reader)
            if slot >= UInt64(Limits.slots) || view.ownRank(Int(slot)) == nil || dot.actor == keyspace.actor {
                throw .corrupt
            }
            let range = DotRange(actor: dot.actor, 1...dot.counter)
            let now = state.pointee.moment.wall
            withPartition(Int(slot) >> 6) { _ in
                let held = keyspace.clock(of: Int(slot), now: now).base.counter(of: dot.actor)
                if held >= dot.counter { return }
                keyspace.updateClock(of: Int(slot), now: now) { $0.claim(range, at: now) }
            }
        }
    }
}
