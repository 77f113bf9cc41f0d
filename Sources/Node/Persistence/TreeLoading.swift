import Base
import Keyspace
import Storage

/// Puts what the tree has into the key space, at the start: records as they come from a scan over all of it.
struct TreeLoading: ~Copyable {
    private let keyspace: Keyspace
    private let moment: Moment
    /// A large value whose pieces are still to come.
    private var open: OpenValue?
    private(set) var keys = 0
    /// Values stay where they are from now on: memory is full.
    var staysAway = false

    private struct OpenValue {
        var database: Int
        var key: [UInt8]
        /// The key's name and record.
        var stem: [UInt8]
        var head: [UInt8]
        /// Nil: the value stays away, and these are its pieces.
        var reader: LargeValueReader?
        var ids: [UInt64] = []
        var expected: Int
    }

    init(_ keyspace: Keyspace, _ moment: Moment) {
        self.keyspace = keyspace
        self.moment = moment
    }

    /// Takes the scan's next record.
    mutating func add(_ name: ByteView, _ value: ByteView) throws(RecoveryError) {
        var key = ByteBuffer(capacity: 240)
        guard let parts = StoredKey.parse(name, key: &key) else {
            throw .record(of: "unknown", "its name is none")
        }
        // The records of emptied databases are left until compaction meets them.
        guard let database = keyspace.database(ofSpace: parts.space, slot: parts.slot) else { return }
        if parts.piece == StoredKey.siblingsPiece {
            try finish()
            let isTaken = access(Key(key.view), database).adoptSiblings(Key(key.view), value)
            if !isTaken { throw unreadable(key.view, "what it has besides its value is not right") }
            return
        }
        if let piece = parts.piece { return try add(piece: piece, key.view, name.slice(0, parts.stem), value) }
        try finish()
        guard let head = SavedEntry(value) else { throw unreadable(key.view, "not a value") }
        if head.isLarge {
            try begin(database, key.view, name, value)
        } else {
            try adopt(database, Key(key.view), head, nil)
        }
    }

    /// Nothing comes any more.
    mutating func finish() throws(RecoveryError) {
        guard let open else { return }
        throw open.key.withView { unreadable($0, "\(open.expected - open.ids.count) pieces are missing") }
    }

    private mutating func begin(
        _ database: Int, _ key: ByteView, _ name: ByteView, _ record: ByteView
    ) throws(RecoveryError) {
        let pieces = try orUnreadable(key) { () throws(StoredValueError) in try LargeValueReader(record) }
        open = OpenValue(
            database: database, key: key.bytes, stem: name.bytes, head: record.bytes, reader: staysAway ? nil : pieces,
            expected: pieces.missing)
        if pieces.isComplete { try close() }
    }

    private mutating func add(
        piece: UInt64, _ key: ByteView, _ stem: ByteView, _ record: ByteView
    ) throws(RecoveryError) {
        guard var value = open.take(), value.stem.withView({ $0 == stem }) else {
            throw unreadable(key, "piece \(piece) belongs to no value")
        }
        value.ids.append(piece)
        try orUnreadable(key) { () throws(StoredValueError) in try value.reader?.add(piece, record) }
        let isComplete = value.ids.count == value.expected
        open = value
        if isComplete { try close() }
    }

    private mutating func close() throws(RecoveryError) {
        guard let value = open.take() else { return }
        try value.key.withView { key throws(RecoveryError) in
            let pieces = try orUnreadable(key) { () throws(StoredValueError) in try value.reader?.finish() }
            try value.head.withView { bytes throws(RecoveryError) in
                guard let head = SavedEntry(bytes) else { throw unreadable(key, "not a value") }
                if let pieces { return try adopt(value.database, Key(key), head, pieces) }
                let isTaken = access(Key(key), value.database).adoptAway(Key(key), head, pieces: value.ids)
                if !isTaken { throw unreadable(key, "not a value") }
                keys += 1
            }
        }
    }

    private mutating func adopt(
        _ database: Int, _ key: Key, _ head: SavedEntry, _ value: StoredValue?
    ) throws(RecoveryError) {
        let access = access(key, database)
        if !access.adopt(key, head, value) { throw unreadable(key.view, "not a value") }
        if staysAway { _ = access.setAside(key) }
        keys += 1
    }

    private func access(_ key: Key, _ database: Int) -> Access {
        Access(keyspace.partition(of: key), database: database, moment: moment)
    }

    private func orUnreadable<R>(
        _ key: ByteView, _ body: () throws(StoredValueError) -> R
    ) throws(RecoveryError) -> R {
        do throws(StoredValueError) { return try body() } catch { throw unreadable(key, "\(error)") }
    }

    private func unreadable(_ key: ByteView, _ reason: String) -> RecoveryError {
        .record(of: String(decoding: key.bytes, as: UTF8.self), reason)
    }
}
