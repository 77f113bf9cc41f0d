import Base
import CSystem
import Commands
import Keyspace

/// Where the key space tells a node what happened to keys.
final class KeyEventsSink: KeyEventSink, @unchecked Sendable {
    override func becameReady(_ key: Key, database: Int) {
        Executor.current?.noteReady(key, database: database)
    }

    override func becameReady(allOf database: Int, partition: Int) {
        Executor.current?.noteAllReady(partition: partition, database: database)
    }
}
