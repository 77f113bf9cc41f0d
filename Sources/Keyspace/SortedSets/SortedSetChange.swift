import Base

/// A change of a sorted set's elements.
public enum SortedSetChange {
    /// The member is there with this score now (and the key, if it was not).
    case put(ByteView, Double)
    /// The member is gone, and the key with its last one.
    case remove(ByteView)
}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: SortedSetChange, _ key: Key, _ slot: Slot?) {
        switch change {
        case .put(let member, let score):
            guard let slot else { return _ = makeSortedSet(key, member, score) }
            let editor = SortedSetEditor(self, slot, key)
            let found = editor.find(member)
            if found.score == nil {
                editor.insert(member, score, found)
            } else {
                editor.update(member, score, found)
            }
        case .remove(let member):
            guard let slot else { return }
            let editor = SortedSetEditor(self, slot, key)
            let found = editor.find(member)
            if found.score != nil { editor.remove(member, found) }
        }
    }
}
