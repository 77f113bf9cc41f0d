import Base

/// A change of a set's members.
public enum SetChange {
    /// A member came; the first one made the set.
    case add(ByteView)
    /// A member went, and the key with the last one.
    case remove(ByteView)
}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: SetChange, _ key: Key, _ slot: Slot?) {
        if let slot, entry(slot).type != .set { return }
        var value = SetValue(self, key, slot)
        switch change {
        case .add(let member): _ = value.add(member)
        case .remove(let member): _ = value.remove(member)
        }
    }
}
