import Base
import CSystem

/// Saves what has changed in one partition since the last time: first the cut, then slice by slice, so that nobody
/// waits long for the lock. What a slice finds may be newer than the cut; replaying the log from the cut on
/// recognises that by the dots.
///
/// One thread (the flusher's) uses it; it takes the partition's lock itself.
public struct PartitionSave: ~Copyable {
    private let partition: PartitionPointer
    private let databases: Int
    /// What was taken from the partition, for `giveBack`.
    public private(set) var taken = TakenKeys()
    /// Which list is being saved, and its next key.
    private var list = 0
    private var next = 0
    private let round: SaveRound
    /// Records found so far.
    private var records = RecordBatch()
    /// The large value that is being saved.
    private var value = ValueSaving()
    /// It is complete, and its pieces are to go to the records; its key's stem.
    private var completed: [UInt8]?

    /// How many keys a slice looks at, and after how many bytes it ends.
    private static let sliceKeys = 256
    private static let sliceBytes = 128 * 1024

    /// Takes the cut: `cut` is what the partition was at this moment, everything not yet saved is this save's.
    public init(_ keyspace: Keyspace, partition index: Int, cut: inout PartitionCut) {
        partition = keyspace.partitions + index
        databases = keyspace.databaseCount
        round = keyspace.shared.pointee.openRound
        Partition.lock(partition)
        cut = PartitionCut(partition, databases: databases)
        for database in 0..<databases { take(partition.pointee.databases + database, database) }
        let late = UnsafeMutablePointer<ByteBuffer>.allocate(capacity: 1)
        late.initialize(to: ByteBuffer(capacity: 240))
        partition.pointee.lateRemovals = late
        Partition.unlock(partition)
    }

    private mutating func take(_ tables: UnsafeMutablePointer<PartitionDatabase>, _ database: Int) {
        guard let unsaved = tables.pointee.unsavedPlace else { return }
        if unsaved.pointee.isWhole {
            PartitionSave.markAll(tables)
            unsaved.pointee.withoutEntry = partition.pointee.forgetSavedSiblings(database)
        }
        if !unsaved.pointee.changed.isEmpty || !unsaved.pointee.withoutEntry.isEmpty {
            taken.lists.append(
                TakenKeys.List(
                    space: tables.pointee.space, hashes: unsaved.pointee.changed, names: unsaved.pointee.withoutEntry))
            unsaved.pointee.changed = []
            unsaved.pointee.withoutEntry = []
        }
        note(removed: unsaved.pointee.removed.view)
        unsaved.pointee.removed.truncate(to: 0)
    }

    /// Names, each with its length before it.
    private mutating func note(removed names: ByteView) {
        taken.removed += names.bytes
        records.addRemoved(names)
    }

    private static func markAll(_ tables: UnsafeMutablePointer<PartitionDatabase>) {
        tables.pointee.unsaved.pointee.isWhole = false
        var hashes: [UInt64] = []
        tables.pointee.entries.forEach { entry in
            entry.becomeUnsaved()
            hashes.append(Key(entry.key).hash)
        }
        tables.pointee.unsaved.pointee.changed = hashes
    }

    /// Saves one slice. Answers false once there is nothing left.
    public mutating func step() -> Bool {
        if list == taken.lists.count { return false }
        let keys = taken.lists[list]
        value.makeRoom()
        records.makeRoom(records: PartitionSave.sliceKeys, bytes: 2 * PartitionSave.sliceBytes)
        Partition.lock(partition)
        takeLateRemovals()
        // A list whose database was emptied meanwhile is about nothing.
        if let tables = find(keys.space) {
            slice(tables, keys)
        } else {
            next = keys.count
            value.abandon()
        }
        Partition.unlock(partition)
        takePieces()
        if next == keys.count {
            list += 1
            next = 0
        }
        return list < taken.lists.count
    }

    /// Puts the records of a large value's pieces, which nobody can change any more, to the others.
    private mutating func takePieces() {
        guard let stem = completed.take() else { return }
        var saved = ValueSaving()
        swap(&saved, &value)
        stem.withView { stem in
            saved.forEachRecord { id, record in
                if let record { records.add(stem, piece: id, record) } else { remove(id, of: stem) }
            }
        }
    }

    private mutating func remove(_ piece: UInt64, of stem: ByteView) {
        records.add(stem, piece: piece, nil)
        taken.noteRemoved(records.lastKey)
    }

    /// What is to go to the tree, by key. After `finish`.
    public mutating func forEachRecord<E: Error>(_ body: (RecordBatch.Record) throws(E) -> Void) throws(E) {
        try records.forEachInOrder(body)
    }

    /// In the order of events: what comes back after it went is saved by a later slice.
    private mutating func takeLateRemovals() {
        guard let late = partition.pointee.lateRemovals, late.pointee.count > 0 else { return }
        note(removed: late.pointee.view)
        late.pointee.truncate(to: 0)
    }

    /// All slices are done. Answers the partition's next space: none that they may have met is as high.
    public mutating func finish() -> UInt64 {
        Partition.lock(partition)
        defer { Partition.unlock(partition) }
        takeLateRemovals()
        partition.pointee.lateRemovals?.deinitialize(count: 1)
        partition.pointee.lateRemovals?.deallocate()
        partition.pointee.lateRemovals = nil
        return partition.pointee.nextSpace
    }

    private func find(_ space: UInt64) -> UnsafeMutablePointer<PartitionDatabase>? {
        partition.pointee.find(space: space, databases)
    }

    private mutating func slice(_ tables: UnsafeMutablePointer<PartitionDatabase>, _ list: TakenKeys.List) {
        let start = records.bytes
        let end = min(list.hashes.count, next + PartitionSave.sliceKeys)
        while next < end && completed == nil && records.bytes - start < PartitionSave.sliceBytes {
            PartitionSave.prefetch(tables, list.hashes, behind: next)
            if let entry = tables.pointee.entries.firstUnsaved(list.hashes[next]) {
                if !save(entry, tables, list.space) { return }
            } else {
                // What was begun is gone: another value may be where it was.
                value.abandon()
            }
            next += 1
        }
        let last = min(list.count, next + PartitionSave.sliceKeys)
        while next >= list.hashes.count && next < last && completed == nil
            && records.bytes - start < PartitionSave.sliceBytes
        {
            list.names[next - list.hashes.count].withView { saveSiblings(withoutEntry: $0, tables, list.space) }
            next += 1
        }
    }

    /// What a key has besides its value, in the same instant as the value.
    private mutating func saveSiblings(
        _ key: ByteView, _ tables: UnsafeMutablePointer<PartitionDatabase>, _ stem: ByteView
    ) {
        let database = partition.pointee.databases.index(of: tables)
        guard var siblings = partition.pointee.siblings(database, key) else { return }
        var record = ByteBuffer(capacity: 256)
        SavedSiblings.encode(siblings.stored, partition.pointee.shared.pointee.actors.table, to: &record)
        records.add(stem, piece: StoredKey.siblingsPiece, record.view)
        siblings.isSaved = true
        partition.pointee.setSiblings(database, key, siblings)
    }

    private mutating func saveSiblings(
        withoutEntry key: ByteView, _ tables: UnsafeMutablePointer<PartitionDatabase>, _ space: UInt64
    ) {
        // If it has got an entry meanwhile, it is saved with that.
        if tables.pointee.entries.find(Key(key)) != nil { return }
        var stem = ByteBuffer(capacity: 64 + key.count)
        StoredKey.append(slot: Int(cs_key_slot(key.start, key.count)), space: space, key, to: &stem)
        saveSiblings(key, tables, stem.view)
    }

    /// Keys are all over memory: what comes is fetched while others are saved.
    private static func prefetch(
        _ tables: UnsafeMutablePointer<PartitionDatabase>, _ hashes: [UInt64], behind next: Int
    ) {
        if next + 16 < hashes.count { Table.prefetchBucket(of: tables, hashes[next + 16]) }
        if next + 8 < hashes.count { Table.prefetchEntry(of: tables, hashes[next + 8]) }
    }

    /// Answers false if more of a large value is to be saved by the next slice.
    private mutating func save(
        _ entry: Entry, _ tables: UnsafeMutablePointer<PartitionDatabase>, _ space: UInt64
    ) -> Bool {
        let isLarge = entry.encoding == .pieces
        if isLarge {
            if !value.slice(entry) { return false }
        } else {
            value.abandon()
        }
        let key = entry.key
        let slot = Int(cs_key_slot(key.start, key.count))
        records.add {
            StoredKey.append(slot: slot, space: space, key, to: &$0)
        } value: {
            SavedEntry.write(entry, large: isLarge ? value.head : nil, to: &$0)
        }
        let gone = tables.pointee.unsaved.pointee.takeReplaced(key)
        if isLarge || !gone.isEmpty {
            let stem = records.lastKey
            // Before the new value's pieces, which may have the same numbers.
            stem.withView { stem in
                for id in gone { remove(id, of: stem) }
            }
            if isLarge { completed = stem }
        }
        if _slowPath(partition.pointee.siblings != nil) {
            var stem = ByteBuffer(capacity: 64 + key.count)
            StoredKey.append(slot: slot, space: space, key, to: &stem)
            saveSiblings(key, tables, stem.view)
        }
        entry.setMarks(Entry.Bit.saving, to: Entry.Bit.saved | round.bits)
        return true
    }
}

/// What a save took from a partition: hashes of changed keys, and names of what is gone.
public struct TakenKeys: Sendable {
    /// Changed keys of one space.
    struct List: Sendable {
        var space: UInt64
        var hashes: [UInt64]
        /// Keys without an entry of which something is to be saved all the same.
        var names: [[UInt8]] = []

        var count: Int { hashes.count + names.count }
    }

    var lists: [List] = []
    /// Names of keys and pieces, each with its length before it.
    var removed: [UInt8] = []

    fileprivate mutating func noteRemoved(_ name: [UInt8]) {
        var counted = ByteBuffer(capacity: name.count + 4)
        name.withView { counted.append(counted: $0) }
        removed += counted.view.bytes
    }

    /// Gives it back after a failure: it is to be saved again.
    public func giveBack(to keyspace: Keyspace, partition index: Int) {
        let partition = keyspace.partitions + index
        Partition.lock(partition)
        defer { Partition.unlock(partition) }
        for list in lists {
            guard let tables = partition.pointee.find(space: list.space, keyspace.databaseCount) else { continue }
            tables.pointee.unsaved.pointee.changed += list.hashes
            tables.pointee.unsaved.pointee.withoutEntry += list.names
            for hash in list.hashes {
                tables.pointee.entries.forEachLike(hash) { entry in
                    if Key(entry.key).hash == hash { entry.becomeUnsaved() }
                }
            }
        }
        removed.withView { giveBack(removed: $0, partition, keyspace.databaseCount) }
    }

    private func giveBack(removed names: ByteView, _ partition: PartitionPointer, _ databases: Int) {
        var at = 0
        var key = ByteBuffer(capacity: 240)
        while let count = names.varint(at: &at) {
            let name = names.slice(at, at + Int(count))
            at += Int(count)
            key.truncate(to: 0)
            guard let parts = StoredKey.parse(name, key: &key) else { continue }
            partition.pointee.find(space: parts.space, databases)?.pointee.unsaved.pointee.removed.append(counted: name)
        }
    }
}

extension Entry {
    /// The tree has nothing of the entry, at least not under its name: all of it is to be saved.
    fileprivate func becomeUnsaved() {
        setMarks(0, to: Bit.unsaved)
        if encoding == .pieces && pieces.isSaved(head) { pieces.makeDirty(head, nil) }
    }
}

extension Partition {
    /// The database whose keys have this space; nil: none has it any more.
    func find(space: UInt64, _ count: Int) -> UnsafeMutablePointer<PartitionDatabase>? {
        for database in 0..<count where databases[database].space == space { return databases + database }
        return nil
    }
}

/// What a partition was at one moment, besides its keys.
public struct PartitionCut: Equatable, Sendable {
    /// Counters of the 64 slots' latest dots.
    public var clocks: [UInt64] = []
    /// The space of each database.
    public var spaces: [UInt64] = []
    /// No space has had this number or a higher one.
    public var nextSpace: UInt64 = 0
    /// How many changes of unsettled keys there had been (`Partition.revision`).
    public var revision: UInt64 = 0
    /// By slot, encoded clocks of those that know of others' writes.
    public var others: [Int: [UInt8]] = [:]

    public init() {}

    init(_ partition: PartitionPointer, databases: Int) {
        clocks = (0..<64).map { partition.pointee.slots[$0].writes }
        spaces = (0..<databases).map { partition.pointee.databases[$0].space }
        nextSpace = partition.pointee.nextSpace
        revision = partition.pointee.revision
        others = Partition.encodedClocks(partition)
    }
}

extension Table {
    /// An unsaved entry with this hash.
    fileprivate func firstUnsaved(_ hash: UInt64) -> Entry? {
        var found: Entry?
        forEachLike(hash) { entry in
            // What only looks like it is in another list, and would not be given back with this one.
            if found == nil && entry.isUnsaved && cs_hash(entry.key.start, entry.key.count) == hash { found = entry }
        }
        return found
    }

    /// Visits the entries whose hash may be this one.
    func forEachLike(_ hash: UInt64, _ body: (Entry) -> Void) {
        for word in [mainWord, nextWord] where word != 0 {
            var bucket = Table.bucket(word, hash)
            while true {
                let head = bucket.load(as: UInt64.self)
                var candidates = cs_match7(head, Table.tag(hash)) & Table.taken(head)
                while candidates != 0 {
                    body(Table.entry(Table.slot(bucket, candidates.trailingZeroBitCount)))
                    candidates &= candidates &- 1
                }
                if head & 0x80 == 0 { break }
                bucket = Table.child(bucket)
            }
        }
    }
}
