import Base
import CSystem

/// A consumer of a group.
struct StreamConsumer {
    var item: NamedItem
    /// What the group's pending entries know it by.
    let number: UInt32
    /// When it last asked for something, ms since 1970.
    var seen: Int64
    /// Its pending entries.
    var owned = PendingList<OwnedEntry>()
}

/// What a group's block of memory holds. The header marks the group as a piece of the stream's value: its last
/// ID, its counter and its consumers. Pending entries have pieces of their own.
struct StreamGroupHead {
    var item: NamedItem
    var header: PieceHeader
    var lastID: StreamID
    /// Entries ever delivered, if known.
    var entriesRead: Int64?
    /// Entries delivered and not acknowledged.
    var pending = PendingList<PendingEntry>()
    /// By name.
    var consumers = NamedItems()
    /// By number; free numbers hold nil.
    var numbers: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    var numberCount = 0
    /// No lesser number is free.
    var freeNumber = 0
}

/// A consumer group: where its delivery of a stream has come to, and what its consumers have not acknowledged.
///
/// Every pending entry is in the group's list with all that is known of it, and once more, by its ID alone, in
/// the list of its consumer. A handle of a pointer.
public struct StreamGroup {
    let head: UnsafeMutablePointer<StreamGroupHead>

    @inline(__always)
    init(_ raw: UnsafeMutableRawPointer) { head = raw.assumingMemoryBound(to: StreamGroupHead.self) }

    static func make(
        _ name: ByteView, _ lastID: StreamID, _ entriesRead: Int64?, id: UInt64, version: UInt64
    ) -> StreamGroup {
        let raw = cs_allocate(MemoryLayout<StreamGroupHead>.stride)!
        raw.assumingMemoryBound(to: StreamGroupHead.self).initialize(
            to: StreamGroupHead(
                item: NamedItem(name), header: PieceHeader(id: id, version: version), lastID: lastID,
                entriesRead: entriesRead))
        return StreamGroup(raw)
    }

    /// Frees the group and all it holds. On any thread.
    func free() {
        for i in 0..<head.pointee.consumers.count { StreamGroup.free(consumer: consumer(i)) }
        head.pointee.consumers.free()
        if let numbers = head.pointee.numbers { cs_release(numbers, head.pointee.numberCount * 8) }
        head.pointee.pending.free()
        head.pointee.item.free()
        cs_release(head, MemoryLayout<StreamGroupHead>.stride)
    }

    /// A group with the same contents; pieces are shared.
    func copy() -> StreamGroup {
        let header = head.pointee.header
        let twin = StreamGroup.make(
            name, lastID, entriesRead, id: header.id, version: header.version)
        twin.head.pointee.pending.free()
        twin.head.pointee.pending = head.pointee.pending.copy()
        for i in 0..<head.pointee.consumers.count {
            let old = consumer(i)
            let new = twin.addConsumer(old.name, at: i, number: Int(old.pointee.number), seen: old.seen)
            new.pointee.owned.free()
            new.pointee.owned = old.pointee.owned.copy()
        }
        return twin
    }

    // MARK: looking

    public var name: ByteView { head.pointee.item.view }

    /// The ID of the last entry that was delivered.
    public var lastID: StreamID { head.pointee.lastID }

    /// How many entries were ever delivered; nil if it is not known.
    public var entriesRead: Int64? { head.pointee.entriesRead }

    public var pendingCount: Int { head.pointee.pending.count }

    public var consumerCount: Int { head.pointee.consumers.count }

    /// The `i`th consumer in the order of names.
    public func consumer(_ i: Int) -> ConsumerPointer { ConsumerPointer(head.pointee.consumers[i]) }

    /// The consumer of this name.
    public func consumer(_ name: ByteView) -> ConsumerPointer? {
        head.pointee.consumers.find(name).map { ConsumerPointer($0) }
    }

    /// Whose the entry is.
    public func owner(of entry: PendingEntry) -> ConsumerPointer {
        ConsumerPointer(head.pointee.numbers.unsafelyUnwrapped[Int(entry.owner)].unsafelyUnwrapped)
    }

    /// What is known of an entry that is pending; nil if it is not.
    public func pendingEntry(_ id: StreamID) -> PendingEntry? { head.pointee.pending.find(id)?.record }

    public var firstPending: PendingEntry? { head.pointee.pending.first }

    public var lastPending: PendingEntry? { head.pointee.pending.last }

    /// The first pending entry whose ID is not less.
    public func pending(from id: StreamID) -> PendingEntry? { head.pointee.pending.seek(id)?.record }

    /// Visits pending entries from an ID on, a consumer's if one is given, as long as `body` answers true. The
    /// group must not be changed meanwhile.
    public func forEachPending(
        from id: StreamID = .zero, of consumer: ConsumerPointer? = nil, _ body: (PendingEntry) -> Bool
    ) {
        guard let consumer else {
            var cursor = head.pointee.pending.seek(id)
            while let here = cursor, body(here.record) { cursor = head.pointee.pending.next(here) }
            return
        }
        var cursor = consumer.pointee.owned.seek(id)
        while let here = cursor, body(pendingEntry(here.record.id).unsafelyUnwrapped) {
            cursor = consumer.pointee.owned.next(here)
        }
    }
}

/// A consumer's block of memory.
public struct ConsumerPointer: Equatable {
    let raw: UnsafeMutableRawPointer

    init(_ raw: UnsafeMutableRawPointer) { self.raw = raw }

    var pointee: StreamConsumer {
        unsafeAddress { UnsafePointer(raw.assumingMemoryBound(to: StreamConsumer.self)) }
        nonmutating unsafeMutableAddress { raw.assumingMemoryBound(to: StreamConsumer.self) }
    }

    public var name: ByteView { pointee.item.view }

    /// When it last asked for something, ms since 1970.
    public var seen: Int64 { pointee.seen }

    /// Its pending entries.
    public var pendingCount: Int { pointee.owned.count }

    /// Notes that it asks for something. Not a change: nothing is emitted, as for the access stamps of keys.
    public func see(_ now: Int64) { pointee.seen = now }
}
