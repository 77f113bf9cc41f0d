import Base

/// How many replicas have to answer (`R`, `W`).
public enum Quorum: Equatable, Sendable, CustomStringConvertible {
    /// So many, 1 to `Replication.replicasMax`.
    case count(Int)
    case one
    /// More than half.
    case quorum
    case all
    /// Writes only: one durable hint will do.
    case any

    /// Of `2`, `one`, `quorum`, `all`, `any`, in any case; nil if it is none of them.
    public init?(_ text: ByteView) {
        if let count = text.integer {
            guard (1...Int64(Replication.replicasMax)).contains(count) else { return nil }
            self = .count(Int(count))
            return
        }
        switch text.text.lowercased() {
        case "one": self = .one
        case "quorum": self = .quorum
        case "all": self = .all
        case "any": self = .any
        default: return nil
        }
    }

    /// How many of so many replicas; more than there are if that is what was asked for. `any` counts as one.
    public func needed(of replicas: Int) -> Int {
        switch self {
        case .count(let count): count
        case .one, .any: 1
        case .quorum: replicas / 2 + 1
        case .all: replicas
        }
    }

    public var description: String {
        switch self {
        case .count(let count): "\(count)"
        case .one: "one"
        case .quorum: "quorum"
        case .all: "all"
        case .any: "any"
        }
    }
}
