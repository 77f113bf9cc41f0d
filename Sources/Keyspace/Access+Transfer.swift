import Base
import CSystem
import Causality

/// Copying and moving values whole, whatever their type: COPY, RENAME, MOVE.
extension Access {
    /// Makes `key` hold a copy of another entry's value, with that entry's deadline. `slot` is what
    /// `find` answered for `key`; `source` stays where it is. As in Redis, the key is new even if it was there.
    public func putCopy(of source: Entry, _ key: Key, _ slot: Slot?) {
        let dot = nextDot(key.slot)
        let copy = Entry.make(header(like: source, dot), key: key.view, valueCount: source.valueCount)
        memcpy(copy.value, source.value, source.valueCount)
        copy.duplicateOutside()
        install(copy, key, slot)
        if slot != nil { notify(.new, "new", key) }
        signalReady(key)
        emitWhole(copy, key, dot)
    }

    /// Moves the value at `slot` to `newKey` in `target` (the same database or another one), replacing
    /// what is there. What lies outside the entry is handed over, not copied. Both partitions' locks
    /// are held; the two keys are not the same one. Invalidates slots.
    public func transfer(_ slot: Slot, _ key: Key, to target: Access, _ newKey: Key) {
        let removal = nextDot(key.slot)
        let old = unlink(slot, key)
        emit(key, nil, removal, .delete)
        let dot = target.nextDot(newKey.slot)
        let moved = Entry.make(target.header(like: old, dot), key: newKey.view, valueCount: old.valueCount)
        memcpy(moved.value, old.value, old.valueCount)
        old.release()
        // The tree has its pieces under the old name only.
        _ = moved.forgetSaved()
        let replaced = target.tables.pointee.entries.find(newKey)
        target.install(moved, newKey, replaced)
        if replaced != nil { target.notify(.new, "new", newKey) }
        target.signalReady(newKey)
        target.emitWhole(moved, newKey, dot)
    }

    func header(like entry: Entry, _ dot: Dot) -> Entry.Header {
        Entry.Header(
            type: entry.type, encoding: entry.encoding, dot: dot, moment: moment, deadline: entry.deadline)
    }

    /// Puts an entry into the tables, in the place of the one at `slot` if there is one.
    func install(_ entry: Entry, _ key: Key, _ slot: Slot?) {
        guard let slot else { return insert(entry, key) }
        let old = Table.entry(slot)
        exchange(slot, key, old, entry)
        free(old)
    }

    /// Emits that the key holds this entry's value now.
    func emitWhole(_ entry: Entry, _ key: Key, _ dot: Dot) { emit(key, entry, dot, entry.wholeChange) }
}
