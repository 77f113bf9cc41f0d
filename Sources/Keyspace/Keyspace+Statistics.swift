import Base
import CSystem

/// A database's figures, as INFO keyspace shows them.
public struct DatabaseStatistics: Equatable, Sendable {
    /// Keys, those past their deadline but still there included.
    public var keys = 0
    /// Keys with a deadline.
    public var expires = 0
    /// Mean time that keys with a deadline have left, ms, estimated from a sample of every partition.
    public var averageTTL: Int64 = 0
}

extension Keyspace {
    /// Entries per partition whose deadlines are sampled.
    private static let sample = 16

    /// The figures of a database. `locked`: the caller holds all partitions' locks.
    public func statistics(database: Int, now: Int64, locked: Bool = false) -> DatabaseStatistics {
        var statistics = DatabaseStatistics()
        var weighted = 0.0
        forEachPartition(locked: locked) { partition in
            let tables = partition.pointee.databases + database
            statistics.keys += tables.pointee.entries.count
            let expires = tables.pointee.expiring.count
            if expires == 0 { return }
            statistics.expires += expires
            weighted += Keyspace.sampledTTL(tables.pointee.expiring, now) * Double(expires)
        }
        if statistics.expires > 0 { statistics.averageTTL = Int64(weighted / Double(statistics.expires)) }
        return statistics
    }

    /// The mean time left of some entries. Buckets are filled by hash: the first are as good as any.
    private static func sampledTTL(_ table: Table, _ now: Int64) -> Double {
        var total = 0.0
        var seen = 0
        var cursor: UInt64 = 0
        repeat {
            cursor = table.scan(cursor) { entry in
                total += Double(max(0, (entry.deadline ?? now) &- now))
                seen += 1
            }
        } while cursor != 0 && seen < sample
        return seen == 0 ? 0 : total / Double(seen)
    }

    /// Whether database 0's key counters of all slots agree with its tables: an invariant, for tests and
    /// checks (it hashes every key). All locks are held, or nothing else runs.
    public var slotCountersAreRight: Bool {
        for i in 0..<Limits.partitions {
            let partition = partitions + i
            var counts = [UInt64](repeating: 0, count: 64)
            var misplaced = false
            partition.pointee.databases[0].entries.forEach { entry in
                let slot = Key(entry.key).slot
                misplaced = misplaced || slot >> 6 != i
                counts[slot & 63] += 1
            }
            if misplaced || (0..<64).contains(where: { partition.pointee.slots[$0].keys != counts[$0] }) {
                return false
            }
        }
        return true
    }
}
