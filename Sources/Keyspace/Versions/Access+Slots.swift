import Base
import Causality

extension Keyspace {
    /// Whether nothing has ever been written to the slot, as far as this node knows. Its partition's lock is held.
    public func isUntouched(_ slot: Int) -> Bool {
        let partition = partitions + slot >> 6
        if partition.pointee.slots[slot & 63].writes != 0 { return false }
        return partition.pointee.clocks.map { $0[slot & 63].isEmpty } ?? true
    }
}

extension Access {
    /// The names of all keys of some of the partition's slots of which anything is known, also of those that are gone.
    /// `wanted` says of which slots.
    public func keys(inSlots wanted: (Int) -> Bool) -> [Int: [[UInt8]]] {
        var found: [Int: [[UInt8]]] = [:]
        tables.pointee.entries.forEach { entry in
            let slot = Key(entry.key).slot
            if wanted(slot) { found[slot, default: []].append(entry.key.bytes) }
        }
        for name in partition.pointee.siblings?.pointee.keys(database) ?? [] {
            name.withView { view in
                let key = Key(view)
                if wanted(key.slot) && peekAny(key) == nil { found[key.slot, default: []].append(name) }
            }
        }
        return found
    }

    /// The names of the unsettled keys of some of the partition's slots.
    public func unsettledKeys(inSlots wanted: (Int) -> Bool) -> [Int: [[UInt8]]] {
        var found: [Int: [[UInt8]]] = [:]
        for name in partition.pointee.siblings?.pointee.keys(database) ?? [] {
            let slot = name.withView { Key($0).slot }
            if wanted(slot) { found[slot, default: []].append(name) }
        }
        return found
    }

    /// What is known of keys beyond what the clocks say, residues and versions beside each other, and of which: by slot, a number that
    /// is the same on every node that knows the same. Empty nearly always.
    public func residues(_ actors: ActorTable) -> [Int: UInt64] {
        var digests: [Int: UInt64] = [:]
        for name in partition.pointee.siblings?.pointee.keys(database) ?? [] {
            name.withView { view in
                let key = Key(view)
                let known = stored(key, peekAny(key))
                var digest = UInt64(key.slot) &+ 1
                func add(_ dot: Dot, _ factor: UInt64) {
                    let id = actors.id(at: dot.actor)
                    digest &+= (id.high ^ id.low &* 31 ^ dot.counter &* 0x9e37_79b9_7f4a_7c15) &* factor
                }
                for entry in known.residue.base.entries + known.residue.dots { add(entry.dot, 0xbf58_476d_1ce4_e5b9) }
                for dot in known.dots { add(dot, 0x94d0_49bb_1331_11eb) }
                // FNV-1a: the key's own hash is another one on every node.
                var name: UInt64 = 0xcbf2_9ce4_8422_2325
                for i in 0..<view.count { name = (name ^ UInt64(view[i])) &* 0x100_0000_01b3 }
                digests[key.slot, default: 0] &+= digest &* (name | 1)
            }
        }
        return digests
    }

    /// Whether there is more to know of the key than the dot of its one version.
    public func isUnsettled(_ key: Key) -> Bool { hasSiblings(key) }

    /// The dots of the key's versions, ascending; none if it has a deadline, and that has passed.
    public func livingVersions(of key: Key) -> DotList {
        hasSiblings(key) || peek(key) != nil ? versions(of: key) : []
    }

    /// The dots of the key's versions, ascending; those past their deadline are among them.
    public func versions(of key: Key) -> DotList {
        if _slowPath(hasSiblings(key)) { return DotList(stored(key, peekAny(key)).dots) }
        return peekAny(key).map { DotList($0.dot) } ?? []
    }
}
