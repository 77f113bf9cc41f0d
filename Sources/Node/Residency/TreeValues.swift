import Base
import CSystem
import Causality
import Commands
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
        /// It was in memory, or is gone.
        case resident
        case broughtBack
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
        let found = read(&buffer, waits: waits)
        if case .wouldWait = found { return .wouldWait }
        Partition.lock(access.partition)
        defer { Partition.unlock(access.partition) }
        if putBack(found, &buffer, access, key, dot) { return .broughtBack }
        // Somebody else may have brought it back, changed it or deleted it meanwhile.
        if access.awayDot(key) != dot { return .resident }
        countUnreadable()
        return .unreadable
    }

    /// Last resort of a command that has met a value which is away: the partition stays locked.
    override func load(_ access: Access, _ key: Key) -> Bool {
        guard let dot = access.awayDot(key) else { return true }
        var buffer = ValueBuffer()
        buffer.name(key, access.space)
        if putBack(read(&buffer, waits: true), &buffer, access, key, dot) { return true }
        countUnreadable()
        Executor.current?.state.pointee.aftermath.insert(.unreadable)
        return false
    }

    private func countUnreadable() { _ = cs_add_u64(counters + 1, 1) }

    // MARK: reading

    private enum Found {
        case wouldWait
        /// The head is in the buffer; of a large value this is the rest.
        case value(StoredValue?)
        case nothing
    }

    /// Under the partition's lock. Answers false if what was found is not the key's value of this version.
    private func putBack(
        _ found: Found, _ buffer: inout ValueBuffer, _ access: Access, _ key: Key, _ dot: Dot
    ) -> Bool {
        guard case .value(let value) = found else { return false }
        guard let head = SavedEntry(buffer.value.view) else {
            value?.free()
            return false
        }
        if !access.bringBack(key, head, value, of: dot) { return false }
        _ = cs_add_u64(counters, 1)
        return true
    }

    private func read(_ buffer: inout ValueBuffer, waits: Bool) -> Found {
        buffer.value.truncate(to: 0)
        let name = buffer.name.view
        switch tree.find(name, stem: name.count, waits: waits, into: &buffer.value) {
        case .wouldWait: return .wouldWait
        case .damaged(let error):
            report(.warning, "A value cannot be read: \(error)")
            return .nothing
        case .absent:
            report(.warning, "A value is not where it was saved")
            return .nothing
        case .value:
            guard SavedEntry(buffer.value.view)?.isLarge ?? false else { return .value(nil) }
            // Its pieces are in many places.
            return waits ? readLarge(&buffer) : .wouldWait
        }
    }

    /// Head and pieces as one version of the tree has them.
    private func readLarge(_ buffer: inout ValueBuffer) -> Found {
        var end = ByteBuffer(capacity: buffer.name.count + 8)
        StoredKey.appendEnd(of: buffer.name.view, to: &end)
        var scan = tree.scan(from: buffer.name.view, upTo: end.view, stem: buffer.name.view)
        buffer.value.truncate(to: 0)
        do {
            guard let first = try scan.next(), let head = first.value, first.key == buffer.name.view else {
                return .nothing
            }
            buffer.value.append(head)
            var pieces = try LargeValueReader(buffer.value.view)
            while !pieces.isComplete, let record = try scan.next(), let value = record.value {
                guard let id = StoredKey.piece(record.key, stem: buffer.name.count) else {
                    throw StoredValueError.damaged(piece: nil)
                }
                try pieces.add(id, value)
                cs_give_way()
            }
            return .value(try pieces.finish())
        } catch {
            report(.warning, "A value cannot be read: \(error)")
            return .nothing
        }
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
