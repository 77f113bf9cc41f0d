import Base

/// What of a database's share of a partition the tree has not got yet. Under the partition's lock.
struct UnsavedKeys: ~Copyable {
    /// Hashes of the keys whose entries are marked (`Entry.isUnsaved`), and of some that are gone.
    var changed: [UInt64] = []
    /// Names in the tree of keys that it has and that are gone, and of pieces that are: each with its length before.
    var removed = ByteBuffer(capacity: 16)
    /// By key, pieces that the tree has of values in whose place there is another one: their records go together with
    /// the saving of that, as the head that counts on them does.
    var replaced: [[UInt8]: [UInt64]] = [:]
    /// Keys without an entry of which something is to be saved all the same (`KeySiblings`).
    var withoutEntry: [[UInt8]] = []
    /// Every key is to be saved, marked or not.
    var isWhole = false
}

extension Entry {
    /// The tree has not got the latest version; the key is among `UnsavedKeys.changed`.
    var isUnsaved: Bool { meta & Bit.unsaved != 0 }

    /// The tree has some version, or the round under way will bring it: if the key goes, it must be told.
    var isSaved: Bool { meta & Bit.saved != 0 }

    func setMarks(_ bits: UInt64, to wanted: UInt64) { base.storeBytes(of: meta & ~bits | wanted, as: UInt64.self) }
}

extension Access {
    /// The entry, whose key has this hash, has changed: it is to be saved.
    @inline(__always)
    func noteUnsaved(_ entry: Entry, _ hash: UInt64) {
        if entry.isUnsaved { return }
        entry.setMarks(Entry.Bit.unsaved, to: Entry.Bit.unsaved)
        listUnsaved(hash)
    }

    @inline(never)
    private func listUnsaved(_ hash: UInt64) { tables.pointee.unsaved.pointee.changed.append(hash) }

    /// A key that the tree has leaves the database: the tree is to forget it. The entry is as if it had never
    /// been saved, so that it may be put elsewhere.
    @inline(never)
    func noteRemoved(_ entry: Entry, _ slot: Int) {
        defer { entry.setMarks(Entry.Bit.saving, to: 0) }
        if entry.isAway { countAway(-1) }
        if !entry.isSaved { return }
        withStem(entry.key, slot) { stem in
            var name = ByteBuffer(capacity: stem.count + StoredKey.pieceBytes)
            for id in entry.storedPieces + tables.pointee.unsaved.pointee.takeReplaced(entry.key) {
                name.truncate(to: 0)
                StoredKey.append(stem, piece: id, to: &name)
                tellRemoved(name.view)
            }
            tellRemoved(stem)
        }
    }

    /// An entry took another's place.
    @inline(never)
    func noteReplaced(_ old: Entry, by new: Entry, _ slot: Int) {
        new.setMarks(0, to: old.meta & Entry.Bit.saving)
        if old.isAway { countAway(-1) }
        if !old.isSaved || (old.encoding == .pieces && new.encoding == .pieces && old.head == new.head) { return }
        let pieces = old.storedPieces
        if pieces.isEmpty { return }
        tables.pointee.unsaved.pointee.replaced[old.key.bytes, default: []] += pieces
        // Whoever gave the same value another form need not have told anybody.
        noteUnsaved(new, Key(new.key).hash)
    }

    /// An entry was written anew where it is.
    @inline(never)
    func noteRewritten(_ entry: Entry, _ oldMeta: UInt64) {
        entry.setMarks(0, to: oldMeta & Entry.Bit.saving)
        if oldMeta & Entry.Bit.away != 0 { countAway(-1) }
    }

    /// What the key has besides its entry (nil: it has none) is to be saved, together with the entry.
    func noteUnsavedSiblings(_ key: Key, _ entry: Entry?) {
        if !shared.pointee.savesChanges { return }
        if let entry {
            noteUnsaved(entry, key.hash)
        } else if partition.pointee.siblings(database, key.view) != nil {
            tables.pointee.unsaved.pointee.withoutEntry.append(key.view.bytes)
        }
    }

    /// The tree has a record of what the key has had besides its entry: it goes.
    func tellRemovedSiblings(_ key: Key) {
        withStem(key.view, key.slot) { stem in
            var name = ByteBuffer(capacity: stem.count + StoredKey.pieceBytes)
            StoredKey.append(stem, piece: StoredKey.siblingsPiece, to: &name)
            tellRemoved(name.view)
        }
    }

    /// A name that the tree may have is to go: with the save that is under way, or else with the next.
    private func tellRemoved(_ name: ByteView) {
        if let late = partition.pointee.lateRemovals {
            late.pointee.append(counted: name)
        } else {
            tables.pointee.unsaved.pointee.removed.append(counted: name)
        }
    }

    private func withStem(_ key: ByteView, _ slot: Int, _ body: (ByteView) -> Void) {
        var name = ByteBuffer(capacity: 64 + key.count)
        StoredKey.append(slot: slot, space: tables.pointee.space, key, to: &name)
        body(name.view)
    }
}

extension UnsavedKeys {
    /// The pieces of the key's earlier values, which are noted no longer.
    mutating func takeReplaced(_ key: ByteView) -> [UInt64] {
        replaced.isEmpty ? [] : replaced.removeValue(forKey: key.bytes) ?? []
    }
}

extension Entry {
    /// The ids of all records that a large value may have, in memory or away.
    fileprivate var storedPieces: [UInt64] {
        if !isAway { return savedPieceIDs }
        var ids: [UInt64] = []
        PieceNumbers.forEach(ByteView(raw: UnsafeRawPointer(value), valueCount)) { ids.append($0) }
        return ids
    }
}
