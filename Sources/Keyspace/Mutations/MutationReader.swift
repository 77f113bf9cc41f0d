import Base
import Causality

/// An encoded mutation that is not one: cut off, of an unknown kind, or with numbers that cannot be.
public struct MutationError: Error {
    public init() {}
}

/// Takes encoded mutations apart, one after another. Believes nothing before it is there. What it answers points into
/// the bytes it reads and into its own memory, until the next one is read.
public struct MutationReader: ~Copyable {
    private var reader: PayloadReader
    /// A stream entry's fields, a delivery's IDs.
    private var views: UnsafeMutableBufferPointer<ByteView> = .init(start: nil, count: 0)
    private var ids: UnsafeMutableBufferPointer<StreamID> = .init(start: nil, count: 0)

    /// No server has more databases: numbers are checked against what it has where a mutation is applied.
    private static let databaseMax = Int(Int32.max)

    public init(_ bytes: ByteView) { reader = PayloadReader(bytes) }

    deinit {
        views.deallocate()
        ids.deallocate()
    }

    public var isAtEnd: Bool { reader.rest == 0 }

    /// The key that an encoded mutation is about, at a glance: nothing behind it is looked at. Nil: none, or no mutation.
    public static func key(of bytes: ByteView) -> ByteView? {
        var reader = PayloadReader(bytes)
        do throws(PayloadError) {
            let first = try reader.byte()
            guard let kind = MutationKind(rawValue: first & MutationKind.mask), !kind.isOfSlot else { return nil }
            if first & MutationKind.hasDatabase != 0 { _ = try reader.varint() }
            for _ in 0..<3 { _ = try reader.varint() }
            return try reader.counted()
        } catch {
            return nil
        }
    }

    /// The next mutation, which there must be.
    public mutating func next() throws(MutationError) -> Mutation {
        do throws(PayloadError) {
            return try read()
        } catch {
            throw MutationError()
        }
    }

    private mutating func read() throws(PayloadError) -> Mutation {
        let first = try reader.byte()
        guard let kind = MutationKind(rawValue: first & MutationKind.mask) else { throw .unknownKind }
        let database = first & MutationKind.hasDatabase != 0 ? try reader.smallVarint() : 0
        let (actor, counter) = (try reader.varint(), try reader.varint())
        if database > MutationReader.databaseMax || actor >> 16 != 0 || counter >> 48 != 0 { throw .corrupt }
        let timestamp = try reader.signedVarint() &+ Limits.timestampEpoch
        let isOfSlot = kind.isOfSlot
        let slot = isOfSlot ? try reader.smallVarint() : 0
        let key = isOfSlot ? ByteView("") : try reader.counted()
        if slot >= Limits.slots { throw .corrupt }
        let deadline = first & MutationKind.hasDeadline != 0 ? timestamp &+ (try reader.signedVarint()) : nil
        return Mutation(
            database: database, key: key, slot: isOfSlot ? slot : Key(key).slot,
            dot: Dot(actor: actor, counter: counter), timestamp: timestamp, change: try change(kind, deadline))
    }

    private mutating func change(_ kind: MutationKind, _ deadline: Int64?) throws(PayloadError) -> Mutation.Change {
        switch kind {
        case .putString: return .putString(try reader.counted(), deadline: deadline)
        case .putRawString: return .putRawString(try reader.counted(), deadline: deadline)
        case .putInteger: return .putInteger(try reader.signedVarint(), deadline: deadline)
        case .putObject: return .putObject(try reader.counted(), deadline: deadline)
        case .delete: return .delete
        case .deadline: return .deadline(deadline)
        case .add: return .add(try reader.signedVarint())
        case .splice:
            let offset = try reader.smallVarint()
            let bytes = try reader.counted()
            // No string is that long; and what is added to it must not overflow.
            if offset > 1 << 40 { throw .corrupt }
            return .splice(offset: offset, bytes)
        case .raise:
            let register = try reader.smallVarint()
            let rank = try reader.byte()
            if register >= 1 << 14 || rank > 63 { throw .corrupt }
            return .raise(register: register, rank: rank, isDense: try reader.byte() != 0)
        case .flush: return .flush
        case .swap:
            let other = try reader.smallVarint()
            if other > MutationReader.databaseMax { throw .corrupt }
            return .swap(with: other)
        case .libraries: return .libraries(try reader.counted())
        case .siblings: return .siblings(try reader.counted())
        case .clock: return .clock(try reader.counted())
        case .actors: return .actors(try reader.counted())
        default: return try elementChange(kind)
        }
    }

    private mutating func elementChange(_ kind: MutationKind) throws(PayloadError) -> Mutation.Change {
        switch kind {
        case .setAdd: return .set(.add(try reader.counted()))
        case .setRemove: return .set(.remove(try reader.counted()))
        case .sortedSetPut:
            let member = try reader.counted()
            let score = Double(bitPattern: try reader.littleEndian(UInt64.self))
            if score.isNaN { throw .corrupt }
            return .sortedSet(.put(member, score))
        case .sortedSetRemove: return .sortedSet(.remove(try reader.counted()))
        case .hashSet:
            let field = try reader.counted()
            return .hash(.set(field, try reader.counted()))
        case .hashRemove: return .hash(.remove(try reader.counted()))
        case .listPush, .listPop, .listInsert, .listSet, .listRemove: return .list(try listChange(kind))
        default: return .stream(try streamChange(kind))
        }
    }

    private mutating func listChange(_ kind: MutationKind) throws(PayloadError) -> ListChange {
        switch kind {
        case .listPush:
            let side = try side()
            return .push(side, try reader.counted())
        case .listPop:
            let side = try side()
            return .pop(side, try reader.smallVarint())
        case .listInsert:
            let index = try reader.smallVarint()
            return .insert(at: index, try reader.counted())
        case .listSet:
            let index = try reader.smallVarint()
            return .set(at: index, try reader.counted())
        default:
            let index = try reader.smallVarint()
            let count = try reader.smallVarint()
            // What is added up later must not overflow.
            if index > Int.max - count { throw .corrupt }
            return .remove(at: index, count: count)
        }
    }

    private mutating func side() throws(PayloadError) -> ListSide {
        guard let side = ListSide(rawValue: try reader.byte()) else { throw .corrupt }
        return side
    }
}

// MARK: streams

extension MutationReader {
    private mutating func streamChange(_ kind: MutationKind) throws(PayloadError) -> StreamChange {
        switch kind {
        case .streamAdd:
            let id = try id()
            return .add(id, try fields())
        case .streamDelete: return .delete(try id())
        case .streamTrim: return .trim(try reader.smallVarint())
        case .streamSetID:
            let last = try id()
            let added = Int64(bitPattern: try reader.varint())
            return .setID(last: last, entriesAdded: added, maxDeleted: try id())
        case .streamCreateGroup, .streamSetGroup:
            let name = try reader.counted()
            let last = try id()
            let entriesRead = try optionalCount()
            return kind == .streamCreateGroup
                ? .createGroup(name, last: last, entriesRead: entriesRead)
                : .setGroup(name, last: last, entriesRead: entriesRead)
        case .streamDestroyGroup: return .destroyGroup(try reader.counted())
        case .streamAcknowledge:
            let name = try reader.counted()
            return .acknowledge(group: name, try id())
        default: return try consumerChange(kind)
        }
    }

    private mutating func consumerChange(_ kind: MutationKind) throws(PayloadError) -> StreamChange {
        let group = try reader.counted()
        let consumer = try reader.counted()
        switch kind {
        case .streamCreateConsumer: return .createConsumer(group: group, consumer)
        case .streamDeleteConsumer: return .deleteConsumer(group: group, consumer)
        case .streamClaim:
            let id = try id()
            let time = try reader.signedVarint()
            return .claim(
                group: group, consumer: consumer, id, time: time, deliveries: try reader.signedVarint())
        default:
            let ids = try delivered()
            let time = try reader.signedVarint()
            let last = try id()
            return .deliver(
                StreamDelivery(
                    group: group, consumer: consumer, ids: ids, time: time, lastID: last,
                    entriesRead: try optionalCount()))
        }
    }

    private mutating func id() throws(PayloadError) -> StreamID {
        let ms = try reader.varint()
        return StreamID(ms, try reader.varint())
    }

    private mutating func optionalCount() throws(PayloadError) -> Int64? {
        let value = try reader.varint()
        return value == 0 ? nil : Int64(bitPattern: value &- 1)
    }

    /// Each text takes a byte at least, so no count is believed that the bytes cannot hold.
    private mutating func fields() throws(PayloadError) -> StreamFields {
        let count = try reader.smallVarint()
        if count == 0 || count > reader.rest / 2 { throw .corrupt }
        if views.count < count * 2 {
            views.deallocate()
            views = .allocate(capacity: count * 2)
        }
        for i in 0..<count * 2 { views[i] = try reader.counted() }
        return StreamFields(views.baseAddress.unsafelyUnwrapped, count: count)
    }

    private mutating func delivered() throws(PayloadError) -> UnsafeBufferPointer<StreamID> {
        let count = try reader.smallVarint()
        if count > reader.rest / 2 { throw .corrupt }
        if ids.count < count {
            ids.deallocate()
            ids = .allocate(capacity: count)
        }
        for i in 0..<count { ids[i] = try id() }
        return UnsafeBufferPointer(rebasing: ids[..<count])
    }
}
