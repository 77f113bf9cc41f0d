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

    /// Whether the value may go, and is worth it. `open`: the round of saving that is under way.
    func mayGo(_ open: SaveRound) -> Bool {
        if meta & (Bit.marks | Bit.away) != Bit.saved { return false }
        if open != .none && meta & Bit.round == open.bits { return false }
        return switch encoding {
        case .integer: false
        case .block, .packedBlock, .integersBlock, .pieces: true
        case .bytes, .rawBytes, .packed, .integers: valueCount >= Entry.worthBytes
        }
    }

    /// An entry whose value is away; `pieces`: the ids of a large one's pieces.
    static func makeAway(_ header: Header, _ key: ByteView, _ pieces: [UInt64]) -> Entry {
        var numbers = ByteBuffer(capacity: 16)
        PieceNumbers.append(pieces, to: &numbers)
        let entry = make(header, key: key, valueCount: numbers.count)
        memcpy(entry.value, numbers.view.start, numbers.count)
        entry.setMarks(0, to: Bit.saved | Bit.away)
        return entry
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
            // A sibling without that deadline may be what the key holds now.
            guard hasSiblings(key), let next = tables.pointee.entries.find(key),
                !Table.entry(next).isExpired(moment.wall)
            else { return nil }
            return present(next, key)
        }
        if !entry.isAway || moment.stamp & AccessStamp.needsNoValue != 0 { return slot }
        return present(slot, key)
    }

    /// The key's slot once its value is in memory; nil if it cannot be read: whoever writes the key anew replaces it.
    func present(_ slot: Slot, _ key: Key) -> Slot? {
        if !Table.entry(slot).isAway { return slot }
        guard let loader = shared.pointee.loader, loader.load(self, key) else {
            partition.pointee.hidesKeys = true
            return nil
        }
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
        if !old.mayGo(shared.pointee.openRound) { return false }
        let header = Entry.Header(
            type: old.type, encoding: .bytes, dot: old.dot, moment: Moment(wall: old.timestamp, stamp: old.accessStamp),
            deadline: old.deadline)
        replace(slot, key, old, with: Entry.makeAway(header, old.key, old.savedPieceIDs))
        countAway(1)
        return true
    }

    /// Puts a value back that has been read, a large one with `value`, which is taken over. Answers false if it is not
    /// the key's: of another version, or none. True also if it is back, or gone, already.
    public func bringBack(_ key: Key, _ head: SavedEntry, _ value: StoredValue?, of dot: Dot) -> Bool {
        guard let slot = tables.pointee.entries.find(key), Table.entry(slot).isAway, Table.entry(slot).dot == dot else {
            value?.free()
            return true
        }
        let old = Table.entry(slot)
        let moment = Moment(wall: old.timestamp, stamp: old.accessStamp)
        guard head.dot == dot, let entry = make(key, head, value, moment) else { return false }
        if entry.type != old.type {
            entry.destroy()
            return false
        }
        replace(slot, key, old, with: entry)
        countAway(-1)
        if value?.isDirty ?? false { noteUnsaved(entry, key.hash) }
        return true
    }

    /// Visits all entries of the database's share of the partition. Values that are away come back for the visit; what
    /// cannot be read is left out.
    public func forEachWithValue(_ body: (Entry) -> Void) {
        tables.pointee.entries.forEach { if !$0.isAway { body($0) } }
        if tables.pointee.awayCount == 0 { return }
        for key in keysAway {
            key.withView { view in
                let key = Key(view)
                guard let slot = tables.pointee.entries.find(key).flatMap({ present($0, key) }) else { return }
                body(Table.entry(slot))
                _ = setAside(key)
            }
        }
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
        free(old)
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
}

extension KeyspaceShared {
    /// Values that are away. While there is none, nobody need ask.
    public var awayValues: Int {
        @inline(__always)
        mutating get { Int(truncatingIfNeeded: cs_load_u64(&awayCount)) }
    }
}
