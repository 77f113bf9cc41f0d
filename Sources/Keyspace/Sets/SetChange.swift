import Base

/// A change of a set's elements.
public enum SetChange {}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: SetChange, _ key: Key, _ slot: Slot?) {}
}
