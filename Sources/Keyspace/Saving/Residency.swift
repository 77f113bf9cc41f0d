import Base
import CSystem
import Causality

/// Values that are in the tree only. Their keys stay in memory, with type, dot, time and deadline, so that all that
/// asks for keys alone is exact and quick; the value comes back when a command wants it.
///
/// Only what the tree has in its latest version may go (saved, not unsaved).
extension Entry {
    /// The value is in the tree only: the value area, which says `.bytes`, has the numbers of its pieces.
    @inline(__always)
    public var isAway: Bool { meta & Bit.away != 0 }

    /// Whether the value may go, and is worth it.
    var mayGo: Bool {
        meta & (Bit.unsaved | Bit.saved | Bit.away) == Bit.saved && encoding != .pieces && encoding != .integer
            && (valueCount >= Entry.worthBytes || encoding == .block || encoding == .packedBlock
                || encoding == .integersBlock)
    }

    /// Values shorter than this stay: what remains of the entry takes as much.
    private static var worthBytes: Int { 32 }
}

/// Reads values from where they are. Set once; any thread.
open class ValueLoader: @unchecked Sendable {
    public init() {}

    /// Puts the key's value, which is away, back into memory, waiting for the disk if it must; the partition is locked.
    /// False if it cannot be read: whoever looks for it finds nothing, and `failed` is told.
    open func load(_ access: Access, _ key: Key) -> Bool { false }
}

extension Access {
    /// What `find` does about an entry with a deadline, or without its value.
    @inline(never)
    func findSpecial(_ slot: Slot, _ key: Key) -> Slot? {
        let entry = Table.entry(slot)
        if entry.isExpired(moment.wall) {
            expire(slot, key)
            return nil
        }
        if !entry.isAway || moment.stamp & AccessStamp.needsNoValue != 0 { return slot }
        guard let loader = shared.pointee.loader, loader.load(self, key) else { return nil }
        return tables.pointee.entries.find(key)
    }

    /// Under which number the tree has this database's keys.
    public var space: UInt64 { tables.pointee.space }

    /// Whether the key is there, unexpired, and its value is away: then its dot.
    public func awayDot(_ key: Key) -> Dot? {
        guard let slot = tables.pointee.entries.find(key) else { return nil }
        let entry = Table.entry(slot)
        return entry.isAway && !entry.isExpired(moment.wall) ? entry.dot : nil
    }

    fileprivate var keysAway: [[UInt8]] {
        var names: [[UInt8]] = []
        tables.pointee.entries.forEach { entry in
            if entry.isAway { names.append(entry.key.bytes) }
        }
        return names
    }

    /// Drops a value that the tree has. Answers false if it must stay.
    public func setAside(_ key: Key) -> Bool {
        guard let slot = tables.pointee.entries.find(key) else { return false }
        let old = Table.entry(slot)
        if !old.mayGo || shared.pointee.isBeingSaved(old) { return false }
        let header = Entry.Header(
            type: old.type, encoding: .bytes, dot: old.dot, moment: Moment(wall: old.timestamp, stamp: old.accessStamp),
            deadline: old.deadline)
        let entry = Entry.make(header, key: old.key, valueCount: 0)
        entry.setMarks(0, to: Entry.Bit.saved | Entry.Bit.away)
        replace(slot, key, old, with: entry)
        countAway(1)
        return true
    }

    /// Puts a value back that has been read. Answers false if the bytes are not the key's value: of another version,
    /// or none. True also if it is back, or gone, already.
    public func bringBack(_ key: Key, _ head: SavedEntry, of dot: Dot) -> Bool {
        guard let slot = tables.pointee.entries.find(key) else { return true }
        let old = Table.entry(slot)
        if !old.isAway || old.dot != dot { return true }
        guard head.dot == dot, let made = make(key, head), made.type == old.type else { return false }
        let entry = stamped(made, key, dot, Moment(wall: old.timestamp, stamp: old.accessStamp))
        entry.setMarks(0, to: Entry.Bit.saved)
        replace(slot, key, old, with: entry)
        countAway(-1)
        return true
    }

    /// So many more values of this database's share are away.
    func countAway(_ change: Int) {
        tables.pointee.awayCount &+= change
        _ = cs_add_u64(&shared.pointee.awayCount, UInt64(bitPattern: Int64(change)))
    }

    /// The same key and version in another form: nobody is told.
    private func replace(_ slot: Slot, _ key: Key, _ old: Entry, with new: Entry) {
        Table.replace(slot, with: new)
        if old.hasDeadline {
            Table.replace(tables.pointee.expiring.find(old, hash: key.hash).unsafelyUnwrapped, with: new)
        }
        old.destroy()
    }
}

extension Keyspace {
    /// Has all values brought back that are away, until one is not. Answers that one's key. All locks are held.
    public func firstLeftAway(_ bringBack: (Access, Key) -> Bool) -> String? {
        if shared.pointee.awayValues == 0 { return nil }
        let moment = Moment(wall: 0, stamp: 0)
        for i in 0..<Limits.partitions {
            for database in 0..<databaseCount where partitions[i].databases[database].awayCount != 0 {
                let access = Access(partitions + i, database: database, moment: moment)
                for name in access.keysAway {
                    if name.withView({ !bringBack(access, Key($0)) }) { return String(decoding: name, as: UTF8.self) }
                }
            }
        }
        return nil
    }

    /// A round of saving begins. What it saves stays in memory until it is over: the tree has none of it before, and
    /// never will have if the round fails. (Nor may what the last round but one saved leave: a bit tells rounds apart.)
    public func beginRound() { setRound(shared.pointee.roundNumber + 1, isUnderWay: true) }

    /// What the round saved is in the tree, or is marked as unsaved again.
    public func endRound() { setRound(shared.pointee.roundNumber, isUnderWay: false) }

    private func setRound(_ number: UInt64, isUnderWay: Bool) {
        cs_store_u64(&shared.pointee.roundWord, number << 1 | (isUnderWay ? 1 : 0))
    }
}

extension KeyspaceShared {
    fileprivate var roundNumber: UInt64 { mutating get { cs_load_u64(&roundWord) >> 1 } }

    /// What entries that are saved now are marked with.
    var savedMarks: UInt64 { mutating get { Entry.Bit.saved | (roundNumber & 1 != 0 ? Entry.Bit.oddRound : 0) } }

    /// Whether the round that is under way may have saved the entry, so that the tree need not have it.
    fileprivate mutating func isBeingSaved(_ entry: Entry) -> Bool {
        let word = cs_load_u64(&roundWord)
        return word & 1 != 0 && (entry.meta & Entry.Bit.oddRound != 0) == (word & 2 != 0)
    }

    /// Values that are away. While there is none, nobody need ask.
    public var awayValues: Int {
        @inline(__always)
        mutating get { Int(truncatingIfNeeded: cs_load_u64(&awayCount)) }
    }
}
