import Base
import Keyspace

/// A key space that a start fills from the log and the tree.
final class SmallKeyspace {
    static let databases = 2
    let keyspace: Keyspace
    /// The partitions that mutations were about.
    private(set) var partitions: Set<Int> = []

    /// Time for what has none of its own, ms since 1970.
    private static let now: Int64 = 1_800_000_000_000
    /// A string of a few bytes may be as long as a mutation says: no input is to take more memory than this.
    private static let spliceMax = 1 << 16

    /// - Parameter low: nearly all values are in pieces.
    init(low: Bool) {
        keyspace = Keyspace(databases: Self.databases, reclaimer: Reclaimer(readers: 1), disposer: Disposer())
        // Changes are marked as unsaved, as they are while a start replays the log.
        keyspace.shared.pointee.sink = MutationSink()
        if !low { return }
        let packing = keyspace.shared.pointee.packing
        let limits: [(PackingLimits.Limit, Int)] = [
            (.listSize, 2), (.plainElementBytes, 40), (.sortedSetPiece, 8), (.sortedSetEntries, 2), (.hashEntries, 2),
            (.setEntries, 2), (.setIntegers, 2), (.streamNodeEntries, 2),
        ]
        for (limit, value) in limits { packing[limit] = value }
    }

    func access(slot: Int, _ database: Int) -> Access {
        partitions.insert(slot >> 6)
        let moment = Moment(wall: Self.now, stamp: AccessStamp.fresh(frequency: false, now: Self.now))
        return Access(keyspace.partitions + (slot >> 6), database: database, moment: moment)
    }

    /// Applies a record's mutations as a start does. False: there is something that is none.
    /// - Parameter copy: gets them as they are written.
    func replay(_ record: ByteView, copy: inout ByteBuffer) -> Bool {
        var reader = MutationReader(record)
        while !reader.isAtEnd {
            guard let mutation = try? reader.next(), mutation.database < Self.databases else { return false }
            if case .splice(let offset, _) = mutation.change, offset > Self.spliceMax { continue }
            mutation.encode(to: &copy)
            partitions.insert(mutation.slot >> 6)
            mutation.apply(to: keyspace)
        }
        return true
    }

    var contents: [KeyContents] { KeyContents.all(keyspace, partitions: partitions) }

    // MARK: The tree

    /// A record of the tree.
    struct Record {
        var name: [UInt8]
        var value: [UInt8]
    }

    /// What the tree has once everything has been saved, and the state it keeps.
    func saved() -> (state: [UInt8], records: [Record]) {
        keyspace.beginSaving(over: nil)
        var state = ByteBuffer()
        SavedState(keyspace, logPosition: 7).encode(to: &state)
        var records: [Record] = []
        for partition in partitions.sorted() {
            var cut = PartitionCut()
            var save = PartitionSave(keyspace, partition: partition, cut: &cut)
            while save.step() {}
            _ = save.finish()
            save.forEachRecord { record in
                if let value = record.value { records.append(Record(name: record.key.bytes, value: value.bytes)) }
            }
        }
        return (state.view.bytes, records)
    }

    /// Takes over what the tree has. Answers what is wrong with it.
    func load(_ state: [UInt8], _ records: [Record]) -> String? {
        guard let state = state.withView({ SavedState($0) }) else { return "the state cannot be read" }
        do { try keyspace.adopt(state) } catch { return "clocks or actors cannot be read" }
        var at = 0
        while at < records.count {
            var key = ByteBuffer(capacity: 64)
            guard let parts = records[at].name.withView({ StoredKey.parse($0, key: &key) }) else { return "no name" }
            guard let database = keyspace.database(ofSpace: parts.space, slot: parts.slot) else { return "no database" }
            let pieces = records[(at + 1)...].prefix {
                $0.name.count > parts.stem && $0.name.starts(with: records[at].name)
            }
            let taken = records[at].value.withView { head in
                adopt(Key(key.view), database, head, pieces.map { (Self.piece($0.name, parts.stem), $0.value) })
            }
            if !taken { return "key \(key.view.text) cannot be read" }
            at += 1 + pieces.count
        }
        return nil
    }

    private static func piece(_ name: [UInt8], _ stem: Int) -> UInt64 {
        name.withView { StoredKey.piece($0, stem: stem) } ?? .max
    }

    /// Puts a key's value together. False if it is none; there is no such key then.
    func adopt(_ key: Key, _ database: Int, _ head: ByteView, _ pieces: [(id: UInt64, record: [UInt8])]) -> Bool {
        guard let entry = SavedEntry(head) else { return false }
        let access = access(slot: key.slot, database)
        if !entry.isLarge { return pieces.isEmpty && access.adopt(key, entry) }
        guard let large = entry.large, let value = try? Self.load(large.type, large.head, pieces) else { return false }
        return access.adopt(key, entry, value)
    }

    private static func load(
        _ type: ValueType, _ head: ByteView, _ pieces: [(id: UInt64, record: [UInt8])]
    ) throws(StoredValueError) -> StoredValue {
        var loader = try StoredValueLoader(type, head)
        if loader.expectedPieces != pieces.count { throw .missingPieces(loader.expectedPieces) }
        for (id, record) in pieces {
            try record.withView { (view) throws(StoredValueError) in try loader.add(id, view) }
        }
        return try loader.finish()
    }
}
