import Base
import CSystem

/// Writes a snapshot to a file, from its beginning. After an error nothing more is written; `finish` throws it.
public struct SnapshotWriter: ~Copyable {
    private let file: any File
    private let hasChecksum: Bool
    private var buffer: ByteBuffer
    /// A value in the making: its kind comes before its key, itself behind it.
    private var object = ByteBuffer()
    private var written: Int64 = 0
    private var checksum: UInt64 = 0
    private var failure: DiskError?
    /// Keys so far.
    public private(set) var keys = 0

    /// Bytes that are written at once.
    private static let chunk = 256 << 10

    /// `hasChecksum`: as `rdbchecksum` says.
    public init(_ file: any File, hasChecksum: Bool) {
        self.file = file
        self.hasChecksum = hasChecksum
        buffer = ByteBuffer(capacity: SnapshotWriter.chunk + 4096)
        buffer.append(ByteView(SnapshotFormat.magic))
        let version = "\(10_000 + SnapshotFormat.version)".dropFirst()
        Array(version.utf8).withView { buffer.append($0) }
    }

    /// Adds a note about the file.
    public mutating func note(_ name: StaticString, _ text: String) {
        buffer.append(SnapshotMark.note.rawValue)
        buffer.appendText(ByteView(name))
        text.withView { buffer.appendText($0) }
    }

    /// Adds a library of functions by its source.
    public mutating func library(_ source: [UInt8]) {
        buffer.append(SnapshotMark.library.rawValue)
        source.withView { buffer.appendText($0) }
        flushIfLong()
    }

    /// The keys from here on are in this database, which has so many, some of them with a deadline.
    mutating func database(_ number: Int, keys: Int, deadlines: Int) {
        buffer.append(SnapshotMark.database.rawValue)
        buffer.appendCount(number)
        buffer.append(SnapshotMark.size.rawValue)
        buffer.appendCount(keys)
        buffer.appendCount(deadlines)
    }

    /// Adds a key, with when or how often it is used.
    mutating func key(_ entry: Entry, _ use: SnapshotUse) {
        if failure != nil { return }
        if let deadline = entry.deadline {
            buffer.append(SnapshotMark.deadline.rawValue)
            buffer.append(littleEndian: deadline)
        }
        switch use {
        case .untold: break
        case .idle(let seconds):
            buffer.append(SnapshotMark.idle.rawValue)
            buffer.appendCount(seconds)
        case .frequency(let counter):
            buffer.append(SnapshotMark.frequency.rawValue)
            buffer.append(counter)
        }
        object.truncate(to: 0)
        Payload.writeObject(entry, to: &object)
        buffer.append(object.view[0])
        buffer.appendText(entry.key)
        buffer.append(object.view.slice(1, object.count))
        keys += 1
        flushIfLong()
    }

    /// Adds a version that the key before has besides its value, as a note that other servers pass over.
    mutating func sibling(of key: ByteView, _ version: KeyVersion, at timestamp: Int64) {
        object.truncate(to: 0)
        object.append(counted: key)
        object.append(signedVarint: timestamp &- Limits.timestampEpoch)
        version.encode(to: &object)
        buffer.append(SnapshotMark.note.rawValue)
        buffer.appendText(ByteView(SnapshotFormat.siblingNote))
        buffer.appendText(object.view)
        flushIfLong()
    }

    private mutating func flushIfLong() { if buffer.count >= SnapshotWriter.chunk { flush() } }

    private mutating func flush() {
        if hasChecksum { checksum = CRC64.update(checksum, buffer.view) }
        write()
    }

    private mutating func write() {
        if failure == nil {
            do throws(DiskError) { try file.write(buffer.view, at: written) } catch { failure = error }
        }
        written += Int64(buffer.count)
        buffer.truncate(to: 0)
    }

    /// Writes the end. Answers the file's bytes.
    public mutating func finish() throws(DiskError) -> Int64 {
        buffer.append(SnapshotMark.end.rawValue)
        flush()
        buffer.append(littleEndian: checksum)
        write()
        if let failure { throw failure }
        return written
    }
}

/// What a snapshot tells of a key's use.
enum SnapshotUse {
    case untold
    /// Seconds.
    case idle(Int)
    case frequency(UInt8)
}

/// What a snapshot is to tell of every key's use: as the eviction policy goes by it.
public enum SnapshotHint: Sendable {
    case none, recency, frequency
}

extension Keyspace {
    /// Writes all databases. All locks are held, or this is another process' copy. `afterKey` may wait a little.
    public func write(
        to writer: inout SnapshotWriter, _ hint: SnapshotHint, moment: Moment, afterKey: (() -> Void)? = nil
    ) {
        for database in 0..<databaseCount {
            var keys = 0, deadlines = 0
            forEachPartition(locked: true) { partition in
                keys += partition.pointee.databases[database].entries.count
                deadlines += partition.pointee.databases[database].expiring.count
            }
            if keys == 0 { continue }
            writer.database(database, keys: keys, deadlines: deadlines)
            for i in 0..<Limits.partitions {
                let access = Access(partitions + i, database: database, moment: moment)
                access.tables.pointee.entries.forEach { entry in
                    writer.key(entry, access.use(of: entry, hint))
                    access.forEachSibling(of: entry.key) { writer.sibling(of: entry.key, $0, at: $1) }
                    afterKey?()
                }
            }
        }
    }
}

extension Access {
    fileprivate func use(of entry: Entry, _ hint: SnapshotHint) -> SnapshotUse {
        switch hint {
        case .none: .untold
        case .recency: .idle(AccessStamp.idleSeconds(entry.accessStamp, now: moment.wall))
        case .frequency:
            .frequency(UInt8(AccessStamp.frequency(entry.accessStamp, frequencyRules, now: moment.wall)))
        }
    }
}
