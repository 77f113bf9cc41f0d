import Base

/// A change of a hash's fields.
public enum HashChange {
    /// A field has this value now; the first one made the hash.
    case set(ByteView, ByteView)
    /// A field went, and the key with the last one.
    case remove(ByteView)
}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: HashChange, _ key: Key, _ slot: Slot?) {
        if let slot, entry(slot).type != .hash { return }
        var hash = HashValue(self, key, slot)
        switch change {
        case .set(let field, let value): _ = hash.set(field, value)
        case .remove(let field): _ = hash.remove(field)
        }
    }
}
