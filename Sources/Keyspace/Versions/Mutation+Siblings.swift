import Base
import CSystem
import Causality

/// The bytes of changes that are about causality rather than values (docs/storage-format.md). They name actors by
/// their ids, so that they mean the same everywhere.
enum SiblingRecord {
    /// The partition's revision; the dictionary; dots that the change notes besides its own; what is stored.
    static func encode(
        _ stored: StoredSiblings<KeyVersion>, noting noted: CausalContext, revision: UInt64, _ table: ActorTable,
        to output: inout ByteBuffer
    ) {
        output.append(varint: revision)
        let dictionary = ActorDictionary(of: stored.actors + noted.actors, table)
        dictionary.encode(to: &output)
        noted.encode(to: &output, dictionary)
        stored.encode(to: &output, dictionary) { $0.encode(to: &$1) }
    }

    struct Contents {
        var revision: UInt64
        var noted: CausalContext
        var stored: StoredSiblings<KeyVersion>
    }

    static func decode(_ bytes: ByteView, _ table: inout ActorTable) throws(CausalityError) -> Contents {
        var at = 0
        guard let revision = bytes.varint(at: &at) else { throw .corrupt }
        var reader = CausalReader(bytes.slice(at, bytes.count))
        let dictionary = try ActorDictionary(&reader, &table)
        let noted = try CausalContext(&reader, dictionary)
        let stored = try StoredSiblings<KeyVersion>(&reader, dictionary) { (bytes) throws(CausalityError) in
            try KeyVersion(bytes)
        }
        if reader.rest != 0 { throw .corrupt }
        return Contents(revision: revision, noted: noted, stored: stored)
    }
}

/// The index of this node's actor (varint), and the table.
enum ActorRecord {
    static func encode(_ table: ActorTable, own: UInt64, to output: inout ByteBuffer) {
        output.append(varint: own)
        table.encode(to: &output)
    }

    static func decode(_ bytes: ByteView) throws(CausalityError) -> (table: ActorTable, own: UInt64) {
        var at = 0
        guard let own = bytes.varint(at: &at) else { throw .corrupt }
        let table = try ActorTable(bytes.slice(at, bytes.count))
        if own == 0 || own >= UInt64(table.count) { throw .corrupt }
        return (table, own)
    }
}

extension Access {
    /// Logs what the key has now. `noting`: dots that are held by now besides the change's own.
    func recordSiblings(_ key: Key, _ dot: Dot, noting noted: CausalContext) {
        partition.pointee.revision &+= 1
        if shared.pointee.sink == nil { return }
        let entry = tables.pointee.entries.find(key).map { Table.entry($0) }
        let stored = stored(key, entry).mapVersions { KeyVersion($0.payload, entry) }
        var bytes = ByteBuffer(capacity: 256)
        shared.pointee.actors.read {
            SiblingRecord.encode(stored, noting: noted, revision: partition.pointee.revision, $0, to: &bytes)
        }
        Partition.record(
            partition,
            Mutation(
                database: database, key: key.view, slot: key.slot, dot: dot, timestamp: moment.wall,
                change: .siblings(bytes.view)))
    }
}

extension Keyspace {
    /// Logs a slot's clock, as a change to be taken up into whatever it is when that is replayed.
    func recordClock(of slot: Int, _ partition: PartitionPointer, now: Int64) {
        guard let clocks = partition.pointee.clocks, shared.pointee.sink != nil else { return }
        var bytes = ByteBuffer(capacity: 256)
        actors.read { clocks[slot & 63].encode(to: &bytes, $0) }
        Partition.record(
            partition,
            Mutation(
                database: 0, key: ByteView(""), slot: slot, dot: Dot(packed: 0), timestamp: now,
                change: .clock(bytes.view)))
    }

    /// The actors, and which one is this node's, as `SavedState` has them.
    public var actorRecord: [UInt8] {
        var bytes = ByteBuffer(capacity: 256)
        actors.read { ActorRecord.encode($0, own: actor, to: &bytes) }
        return bytes.view.bytes
    }

    /// A mutation that says which actors there are, and which one is this node's.
    public func withActorMutation(timestamp: Int64, _ body: (Mutation) -> Void) {
        withActorMutation(actors.table, timestamp: timestamp, body)
    }

    /// The same of a table that has just changed (`ActorRegistry.onChange`).
    public func withActorMutation(_ table: ActorTable, timestamp: Int64, _ body: (Mutation) -> Void) {
        var bytes = ByteBuffer(capacity: 256)
        ActorRecord.encode(table, own: actor, to: &bytes)
        body(
            Mutation(
                database: 0, key: ByteView(""), slot: 0, dot: Dot(packed: 0), timestamp: timestamp,
                change: .actors(bytes.view)))
    }
}

extension Mutation {
    /// Whether what it says of versions, clocks and actors can be read, and its own actor is known: to be asked before it
    /// is applied.
    public func isReadable(_ keyspace: Keyspace) -> Bool {
        do throws(CausalityError) {
            switch change {
            case .actors(let bytes): _ = try ActorRecord.decode(bytes)
            case .siblings(let bytes):
                _ = try keyspace.actors.update { (table) throws(CausalityError) in
                    try SiblingRecord.decode(bytes, &table)
                }
            case .clock(let bytes):
                _ = try keyspace.actors.update { (table) throws(CausalityError) in try SlotClock(bytes, &table) }
            default: break
            }
            return keyspace.shared.pointee.knows(dot.actor)
        } catch {
            return false
        }
    }

    /// Applies what is about actors, clocks or siblings; nil: it is about something else.
    func applyCausality(to keyspace: Keyspace) -> Bool? {
        do throws(CausalityError) {
            switch change {
            case .actors(let bytes):
                let (table, own) = try ActorRecord.decode(bytes)
                keyspace.adopt(table, own: own, now: timestamp)
                return true
            case .clock(let bytes):
                let clock = try keyspace.actors.update { (table) throws(CausalityError) in try SlotClock(bytes, &table)
                }
                let partition = keyspace.partitions + (slot >> 6)
                Partition.withClock(partition, of: slot, now: timestamp) { $0.join(heldHere: clock) }
                return true
            case .siblings(let bytes):
                let contents = try keyspace.actors.update { (table) throws(CausalityError) in
                    try SiblingRecord.decode(bytes, &table)
                }
                return try apply(contents, to: keyspace)
            default: return nil
            }
        } catch {
            return false
        }
    }

    private func apply(_ contents: SiblingRecord.Contents, to keyspace: Keyspace) throws(CausalityError) -> Bool {
        let partition = keyspace.partitions + (slot >> 6)
        if contents.revision <= partition.pointee.revision || database >= keyspace.databaseCount { return false }
        let moment = Moment(wall: timestamp, stamp: AccessStamp.fresh(frequency: false, now: timestamp))
        let access = Access(partition, database: database, moment: moment)
        let key = Key(key)
        let entry = access.tables.pointee.entries.find(key).map { Table.entry($0) }
        // What was saved while it changed may be newer than the log's place where replaying begins.
        let isNewer = entry.map { !Partition.holds($0.dot, partition, of: slot) } ?? false
        partition.pointee.revision = contents.revision
        Partition.hold(dot, partition, of: slot, at: timestamp)
        for entry in contents.noted.base.entries {
            Partition.hold(
                DotRange(actor: entry.actor, 1...entry.counter), partition, of: slot, at: entry.timestamp)
        }
        for entry in contents.noted.dots { Partition.hold(entry.dot, partition, of: slot, at: entry.timestamp) }
        if isNewer { return true }
        do throws(PayloadError) {
            try access.replace(key, contents.stored)
        } catch {
            throw .corrupt
        }
        access.tellObservers(key.view, byClient: true)
        Partition.record(partition, self)
        return true
    }
}

extension Access {
    /// Puts these versions in the place of all that the key has.
    fileprivate func replace(_ key: Key, _ stored: StoredSiblings<KeyVersion>) throws(PayloadError) {
        let current = tables.pointee.entries.find(key).map { Table.entry($0).dot }
        let winner = stored.winner(by: shared.pointee.actors.table) { !$0.isExpired(moment.wall) }
        // The version that is in the table stays there: it may be large, or away.
        let stays = winner?.dot == current ? current : nil
        let clock = Partition.clock(partition, of: key.slot, now: moment.wall)
        try install(stored.mapVersions { $0.dot == stays ? .inTable : .bytes($0.payload) }, key, clock)
        let entry = tables.pointee.entries.find(key).map { Table.entry($0) }
        if let entry, shared.pointee.savesChanges { noteUnsaved(entry, key.hash) }
    }
}

extension Keyspace {
    /// Takes over the actors that a log or a manifest tells of.
    func adopt(_ table: ActorTable, own: UInt64, now: Int64) {
        actors.adopt(table)
        dropActors()
        write(as: own, now: now)
    }
}
