import Base
import CSystem
import Commands
import Keyspace

/// Where the key space tells a node what happened to keys.
final class KeyEventsSink: KeyEventSink, @unchecked Sendable {
    /// Publishes an event to those who listen, as `notify-keyspace-events` says (redis.io, "Redis keyspace
    /// notifications"). By any loop, under the key's partition lock.
    override func happened(_ kind: KeyEvents, _ event: StaticString, _ key: ByteView, database: Int) {
        guard let executor = Executor.current else { return }
        let wanted = executor.settings.keyspaceEvents
        let event = ByteView(event)
        if wanted.contains(.keyspace) { executor.publish("__keyspace@", database, key, event) }
        if wanted.contains(.keyevent) { executor.publish("__keyevent@", database, event, key) }
    }

    override func becameStale(_ key: ByteView, reader: UInt64) {
        guard let executor = Executor.current else { return }
        let loop = ReaderName.loop(reader), id = ReaderName.id(reader)
        if loop == executor.index {
            executor.invalidate(key, for: id)
        } else if let route = executor.node.redirections.find(reader) {
            executor.sendRedirected(Executor.invalidation(of: key), along: route, from: reader)
        } else {
            executor.node.executors[loop].inbox.post(.invalidate, a: id, key)
        }
    }

    override func changed(_ key: ByteView, byClient: Bool) { Executor.current?.noteChanged(key, byClient: byClient) }

    override func flushed() {
        guard let executor = Executor.current, executor.node.trackingClients.count > 0 else { return }
        for other in executor.node.executors where other !== executor { other.inbox.post(.flushed) }
        executor.invalidateEverything()
    }

    override func flushedEverything() { Executor.current?.saveAfterFlush() }

    override func becameReady(_ key: Key, database: Int) {
        Executor.current?.noteReady(key, database: database)
    }

    override func becameReady(allOf database: Int, partition: Int) {
        Executor.current?.noteAllReady(partition: partition, database: database)
    }
}

extension Executor {
    /// To a channel named by a beginning, a database and an ending.
    fileprivate func publish(_ beginning: StaticString, _ database: Int, _ ending: ByteView, _ message: ByteView) {
        let capacity = beginning.utf8CodeUnitCount + Decimal.lengthMax + 3 + ending.count
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { place in
            let start = place.baseAddress.unsafelyUnwrapped
            var count = beginning.utf8CodeUnitCount
            memcpy(start, beginning.utf8Start, count)
            count += Decimal.write(Int64(database), start + count)
            memcpy(start + count, "__:", 3)
            memcpy(start + (count + 3), ending.start, ending.count)
            _ = publish(.channel, ByteView(UnsafePointer(start), count + 3 + ending.count), message)
        }
    }
}
