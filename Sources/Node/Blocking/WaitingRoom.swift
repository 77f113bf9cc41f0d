import Base
import Keyspace

/// The clients that wait for keys of one partition, by database and key, in order of arrival. Used under the
/// partition's lock.
final class WaitingRoom: @unchecked Sendable {
    /// Databases are few, and mostly one is waited in: looked up one after another.
    private var databases: [(number: Int, queues: ByteMap<WaitQueue>)] = []

    private func queues(_ database: Int) -> ByteMap<WaitQueue>? {
        for entry in databases where entry.number == database { return entry.queues }
        return nil
    }

    var isEmpty: Bool { databases.allSatisfy { $0.queues.isEmpty } }

    /// Who waits for the key.
    func find(_ key: ByteView, database: Int) -> WaitQueue? { queues(database)?[key] }

    /// All keys of a database that are waited for.
    func keys(database: Int) -> [WaitQueue] {
        var found: [WaitQueue] = []
        queues(database)?.forEach { _, queue in found.append(queue.pointee) }
        return found
    }

    /// Puts the waiter at the end of the key's queue, unless it is there already.
    func enter(_ waiter: Waiter, _ key: ByteView, partition: PartitionPointer) {
        let database = waiter.database
        if queues(database) == nil { databases.append((database, ByteMap())) }
        let queue = queues(database)!.findOrInsert(key, WaitQueue(key, database: database)).pointee
        if let last = queue.last, last.waiter === waiter { return }
        let place = WaitPlace(waiter, queue)
        queue.append(place)
        waiter.places.append(place)
        partition.pointee.waiting += 1
    }

    /// Takes a place out of its queue.
    func leave(_ place: WaitPlace, partition: PartitionPointer) {
        let queue = place.queue
        queue.remove(place)
        if queue.first == nil { queues(queue.database)?.remove(queue.key.view) }
        partition.pointee.waiting -= 1
    }
}

/// Who waits for one key, first come first. Under the lock of the key's partition.
final class WaitQueue: @unchecked Sendable {
    let database: Int
    /// In memory of its own.
    let key: Key
    private(set) var first: WaitPlace?
    private(set) var last: WaitPlace?
    /// Members that are served, too, when the key has been deleted.
    private(set) var removalCount = 0
    /// It is in some loop's list of keys to serve.
    var isReady = false

    init(_ view: ByteView, database: Int) {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, view.count))
        bytes.update(from: view.start, count: view.count)
        key = Key(ByteView(UnsafePointer(bytes), view.count))
        self.database = database
    }

    deinit {
        // Links are undone one by one: releasing the first would release the rest in a recursion.
        while let place = first { remove(place) }
        key.view.start.deallocate()
    }

    func append(_ place: WaitPlace) {
        place.previous = last
        if let last { last.next = place } else { first = place }
        last = place
        if place.waiter.onRemoval { removalCount += 1 }
    }

    func remove(_ place: WaitPlace) {
        if place.waiter.onRemoval { removalCount -= 1 }
        if let next = place.next { next.previous = place.previous } else { last = place.previous }
        if let previous = place.previous { previous.next = place.next } else { first = place.next }
        place.next = nil
        place.previous = nil
    }
}

/// A waiter's place in one key's queue.
final class WaitPlace {
    let waiter: Waiter
    /// Kept by the waiter's place until it leaves.
    let queue: WaitQueue
    fileprivate(set) var next: WaitPlace?
    fileprivate(set) unowned(unsafe) var previous: WaitPlace?

    init(_ waiter: Waiter, _ queue: WaitQueue) {
        self.waiter = waiter
        self.queue = queue
    }
}
