import Base
import CSystem
import Causality
import Keyspace
import Synchronization

@testable import Keyspace

/// A time for tests: 2026-01-01T00:00:00Z.
let testNow: Int64 = 1_767_225_600_000

func moment(_ wall: Int64 = testNow) -> Moment {
    Moment(wall: wall, stamp: AccessStamp.fresh(frequency: false, now: wall))
}

/// A key space with one reader, and short ways to its keys.
final class TestKeyspace {
    let keyspace: Keyspace
    var now = testNow

    init(
        databases: Int = 4, disposer: Disposer = Disposer(), sink: MutationSink? = nil,
        actor: ActorID = ActorID(high: 0, low: 1)
    ) {
        keyspace = Keyspace(
            databases: databases, reclaimer: Reclaimer(readers: 1), disposer: disposer, actor: actor)
        keyspace.shared.pointee.sink = sink
    }

    @discardableResult
    func with<R>(_ key: [UInt8], _ database: Int = 0, _ body: (Access, Key) throws -> R) rethrows -> R {
        try key.withView { view in
            let key = Key(view)
            let access = Access(keyspace.partition(of: key), database: database, moment: moment(now))
            return try body(access, key)
        }
    }

    func put(_ key: String, _ value: [UInt8], _ database: Int = 0, deadline: Access.DeadlineChange = .clear) {
        with([UInt8](key.utf8), database) { access, key in
            value.withView { access.putString(key, $0, access.find(key), deadline: deadline) }
        }
    }

    func put(_ key: String, _ value: String, _ database: Int = 0, deadline: Access.DeadlineChange = .clear) {
        put(key, [UInt8](value.utf8), database, deadline: deadline)
    }

    func value(_ key: String, _ database: Int = 0) -> String? {
        with([UInt8](key.utf8), database) { access, key in
            access.peek(key)?.withString { $0.text }
        }
    }

    func remove(_ key: String, _ database: Int = 0) {
        with([UInt8](key.utf8), database) { access, key in
            if let slot = access.find(key) { access.remove(slot, key) }
        }
    }

    func count(_ database: Int = 0) -> Int { keyspace.count(database: database) }

    func expiringCount(_ database: Int = 0) -> Int {
        var total = 0
        keyspace.forEachPartition { total += $0.pointee.databases[database].expiring.count }
        return total
    }

    func slot(of key: String) -> SlotCounters {
        with([UInt8](key.utf8)) { access, key in access.partition.pointee.slots[key.slot & 63] }
    }

    /// Lets a slot's next dot have this counter.
    func setNextCounter(_ counter: UInt64, of key: String) {
        with([UInt8](key.utf8)) { access, key in
            access.partition.pointee.slots[key.slot & 63].writes = counter - 1
        }
    }

    var state: KeyspaceState { keyspace.state }

    /// What must be true of any key space at rest; nil if it is, otherwise what is not.
    func brokenInvariant() -> String? {
        if !keyspace.slotCountersAreRight { return "a slot's key counter is wrong" }
        var broken: String?
        keyspace.forEachPartition { partition in
            for database in 0..<keyspace.databaseCount {
                let tables = partition.pointee.databases + database
                var deadlines = 0
                var listed = 0
                tables.pointee.entries.forEach { entry in
                    if let deadline = entry.deadline {
                        deadlines += 1
                        if deadline < tables.pointee.earliestDeadline { broken = "a deadline before the earliest" }
                        if tables.pointee.expiring.find(entry, hash: Key(entry.key).hash) == nil {
                            broken = "an entry with a deadline is not listed as expiring"
                        }
                    }
                }
                tables.pointee.expiring.forEach { _ in listed += 1 }
                if deadlines != listed || listed != tables.pointee.expiring.count {
                    broken = "\(listed) expiring entries listed for \(deadlines) deadlines"
                }
                if tables.pointee.earliestDeadline < Partition.earliestDeadline(partition) {
                    broken = "the partition's earliest deadline is not a lower bound"
                }
            }
        }
        return broken
    }
}

/// Frees nothing until told to.
final class HoldingDisposer: Disposer, @unchecked Sendable {
    private let waiting = Mutex<[(objects: Int, work: @Sendable () -> Void)]>([])

    override func dispose(objects: Int, _ work: @escaping @Sendable () -> Void) {
        waiting.withLock { $0.append((objects, work)) }
    }

    override var isIdle: Bool { waiting.withLock { $0.isEmpty } }

    override var pending: Int { waiting.withLock { $0.reduce(0) { $0 + $1.objects } } }

    /// How often something was handed over.
    var items: Int { waiting.withLock { $0.count } }

    func run() {
        let work = waiting.withLock { held in
            defer { held = [] }
            return held
        }
        for item in work { item.work() }
    }
}
