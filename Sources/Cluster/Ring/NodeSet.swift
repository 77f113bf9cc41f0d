/// Some of a ring's nodes, by their indices.
public struct NodeSet: Equatable, Sendable {
    private var words: [UInt64]

    /// None of so many nodes.
    public init(of count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    /// All of so many nodes.
    public init(allOf count: Int) {
        self.init(of: count)
        for node in 0..<count { insert(node) }
    }

    @inline(__always)
    public func contains(_ node: Int) -> Bool { words[node >> 6] & 1 << UInt64(node & 63) != 0 }

    public mutating func insert(_ node: Int) { words[node >> 6] |= 1 << UInt64(node & 63) }

    public mutating func remove(_ node: Int) { words[node >> 6] &= ~(1 << UInt64(node & 63)) }

    public mutating func removeAll() { for i in words.indices { words[i] = 0 } }
}
