import Base

extension Keyspace {
    /// Changes since the start: the sum of all slots' counters. All locks are held.
    public var writesWhileLocked: UInt64 {
        (0..<Limits.partitions).reduce(0) { $0 &+ (partitions + $1).pointee.writes }
    }

    /// The same, if no lock is taken; otherwise nil.
    public func writesUnlessLocked() -> UInt64? {
        var total: UInt64 = 0
        for i in 0..<Limits.partitions {
            if !Partition.tryLock(partitions + i) { return nil }
            total &+= (partitions + i).pointee.writes
            Partition.unlock(partitions + i)
        }
        return total
    }
}

extension Partition {
    fileprivate var writes: UInt64 { (0..<64).reduce(0) { $0 &+ slots[$1].writes } }
}
