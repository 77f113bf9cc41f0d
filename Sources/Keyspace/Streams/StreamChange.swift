import Base

/// A change of a stream's elements.
public enum StreamChange {}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there.
    func apply(_ change: StreamChange, _ key: Key, _ slot: Slot?) {}
}
