import Base
import CSystem
import Causality

/// What the tree holds under a key's name (docs/storage-format.md): its dot, time and deadline, and the value, or of
/// a large one what is not in its pieces.
public struct SavedEntry {
    enum Kind: UInt8 {
        case text = 1
        case rawText = 2
        case integer = 3
        /// An object as in a payload, without version and checksum.
        case object = 4
        /// A large value's own part: its type, then what the type makes of it.
        case pieces = 5
    }

    static let hasDeadline: UInt8 = 0x80

    let kind: Kind
    let dot: Dot
    /// ms since 1970.
    let timestamp: Int64
    public let deadline: Int64?
    /// What follows.
    let body: ByteView

    /// Appends an entry's head. `large`: what a large value says besides its pieces, if those are saved one by one.
    static func write(_ entry: Entry, large: ByteView? = nil, to output: inout ByteBuffer) {
        let kind: Kind =
            switch entry.encoding {
            case .integer: .integer
            case .bytes: .text
            case .rawBytes, .block: .rawText
            case .packed, .packedBlock, .integers, .integersBlock: .object
            case .pieces: large == nil ? .object : .pieces
            }
        let deadline = entry.deadline
        output.append(kind.rawValue | (deadline == nil ? 0 : hasDeadline))
        let dot = entry.dot
        output.append(varint: dot.actor)
        output.append(varint: dot.counter)
        let timestamp = entry.timestamp
        output.append(signedVarint: timestamp &- Limits.timestampEpoch)
        if let deadline { output.append(signedVarint: deadline &- timestamp) }
        switch kind {
        case .integer: output.append(signedVarint: entry.integer)
        case .text, .rawText: output.append(entry.stringBytes.unsafelyUnwrapped)
        case .object: Payload.writeObject(entry, to: &output)
        case .pieces:
            output.append(entry.type.rawValue)
            output.append(large.unsafelyUnwrapped)
        }
    }

    /// Nil if the bytes are not a head that this version writes.
    public init?(_ bytes: ByteView) {
        guard bytes.count > 0, let kind = Kind(rawValue: bytes[0] & ~SavedEntry.hasDeadline) else { return nil }
        var at = 1
        guard let actor = bytes.varint(at: &at), let counter = bytes.varint(at: &at),
            let time = bytes.signedVarint(at: &at), actor < 1 << 16, counter < 1 << 48
        else { return nil }
        self.kind = kind
        dot = Dot(actor: actor, counter: counter)
        timestamp = time &+ Limits.timestampEpoch
        if bytes[0] & SavedEntry.hasDeadline != 0 {
            guard let distance = bytes.signedVarint(at: &at) else { return nil }
            deadline = timestamp &+ distance
        } else {
            deadline = nil
        }
        body = bytes.slice(at, bytes.count)
    }

    /// Of a large value, its type, and its own part for `StoredValueLoader`. Nil: the head is the value.
    public var large: (type: ValueType, head: ByteView)? {
        guard kind == .pieces, body.count > 0, let type = ValueType(rawValue: body[0]), type != .string else {
            return nil
        }
        return (type, body.slice(1, body.count))
    }

    /// The value's pieces have records of their own.
    public var isLarge: Bool { kind == .pieces }
}

extension ByteView {
    /// See `varint(at:)`; lowest bit the sign's (`ByteBuffer.append(signedVarint:)`).
    func signedVarint(at offset: inout Int) -> Int64? {
        varint(at: &offset).map { Int64(bitPattern: $0 >> 1) ^ -Int64($0 & 1) }
    }
}

extension Access {
    /// Puts a key that the tree has into the tables, as it was saved; the key is not there. `value`: of a large one,
    /// taken over. Answers false if the bytes are no value.
    public func adopt(_ key: Key, _ head: SavedEntry, _ value: StoredValue? = nil) -> Bool {
        guard let entry = make(key, head, value, Moment(wall: head.timestamp, stamp: moment.stamp)) else {
            return false
        }
        insert(entry, key)
        if value?.isDirty ?? false { noteUnsaved(entry, key.hash) }
        return true
    }

    /// The same for a large value that stays where it is. `pieces`: the ids of its pieces, ascending.
    public func adoptAway(_ key: Key, _ head: SavedEntry, pieces: [UInt64]) -> Bool {
        guard let type = head.large?.type else { return false }
        let header = Entry.Header(
            type: type, encoding: .bytes, dot: head.dot, moment: Moment(wall: head.timestamp, stamp: moment.stamp),
            deadline: head.deadline)
        insert(Entry.makeAway(header, key.view, pieces), key)
        countAway(1)
        return true
    }

    /// The entry that was saved, in no table yet. Nil if the bytes are no value; a large one is freed then.
    func make(_ key: Key, _ head: SavedEntry, _ value: StoredValue?, _ moment: Moment) -> Entry? {
        guard let made = makeUnstamped(key, head, value) else {
            value?.free()
            return nil
        }
        let entry = stamped(made, key, head.dot, moment)
        entry.setMarks(0, to: Entry.Bit.saved)
        return entry
    }

    private func makeUnstamped(_ key: Key, _ head: SavedEntry, _ value: StoredValue?) -> Entry? {
        switch head.kind {
        case .text: return makeText(key, head.body, .bytes, deadline: head.deadline)
        case .rawText: return makeText(key, head.body, .rawBytes, deadline: head.deadline)
        case .integer:
            var at = 0
            guard let value = head.body.signedVarint(at: &at), at == head.body.count else { return nil }
            let entry = makeDetached(key, .string, .integer, valueCount: 8, deadline: head.deadline)
            entry.integer = value
            return entry
        case .object: return try? Payload.readObject(head.body, self, key, deadline: head.deadline)
        case .pieces: return value.map { makeDetached(key, $0, deadline: head.deadline) }
        }
    }

    /// A string as it is, whatever it spells, in an entry in no table yet.
    func makeText(_ key: Key, _ bytes: ByteView, _ encoding: Encoding, deadline: Int64?) -> Entry {
        if bytes.count <= Limits.inlineValueBytes {
            let entry = makeDetached(key, .string, encoding, valueCount: bytes.count, deadline: deadline)
            memcpy(entry.value, bytes.start, bytes.count)
            return entry
        }
        let entry = makeDetached(key, .string, .block, valueCount: StringBlock.stride, deadline: deadline)
        var block = StringBlock.make(capacity: bytes.count)
        memcpy(block.bytes, bytes.start, bytes.count)
        block.count = bytes.count
        entry.block = block
        return entry
    }
}
