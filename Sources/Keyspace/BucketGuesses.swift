import Base
import CSystem

/// Where one loop thinks that each table's buckets are, for prefetching: a word each, so close together that they stay in the
/// cache, while a table's own line is as likely as not to have left it. What is wrong costs a detour, and is mended on the
/// way. Belongs to its loop, and lives as long as the process.
public struct BucketGuesses {
    private let tables: UnsafeMutablePointer<PartitionDatabase>
    private let words: UnsafeMutablePointer<UInt64>

    public init(_ keyspace: Keyspace) {
        tables = keyspace.tables
        let count = keyspace.databaseCount * Limits.partitions
        words = .allocate(capacity: count)
        words.initialize(repeating: Table().guess, count: count)
    }

    /// Brings a key's bucket (of the table of all entries), and what is read of the table itself, towards the cache. Needs no
    /// lock. `place`: the table's among all partitions' and databases'.
    @inline(__always)
    public func prefetchBucket(_ place: Int, _ hash: UInt64) {
        let word = words[place]
        if _slowPath(Table.isResizing(guess: word)) { return Table.prefetchBucket(of: tables + place, hash) }
        cs_prefetch(tables + place)
        cs_prefetch(Table.bucket(word, hash))
    }

    /// Brings the entries whose tag matches towards the cache, once the bucket has come.
    @inline(__always)
    public func prefetchEntry(_ place: Int, _ hash: UInt64) {
        words[place] = Table.prefetchEntry(of: tables + place, hash)
    }
}
