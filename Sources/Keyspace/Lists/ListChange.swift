import Base

/// A change of a list's elements.
public enum ListChange {}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: ListChange, _ key: Key, _ slot: Slot?) {}
}
