import Base
import CSystem

/// A large set or hash: records found by the hash of their member, in pieces of a few KB.
///
/// Extendible hashing (Fagin, Nievergelt, Pippenger and Strong, 1979): a directory of 2^depth numbers, indexed
/// by the upper bits of the hash, says which piece a record is in. A full piece is split by the next bit of its
/// records' hashes; two half empty ones that differ in one bit become one again. So a change costs one piece, and
/// walking in the order of hashes (`scan`) misses nothing and repeats nothing while pieces split and merge.
///
/// Hashes are the process' secret (`cs_hash`); if they were equal all the same, pieces would grow
/// instead of the directory, which stays within 8 times the number of pieces.
///
/// The table is a value of one pointer, the head. It neither compares nor writes records: callers pass hashes
/// and matching functions and write to places that they are given. Used under its partition's lock. Every changing
/// function takes the version that it marks pieces with (`Access.nextVersion`).
public struct MemberTable<Record: TableRecord> {
    public let head: UnsafeMutableRawPointer

    @inline(__always)
    public init(_ head: UnsafeMutableRawPointer) { self.head = head }

    struct Head {
        var count = 0
        /// The pieces, in no order. While there is one, `only` is this array, and `first` the directory.
        var pieces: UnsafeMutablePointer<Piece>
        var directory: UnsafeMutablePointer<UInt32>
        var only: Piece
        var book = PieceBook(nextID: 1)
        var pieceCount: UInt32 = 1
        var pieceCapacity: UInt32 = 1
        /// Pieces that have one directory cell only.
        var deepest: UInt32 = 1
        /// No piece holds more records.
        var largest: UInt32 = 0
        var first: UInt32 = 0
        var depth: UInt8 = 0
    }

    /// Size of the head's block: a size class of the allocator's.
    static var headBytes: Int { 64 }

    @inline(__always)
    var fields: UnsafeMutablePointer<Head> { head.assumingMemoryBound(to: Head.self) }

    /// An empty table; there is room for so many records of so many bytes altogether in its first piece.
    public static func make(records: Int = 1, bytes: Int = 16, version: UInt64) -> MemberTable {
        let bounded = min(records, TablePiece.recordsMax)
        let piece = TablePiece.make(
            PieceHeader(id: 0, version: version), prefix: 0, depth: 0, records: bounded,
            bytes: min(bytes, TablePiece.bytesMax - TablePiece.headerBytes - 3 * bounded))
        let head = cs_allocate(headBytes)!
        let table = MemberTable(head)
        table.fields.initialize(to: Head(pieces: table.ownPieces, directory: table.ownDirectory, only: piece.base))
        return table
    }

    var ownPieces: UnsafeMutablePointer<Piece> {
        (head + MemoryLayout<Head>.offset(of: \.only)!).assumingMemoryBound(to: Piece.self)
    }

    var ownDirectory: UnsafeMutablePointer<UInt32> {
        (head + MemoryLayout<Head>.offset(of: \.first)!).assumingMemoryBound(to: UInt32.self)
    }

    /// Records.
    @inline(__always)
    public var count: Int { fields.pointee.count }

    @inline(__always)
    var pieceCount: Int { Int(fields.pointee.pieceCount) }

    @inline(__always)
    var depth: Int { Int(fields.pointee.depth) }

    @inline(__always)
    func piece(_ i: Int) -> TablePiece { TablePiece(fields.pointee.pieces[i]) }

    /// The number of the piece that a hash belongs to.
    @inline(__always)
    func index(_ hash: UInt64) -> Int {
        let cell = (hash >> 1) >> UInt64(63 &- depth)
        return Int(fields.pointee.directory[Int(truncatingIfNeeded: cell)])
    }

    // MARK: finding

    /// Where a record is. Valid until the table changes.
    public struct Place {
        let piece: Int
        let slot: Int
    }

    /// The place of the record with this hash that `matches`.
    @inline(__always)
    public func find(_ hash: UInt64, _ matches: (UnsafePointer<UInt8>) -> Bool) -> Place? {
        let index = index(hash)
        guard let slot = piece(index).find(UInt8(truncatingIfNeeded: hash), matches) else { return nil }
        return Place(piece: index, slot: slot)
    }

    /// The record at a place, for reading. Valid until the table changes.
    @inline(__always)
    public func record(_ place: Place) -> UnsafePointer<UInt8> {
        UnsafePointer(piece(place.piece).record(place.slot))
    }

    /// Brings what `find` reads first towards the cache: a full piece's fields, tags and offsets.
    @inline(__always)
    public func prefetch(_ hash: UInt64) {
        let base = fields.pointee.pieces[index(hash)]
        for line in 0..<7 { cs_prefetch(base + line &* 64) }
    }

    /// Brings the record of this hash towards the cache, once what `prefetch` asked for has come.
    @inline(__always)
    public func prefetchRecord(_ hash: UInt64) {
        _ = piece(index(hash)).find(UInt8(truncatingIfNeeded: hash)) {
            cs_prefetch($0)
            cs_prefetch($0 + 48)
            return false
        }
    }

    /// A place, all equally likely. The table is not empty.
    public func random(_ generator: inout PRNG) -> Place {
        let pieces = UInt64(pieceCount)
        if pieces == 1 { return Place(piece: 0, slot: Int(generator.below(UInt64(piece(0).count)))) }
        let largest = UInt64(fields.pointee.largest)
        while true {
            let index = Int(generator.below(pieces))
            let slot = Int(generator.below(largest))
            if slot < piece(index).count { return Place(piece: index, slot: slot) }
        }
    }

    // MARK: walking

    /// Every record, piece by piece, until `body` answers false. The table must not change meanwhile.
    @inline(__always)
    public func forEach(_ body: (UnsafePointer<UInt8>) -> Bool) {
        for i in 0..<pieceCount {
            let piece = piece(i)
            for slot in 0..<piece.count {
                if !body(UnsafePointer(piece.record(slot))) { return }
            }
        }
    }

    /// One step of a walk in the order of hashes: the records of one piece. Answers the next cursor, 0 at the end.
    /// What is there from the first step to the last is met exactly once, however pieces split and merge.
    ///
    /// A cursor is the hash to go on from, its bits reversed: small numbers for small tables.
    public func scan(_ cursor: UInt64, _ body: (UnsafePointer<UInt8>) -> Void) -> UInt64 {
        let from = cursor.bitsReversed
        let piece = piece(index(from))
        let prefix = piece.fields.pointee.prefix
        for slot in 0..<piece.count {
            let record = UnsafePointer(piece.record(slot))
            // The piece begins before the cursor if it has become one with pieces that were seen.
            if from <= prefix || Record.hash(record) >= from { body(record) }
        }
        let depth = piece.fields.pointee.depth
        if depth == 0 { return 0 }
        return (prefix &+ 1 << UInt64(64 &- depth)).bitsReversed
    }
}
