import Base
import CSystem
import Keyspace
import Storage
import Synchronization

/// Brings values back that are in the tree only. One per persistence; any thread.
final class TreeValues: ValueLoader, @unchecked Sendable {
    private let tree: Tree
    private let report: @Sendable (LogLevel, String) -> Void
    /// Values brought back, and values that could not be read. Relaxed atomics.
    private let counters: UnsafeMutablePointer<UInt64>

    init(_ tree: Tree, report: @escaping @Sendable (LogLevel, String) -> Void) {
        self.tree = tree
        self.report = report
        counters = .allocate(capacity: 2)
        counters.initialize(repeating: 0, count: 2)
    }

    deinit { counters.deallocate() }

    enum Outcome {
        /// It is in memory, or gone.
        case resident
        /// The disk would have to be waited for.
        case wouldWait
        case unreadable
    }

    var broughtBack: UInt64 { cs_load_u64(counters) }
    var unreadable: UInt64 { cs_load_u64(counters + 1) }

    /// Brings the value of a key back, if it is away. No lock is held while the tree is read.
    func bringBack(
        _ keyspace: Keyspace, _ key: Key, database: Int, _ moment: Moment, waits: Bool, _ buffer: inout ValueBuffer
    ) -> Outcome {
        let access = Access(keyspace.partition(of: key), database: database, moment: moment)
        Partition.lock(access.partition)
        let dot = access.awayDot(key)
        if dot != nil { buffer.name(key, access.space) }
        Partition.unlock(access.partition)
        guard let dot else { return .resident }
        switch find(&buffer, waits: waits) {
        case .wouldWait: return .wouldWait
        case .absent, .damaged: break
        case .value:
            Partition.lock(access.partition)
            defer { Partition.unlock(access.partition) }
            if let head = SavedEntry(buffer.value.view), access.bringBack(key, head, of: dot) {
                _ = cs_add_u64(counters, 1)
                return .resident
            }
        }
        // A flush or a flushed database may have come between.
        Partition.lock(access.partition)
        defer { Partition.unlock(access.partition) }
        if access.awayDot(key) != dot { return .resident }
        _ = cs_add_u64(counters + 1, 1)
        return .unreadable
    }

    /// Last resort of a command that has met a value which is away: the partition stays locked.
    override func load(_ access: Access, _ key: Key) -> Bool {
        guard let dot = access.awayDot(key) else { return true }
        var buffer = ValueBuffer()
        buffer.name(key, access.space)
        if case .value = find(&buffer, waits: true), let head = SavedEntry(buffer.value.view),
            access.bringBack(key, head, of: dot)
        {
            _ = cs_add_u64(counters, 1)
            return true
        }
        _ = cs_add_u64(counters + 1, 1)
        Executor.current?.hasMissedValue = true
        return false
    }

    private func find(_ buffer: inout ValueBuffer, waits: Bool) -> TreeAnswer {
        buffer.value.truncate(to: 0)
        let name = buffer.name.view
        let answer = tree.find(name, stem: name.count, waits: waits, into: &buffer.value)
        if case .damaged(let error) = answer { report(.warning, "A value cannot be read: \(error)") }
        if case .absent = answer { report(.warning, "A value is not where it was saved") }
        return answer
    }
}

/// What looking a value up needs room for, again and again.
struct ValueBuffer: ~Copyable {
    var name = ByteBuffer(capacity: 128)
    var value = ByteBuffer(capacity: 4096)

    mutating func name(_ key: Key, _ space: UInt64) {
        name.truncate(to: 0)
        StoredKey.append(slot: key.slot, space: space, key.view, to: &name)
    }
}
