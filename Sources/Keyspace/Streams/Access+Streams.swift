import Base
import CSystem
import Causality

/// Changing streams: each function does one change, stamps it and emits it. `slot` is that of a live key that
/// holds a stream.
extension Access {
    /// Makes an absent key hold a stream without entries, to be completed by a change. Invalidates slots; answers
    /// the new one.
    public func makeStream(_ key: Key) -> Slot {
        let entry = makeValue(key, .stream, .pieces, valueCount: Entry.headBytes)
        entry.head = UnsafeMutableRawPointer(Stream.make().head)
        return tables.pointee.entries.find(key).unsafelyUnwrapped
    }

    /// Adds an entry; its ID is greater than the stream's last one.
    @inline(__always)
    public func addStreamEntry(_ slot: Slot, _ key: Key, _ id: StreamID, _ fields: StreamFields) {
        Table.entry(slot).stream.add(id, fields, packing, nextVersion(key))
        changed(slot, key, .stream(.add(id, fields)))
    }

    /// Deletes an entry by its ID. False, and no change, if it is not there.
    public func deleteStreamEntry(_ slot: Slot, _ key: Key, _ id: StreamID) -> Bool {
        guard Table.entry(slot).stream.delete(id, nextVersion(key)) else { return false }
        changed(slot, key, .stream(.delete(id)))
        return true
    }

    /// Removes the oldest entries (see `Stream.trim`); answers how many.
    public func trimStream(
        _ slot: Slot, _ key: Key, _ rule: StreamTrim, whole: Bool = false, limit: Int = 0
    ) -> Int {
        let removed = Table.entry(slot).stream.trim(rule, whole: whole, limit: limit, nextVersion(key))
        if removed > 0 { changed(slot, key, .stream(.trim(removed))) }
        return removed
    }

    /// Sets what the stream knows of its past. Watchers are not told, as in Redis.
    public func setStreamID(
        _ slot: Slot, _ key: Key, _ last: StreamID, entriesAdded: Int64, maxDeleted: StreamID
    ) {
        Table.entry(slot).stream.set(lastID: last, entriesAdded: entriesAdded, maxDeletedID: maxDeleted)
        changedQuietly(slot, key, .setID(last: last, entriesAdded: entriesAdded, maxDeleted: maxDeleted))
    }

    /// Stamps and emits a change that WATCH and client-side caches do not hear of (Redis: what is not signalled as
    /// a modification of the key).
    private func changedQuietly(_ slot: Slot, _ key: Key, _ change: @autoclosure () -> StreamChange) {
        let dot = nextDot(key.slot)
        let entry = restamped(slot, key, dot)
        if _slowPath(partition.pointee.observers != 0) { supersedeSiblings(key, entry, dot) }
        record(key, entry, dot, .stream(change()))
    }

    /// Tells watchers of a change that was emitted quietly.
    public func tellModified(_ key: Key) {
        if partition.pointee.observers != 0 { tellWatchers(key.view) }
    }

    // MARK: groups

    /// Makes a group whose name is free.
    public func createGroup(
        _ slot: Slot, _ key: Key, _ name: ByteView, _ last: StreamID, _ entriesRead: Int64?
    ) {
        Table.entry(slot).stream.addGroup(name, last, entriesRead, nextVersion(key))
        changedQuietly(slot, key, .createGroup(name, last: last, entriesRead: entriesRead))
    }

    public func setGroup(
        _ slot: Slot, _ key: Key, _ group: StreamGroup, _ last: StreamID, _ entriesRead: Int64?
    ) {
        group.set(lastID: last, entriesRead: entriesRead, nextVersion(key))
        changedQuietly(slot, key, .setGroup(group.name, last: last, entriesRead: entriesRead))
    }

    /// Removes a group; false if there is none of this name.
    public func destroyGroup(_ slot: Slot, _ key: Key, _ name: ByteView) -> Bool {
        guard let group = Table.entry(slot).stream.removeGroup(name) else { return false }
        changedQuietly(slot, key, .destroyGroup(name))
        if group.isLarge {
            let address = UInt(bitPattern: group.head)
            shared.pointee.disposer.dispose(objects: 0) {
                StreamGroup(UnsafeMutableRawPointer(bitPattern: address)!).free()
            }
        } else {
            group.free()
        }
        return true
    }

    /// Adds a consumer whose name is free.
    @discardableResult
    public func createConsumer(
        _ slot: Slot, _ key: Key, _ group: StreamGroup, _ name: ByteView
    ) -> ConsumerPointer {
        let consumer = group.addConsumer(name, seen: moment.wall, nextVersion(key))
        changedQuietly(slot, key, .createConsumer(group: group.name, name))
        return consumer
    }

    /// Removes a consumer, if it is there, and what is pending for it.
    public func deleteConsumer(_ slot: Slot, _ key: Key, _ group: StreamGroup, _ name: ByteView) {
        group.removeConsumer(name, Table.entry(slot).stream.mark(nextVersion(key)))
        changedQuietly(slot, key, .deleteConsumer(group: group.name, name))
    }

    // MARK: pending entries

    /// Moves a group on, and makes what was delivered pending.
    public func deliver(
        _ slot: Slot, _ key: Key, _ group: StreamGroup, _ consumer: ConsumerPointer, _ delivery: StreamDelivery
    ) {
        let version = nextVersion(key)
        let mark = Table.entry(slot).stream.mark(version)
        for id in delivery.ids { group.pend(id, consumer, time: delivery.time, deliveries: 1, mark) }
        group.set(lastID: delivery.lastID, entriesRead: delivery.entriesRead, version)
        changedQuietly(slot, key, .deliver(delivery))
    }

    /// Makes an entry pending for a consumer, or hands a pending one over to it.
    public func claim(
        _ slot: Slot, _ key: Key, _ group: StreamGroup, _ consumer: ConsumerPointer, _ id: StreamID, time: Int64,
        deliveries: Int64
    ) {
        group.pend(
            id, consumer, time: time, deliveries: deliveries, Table.entry(slot).stream.mark(nextVersion(key)))
        changedQuietly(
            slot, key,
            .claim(group: group.name, consumer: consumer.name, id, time: time, deliveries: deliveries))
    }

    /// Takes an entry off the list of pending ones. False, and no change, if it is not there.
    public func acknowledge(_ slot: Slot, _ key: Key, _ group: StreamGroup, _ id: StreamID) -> Bool {
        guard group.acknowledge(id, Table.entry(slot).stream.mark(nextVersion(key))) else { return false }
        changedQuietly(slot, key, .acknowledge(group: group.name, id))
        return true
    }
}
