import Base

/// What of a database's share of a partition the tree has not got yet. Under the partition's lock.
struct UnsavedKeys: ~Copyable {
    /// Hashes of the keys whose entries are marked (`Entry.isUnsaved`), and of some that are gone.
    var changed: [UInt64] = []
    /// Names in the tree of keys that it has and that are gone, and of pieces that are: each with its length before.
    var removed = ByteBuffer(capacity: 240)
    /// Every key is to be saved, marked or not.
    var isWhole = false
}

extension Entry {
    /// The tree has not got the latest version; the key is among `UnsavedKeys.changed`.
    var isUnsaved: Bool { meta & Bit.unsaved != 0 }

    /// The tree has some version: if the key goes, it must be told.
    var isSaved: Bool { meta & Bit.saved != 0 }

    func setMarks(_ bits: UInt64, to wanted: UInt64) { base.storeBytes(of: meta & ~bits | wanted, as: UInt64.self) }
}

extension Access {
    /// The key has changed: it is to be saved. Nothing if it is gone.
    @inline(never)
    func noteUnsaved(_ key: Key) {
        guard let slot = tables.pointee.entries.find(key) else { return }
        let entry = Table.entry(slot)
        if entry.isUnsaved { return }
        entry.setMarks(Entry.Bit.unsaved, to: Entry.Bit.unsaved)
        tables.pointee.unsaved.pointee.changed.append(key.hash)
    }

    /// A key that the tree has leaves the database: the tree is to forget it. The entry is as if it had never
    /// been saved, so that it may be put elsewhere.
    @inline(never)
    func noteRemoved(_ entry: Entry, _ slot: Int) {
        defer { entry.setMarks(Entry.Bit.marks, to: 0) }
        if entry.isAway { countAway(-1) }
        if !entry.isSaved { return }
        noteRemovedPieces(entry, slot)
        withStem(entry.key, slot) { name in
            tables.pointee.unsaved.pointee.removed.append(counted: name)
            // The tree would keep a version that even the cut did not have any more.
            if entry.isUnsaved { partition.pointee.lateRemovals?.pointee.append(counted: name) }
        }
    }

    /// An entry took another's place.
    @inline(never)
    func noteReplaced(_ old: Entry, by new: Entry, _ slot: Int) {
        new.setMarks(0, to: old.meta & Entry.Bit.marks)
        if old.isAway { countAway(-1) }
        if old.encoding != .pieces { return }
        if new.encoding == .pieces && new.head == old.head { return }
        if old.isSaved { noteRemovedPieces(old, slot) }
    }

    /// An entry was written anew where it is.
    @inline(never)
    func noteRewritten(_ entry: Entry, _ oldMeta: UInt64) {
        entry.setMarks(0, to: oldMeta & Entry.Bit.marks)
        if oldMeta & Entry.Bit.away != 0 { countAway(-1) }
    }

    private func noteRemovedPieces(_ entry: Entry, _ slot: Int) {
        if entry.encoding != .pieces { return }
    }

    private func withStem(_ key: ByteView, _ slot: Int, _ body: (ByteView) -> Void) {
        var name = ByteBuffer(capacity: 64 + key.count)
        StoredKey.append(slot: slot, space: tables.pointee.space, key, to: &name)
        body(name.view)
    }
}
