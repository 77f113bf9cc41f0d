import Base
import CSystem

/// One value as bytes outside the server: Redis' DUMP payload (an object of its RDB format, version 10, the
/// version's two bytes, CRC-64), which RESTORE of any Redis 7 takes, and which may come from any Redis up to 7.0.
public enum Payload {
    /// The version we write, and the highest we read (Redis 7.0's).
    static let version: UInt16 = 10
    static let footerBytes = 10

    /// Appends the value's payload.
    public static func write(_ entry: Entry, to output: inout ByteBuffer) {
        let start = output.count
        writeObject(entry, to: &output)
        output.append(littleEndian: version)
        output.append(littleEndian: CRC64.checksum(output.view.slice(start, output.count)))
    }

    /// Whether the payload's version is one we read, and its checksum right (or not looked at).
    public static func isIntact(_ payload: ByteView, anyChecksum: Bool = false) -> Bool {
        if payload.count < footerBytes { return false }
        let footer = UnsafeRawPointer(payload.start + (payload.count - footerBytes))
        if UInt16(littleEndian: footer.loadUnaligned(as: UInt16.self)) > version { return false }
        if anyChecksum { return true }
        let checksum = UInt64(littleEndian: footer.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
        return checksum == CRC64.checksum(payload.slice(0, payload.count - 8))
    }

    /// The value of a payload that is intact, as an entry for the key in no table (`Access.putEntry`). Its form
    /// follows today's limits, as if it had been built here. Everything is looked at before it is believed.
    public static func read(
        _ payload: ByteView, _ access: Access, _ key: Key, deadline: Int64?
    ) throws(PayloadError) -> Entry {
        var reader = PayloadReader(payload.slice(0, payload.count - footerBytes))
        return try readObject(&reader, PayloadTarget(access, key, deadline))
    }

    /// The value of an object as `writeObject` makes it: for what has a checksum of its own.
    static func readObject(
        _ object: ByteView, _ access: Access, _ key: Key, deadline: Int64?
    ) throws(PayloadError) -> Entry {
        var reader = PayloadReader(object)
        return try readObject(&reader, PayloadTarget(access, key, deadline))
    }

    /// The payload without version and checksum.
    static func writeObject(_ entry: Entry, to output: inout ByteBuffer) {
        switch entry.type {
        case .string: entry.writeString(to: &output)
        case .hash: entry.writeHash(to: &output)
        case .set: entry.writeSet(to: &output)
        case .sortedSet: entry.writeSortedSet(to: &output)
        case .list: entry.writeList(to: &output)
        case .stream: entry.writeStream(to: &output)
        }
    }

    private static func readObject(
        _ reader: inout PayloadReader, _ target: PayloadTarget
    ) throws(PayloadError) -> Entry {
        guard let kind = PayloadKind(rawValue: try reader.byte()) else { throw .unknownKind }
        return try readObject(&reader, kind, target)
    }

    /// The value behind its kind.
    static func readObject(
        _ reader: inout PayloadReader, _ kind: PayloadKind, _ target: PayloadTarget
    ) throws(PayloadError) -> Entry {
        switch kind {
        case .string: return try target.readString(&reader)
        case .set: return try target.readSet(&reader)
        case .setIntegers: return try target.readIntegerSet(&reader)
        case .hash: return try target.readHash(&reader)
        case .hashZipmap, .hashZiplist, .hashListpack: return try target.readPackedHash(&reader, kind)
        case .sortedSet, .sortedSet2: return try target.readSortedSet(&reader, scoresAreText: kind == .sortedSet)
        case .sortedSetZiplist, .sortedSetListpack: return try target.readPackedSortedSet(&reader, kind)
        case .list: return try target.readList(&reader)
        case .listZiplist: return try target.readListZiplist(&reader)
        case .quicklist: return try target.readZiplists(&reader)
        case .quicklist2: return try target.readNodes(&reader)
        case .stream, .stream2: return try target.readStream(&reader, knowsPast: kind == .stream2)
        }
    }
}

/// What is wrong with a payload.
public enum PayloadError: Error {
    /// It ends too early.
    case short
    /// It contradicts itself.
    case corrupt
    /// A collection without elements, which Redis does not have.
    case empty
    /// Of a kind that this server does not know (modules' among them).
    case unknownKind
}

/// How a value is written: the first byte of a payload (Redis: RDB_TYPE_...).
enum PayloadKind: UInt8 {
    case string = 0
    case list = 1
    case set = 2
    /// Scores as text.
    case sortedSet = 3
    case hash = 4
    /// Scores as eight bytes.
    case sortedSet2 = 5
    case hashZipmap = 9
    case listZiplist = 10
    case setIntegers = 11
    case sortedSetZiplist = 12
    case hashZiplist = 13
    /// A list of ziplists.
    case quicklist = 14
    case stream = 15
    case hashListpack = 16
    case sortedSetListpack = 17
    /// A list of listpacks and single elements.
    case quicklist2 = 18
    case stream2 = 19
}

/// Where a value that is read goes.
struct PayloadTarget {
    let access: Access
    let key: Key
    let deadline: Int64?

    init(_ access: Access, _ key: Key, _ deadline: Int64?) {
        self.access = access
        self.key = key
        self.deadline = deadline
    }

    /// What pieces are marked with.
    var version: UInt64 { access.nextVersion(key) }

    func make(_ type: ValueType, _ encoding: Encoding, _ valueCount: Int) -> Entry {
        access.makeDetached(key, type, encoding, valueCount: valueCount, deadline: deadline)
    }

    /// An entry that holds these bytes: in itself while they are few.
    func make(_ type: ValueType, _ inside: Encoding, _ outside: Encoding, _ bytes: ByteView, insideMax: Int) -> Entry {
        if bytes.count <= insideMax {
            let entry = make(type, inside, bytes.count)
            memcpy(entry.value, bytes.start, bytes.count)
            return entry
        }
        let entry = make(type, outside, StringBlock.stride)
        var block = StringBlock.make(capacity: sizeClass(bytes.count))
        memcpy(block.bytes, bytes.start, bytes.count)
        block.count = bytes.count
        entry.block = block
        return entry
    }

    /// An entry that is this listpack.
    func makePacked(_ type: ValueType, _ pack: ByteView) -> Entry {
        make(type, .packed, .packedBlock, pack, insideMax: PackedValue.inlineMax)
    }

    /// An entry with a large value.
    func makePieces(_ type: ValueType, _ head: UnsafeMutableRawPointer) -> Entry {
        let entry = make(type, .pieces, Entry.headBytes)
        entry.head = head
        return entry
    }
}

extension Access {
    /// Frees an entry that is in no table and will be in none.
    public func discard(_ detached: Entry) { free(detached) }
}
