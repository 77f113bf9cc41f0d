import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication
import Synchronization

/// Sloppy quorums (SPEC B8, D2; Dynamo, section 4.6): for replicas that cannot be reached others stand in, which keep the
/// keys in their own key space, and hand them over later (`Executor+HandingOver`).
extension Executor {
    /// Who takes a slot's requests now, by rank: a replica or who stands in for it, -1 for nobody. Empty: all replicas can be
    /// reached.
    func seats(_ slot: Int, _ view: ClusterView) -> [Int] {
        if isEverybodyThere(view) { return [] }
        if (0..<view.replicaCount).allSatisfy({ canReach(view.replica(slot, $0), view) }) { return [] }
        var reachable = view.reachable
        for member in view.members.indices where peers.isCutOff(member) { reachable.remove(member) }
        var found: [Seat] = []
        view.ring.seats(slot, reachable: reachable, into: &found)
        var seats = [Int](repeating: -1, count: view.replicaCount)
        for seat in found {
            let replica = seat.standsInFor ?? seat.node
            for rank in seats.indices where view.replica(slot, rank) == replica { seats[rank] = seat.node }
        }
        return seats
    }

    /// This node answers itself, if it has a say in the slot; then as many others are asked as are wanted.
    /// - Parameter mayStandIn: whether what this node knows counts where it is no replica. Who stands in, and knows nothing of a key, cannot
    ///   say that there is none.
    func chooseWhomToAsk(
        _ get: inout GetCoordinator, _ slot: Int, _ seats: [Int], _ view: ClusterView, isStrict: Bool,
        mayStandIn: () -> Bool
    ) {
        let isReplica = view.ownRank(slot) != nil
        if let own = ownSeat(slot, seats, view), !isStrict || isReplica {
            if isReplica || mayStandIn() { get.answerMyself(own) } else { get.refuseMyself(own) }
        }
        askMore(&get, slot, seats, view, isStrict: isStrict)
    }

    /// Asks as many as a read wants, of those that can be reached: replicas first, then, unless only they count, who stands in.
    private func askMore(_ get: inout GetCoordinator, _ slot: Int, _ seats: [Int], _ view: ClusterView, isStrict: Bool)
    {
        for rank in 0..<view.replicaCount where get.wantsMore && !get.wasAsked(rank) {
            if seats.isEmpty || seats[rank] == view.replica(slot, rank) { get.ask(rank) }
        }
        if isStrict { return }
        for rank in seats.indices where get.wantsMore && !get.wasAsked(rank) && seats[rank] >= 0 { get.ask(rank) }
    }

    /// The rank at which this node sits; nil: it has no say in the slot.
    func ownSeat(_ slot: Int, _ seats: [Int], _ view: ClusterView) -> Int? {
        view.ownRank(slot) ?? seats.firstIndex(of: view.own)
    }

    /// Whether this node may change keys of the slot: if it has to keep them for others, there must be room.
    func mayKeep(_ slot: Int, _ view: ClusterView) -> Bool {
        if view.ownRank(slot) != nil { return true }
        return node.hints.withLock { hints in
            if hints.count < settings.cluster.hintsMax { return true }
            hints.drop()
            return false
        }
    }

    /// Whether something is known here of all keys that a command names.
    func knowsAll(_ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) -> Bool {
        keyWords(command, words, count).allSatisfy { word in
            let key = Key(words[word])
            return withAccess(key) { $0.knows(key) }
        }
    }

    /// This node has changed a key of which it is no replica. Under the partition's lock: whoever finds that nobody lacks
    /// anything of the slot must find every write of it.
    func keepForOthers(_ mutation: Mutation, _ view: ClusterView) {
        let key = Key(mutation.key)
        if case .delete = mutation.change {
            let access = Access(
                partitions + key.partition, database: mutation.database, moment: state.pointee.moment)
            access.rememberRemoval(key, mutation.dot, at: mutation.timestamp)
        }
        keep(key, for: nil, view)
    }

    /// What another node knows of a key has been taken over: if this node is no replica of it, it is kept for who is. Under the
    /// partition's lock.
    func keptForOthers(_ key: Key, _ access: Access) {
        guard access.isStandIn(key), let view = cluster, view.isFounded else { return }
        keep(key, for: coordinator.hintedMember, view)
    }

    /// - Parameter member: who lacks it; nil: all replicas, for all one can know.
    private func keep(_ key: Key, for member: Int?, _ view: ClusterView) {
        node.hints.withLock { hints in
            if let member { return hints.add(key.view, slot: key.slot, for: member) }
            for rank in 0..<view.replicaCount {
                hints.add(key.view, slot: key.slot, for: view.replica(key.slot, rank))
            }
        }
    }

    /// Another node has writes for a replica that it cannot reach.
    func serveHint(_ payload: ByteView, _ via: PeerReturn, _ id: UInt64) throws(CausalityError) {
        guard let view = cluster, payload.count > 1 else { throw .corrupt }
        let rank = Int(payload[payload.count - 1])
        let batch = payload.slice(0, payload.count - 1)
        var slot = 0
        var count = 0
        try WriteBatch.read(batch, dictionary: readDictionary) { (ofSlot, _, _) throws(CausalityError) in
            slot = ofSlot
            count += 1
        }
        if rank >= view.replicaCount || view.ownRank(slot) != nil { throw .corrupt }
        let isFull = node.hints.withLock { hints in
            if hints.count < settings.cluster.hintsMax { return false }
            hints.drop(count)
            return true
        }
        if isFull { return respond(via, id, PeerResponseCode.notHere) }
        coordinator.hintedMember = view.replica(slot, rank)
        defer { coordinator.hintedMember = nil }
        try serveWrites(batch, via, id)
    }
}

extension Operation {
    /// Whether it is enough to know that a stand-in has heard nothing of the keys. It is not, where a reply depends on there
    /// being nothing.
    var acceptsIgnorance: Bool {
        if case .prepare = work { return reply.isEmpty }
        return false
    }
}
