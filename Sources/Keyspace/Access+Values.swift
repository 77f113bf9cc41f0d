import Base
import CSystem
import Causality

/// What commands on collections need besides finding keys: making values, changing them in place, exchanging
/// one form for another.
extension Access {
    /// Adds an entry of this form for a key that is not there; the value area is yet to be written.
    /// The change is completed with `changed`. Invalidates slots.
    public func makeValue(_ key: Key, _ type: ValueType, _ encoding: Encoding, valueCount: Int) -> Entry {
        let header = Entry.Header(
            type: type, encoding: encoding, dot: Dot(packed: 0), moment: moment, deadline: nil)
        let entry = Entry.make(header, key: key.view, valueCount: valueCount)
        insert(entry, key)
        signalReady(key)
        return entry
    }

    /// The version that the next change of this key will have: what a piece that it touches is marked with.
    @inline(__always)
    public func nextVersion(_ key: Key) -> UInt64 { partition.pointee.slots[key.slot & 63].writes &+ 1 }

    /// Stamps a change that was made to the value at `slot`, tells watchers, emits it. Once for each mutation.
    @inline(__always)
    public func changed(_ slot: Slot, _ key: Key, _ change: @autoclosure () -> Mutation.Change) {
        let dot = nextDot(key.slot)
        emit(key, restamped(slot, key, dot), dot, change())
    }

    /// The change took the value's last element: the key is gone with it (Redis: no empty collections).
    /// No `.delete` is emitted, replaying the change has the same effect. Invalidates slots.
    public func removeEmptied(_ slot: Slot, _ key: Key, _ change: @autoclosure () -> Mutation.Change) {
        let dot = nextDot(key.slot)
        let entry = unlink(slot, key)
        notePredecessor(entry)
        emit(key, nil, dot, change())
        free(entry)
    }

    /// Gives the value at `slot` another form with the same contents (packed to pieces): the value area is
    /// made anew, to be written by the caller; what the old one pointed to is the caller's to free, pieces afterwards.
    /// No mutation: contents, dot and deadline stay.
    public func recast(_ slot: Slot, _ key: Key, _ encoding: Encoding, valueCount: Int) -> Entry {
        let old = Table.entry(slot)
        return remade(slot, key, valueCount, old.dot, old.deadline, encoding)
    }

    /// Makes the key hold a value built elsewhere (by `Entry.makeDetached` for this very key), replacing what is
    /// there. Takes the entry over. `slot` is what `find` answered. Invalidates slots when nil.
    public func putEntry(_ entry: Entry, _ key: Key, _ slot: Slot?) {
        let dot = nextDot(key.slot)
        let placed = stamped(entry, key, dot, moment)
        install(placed, key, slot)
        signalReady(key)
        emitWhole(placed, key, dot)
    }

    /// An entry in no table yet, for `putEntry`. Its value area is the caller's to write.
    public func makeDetached(
        _ key: Key, _ type: ValueType, _ encoding: Encoding, valueCount: Int, deadline: Int64? = nil
    ) -> Entry {
        let header = Entry.Header(
            type: type, encoding: encoding, dot: Dot(packed: 0), moment: moment, deadline: deadline)
        return Entry.make(header, key: key.view, valueCount: valueCount)
    }

    /// The limits of packed forms (CONFIG's hash-max-listpack-entries and its like).
    @inline(__always)
    public var packing: PackingLimits { shared.pointee.packing }

    /// The key may now serve clients that block on it, or fail them: it has got a value of another type, or a
    /// stream has got an entry, or is gone. Everything that installs or removes values calls it; only commands that
    /// add to a stream that is there have to. Costs one load while nobody blocks.
    @inline(__always)
    public func signalReady(_ key: Key) {
        if _slowPath(partition.pointee.waiting != 0) { noteReady(key) }
    }

    @inline(never)
    private func noteReady(_ key: Key) { shared.pointee.events?.becameReady(key, database: database) }
}

/// The sizes up to which collections stay packed. Written by CONFIG SET, read by all loops: relaxed atomics.
public struct PackingLimits: @unchecked Sendable {
    /// A limit by its parameter: entries and bytes of hashes, sets, sorted sets, nodes of lists and streams.
    public enum Limit: Int, CaseIterable, Sendable {
        case hashEntries, hashValue, setIntegers, setEntries, setValue, sortedSetEntries, sortedSetValue
        /// Elements of a large sorted set's piece. No parameter: tests make it small.
        case sortedSetPiece
        /// list-max-listpack-size as configured: negative is a size class, positive a number of elements.
        case listSize
        /// Elements of lists of this size and more are not packed with others.
        case plainElementBytes
        case streamNodeBytes, streamNodeEntries
        /// hll-sparse-max-bytes
        case sparseBytes
    }

    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: Limit.allCases.count)
        words.initialize(repeating: 0, count: Limit.allCases.count)
        for (limit, value) in PackingLimits.defaults { self[limit] = value }
    }

    /// Redis 7's (sets: 7.2's).
    private static let defaults: [(Limit, Int)] = [
        (.hashEntries, 512), (.hashValue, 64), (.setIntegers, 512), (.setEntries, 128), (.setValue, 64),
        (.sortedSetEntries, 128), (.sortedSetValue, 64), (.sortedSetPiece, SortedSetTree.elementsMax), (.listSize, -2),
        (.plainElementBytes, ListLimits.plainBytesUsual), (.streamNodeBytes, 4096), (.streamNodeEntries, 100),
        (.sparseBytes, 3000),
    ]

    func free() { words.deallocate() }

    public subscript(_ limit: Limit) -> Int {
        @inline(__always)
        get { Int(bitPattern: UInt(cs_load_u64(words + limit.rawValue))) }
        nonmutating set { cs_store_u64(words + limit.rawValue, UInt64(UInt(bitPattern: newValue))) }
    }
}
