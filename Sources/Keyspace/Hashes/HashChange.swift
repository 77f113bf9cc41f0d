import Base

/// A change of a hash's elements.
public enum HashChange {}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: HashChange, _ key: Key, _ slot: Slot?) {}
}
