import Base
import Causality
import Keyspace
import Replication
import Synchronization

/// What a node has by itself, for simulations to compare. Between turns, on the thread that runs them all.
extension Executor {
    /// Of each slot of the partition of which this node has heard: a line for its clock and one for each key, in an order and
    /// in words that are the same on every replica that holds the same. Times of the clocks' entries are not among them: when
    /// something was heard of differs.
    package func contents(of partition: Int) -> [Int: [String]] {
        withPartition(partition) { access in
            let actors = node.keyspace.actors.table
            var lines: [Int: [String]] = [:]
            for slot in partition << 6..<(partition + 1) << 6 where !node.keyspace.isUntouched(slot) {
                lines[slot] = [text(of: node.keyspace.clock(of: slot, now: 0), actors)]
            }
            for (slot, names) in access.keys(inSlots: { _ in true }) {
                lines[slot, default: []] += names.map { text(of: $0, access, actors) }.sorted()
            }
            return lines
        }
    }

    private func text(of clock: SlotClock, _ actors: ActorTable) -> String {
        let base = clock.base.entries.map { "\(actors.id(at: $0.actor)):\($0.counter)" }.sorted()
        let held = clock.held.map { "\(actors.id(at: $0.actor)):\($0.first.counter)-\($0.last)" }.sorted()
        return "clock \(base.joined(separator: " ")) beyond \(held.joined(separator: " "))"
    }

    private func text(of name: [UInt8], _ access: Access, _ actors: ActorTable) -> String {
        name.withView { view in
            let key = Key(view)
            guard let siblings = try? access.siblings(of: key) else { return "\(view.text) unreadable" }
            let inTable = access.peekAny(key)
            let versions = siblings.versions.map { version in
                let value = inTable?.dot == version.dot ? inTable.map(digest) : nil
                let deadline = version.payload.deadline.map { " until \($0)" } ?? ""
                return "\(actors.id(at: version.dot.actor)):\(version.dot.counter) at \(version.timestamp)\(deadline)"
                    + " is \(value ?? text(of: version.payload))"
            }
            return "\(view.text) \(versions.sorted().joined(separator: "; "))"
        }
    }

    /// Of values of all types, whatever order their elements lie in.
    private func digest(_ entry: Entry) -> String {
        if entry.type == .string { return entry.withString { $0.text } }
        var digest = DebugDigest()
        digest.add(valueOf: entry)
        return digest.text
    }

    private func text(of version: KeyVersion) -> String {
        if version.isString { return String(decoding: version.bytes, as: UTF8.self) }
        // Where its elements lie says nothing.
        var digest = DebugDigest()
        version.bytes.sorted().withView { digest.addOrdered($0) }
        return digest.text
    }
}

extension Node {
    /// Whether it answers for its slots.
    package var answersForSlots: Bool { isCaughtUp.isOn }

    /// Whether it has compared all its slots with all others since it last lost sight of any.
    package var hasComparedAll: Bool { isSettled.isOn }

    /// Whether it has something of others' that they lack.
    package var keepsForOthers: Bool { hints.withLock { $0.count > 0 } }
}

extension Node {
    /// Brings what has changed to the tree, as its own thread does now and then. Nothing without a data directory.
    package func saveToTree() { _ = persistence?.keeper?.runRound() }
}
