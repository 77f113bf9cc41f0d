import Base
import CSystem
import Causality

/// One database's share of one partition, at one moment: the handle through which commands read and
/// change keys. The partition's lock is held as long as it is used.
///
/// Every change is stamped with the slot's next dot, told to watchers, and emitted as a Mutation.
public struct Access {
    public let partition: PartitionPointer
    public let database: Int
    public let moment: Moment

    /// A place in the table: see `Table.Slot`.
    public typealias Slot = Table.Slot

    @inline(__always)
    public init(_ partition: PartitionPointer, database: Int, moment: Moment) {
        self.partition = partition
        self.database = database
        self.moment = moment
    }

    @inline(__always)
    public var tables: UnsafeMutablePointer<PartitionDatabase> { partition.pointee.databases + database }

    @inline(__always)
    var shared: UnsafeMutablePointer<KeyspaceShared> { partition.pointee.shared }

    // MARK: looking up

    /// The slot of a live key. A key past its deadline is removed on the way (or only hidden, while
    /// clients are paused). Slots are valid until the next insertion or removal in this database.
    @inline(__always)
    public func find(_ key: Key) -> Slot? {
        guard let slot = tables.pointee.entries.find(key) else { return nil }
        let meta = Table.entry(slot).meta
        if _fastPath(meta & (Entry.Bit.deadline | Entry.Bit.away) == 0) { return slot }
        if meta & Entry.Bit.away == 0 && !Table.entry(slot).isExpired(moment.wall) { return slot }
        return findSpecial(slot, key)
    }

    /// The entry of a live key, marked as accessed, counted as a hit or miss: for reading commands.
    @inline(__always)
    public func read(_ key: Key) -> Entry? {
        guard let slot = find(key) else {
            missed(key)
            return nil
        }
        partition.pointee.hits &+= 1
        let entry = Table.entry(slot)
        entry.setAccessStamp(moment.stamp)
        return entry
    }

    /// Counts and announces that a reading command did not find the key.
    @inline(__always)
    public func missed(_ key: Key) {
        partition.pointee.misses &+= 1
        notify(.keyMiss, "keymiss", key)
    }

    /// The entry of a live key, neither marked nor counted.
    @inline(__always)
    public func peek(_ key: Key) -> Entry? { find(key).map { Table.entry($0) } }

    /// The entry of a key, also of one past its deadline, which stays.
    public func peekAny(_ key: Key) -> Entry? { tables.pointee.entries.find(key).map { Table.entry($0) } }

    /// What is in a slot.
    @inline(__always)
    public func entry(_ slot: Slot) -> Entry { Table.entry(slot) }

    @inline(never)
    func expire(_ slot: Slot, _ key: Key) {
        if cs_load_u32(&shared.pointee.keepsExpired) != 0 {
            partition.pointee.hidesKeys = true
            return
        }
        removeExpired(slot, key)
    }

    /// Deletes a key whose deadline has passed. Invalidates slots.
    func removeExpired(_ slot: Slot, _ key: Key) {
        partition.pointee.expired &+= 1
        notify(.expired, "expired", key)
        if _slowPath(hasSiblings(key)) { return removeExpiredVersions(key) }
        remove(slot, key, byClient: false, .expiry)
    }

    // MARK: dots, mutations, watchers

    /// The next dot of the key's slot.
    @inline(__always)
    func nextDot(_ slot: Int) -> Dot {
        let counters = partition.pointee.slots + (slot & 63)
        counters.pointee.writes &+= 1
        return Dot(actor: UInt64(partition.pointee.actor), counter: counters.pointee.writes)
    }

    /// Tells whoever wants to know that the key changed. `entry`: the key's from now on; nil: it is gone.
    @inline(__always)
    func emit(
        _ key: Key, _ entry: Entry?, _ dot: Dot, byClient: Bool = true, _ change: @autoclosure () -> Mutation.Change
    ) {
        if _slowPath(partition.pointee.observers != 0) { tellObservers(key, entry, dot, byClient: byClient) }
        record(key, entry, dot, change())
    }

    /// Has a change to a key saved and logged.
    @inline(__always)
    func record(_ key: Key, _ entry: Entry?, _ dot: Dot, _ change: @autoclosure () -> Mutation.Change) {
        if _fastPath(shared.pointee.sink == nil) { return }
        if let entry, _fastPath(shared.pointee.savesChanges) { noteUnsaved(entry, key.hash) }
        Partition.record(
            partition,
            Mutation(
                database: database, key: key.view, slot: key.slot, dot: dot, timestamp: moment.wall, change: change(),
                predecessor: partition.pointee.predecessor))
    }

    // MARK: writing strings

    public enum DeadlineChange {
        /// The key has no deadline afterwards.
        case clear
        /// The key keeps the deadline it has.
        case keep
        case set(Int64)
    }

    /// Makes the key hold these bytes (as an integer if that is what they spell, as Redis does).
    /// `slot` is what `find` answered.
    @inline(__always)
    public func putString(_ key: Key, _ value: ByteView, _ slot: Slot?, deadline: DeadlineChange = .clear) {
        if value.count <= 20, let integer = value.integer {
            return putInteger(key, integer, slot, deadline: deadline)
        }
        let newDeadline = resolve(deadline, slot)
        let dot = nextDot(key.slot)
        let entry: Entry
        if _slowPath(value.count > Limits.inlineValueBytes) {
            entry = putBlock(key, value, slot, dot, newDeadline)
        } else {
            let header = Entry.Header(
                type: .string, encoding: .bytes, dot: dot, moment: moment, deadline: newDeadline)
            entry = put(header, key, valueCount: value.count, slot)
            memcpy(entry.value, value.start, value.count)
        }
        emit(key, entry, dot, .putString(value, deadline: newDeadline))
    }

    /// Makes the key hold these bytes, reported as `raw`, never as an integer.
    public func putRawString(_ key: Key, _ value: ByteView, _ slot: Slot?, deadline: DeadlineChange = .clear) {
        let newDeadline = resolve(deadline, slot)
        let dot = nextDot(key.slot)
        let entry: Entry
        if value.count > Limits.inlineValueBytes {
            entry = putBlock(key, value, slot, dot, newDeadline)
        } else {
            let header = Entry.Header(
                type: .string, encoding: .rawBytes, dot: dot, moment: moment, deadline: newDeadline)
            entry = put(header, key, valueCount: value.count, slot)
            memcpy(entry.value, value.start, value.count)
        }
        emit(key, entry, dot, .putRawString(value, deadline: newDeadline))
    }

    /// Makes the key hold this integer.
    @inline(__always)
    public func putInteger(_ key: Key, _ value: Int64, _ slot: Slot?, deadline: DeadlineChange = .clear) {
        let newDeadline = resolve(deadline, slot)
        let dot = nextDot(key.slot)
        let header = Entry.Header(
            type: .string, encoding: .integer, dot: dot, moment: moment, deadline: newDeadline)
        let entry = put(header, key, valueCount: 8, slot)
        entry.integer = value
        emit(key, entry, dot, .putInteger(value, deadline: newDeadline))
    }

    /// Adds to an `.integer` string in place; the caller has checked the range.
    @inline(__always)
    public func addInteger(_ key: Key, _ slot: Slot, _ increment: Int64) {
        let dot = nextDot(key.slot)
        let entry = restamped(slot, key, dot)
        entry.integer = entry.integer &+ increment
        emit(key, entry, dot, .add(increment))
    }

    @inline(__always)
    func resolve(_ change: DeadlineChange, _ slot: Slot?) -> Int64? {
        switch change {
        case .clear: return nil
        case .set(let deadline): return deadline
        case .keep: return slot.flatMap { Table.entry($0).deadline }
        }
    }

    @inline(never)
    private func putBlock(_ key: Key, _ value: ByteView, _ slot: Slot?, _ dot: Dot, _ deadline: Int64?) -> Entry {
        let header = Entry.Header(type: .string, encoding: .block, dot: dot, moment: moment, deadline: deadline)
        var block = StringBlock.make(capacity: value.count)
        memcpy(block.bytes, value.start, value.count)
        block.count = value.count
        let entry = put(header, key, valueCount: StringBlock.stride, slot)
        entry.block = block
        return entry
    }

    /// An entry for the key with this header and room for the value: the old one rewritten when it
    /// fits, otherwise a new one in its place.
    @inline(__always)
    func put(_ header: Entry.Header, _ key: Key, valueCount: Int, _ slot: Slot?) -> Entry {
        guard let slot else {
            let entry = Entry.make(header, key: key.view, valueCount: valueCount)
            insert(entry, key)
            return entry
        }
        let old = Table.entry(slot)
        let oldMeta = old.meta
        let plain = oldMeta & 15 == 0 && (oldMeta >> 4) & 15 != UInt64(Encoding.block.rawValue)
        let wide = Entry.needsWide(key.view.count, valueCount, header.dot)
        if _fastPath(plain && old.isWide == wide && old.hasDeadline == (header.deadline != nil)) {
            let offset = Entry.keyOffset(oldMeta) &+ key.view.count
            if sizeClass(offset &+ old.valueCount) == sizeClass(offset &+ valueCount) {
                let stamp = old.accessStamp
                old.writeHeader(header, wide, key.view.count, valueCount)
                if _slowPath(oldMeta & Entry.Bit.marks != 0) { noteRewritten(old, oldMeta) }
                if _slowPath(moment.countsFrequency) { countWrite(old, after: stamp) }
                if _slowPath(header.deadline != nil) { noteDeadline(header.deadline.unsafelyUnwrapped) }
                return old
            }
        }
        let entry = Entry.make(header, key: key.view, valueCount: valueCount)
        exchange(slot, key, old, entry)
        if _slowPath(!plain) { signalReady(key) }
        free(old)
        return entry
    }

    // MARK: inserting, replacing, removing

    /// Adds an entry for a key that is not there. Invalidates slots.
    @inline(__always)
    func insert(_ entry: Entry, _ key: Key) {
        if _slowPath(partition.pointee.hidesKeys) { dropHidden(key) }
        tables.pointee.entries.insert(entry, hash: key.hash, shared.pointee.reclaimer)
        if database == 0 { partition.pointee.slots[key.slot & 63].keys &+= 1 }
        if _slowPath(entry.hasDeadline) { track(entry, key) }
        notify(.new, "new", key)
    }

    /// Frees an entry of the key that `find` hid because of a pause, or because its value cannot be read: another is
    /// about to take its place. A command that writes can meet one when a pause begins, by another loop, while its batch
    /// runs.
    @inline(never)
    private func dropHidden(_ key: Key) {
        guard let slot = tables.pointee.entries.find(key) else { return }
        if !Table.entry(slot).isAway {
            partition.pointee.expired &+= 1
            notify(.expired, "expired", key)
        }
        free(unlink(slot, key), .expiry)
    }

    @inline(never)
    private func track(_ entry: Entry, _ key: Key) {
        tables.pointee.expiring.insert(entry, hash: key.hash, shared.pointee.reclaimer)
        noteDeadline(entry.deadline!)
    }

    private func noteDeadline(_ deadline: Int64) {
        if deadline < tables.pointee.earliestDeadline {
            tables.pointee.earliestDeadline = deadline
            partition.pointee.noteDeadline(deadline)
        }
        if deadline < tables.pointee.earliestMet { tables.pointee.earliestMet = deadline }
    }

    private func untrack(_ entry: Entry, _ key: Key) {
        guard let slot = tables.pointee.expiring.find(entry, hash: key.hash) else {
            preconditionFailure("an entry with a deadline is not among the expiring ones")
        }
        tables.pointee.expiring.remove(slot, hash: key.hash, shared.pointee.reclaimer)
    }

    /// Puts `new` where `old` is, in both tables. `old` is the caller's afterwards.
    func exchange(_ slot: Slot, _ key: Key, _ old: Entry, _ new: Entry) {
        Table.replace(slot, with: new)
        if _slowPath(old.meta & Entry.Bit.marks != 0) { noteReplaced(old, by: new, key.slot) }
        if _slowPath(moment.countsFrequency) { countWrite(new, after: old.accessStamp) }
        switch (old.hasDeadline, new.hasDeadline) {
        case (false, false): break
        case (false, true): track(new, key)
        case (true, false): untrack(old, key)
        case (true, true):
            Table.replace(tables.pointee.expiring.find(old, hash: key.hash)!, with: new)
            noteDeadline(new.deadline!)
        }
    }

    /// Takes an entry out of the tables without a mutation. It is the caller's afterwards.
    func unlink(_ slot: Slot, _ key: Key) -> Entry {
        let entry = Table.entry(slot)
        signalReady(key)
        if _slowPath(entry.meta & Entry.Bit.marks != 0) { noteRemoved(entry, key.slot) }
        if entry.hasDeadline { untrack(entry, key) }
        tables.pointee.entries.remove(slot, hash: key.hash, shared.pointee.reclaimer)
        if database == 0 { partition.pointee.slots[key.slot & 63].keys &-= 1 }
        return entry
    }

    /// Deletes the key. `byClient`: a client wanted it, not the clock. Invalidates slots.
    public func remove(_ slot: Slot, _ key: Key, byClient: Bool = true, _ cause: LazyFreeing = .replacement) {
        let dot = nextDot(key.slot)
        let entry = unlink(slot, key)
        emit(key, nil, dot, byClient: byClient, .delete)
        free(entry, cause)
    }

    // MARK: changing in place

    /// The slot's entry, stamped with a new dot (made anew if its header has no room for that dot).
    @inline(__always)
    func restamped(_ slot: Slot, _ key: Key, _ dot: Dot) -> Entry {
        let entry = Table.entry(slot)
        notePredecessor(entry)
        if _fastPath(restamp(entry, dot)) { return entry }
        return remade(slot, key, entry.valueCount, dot, entry.deadline)
    }

    /// The entry is about to be changed in place.
    @inline(__always)
    func notePredecessor(_ entry: Entry) {
        if _slowPath(partition.pointee.notesPredecessors) { partition.pointee.predecessor = entry.dot }
    }

    /// `Entry.restamp`, which keeps count of accesses.
    @inline(__always)
    private func restamp(_ entry: Entry, _ dot: Dot) -> Bool {
        let stamp = entry.accessStamp
        guard entry.restamp(dot, moment) else { return false }
        if _slowPath(moment.countsFrequency) { countWrite(entry, after: stamp) }
        return true
    }

    /// The entry with the same value in a block of another size, or with or without a deadline; or, for a value of
    /// another form, with room for it.
    @inline(never)
    func remade(
        _ slot: Slot, _ key: Key, _ valueCount: Int, _ dot: Dot, _ deadline: Int64?, _ encoding: Encoding? = nil
    ) -> Entry {
        let old = Table.entry(slot)
        // The same version in another form was written when it was.
        let wall = dot == old.dot ? old.timestamp : moment.wall
        let header = Entry.Header(
            type: old.type, encoding: encoding ?? old.encoding, dot: dot,
            moment: Moment(wall: wall, stamp: moment.stamp), deadline: deadline)
        let entry = Entry.make(header, key: old.key, valueCount: valueCount)
        memcpy(entry.value, old.value, min(valueCount, old.valueCount))
        exchange(slot, key, old, entry)
        old.release()
        return entry
    }

    /// Sets or removes the deadline.
    public func setDeadline(_ slot: Slot, _ key: Key, _ deadline: Int64?) {
        var entry = Table.entry(slot)
        notePredecessor(entry)
        let dot = nextDot(key.slot)
        if entry.hasDeadline == (deadline != nil) && restamp(entry, dot) {
            if let deadline {
                entry.storeDeadline(deadline)
                noteDeadline(deadline)
            }
        } else {
            entry = remade(slot, key, entry.valueCount, dot, deadline)
        }
        emit(key, entry, dot, .deadline(deadline))
    }

    /// Writes `bytes` into a string at `offset`; the string is extended, with zeros where nothing
    /// was written. Answers the string's new length. The caller has checked type and limits.
    public func splice(_ key: Key, _ slot: Slot?, offset: Int, _ bytes: ByteView) -> Int {
        let end = offset + bytes.count
        let (place, count) = extend(key, slot, to: end)
        memcpy(place + offset, bytes.start, bytes.count)
        finishSplice(key, offset: offset, bytes)
        return count
    }

    /// A string's bytes for changing them, at least `count` long (zeros are added), reported as raw
    /// from now on. The change is completed with `finishSplice`, which stamps and emits it.
    public func extend(_ key: Key, _ slot: Slot?, to count: Int) -> (UnsafeMutablePointer<UInt8>, Int) {
        guard let slot else {
            let header = Entry.Header(
                type: .string, encoding: .rawBytes, dot: Dot(packed: 0), moment: moment, deadline: nil)
            let entry = Entry.make(header, key: key.view, valueCount: 0)
            insert(entry, key)
            return extend(key, find(key)!, to: count)
        }
        var entry = Table.entry(slot)
        if entry.encoding == .integer { entry = respelled(slot, key, entry) }
        let old = entry.stringCount
        let wanted = max(old, count)
        if entry.encoding == .block { return extendBlock(entry, wanted) }
        if wanted > Limits.inlineValueBytes {
            return extendBlock(moveToBlock(slot, key, entry, wanted), wanted)
        }
        if wanted != old { entry = resized(slot, key, entry, wanted) }
        entry.setEncoding(.rawBytes)
        let start = entry.value.assumingMemoryBound(to: UInt8.self)
        if wanted > old { memset(start + old, 0, wanted - old) }
        return (start, wanted)
    }

    /// Stamps and emits a change made through `extend`.
    public func finishSplice(_ key: Key, offset: Int, _ bytes: ByteView) {
        let dot = nextDot(key.slot)
        let entry = restamped(tables.pointee.entries.find(key)!, key, dot)
        emit(key, entry, dot, .splice(offset: offset, bytes))
    }

    private func extendBlock(_ entry: Entry, _ wanted: Int) -> (UnsafeMutablePointer<UInt8>, Int) {
        var block = entry.block
        block.grow(to: wanted)
        if wanted > block.count { memset(block.bytes + block.count, 0, wanted - block.count) }
        block.count = wanted
        entry.block = block
        return (block.bytes, wanted)
    }

    private func moveToBlock(_ slot: Slot, _ key: Key, _ entry: Entry, _ wanted: Int) -> Entry {
        var block = StringBlock.make(capacity: wanted)
        let old = entry.stringBytes!
        memcpy(block.bytes, old.start, old.count)
        block.count = old.count
        let moved = remade(slot, key, StringBlock.stride, entry.dot, entry.deadline)
        moved.setEncoding(.block)
        moved.block = block
        return moved
    }

    /// An integer string as its decimal text.
    private func respelled(_ slot: Slot, _ key: Key, _ entry: Entry) -> Entry {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Decimal.lengthMax) { digits in
            let count = Decimal.write(entry.integer, digits.baseAddress!)
            let resized = resized(slot, key, entry, count)
            resized.setEncoding(.rawBytes)
            memcpy(resized.value, digits.baseAddress!, count)
            return resized
        }
    }

    func resized(_ slot: Slot, _ key: Key, _ entry: Entry, _ valueCount: Int) -> Entry {
        let fits = sizeClass(entry.size) == sizeClass(entry.size - entry.valueCount + valueCount)
        if fits && entry.isWide == Entry.needsWide(entry.keyCount, valueCount, entry.dot) {
            entry.setValueCount(valueCount)
            return entry
        }
        return remade(slot, key, valueCount, entry.dot, entry.deadline)
    }
}

extension Access {
    /// Whether the key is there, but past its deadline. Removes nothing.
    public func isExpired(_ key: Key) -> Bool {
        guard let slot = tables.pointee.entries.find(key) else { return false }
        return Table.entry(slot).isExpired(moment.wall)
    }
}
