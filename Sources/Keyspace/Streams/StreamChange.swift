import Base

/// A change of a stream, as its effect: what was decided (IDs, times, how much a trim removed) is in it.
public enum StreamChange {
    /// An entry was added, to a stream that need not be there yet.
    case add(StreamID, StreamFields)
    case delete(StreamID)
    /// So many of the oldest entries were removed.
    case trim(Int)
    /// What the stream knows of its past was set.
    case setID(last: StreamID, entriesAdded: Int64, maxDeleted: StreamID)
    /// A group was made, in a stream that need not be there yet.
    case createGroup(ByteView, last: StreamID, entriesRead: Int64?)
    case setGroup(ByteView, last: StreamID, entriesRead: Int64?)
    case destroyGroup(ByteView)
    case createConsumer(group: ByteView, ByteView)
    /// A consumer was removed, and what was pending for it.
    case deleteConsumer(group: ByteView, ByteView)
    case deliver(StreamDelivery)
    /// A pending entry, which need not have been one, is a consumer's now.
    case claim(group: ByteView, consumer: ByteView, StreamID, time: Int64, deliveries: Int64)
    /// An entry is pending no more.
    case acknowledge(group: ByteView, StreamID)
}

/// New entries that were delivered to a consumer.
public struct StreamDelivery {
    public var group: ByteView
    public var consumer: ByteView
    /// What is pending now, once delivered at `time`; empty if nobody is to acknowledge them.
    public var ids: UnsafeBufferPointer<StreamID>
    public var time: Int64
    /// How far the group has come with that.
    public var lastID: StreamID
    public var entriesRead: Int64?

    public init(
        group: ByteView, consumer: ByteView, ids: UnsafeBufferPointer<StreamID>, time: Int64, lastID: StreamID,
        entriesRead: Int64?
    ) {
        self.group = group
        self.consumer = consumer
        self.ids = ids
        self.time = time
        self.lastID = lastID
        self.entriesRead = entriesRead
    }
}

extension Access {
    /// Replays a change; `slot` is the key's, nil if it is not there. Changes that do not fit the stream (the mutations
    /// before them are missing) do nothing.
    func apply(_ change: StreamChange, _ key: Key, _ slot: Slot?) {
        let stream = slot.map { Table.entry($0).stream }
        switch change {
        case .add(let id, let fields):
            if id > stream?.lastID ?? .zero { addStreamEntry(slot ?? makeStream(key), key, id, fields) }
        case .createGroup(let name, let last, let entriesRead):
            if stream?.group(name) == nil { createGroup(slot ?? makeStream(key), key, name, last, entriesRead) }
        default:
            if let slot { apply(change, key, to: slot) }
        }
    }

    private func apply(_ change: StreamChange, _ key: Key, to slot: Slot) {
        switch change {
        case .add, .createGroup: break
        case .delete(let id): _ = deleteStreamEntry(slot, key, id)
        case .trim(let count): _ = trimStream(slot, key, .oldest(count))
        case .setID(let last, let added, let deleted):
            if last < Table.entry(slot).stream.lastLiveID ?? .zero { return }
            setStreamID(slot, key, last, entriesAdded: added, maxDeleted: deleted)
        case .destroyGroup(let name): _ = destroyGroup(slot, key, name)
        default: applyToGroup(change, key, slot)
        }
    }

    private func applyToGroup(_ change: StreamChange, _ key: Key, _ slot: Slot) {
        let stream = Table.entry(slot).stream
        switch change {
        case .setGroup(let name, let last, let entriesRead):
            stream.group(name).map { setGroup(slot, key, $0, last, entriesRead) }
        case .createConsumer(let group, let name):
            guard let group = stream.group(group), group.consumer(name) == nil else { return }
            createConsumer(slot, key, group, name)
        case .deleteConsumer(let group, let name):
            stream.group(group).map { deleteConsumer(slot, key, $0, name) }
        case .deliver(let delivery):
            guard let group = stream.group(delivery.group), let consumer = group.consumer(delivery.consumer) else {
                return
            }
            deliver(slot, key, group, consumer, delivery)
        case .claim(let name, let consumerName, let id, let time, let deliveries):
            guard let group = stream.group(name), let consumer = group.consumer(consumerName) else { return }
            claim(slot, key, group, consumer, id, time: time, deliveries: deliveries)
        case .acknowledge(let name, let id):
            stream.group(name).map { _ = acknowledge(slot, key, $0, id) }
        default: preconditionFailure("not a change of a group")
        }
    }
}
