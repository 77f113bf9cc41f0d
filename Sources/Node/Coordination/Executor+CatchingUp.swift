import Base
import Causality
import Cluster
import Commands
import Keyspace
import Replication

/// Catching up with other replicas by what their clocks say (docs/causality.md): after an outage, and for whatever got
/// lost on the way. A node asks for what it lacks; nobody sends unasked.
extension Executor {
    /// Begins what is due.
    func lookAfterCatchUp(_ view: ClusterView) {
        let now = monotonicMilliseconds
        // The key space is another thread's.
        if isLoading {
            coordinator.nextCatchUp = now + Executor.catchUpMilliseconds
            return
        }
        if !settings.cluster.catchesUp {
            coordinator.nextCatchUp = .max
            node.isCaughtUp.isOn = true
            return
        }
        coordinator.catchUp.prepare(members: view.members.count)
        for member in view.members.indices where member != view.own {
            if !canReach(member, view) {
                coordinator.catchUp.lose(member)
                continue
            }
            let round = coordinator.catchUp.rounds[member]
            if round.isAsking || round.due > now && round.left.isEmpty { continue }
            if let partition = round.left.last {
                askForStates(of: partition, at: member, view)
            } else {
                askForDifferences(member, view)
            }
        }
        if !node.isCaughtUp.isOn { lookWhetherCaughtUp(view) }
        node.isSettled.isOn = view.members.indices.allSatisfy { member in
            member == view.own || coordinator.catchUp.rounds[member].isDone
        }
        coordinator.nextCatchUp = now + Executor.catchUpMilliseconds
    }

    /// Once all replicas that can be reached have been asked, this node may answer for its slots.
    private func lookWhetherCaughtUp(_ view: ClusterView) {
        let isMissing = view.members.indices.contains { member in
            member != view.own && view.isReachable(member) && !coordinator.catchUp.rounds[member].isDone
        }
        if isMissing { return }
        node.isCaughtUp.isOn = true
        node.doors.log(.notice, "Cluster: this node has caught up with the other replicas, and answers for its slots")
    }

    /// The slots of which both nodes are replicas, by partition.
    private func sharedSlots(with member: Int, _ view: ClusterView) -> [[Int]] {
        if let known = coordinator.sharedSlots[member] { return known }
        let all = (0..<Limits.partitions).map { index in
            (index << 6..<(index + 1) << 6).filter { slot in
                view.ownRank(slot) != nil && (0..<view.replicaCount).contains { view.replica(slot, $0) == member }
            }
        }
        coordinator.sharedSlots[member] = all
        return all
    }

    /// How often it is looked whether somebody is to be asked.
    private static let catchUpMilliseconds: Int64 = 100

    // MARK: which partitions differ

    private func askForDifferences(_ member: Int, _ view: ClusterView) {
        coordinator.message.truncate(to: 0)
        let digests = digests(with: member, view)
        for digest in digests { coordinator.message.append(littleEndian: digest) }
        coordinator.catchUp.begin(member, comparing: digests)
        ask(PeerRequestCode.digests, member, .catchUp(partition: -1))
    }

    /// Of each partition: a number for what the clocks say of the slots that both nodes have.
    private func digests(with member: Int, _ view: ClusterView) -> [UInt64] {
        let keyspace = keyspace
        let now = state.pointee.moment.wall
        let shared = sharedSlots(with: member, view)
        return (0..<Limits.partitions).map { index in
            withPartition(index) { access in
                // Not before: another loop may have heard of an actor since, and noted a dot of it.
                let actors = keyspace.actors.table
                let residues = access.residues(actors)
                var digest: UInt64 = 0
                for slot in shared[index] where !keyspace.isUntouched(slot) {
                    let one = keyspace.withClock(of: slot, now: now) { SlotDigest.of($0, actors) }
                    digest &+= (one &+ residues[slot, default: 0]) &* UInt64(2 * slot + 1)
                }
                return digest
            }
        }
    }

    private func clock(_ slot: Int) -> SlotClock { keyspace.clock(of: slot, now: state.pointee.moment.wall) }

    /// Answers which partitions differ, a bit for each.
    func serveDigests(_ payload: ByteView, from member: Int, _ view: ClusterView) throws(CausalityError) -> [UInt8] {
        if payload.count != Limits.partitions * 8 { throw .corrupt }
        var differing = [UInt8](repeating: 0, count: Limits.partitions / 8)
        for (i, digest) in digests(with: member, view).enumerated() {
            let theirs = UInt64(
                littleEndian: UnsafeRawPointer(payload.start + i * 8).loadUnaligned(as: UInt64.self))
            if theirs != digest { differing[i / 8] |= 1 << UInt8(i % 8) }
        }
        return differing
    }

    // MARK: states

    private func askForStates(of partition: Int, at member: Int, _ view: ClusterView) {
        let slots = sharedSlots(with: member, view)[partition]
        let known = withPartition(partition) { access in
            let residues = access.residues(keyspace.actors.table)
            let unsettled = access.unsettledKeys { slots.contains($0) }
            return slots.map { slot in
                let names = Array(unsettled[slot, default: []].prefix(Executor.unsettledMax / max(1, unsettled.count)))
                return SlotKnowledge(slot: slot, clock(slot), residue: residues[slot, default: 0], unsettled: names)
            }
        }
        coordinator.message.truncate(to: 0)
        keyspace.actors.read { SlotKnowledge.encode(known, to: &coordinator.message, $0) }
        coordinator.catchUp.begin(member)
        ask(PeerRequestCode.sync, member, .catchUp(partition: partition))
    }

    /// Unsettled keys about which one question asks. Others come when these are settled.
    private static let unsettledMax = 4096

    /// Bytes of an answer about a partition, after which the asker has to ask again.
    private static let answerBytes = 1 << 20

    /// What this node has of those slots that the asker lacks something of: 0, or 1 if that is not all; answers of
    /// slots (`SlotAnswer`) after their lengths.
    func serveSync(_ payload: ByteView) throws(CausalityError) -> ByteBuffer {
        let theirs = try SlotKnowledge.read(payload, dictionary: readDictionary)
        var answer = ByteBuffer()
        answer.append(0)
        guard let partition = theirs.first.map({ $0.slot >> 6 }) else { return answer }
        if theirs.contains(where: { $0.slot >> 6 != partition }) { throw .corrupt }
        var isCut = false
        withPartition(partition) { access in
            let residues = access.residues(keyspace.actors.table)
            let behind = theirs.filter {
                !$0.clock.covers(clock($0.slot)) || residues[$0.slot, default: 0] != $0.residue
            }
            if behind.isEmpty { return }
            let keys = access.keys { slot in behind.contains { $0.slot == slot } }
            for one in behind {
                if answer.count > Executor.answerBytes {
                    isCut = true
                    break
                }
                append(keys[one.slot] ?? [], lackedBy: one, access, to: &answer)
            }
        }
        if isCut { answer.replace(at: 0, littleEndian: UInt8(1)) }
        return answer
    }

    private func append(
        _ keys: [[UInt8]], lackedBy theirs: SlotKnowledge, _ access: Access, to answer: inout ByteBuffer
    ) {
        var bytes = ByteBuffer()
        let mine = clock(theirs.slot)
        let unsettled = Set(theirs.unsettled)
        keyspace.actors.read { SlotAnswer.encodeHead(slot: theirs.slot, mine, to: &bytes, $0) }
        for name in keys {
            name.withView { view in
                let key = Key(view)
                bytes.append(counted: view)
                guard let siblings = try? access.siblings(of: key) else {
                    // A value that cannot be read is none that was deleted.
                    return bytes.append(varint: 0)
                }
                let isSettled = !access.isUnsettled(key) && !unsettled.contains(name)
                if isSettled && siblings.versions.allSatisfy({ theirs.clock.contains($0.dot) }) {
                    return bytes.append(varint: 0)
                }
                var state = ByteBuffer()
                encode(siblings, to: &state)
                bytes.append(counted: state.view)
            }
        }
        answer.append(counted: bytes.view)
    }

    /// A member has answered.
    func caughtUp(_ id: UInt64, _ operation: Operation, _ partition: Int, _ code: UInt8, _ payload: ByteView) {
        let now = monotonicMilliseconds
        _ = coordinator.operations.remove(id)
        do throws(CausalityError) {
            if code != PeerResponseCode.ok { throw .corrupt }
            if partition < 0 {
                if payload.count != Limits.partitions / 8 { throw .corrupt }
                let differing = (0..<Limits.partitions).filter { payload[$0 / 8] >> UInt8($0 % 8) & 1 != 0 }
                coordinator.catchUp.found(differing, at: operation.member, now: now)
            } else {
                let isWhole = try adopt(payload)
                coordinator.catchUp.adopted(partition, at: operation.member, isWhole: isWhole, now: now)
            }
        } catch {
            coordinator.catchUp.failed(operation.member, now: now)
        }
        coordinator.nextCatchUp = now
    }

    /// Answers whether that was all of the partition.
    private func adopt(_ payload: ByteView) throws(CausalityError) -> Bool {
        var reader = CausalReader(payload)
        let more = try reader.byte()
        if more > 1 { throw .corrupt }
        while reader.rest > 0 { try adopt(try SlotAnswer(try reader.counted(), dictionary: readDictionary)) }
        return more == 0
    }

    /// Takes over what another replica has of a slot, and only then what its clock says: all that is not here any more there has
    /// been deleted.
    private func adopt(_ answer: SlotAnswer) throws(CausalityError) {
        if cluster?.ownRank(answer.slot) == nil { throw .corrupt }
        var states: [(key: ByteView, state: SiblingSet<KeyVersion>?)] = []
        for (key, state) in answer.keys {
            if Key(key).slot != answer.slot { throw .corrupt }
            states.append((key, state.isEmpty ? nil : try decodeState(state)))
        }
        withPartition(answer.slot >> 6) { access in
            #if CANARIES
                if Canary.active == .clockBeforeData { claim(answer) }
            #endif
            var isWhole = true
            for (key, siblings) in states {
                guard let siblings else { continue }
                do throws(PayloadError) { _ = try access.absorb(siblings, Key(key)) } catch { isWhole = false }
            }
            let listed = Set(states.map(\.key.bytes))
            let gone = SiblingSet<KeyVersion>(context: answer.clock.context())
            for name in access.keys(inSlots: { $0 == answer.slot })[answer.slot] ?? [] where !listed.contains(name) {
                name.withView { view in
                    do throws(PayloadError) { _ = try access.absorb(gone, Key(view)) } catch { isWhole = false }
                }
            }
            if isWhole { claim(answer) }
        }
        statistics.add(.slotsCaughtUp)
    }

    private func claim(_ answer: SlotAnswer) {
        keyspace.updateClock(of: answer.slot, now: state.pointee.moment.wall) { clock in
            for range in clock.missing(from: answer.clock) {
                let timestamp = answer.clock.base.entry(of: range.actor)?.timestamp ?? state.pointee.moment.wall
                clock.claim(range, at: timestamp)
            }
        }
    }
}
