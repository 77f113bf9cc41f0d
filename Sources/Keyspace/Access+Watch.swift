import Base
import CSystem
import Causality

extension Access {
    /// Has `flag` set when the key changes (Redis: WATCH). Once per key and flag.
    public func watch(_ key: Key, _ flag: WatchFlag) {
        let bytes = key.view.bytes
        if partition.pointee.watched.contains(where: { $0.flag === flag && $0.database == database && $0.key == bytes })
        {
            return
        }
        partition.pointee.watched.append(
            WatchedKey(isStale: isExpired(key), database: database, key: bytes, flag: flag))
        partition.pointee.countObservers()
    }

    /// Forgets all keys that `flag` watches in this partition.
    public static func unwatch(_ partition: PartitionPointer, _ flag: WatchFlag) {
        partition.pointee.watched.removeAll { $0.flag === flag }
        partition.pointee.countObservers()
    }

    /// Whether a key that `flag` watches in this partition has passed its deadline since WATCH (nobody may
    /// have removed it yet).
    public static func hasExpiredWatch(_ partition: PartitionPointer, _ flag: WatchFlag, moment: Moment) -> Bool {
        partition.pointee.watched.contains { watched in
            if watched.flag !== flag || watched.isStale { return false }
            let access = Access(partition, database: watched.database, moment: moment)
            return watched.key.withView { access.isExpired(Key($0)) }
        }
    }

    /// Tells whoever wants to know of this key, or of all, and has the key's siblings know that they are superseded.
    @inline(never)
    func tellObservers(_ key: Key, _ entry: Entry?, _ dot: Dot, byClient: Bool) {
        supersedeSiblings(key, entry, dot)
        tellObservers(key.view, byClient: byClient)
    }

    /// The same of a change that has seen to the siblings itself.
    func tellObservers(_ key: ByteView, byClient: Bool) {
        if partition.pointee.observers == 0 { return }
        tellWatchers(key)
        tellReaders(key, byClient: byClient)
    }

    func tellWatchers(_ key: ByteView) {
        for i in partition.pointee.watched.indices where partition.pointee.watched[i].database == database {
            guard partition.pointee.watched[i].key.withView({ $0 == key }) else { continue }
            if partition.pointee.watched[i].isStale && tables.pointee.entries.find(Key(key)) == nil {
                partition.pointee.watched[i].isStale = false
            } else {
                partition.pointee.watched[i].flag.set()
            }
        }
    }

    /// Tells the watchers of keys that are about to be gone (no replacement), or to be replaced by those of
    /// another database. What is past its deadline is as good as absent (Redis: touchAllWatchedKeysInDb).
    static func tellAllWatchers(_ partition: PartitionPointer, _ database: Int, replacement: Int?, moment: Moment) {
        for i in partition.pointee.watched.indices where partition.pointee.watched[i].database == database {
            let watched = partition.pointee.watched[i]
            watched.key.withView { view in
                let key = Key(view)
                let isThere = partition.pointee.databases[database].entries.find(key) != nil
                let new = replacement.flatMap { partition.pointee.databases[$0].entries.find(key) }
                if !isThere && new == nil { return }
                let isNewExpired = new.map { Table.entry($0).isExpired(moment.wall) } ?? false
                if (watched.isStale || !isThere) && (new == nil || isNewExpired) {
                    partition.pointee.watched[i].isStale = isNewExpired
                } else {
                    watched.flag.set()
                }
            }
        }
    }
}
