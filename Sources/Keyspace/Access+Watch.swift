import Base
import CSystem

extension Access {
    /// Has `flag` set when the key changes (Redis: WATCH). Once per key and flag.
    public func watch(_ key: Key, _ flag: WatchFlag) {
        let bytes = key.view.bytes
        if partition.pointee.watched.contains(where: { $0.flag === flag && $0.database == database && $0.key == bytes })
        {
            return
        }
        partition.pointee.watched.append(WatchedKey(database: database, key: bytes, flag: flag))
        partition.pointee.observers = UInt32(partition.pointee.watched.count)
    }

    /// Forgets all keys that `flag` watches in this partition.
    public static func unwatch(_ partition: PartitionPointer, _ flag: WatchFlag) {
        partition.pointee.watched.removeAll { $0.flag === flag }
        partition.pointee.observers = UInt32(partition.pointee.watched.count)
    }

    @inline(never)
    func tellWatchers(_ key: ByteView) {
        for watched in partition.pointee.watched where watched.database == database {
            if watched.key.withView({ $0 == key }) { watched.flag.set() }
        }
    }

    /// Tells the watchers of every key of the database that is there or will be.
    static func tellAllWatchers(
        _ partition: PartitionPointer, databases: (Int, Int), where changes: (Key, Int) -> Bool
    ) {
        for watched in partition.pointee.watched
        where watched.database == databases.0 || watched.database == databases.1 {
            watched.key.withView { if changes(Key($0), watched.database) { watched.flag.set() } }
        }
    }
}
