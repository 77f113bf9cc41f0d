import Base

/// What a record of the tree is called (docs/storage-format.md): slot, space, key, piece, so that bytewise order
/// keeps a slot's keys, a database's keys and a value's pieces together.
///
/// The key's zero bytes are followed by 0xff and its end is marked by 0, 1: so no key's name is the beginning of
/// another's, and order is that of the keys.
public enum StoredKey {
    /// Slot and space.
    static let prefixBytes = 10
    static let pieceBytes = 8
    /// Under this number, which no piece has, is what a key has besides its value (`KeySiblings`): behind all pieces.
    public static let siblingsPiece = UInt64.max

    /// Appends the name of a key's head: the stem of its pieces' names.
    public static func append(slot: Int, space: UInt64, _ key: ByteView, to output: inout ByteBuffer) {
        output.append(bigEndian: UInt16(slot))
        output.append(bigEndian: space)
        var from = 0
        for i in 0..<key.count where key[i] == 0 {
            output.append(key.slice(from, i + 1))
            output.append(0xff)
            from = i + 1
        }
        output.append(key.slice(from, key.count))
        output.append(0)
        output.append(1)
    }

    /// Appends the name of a piece of the key with this stem.
    static func append(_ stem: ByteView, piece: UInt64, to output: inout ByteBuffer) {
        output.append(stem)
        output.append(bigEndian: piece)
    }

    /// Appends the first name that is behind all of a stem's.
    public static func appendEnd(of stem: ByteView, to output: inout ByteBuffer) {
        output.append(stem.slice(0, stem.count - 1))
        output.append(2)
    }

    /// Bytes of one of our own names without a piece's number: up to where the key ends.
    static func stem(_ name: ByteView) -> Int {
        var at = prefixBytes
        while name[at] != 0 || name[at + 1] != 1 { at += name[at] == 0 ? 2 : 1 }
        return at + 2
    }

    /// What a name says; nil if it is none.
    public struct Parts: Equatable {
        public var slot: Int
        public var space: UInt64
        /// Nil: the head.
        public var piece: UInt64?
        /// Bytes before the piece's number.
        public var stem: Int
    }

    /// Takes a name apart; the key is appended to `key`.
    public static func parse(_ name: ByteView, key: inout ByteBuffer) -> Parts? {
        if name.count < prefixBytes + 2 { return nil }
        let slot = Int(UInt16(truncatingIfNeeded: number(name, 0, 2)))
        let space = number(name, 2, 8)
        var at = prefixBytes
        var from = at
        while true {
            while at < name.count, name[at] != 0 { at += 1 }
            if at + 1 >= name.count { return nil }
            if name[at + 1] == 1 { break }
            if name[at + 1] != 0xff { return nil }
            key.append(name.slice(from, at + 1))
            at += 2
            from = at
        }
        key.append(name.slice(from, at))
        let stem = at + 2
        if slot >= Limits.slots { return nil }
        if stem == name.count { return Parts(slot: slot, space: space, piece: nil, stem: stem) }
        if stem + pieceBytes != name.count { return nil }
        let piece = number(name, stem, 8)
        return Parts(slot: slot, space: space, piece: piece, stem: stem)
    }

    /// The piece's number in the name of one whose key's name has so many bytes.
    public static func piece(_ name: ByteView, stem: Int) -> UInt64? {
        name.count == stem + pieceBytes ? number(name, stem, pieceBytes) : nil
    }

    /// So many bytes, the highest first.
    private static func number(_ name: ByteView, _ offset: Int, _ count: Int) -> UInt64 {
        (offset..<offset + count).reduce(0) { $0 << 8 | UInt64(name[$1]) }
    }
}
