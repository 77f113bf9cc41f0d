import Base
import CSystem

/// How large values are written: a head, and a record for each piece. docs/storage-format.md, "Large values".
enum StoredFormat {
    /// The first byte of every head.
    static let version: UInt8 = 1

    /// The first byte of every piece's record.
    enum Kind: UInt8 {
        /// Of a set, hash or sorted set.
        case elements = 1
        /// Of a list: a listpack, or one long element.
        case listpack = 2
        case plain = 3
        /// Of a stream.
        case entries = 4
        case group = 5
        case pending = 6
    }

    /// Tells the secrets of `cs_hash` apart. Pieces of tables hold what agrees in its hash's first bits: where hashes
    /// are others, elements must be dealt out anew.
    static var hashFingerprint: UInt64 {
        let short = ByteView("fingerprint")
        let long = ByteView("what the secrets make of a longer text")
        return cs_hash(short.start, short.count) ^ cs_hash(long.start, long.count) &* 3
    }
}

/// Why a stored value could not be built again.
public enum StoredValueError: Error, Equatable, Sendable {
    /// The head, or the record of this piece, is not what is written, or is of a later version.
    case damaged(piece: UInt64?)
    /// So many pieces are not there.
    case missingPieces(Int)
    /// A piece that is not the value's, or comes twice or out of order.
    case surplusPiece(UInt64)
    /// Each piece is whole, but they do not fit together.
    case inconsistent
}

/// What every head begins with.
struct StoredHead {
    /// Elements: fields, members, a stream's entries.
    var count: Int
    /// Pieces with records.
    var pieces: Int
    /// All pieces' ids are less.
    var nextID: UInt64

    func append(to output: inout ByteBuffer) {
        output.append(StoredFormat.version)
        output.append(varint: UInt64(count))
        output.append(varint: UInt64(pieces))
        output.append(varint: nextID)
    }

    init(count: Int, pieces: Int, nextID: UInt64) {
        self.count = count
        self.pieces = pieces
        self.nextID = nextID
    }

    init(_ reader: inout PayloadReader) throws(PayloadError) {
        guard try reader.byte() == StoredFormat.version else { throw .unknownKind }
        count = try reader.smallVarint()
        pieces = try reader.smallVarint()
        nextID = try reader.varint()
        if nextID > PieceBook.idMax { throw .corrupt }
    }
}

extension ByteBuffer {
    /// What every piece's record begins with.
    mutating func append(_ kind: StoredFormat.Kind, _ header: UnsafeMutablePointer<PieceHeader>) {
        append(kind.rawValue)
        append(varint: header.pointee.version)
    }

    mutating func append(streamID id: StreamID) {
        append(varint: id.ms)
        append(varint: id.seq)
    }
}

extension PayloadReader {
    mutating func storedKind() throws(PayloadError) -> StoredFormat.Kind {
        guard let kind = StoredFormat.Kind(rawValue: try byte()) else { throw .unknownKind }
        return kind
    }

    mutating func streamID() throws(PayloadError) -> StreamID { StreamID(try varint(), try varint()) }

    /// How many things of at least so many bytes each follow.
    mutating func storedCount(bytesEach: Int = 1) throws(PayloadError) -> Int {
        let count = try smallVarint()
        if count > rest / bytesEach { throw .short }
        return count
    }

    /// All that has not been read.
    mutating func takeRest() throws(PayloadError) -> ByteView { try take(rest) }
}
