import Base

/// Which of the tree's records belong to databases that have been emptied since.
public struct DeadSpaces: Sendable {
    /// The spaces in use by partition, and up to which number the others are dead.
    private var live: [[UInt64]] = []
    private var bounds: [UInt64] = []

    /// `state` is the tree's: what a crash would bring back. It is read first, memory afterwards.
    public init(_ keyspace: Keyspace, _ state: SavedState?) {
        guard let state else { return }
        for i in 0..<Limits.partitions {
            let partition = keyspace.partitions + i
            Partition.lock(partition)
            let now = PartitionCut(partition, databases: keyspace.databaseCount)
            Partition.unlock(partition)
            live.append(state.cuts[i].spaces + now.spaces)
            bounds.append(state.cuts[i].nextSpace)
        }
    }

    /// Whether the record of this name is one of them.
    public func contains(_ name: ByteView) -> Bool {
        if name.count < StoredKey.prefixBytes || live.isEmpty { return false }
        let slot = Int(name[0]) << 8 | Int(name[1])
        if slot >= Limits.slots { return false }
        let space = (2..<10).reduce(UInt64(0)) { $0 << 8 | UInt64(name[$1]) }
        return space < bounds[slot >> 6] && !live[slot >> 6].contains(space)
    }
}
