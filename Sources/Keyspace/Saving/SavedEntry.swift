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

    /// Appends an entry's head.
    static func write(_ entry: Entry, to output: inout ByteBuffer) {
        let kind: Kind =
            switch entry.encoding {
            case .integer: .integer
            case .bytes: .text
            case .rawBytes, .block: .rawText
            case .packed, .packedBlock, .integers, .integersBlock: .object
            case .pieces: .object
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
        case .object, .pieces: Payload.writeObject(entry, to: &output)
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
}

extension ByteView {
    /// See `varint(at:)`; lowest bit the sign's (`ByteBuffer.append(signedVarint:)`).
    func signedVarint(at offset: inout Int) -> Int64? {
        varint(at: &offset).map { Int64(bitPattern: $0 >> 1) ^ -Int64($0 & 1) }
    }
}

extension Access {
    /// Puts a key that the tree has into the tables, as it was saved; the key is not there. Answers false if the bytes
    /// are no value.
    public func adopt(_ key: Key, _ head: SavedEntry) -> Bool {
        guard let made = make(key, head) else { return false }
        let moment = Moment(wall: head.timestamp, stamp: self.moment.stamp)
        let entry = stamped(made, key, head.dot, moment)
        entry.setMarks(Entry.Bit.saved, to: Entry.Bit.saved)
        insert(entry, key)
        return true
    }

    func make(_ key: Key, _ head: SavedEntry) -> Entry? {
        switch head.kind {
        case .text: return makeText(key, head, .bytes)
        case .rawText: return makeText(key, head, .rawBytes)
        case .integer:
            var at = 0
            guard let value = head.body.signedVarint(at: &at), at == head.body.count else { return nil }
            let entry = makeDetached(key, .string, .integer, valueCount: 8, deadline: head.deadline)
            entry.integer = value
            return entry
        case .object: return try? Payload.readObject(head.body, self, key, deadline: head.deadline)
        case .pieces: return nil
        }
    }

    private func makeText(_ key: Key, _ head: SavedEntry, _ encoding: Encoding) -> Entry {
        let bytes = head.body
        if bytes.count <= Limits.inlineValueBytes {
            let entry = makeDetached(key, .string, encoding, valueCount: bytes.count, deadline: head.deadline)
            memcpy(entry.value, bytes.start, bytes.count)
            return entry
        }
        let entry = makeDetached(key, .string, .block, valueCount: StringBlock.stride, deadline: head.deadline)
        var block = StringBlock.make(capacity: bytes.count)
        memcpy(block.bytes, bytes.start, bytes.count)
        block.count = bytes.count
        entry.block = block
        return entry
    }
}
