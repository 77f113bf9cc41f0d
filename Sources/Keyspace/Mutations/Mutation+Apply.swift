import Base
import CSystem
import Causality

extension Mutation {
    /// Does to a key space what was done where the mutation was made: how a log or a peer's stream is
    /// replayed. Answers false, and changes nothing, if the slot has already seen the mutation's dot, or if the key
    /// space has no such database.
    ///
    /// The slot's mutations come in the order of their dots; the partition's lock is held. Deadlines do
    /// not matter here: only a mutation removes.
    @discardableResult
    public func apply(to keyspace: Keyspace) -> Bool {
        if case .libraries = change { return false }
        if let isApplied = applyCausality(to: keyspace) { return isApplied }
        let partition = keyspace.partitions + (slot >> 6)
        if Partition.holds(dot, partition, of: slot) || database >= keyspace.databaseCount { return false }
        if !keyspace.shared.pointee.knows(dot.actor) { return false }
        if case .swap(let other) = change, other >= keyspace.databaseCount { return false }
        let moment = Moment(wall: timestamp, stamp: AccessStamp.fresh(frequency: false, now: timestamp))
        let access = Access(partition, database: database, moment: moment)
        perform(partition) {
            switch change {
            case .flush: access.flushSlot(slot)
            case .swap(let other): access.swapSlot(slot, with: other)
            default:
                let key = Key(key)
                let place = access.tables.pointee.entries.find(key)
                // A value that was saved while it changed may be newer than the log's place where replaying begins: then
                // its dot is yet to come.
                if place.map({ suits(Table.entry($0)) && Partition.holds(Table.entry($0).dot, partition, of: slot) })
                    ?? true
                {
                    make(access, key, place)
                }
            }
        }
        Partition.hold(dot, partition, of: slot, at: timestamp)
        if isOfKey { access.keepBeyondBase(Key(key), dot) }
        if case .delete = change { access.rememberRemoval(Key(key), dot, at: timestamp) }
        Partition.record(partition, self)
        return true
    }

    private var isOfKey: Bool {
        switch change {
        case .flush, .swap, .libraries, .clock, .actors: false
        default: true
        }
    }

    /// Has the changes that `body` makes take this mutation's dot, whoever's it is. Nothing of them is recorded.
    private func perform(_ partition: PartitionPointer, _ body: () -> Void) {
        let counters = partition.pointee.slots + (slot & 63)
        let (writes, actor) = (counters.pointee.writes, partition.pointee.actor)
        partition.pointee.lent = (slot & 63, writes)
        partition.pointee.actor = UInt32(dot.actor)
        counters.pointee.writes = dot.counter - 1
        partition.pointee.isMuted = true
        body()
        partition.pointee.isMuted = false
        counters.pointee.writes = writes
        partition.pointee.actor = actor
        partition.pointee.lent = nil
    }

    /// Makes the change to the key, under this mutation's dot and time; the caller records it and notes the dot.
    func perform(in access: Access, _ key: Key) {
        let moment = Moment(wall: timestamp, stamp: access.moment.stamp)
        let there = Access(access.partition, database: database, moment: moment)
        perform(access.partition) { make(there, key, there.tables.pointee.entries.find(key)) }
    }

    /// Whether the change can be made to this value. It is of another type if mutations before this one are missing.
    func suits(_ entry: Entry) -> Bool {
        switch change {
        case .add, .splice, .raise: entry.type == .string
        case .list: entry.type == .list
        case .set: entry.type == .set
        case .sortedSet: entry.type == .sortedSet
        case .hash: entry.type == .hash
        case .stream: entry.type == .stream
        default: true
        }
    }

    private func make(_ access: Access, _ key: Key, _ place: Table.Slot?) {
        var place = place
        if needsValue, let there = place {
            // What is missing of a value that cannot be read must not look like a value.
            guard let present = access.present(there, key) else { return }
            place = present
        }
        apply(to: access, key, place)
        access.settleDot(key, dot)
    }

    /// Whether the change is one to the value, rather than another value.
    private var needsValue: Bool {
        switch change {
        case .putString, .putRawString, .putInteger, .putValue, .putObject, .delete, .flush, .swap, .libraries,
            .siblings, .clock, .actors:
            false
        case .splice, .deadline, .add, .raise, .list, .set, .sortedSet, .hash, .stream: true
        }
    }

    private func apply(to access: Access, _ key: Key, _ place: Table.Slot?) {
        switch change {
        case .putString(let value, let deadline):
            // Text that spells an integer was kept as text on purpose, or it would have been a putInteger.
            access.putText(key, value, place, deadline: deadline.map { .set($0) } ?? .clear)
        case .putRawString(let value, let deadline):
            access.putRawString(key, value, place, deadline: deadline.map { .set($0) } ?? .clear)
        case .putInteger(let value, let deadline):
            access.putInteger(key, value, place, deadline: deadline.map { .set($0) } ?? .clear)
        case .splice(let offset, let bytes):
            _ = access.splice(key, place, offset: offset, bytes)
        case .delete:
            if let place { access.remove(place, key) }
        case .deadline(let deadline):
            if let place { access.setDeadline(place, key, deadline) }
        case .add(let increment):
            if let place, Table.entry(place).encoding == .integer { access.addInteger(key, place, increment) }
        case .raise(let register, let rank, let isDense):
            access.applyRaise(register, rank, isDense: isDense, key, place)
        case .putValue(let entry): access.putCopy(of: entry, key, place)
        case .putObject(let object, let deadline):
            // What cannot be read was refused when the mutation was decoded, or is our own mistake.
            (try? Payload.readObject(object, access, key, deadline: deadline)).map { access.putEntry($0, key, place) }
        case .list(let change): access.apply(change, key, place)
        case .set(let change): access.apply(change, key, place)
        case .sortedSet(let change): access.apply(change, key, place)
        case .hash(let change): access.apply(change, key, place)
        case .stream(let change): access.apply(change, key, place)
        case .flush, .swap, .libraries, .siblings, .clock, .actors:
            preconditionFailure("changes of whole slots, of versions, and the node's, are made elsewhere")
        }
    }
}

extension Access {
    /// The entries of one slot of a database.
    private func entries(of slot: Int, _ database: Int) -> [Entry] {
        if database == 0 && partition.pointee.slots[slot & 63].keys == 0 { return [] }
        var found: [Entry] = []
        partition.pointee.databases[database].entries.forEach { if Key($0.key).slot == slot { found.append($0) } }
        return found
    }

    /// Takes entries out of the database's tables; they are the caller's afterwards.
    private func unlinkAll(_ entries: [Entry]) {
        for entry in entries {
            let key = Key(entry.key)
            tables.pointee.entries.find(key).map { _ = unlink($0, key) }
        }
    }

    /// What a mutation did may have taken more than its own dot: the value has that one all the same.
    fileprivate func settleDot(_ key: Key, _ dot: Dot) {
        guard let slot = tables.pointee.entries.find(key), Table.entry(slot).dot.counter > dot.counter else { return }
        _ = restamped(slot, key, dot)
    }

    /// Removes all keys of one slot of the database.
    func flushSlot(_ slot: Int) {
        let removed = entries(of: slot, database)
        for entry in removed where partition.pointee.observers != 0 { tellWatchers(entry.key) }
        unlinkAll(removed)
        removed.forEach { free($0) }
        noteFlush(of: slot)
        dropSiblings(of: slot)
        emitSlot(slot, .flush)
    }

    /// Exchanges one slot's keys between this database and another.
    func swapSlot(_ slot: Int, with other: Int) {
        let target = Access(partition, database: other, moment: moment)
        bringBackAll(of: slot)
        target.bringBackAll(of: slot)
        let mine = entries(of: slot, database)
        let theirs = entries(of: slot, other)
        unlinkAll(mine)
        target.unlinkAll(theirs)
        for entry in mine { target.place(entry) }
        for entry in theirs { place(entry) }
        exchangeSiblings(of: slot, with: target)
        emitSlot(slot, .swap(with: other))
    }

    /// The slot's values are about to get other names, under which the tree does not have them.
    private func bringBackAll(of slot: Int) {
        if tables.pointee.awayCount == 0 { return }
        let keys = entries(of: slot, database).filter(\.isAway).map(\.key.bytes)
        for key in keys { _ = key.withView { find(Key($0)) } }
    }

    private func place(_ entry: Entry) {
        let key = Key(entry.key)
        // The tree has its pieces under the old name only.
        _ = entry.forgetSaved()
        insert(entry, key)
        // One that could not be read stays unreadable.
        if entry.isAway { countAway(1) }
        if shared.pointee.savesChanges { noteUnsaved(entry, key.hash) }
        if partition.pointee.observers == 0 { return }
        tellWatchers(entry.key)
    }
}
