import Base
import Cluster

/// What a client wants of a key's replicas, for its reads and writes (SPEC B4, B8).
public struct Consistency: Equatable, Sendable {
    /// Never `any`: a read that nobody answers is none.
    public var read: Quorum
    public var write: Quorum
    /// Only a key's own replicas count: a stand-in's acknowledgement is none.
    public var isStrict: Bool

    public init(read: Quorum = .quorum, write: Quorum = .quorum, isStrict: Bool = false) {
        (self.read, self.write, self.isStrict) = (read, write, isStrict)
    }
}
