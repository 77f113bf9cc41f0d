import Base

/// A change of a sorted set's elements.
public enum SortedSetChange {}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: SortedSetChange, _ key: Key, _ slot: Slot?) {}
}
