import Base
import CSystem

extension StreamGroup {
    func touch(_ version: UInt64) { _ = head.pointee.header.touch(version) }

    // MARK: consumers

    /// Adds a consumer whose name is not there.
    func addConsumer(_ name: ByteView, seen: Int64, _ version: UInt64) -> ConsumerPointer {
        touch(version)
        let (i, _) = head.pointee.consumers.position(of: name)
        return addConsumer(name, at: i, number: freeNumber(), seen: seen)
    }

    func addConsumer(_ name: ByteView, at i: Int, number: Int, seen: Int64) -> ConsumerPointer {
        let raw = cs_allocate(MemoryLayout<StreamConsumer>.stride)!
        raw.assumingMemoryBound(to: StreamConsumer.self).initialize(
            to: StreamConsumer(item: NamedItem(name), number: UInt32(number), seen: seen))
        head.pointee.consumers.insert(raw, at: i)
        reserveNumbers(number + 1)
        head.pointee.numbers.unsafelyUnwrapped[number] = raw
        return ConsumerPointer(raw)
    }

    /// Removes a consumer and all that is pending for it.
    func removeConsumer(_ name: ByteView, _ mark: PieceMark) {
        let (i, isThere) = head.pointee.consumers.position(of: name)
        if !isThere { return }
        let consumer = consumer(i)
        forget(consumer, mark)
        touch(mark.version)
        let number = Int(consumer.pointee.number)
        head.pointee.numbers.unsafelyUnwrapped[number] = nil
        head.pointee.freeNumber = min(head.pointee.freeNumber, number)
        head.pointee.consumers.remove(at: i)
        StreamGroup.free(consumer: consumer)
    }

    /// Takes a consumer's entries off the group's list: one by one, or in one walk if they are many of all.
    private func forget(_ consumer: ConsumerPointer, _ mark: PieceMark) {
        let number = consumer.pointee.number
        if consumer.pendingCount > pendingCount / 8 {
            return head.pointee.pending.removeAll(mark) { $0.owner == number }
        }
        var cursor = consumer.pointee.owned.seek(.zero)
        while let here = cursor {
            head.pointee.pending.find(here.record.id).map { head.pointee.pending.remove($0, mark) }
            cursor = consumer.pointee.owned.next(here)
        }
    }

    static func free(consumer: ConsumerPointer) {
        consumer.pointee.owned.free()
        consumer.pointee.item.free()
        cs_release(consumer.raw, MemoryLayout<StreamConsumer>.stride)
    }

    private func freeNumber() -> Int {
        var number = head.pointee.freeNumber
        while number < head.pointee.numberCount && head.pointee.numbers.unsafelyUnwrapped[number] != nil {
            number += 1
        }
        head.pointee.freeNumber = number + 1
        return number
    }

    private func reserveNumbers(_ wanted: Int) {
        let old = head.pointee.numberCount
        if wanted <= old { return }
        let larger = max(wanted, old * 2)
        let moved = cs_allocate(larger * 8)!.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
        moved.initialize(repeating: nil, count: larger)
        if let numbers = head.pointee.numbers {
            memcpy(moved, numbers, old * 8)
            cs_release(numbers, old * 8)
        }
        head.pointee.numbers = moved
        head.pointee.numberCount = larger
    }

    // MARK: delivery

    func set(lastID: StreamID, entriesRead: Int64?, _ version: UInt64) {
        touch(version)
        head.pointee.lastID = lastID
        head.pointee.entriesRead = entriesRead
    }

    /// Makes an entry pending for a consumer, or changes what is known of one that is.
    func pend(_ id: StreamID, _ consumer: ConsumerPointer, time: Int64, deliveries: Int64, _ mark: PieceMark) {
        let entry = PendingEntry(id, time: time, deliveries: deliveries, owner: consumer.pointee.number)
        if let cursor = head.pointee.pending.find(id) {
            let owner = owner(of: cursor.record)
            head.pointee.pending.replace(cursor, with: entry, mark)
            if owner == consumer { return }
            owner.pointee.owned.find(id).map { owner.pointee.owned.remove($0, mark) }
        } else {
            head.pointee.pending.insert(entry, mark)
        }
        consumer.pointee.owned.insert(OwnedEntry(id: id), mark)
    }

    /// Takes an entry off the list of pending ones; false if it is not there.
    func acknowledge(_ id: StreamID, _ mark: PieceMark) -> Bool {
        guard let cursor = head.pointee.pending.find(id) else { return false }
        let owner = owner(of: cursor.record)
        head.pointee.pending.remove(cursor, mark)
        owner.pointee.owned.find(id).map { owner.pointee.owned.remove($0, mark) }
        return true
    }
}

// MARK: the groups of a stream

extension Stream {
    public var groupCount: Int { head.pointee.groups.count }

    /// The `i`th group in the order of names.
    public func group(_ i: Int) -> StreamGroup { StreamGroup(head.pointee.groups[i]) }

    public func group(_ name: ByteView) -> StreamGroup? { head.pointee.groups.find(name).map { StreamGroup($0) } }

    /// Adds a group whose name is not there.
    @discardableResult
    func addGroup(_ name: ByteView, _ lastID: StreamID, _ entriesRead: Int64?, _ version: UInt64) -> StreamGroup {
        let group = StreamGroup.make(name, lastID, entriesRead, id: makePieceID(), version: version)
        head.pointee.groups.insert(group.head, at: head.pointee.groups.position(of: name).0)
        return group
    }

    /// Takes a group out; it is the caller's to free.
    func removeGroup(_ name: ByteView) -> StreamGroup? {
        let (i, isThere) = head.pointee.groups.position(of: name)
        if !isThere { return nil }
        defer { head.pointee.groups.remove(at: i) }
        noteRemoved(group(i))
        return group(i)
    }

    /// A group's pieces are gone with it.
    private func noteRemoved(_ group: StreamGroup) {
        if !head.pointee.book.isSaved { return }
        head.pointee.book.noteRemoved(group.head.pointee.header.id)
        group.head.pointee.pending.forEachPiece { head.pointee.book.noteRemoved($0.base.header.pointee.id) }
    }

    func mark(_ version: UInt64) -> PieceMark { PieceMark(version: version, stream: self) }
}
