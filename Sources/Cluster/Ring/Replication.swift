import Base

/// How many replicas each slot has.
public enum Replication: Equatable, Sendable {
    /// So many, over all data centres: as evenly over data centres, then over racks, as there are some.
    case total(Int)
    /// So many in each of these data centres, ordered by name; none elsewhere.
    case perDatacenter([DatacenterReplicas])

    public struct DatacenterReplicas: Equatable, Sendable {
        public var name: String
        public var count: Int

        public init(_ name: String, _ count: Int) { (self.name, self.count) = (name, count) }
    }

    /// Replicas of a slot at most: what a coordinator counts in one small word.
    public static let replicasMax = 16

    /// Of `3`, or `dc1:3,dc2:2`; nil if it is neither, names a data centre twice, or wants none or too many.
    public init?(_ text: String) {
        if let count = text.withView({ $0.integer }) {
            if count < 1 || count > Int64(Self.replicasMax) { return nil }
            self = .total(Int(count))
            return
        }
        var parts: [DatacenterReplicas] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let colon = part.lastIndex(of: ":"), colon != part.startIndex,
                let count = String(part[part.index(after: colon)...]).withView({ $0.integer }),
                count >= 1, count <= Int64(Self.replicasMax)
            else { return nil }
            parts.append(DatacenterReplicas(String(part[..<colon]), Int(count)))
        }
        guard let replication = Replication(parts) else { return nil }
        self = replication
    }

    /// Nil if a data centre is named twice, or there are none or too many replicas.
    public init?(_ parts: [DatacenterReplicas]) {
        let sorted = parts.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let total = sorted.reduce(0) { $0 + $1.count }
        if total < 1 || total > Self.replicasMax || sorted.contains(where: { $0.count < 1 }) { return nil }
        if zip(sorted, sorted.dropFirst()).contains(where: { $0.name == $1.name }) { return nil }
        self = .perDatacenter(sorted)
    }

    /// Replicas of a slot where there are enough nodes.
    public var count: Int {
        switch self {
        case .total(let count): count
        case .perDatacenter(let parts): parts.reduce(0) { $0 + $1.count }
        }
    }
}
