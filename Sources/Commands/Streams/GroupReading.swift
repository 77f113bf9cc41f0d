import Base
import Keyspace
import RESP

/// A group of a stream, and the way to it.
struct GroupRead {
    let access: Access
    let slot: Access.Slot
    let key: Key
    let stream: Stream
    let group: StreamGroup

    init(_ access: Access, _ slot: Access.Slot, _ key: Key, _ stream: Stream, _ group: StreamGroup) {
        self.access = access
        self.slot = slot
        self.key = key
        self.stream = stream
        self.group = group
    }

    /// The consumer of this name, made if it is not there, and noted as having asked.
    func consumer(_ name: ByteView) -> ConsumerPointer {
        if let consumer = group.consumer(name) {
            consumer.see(access.moment.wall)
            return consumer
        }
        let consumer = access.createConsumer(slot, key, group, name)
        access.notify(.stream, "xgroup-createconsumer", key)
        return consumer
    }
}

extension Call {
    /// Answers entries to a consumer, `head` first: new ones (`after` is `.max`), or those after an ID that are
    /// pending for it. False, and nothing written, if there are no new ones.
    func serveGroup(_ read: GroupRead, _ wanted: StreamRead, _ after: StreamID, head: () -> Void) -> Bool {
        if after == .max {
            guard let last = read.stream.lastLiveID, last > read.group.lastID else { return false }
            head()
            replyNewEntries(read, wanted)
            return true
        }
        head()
        reply.streamHead(read.key.view)
        let consumer = read.consumer(wanted.consumer)
        replyDeferredArray { redeliver(read, consumer, after: after, most: wanted.most, $0) }
        return true
    }

    /// Answers the entries behind the group's last one.
    func replyNewEntries(_ read: GroupRead, _ wanted: StreamRead) {
        reply.streamHead(read.key.view)
        let consumer = read.consumer(wanted.consumer)
        replyDeferredArray { deliver(read, consumer, wanted, $0) }
    }

    /// Writes the entries behind the group's last one and moves the group on.
    private func deliver(
        _ read: GroupRead, _ consumer: ConsumerPointer, _ wanted: StreamRead, _ writer: ReplyWriter
    ) -> Int {
        var lastID = read.group.lastID
        var entriesRead = read.group.entriesRead
        guard let start = lastID.successor else { return 0 }
        var cursor = read.stream.entries(from: start)
        var ids: [StreamID] = []
        var delivered = 0
        while cursor.next() {
            lastID = cursor.id
            entriesRead = read.stream.entriesRead(after: entriesRead, delivering: lastID)
            writer.streamEntry(&cursor)
            if !wanted.needsNoAcknowledgement { ids.append(lastID) }
            delivered &+= 1
            if delivered == wanted.most { break }
        }
        if delivered == 0 { return 0 }
        ids.withUnsafeBufferPointer { ids in
            let delivery = StreamDelivery(
                group: read.group.name, consumer: consumer.name, ids: ids, time: now, lastID: lastID,
                entriesRead: entriesRead)
            read.access.deliver(read.slot, read.key, read.group, consumer, delivery)
        }
        return delivered
    }

    /// Writes what is pending for the consumer after an ID, once more. Entries that are gone from the stream are
    /// there with null.
    private func redeliver(
        _ read: GroupRead, _ consumer: ConsumerPointer, after: StreamID, most: Int, _ writer: ReplyWriter
    ) -> Int {
        guard let start = after.successor else { return 0 }
        var written = 0
        read.group.forEachPending(from: start, of: consumer) { entry in
            if writer.streamEntry(read.stream, entry.id) {
                read.access.claim(
                    read.slot, read.key, read.group, consumer, entry.id, time: now,
                    deliveries: entry.deliveries &+ 1)
            } else {
                writer.array(2)
                writer.streamID(entry.id)
                writer.nullArray()
            }
            written &+= 1
            return written != most
        }
        return written
    }

    // MARK: groups by name

    /// The stream and group that a command names, marked as read; nil, and nothing replied, if there are none.
    /// WRONGTYPE is replied and `failed` set if the key holds something else.
    func findGroup(_ key: Key, _ name: ByteView, failed: inout Bool) -> GroupRead? {
        let access = access(key)
        guard let slot = access.findToRead(key) else { return nil }
        guard isA(.stream, access.entry(slot)) else {
            failed = true
            return nil
        }
        let stream = access.entry(slot).stream
        return stream.group(name).map { GroupRead(access, slot, key, stream, $0) }
    }

    /// The same; replies NOGROUP if there are none.
    func groupOrReply(_ key: Key, _ name: ByteView) -> GroupRead? {
        var failed = false
        if let found = findGroup(key, name, failed: &failed) { return found }
        if !failed { replyNoGroup(key.view, name) }
        return nil
    }
}
