import Base
import CSystem

/// Sets and hashes on disk: a piece's record has the first bits that its elements' hashes agree in, so that pieces
/// find their places in the directory again, and that it is noticed if one is missing.
extension MemberTable: PiecedValue where Record: StoredRecord {
    static func book(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<PieceBook> {
        let offset = MemoryLayout<Head>.offset(of: \.book).unsafelyUnwrapped
        return (head + offset).assumingMemoryBound(to: PieceBook.self)
    }

    static func pieceCount(_ head: UnsafeMutableRawPointer) -> Int { MemberTable(head).pieceCount }

    static func dirtyPieces(_ head: UnsafeMutableRawPointer) -> Int {
        book(head).pointee.dirtyCount(of: pieceCount(head))
    }

    static func saveHead(_ head: UnsafeMutableRawPointer, into output: inout ByteBuffer) {
        let table = MemberTable(head)
        StoredHead(count: table.count, pieces: table.pieceCount, nextID: book(head).pointee.nextID).append(to: &output)
        output.append(littleEndian: StoredFormat.hashFingerprint)
    }

    static func savePieces(
        _ head: UnsafeMutableRawPointer, from cursor: inout Int, budget: Int, into sink: (UInt64, ByteView) -> Void
    ) -> Bool {
        let (table, book) = (MemberTable(head), book(head))
        let pieces = table.pieceCount
        book.pointee.beginSave(pieces: pieces)
        var buffer = ByteBuffer(capacity: 8192)
        var left = budget
        var at = cursor < pieces ? cursor : 0
        var isRound = at == 0
        while true {
            guard let index = book.pointee.dirtyPiece(from: at, of: pieces) else {
                (at, cursor) = (0, 0)
                if isRound { return false }
                isRound = true
                continue
            }
            if left <= 0 {
                cursor = index
                return true
            }
            let piece = table.piece(index)
            buffer.truncate(to: 0)
            table.append(piece, to: &buffer)
            sink(piece.base.header.pointee.id, buffer.view)
            left -= buffer.count
            piece.base.header.pointee.clean()
            book.pointee.setDirty(index, false)
            at = index + 1
        }
    }

    private func append(_ piece: TablePiece, to output: inout ByteBuffer) {
        let depth = piece.fields.pointee.depth
        output.append(.elements, piece.base.header)
        output.append(depth)
        output.append(varint: depth == 0 ? 0 : piece.fields.pointee.prefix >> UInt64(64 - depth))
        output.append(varint: UInt64(piece.count))
        for slot in 0..<piece.count { Record.append(Record.parts(UnsafePointer(piece.record(slot))), to: &output) }
    }

    static func makeDirty(_ head: UnsafeMutableRawPointer, _ ids: Set<UInt64>?) {
        let table = MemberTable(head)
        for i in 0..<table.pieceCount where ids?.contains(table.piece(i).base.header.pointee.id) ?? true {
            table.noteDirty(i)
        }
    }

    static func isAlive(_ head: UnsafeMutableRawPointer, removed id: UInt64) -> Bool { false }
}

/// Builds a set or hash.
final class StoredTableBuilder<Record: StoredRecord>: StoredValueBuilder {
    private typealias Table = MemberTable<Record>

    private let head: StoredHead
    /// Hashes are what they were: pieces can be as they were.
    private let isSameHash: Bool
    private var pieces: [TablePiece] = []
    /// The table itself, if elements are dealt out anew.
    private var table: Table?
    private var ids: [UInt64] = []
    /// Where pieces' hashes begin, and how many of their bits agree.
    private var ranges: [(prefix: UInt64, depth: Int)] = []
    private var count = 0

    init(_ head: StoredHead, _ reader: inout PayloadReader) throws(PayloadError) {
        self.head = head
        isSameHash = try reader.littleEndian(UInt64.self) == StoredFormat.hashFingerprint
        if head.count == 0 || head.pieces == 0 || head.nextID == 0 { throw .corrupt }
    }

    deinit {
        for piece in pieces where piece.base.letGo() { Table.destroy(piece) }
        if let table { Table.free(table.head) }
    }

    var isDirty: Bool { !ids.isEmpty }

    func add(_ id: UInt64, _ reader: inout PayloadReader) throws(PayloadError) {
        guard try reader.storedKind() == .elements else { throw .corrupt }
        var header = PieceHeader(id: id, version: try reader.varint())
        header.clean()
        let depth = Int(try reader.byte())
        let bits = try reader.varint()
        if depth > 30 || bits >> UInt64(depth) != 0 { throw .corrupt }
        let prefix = depth == 0 ? 0 : bits << UInt64(64 - depth)
        ranges.append((prefix, depth))
        let records = try reader.storedCount()
        count += records
        if isSameHash {
            try addPiece(header, prefix, depth, records, &reader)
        } else {
            ids.append(id)
            for _ in 0..<records { try addAnew(try Record.read(&reader), header.version) }
        }
    }

    private func addPiece(
        _ header: PieceHeader, _ prefix: UInt64, _ depth: Int, _ records: Int, _ reader: inout PayloadReader
    ) throws(PayloadError) {
        var ahead = reader
        var bytes = 0
        for _ in 0..<records { bytes &+= Record.byteCount(try Record.read(&ahead)) }
        let piece = TablePiece.make(header, prefix: prefix, depth: depth, records: records, bytes: bytes, spare: false)
        pieces.append(piece)
        let mask = depth == 0 ? 0 : ~(UInt64.max >> UInt64(depth))
        for _ in 0..<records {
            let parts = try Record.read(&reader)
            let hash = Record.hash(parts)
            let tag = UInt8(truncatingIfNeeded: hash)
            if hash & mask != prefix { throw .corrupt }
            if piece.find(tag, { Record.parts($0).first == parts.first }) != nil { throw .corrupt }
            Record.write(parts, piece.append(tag, Record.byteCount(parts)))
            if _slowPath(Record.isOutside(parts)) { piece.fields.pointee.hasOutside = true }
        }
    }

    private func addAnew(_ parts: StoredParts, _ version: UInt64) throws(PayloadError) {
        if table == nil { table = makeTable(version) }
        if !Record.add(parts, to: table.unsafelyUnwrapped, version: version) { throw .corrupt }
    }

    /// An empty table whose pieces get ids that no record has.
    private func makeTable(_ version: UInt64) -> Table {
        let table = Table.make(version: version)
        let book = Table.book(table.head)
        book.pointee = PieceBook(nextID: head.nextID)
        table.piece(0).base.header.initialize(to: PieceHeader(id: book.pointee.takeID(), version: version))
        return table
    }

    func finish() throws(PayloadError) -> UnsafeMutableRawPointer {
        if count != head.count || !coversAllHashes { throw .corrupt }
        if isSameHash && isDense { return assemble() }
        if isSameHash {
            for piece in pieces {
                ids.append(piece.base.header.pointee.id)
                for slot in 0..<piece.count {
                    let parts = Record.parts(UnsafePointer(piece.record(slot)))
                    try addAnew(parts, piece.base.header.pointee.version)
                }
            }
        }
        let table = table.unsafelyUnwrapped
        let book = Table.book(table.head)
        // The old records are to go when the new ones are written.
        book.pointee.beginSave(pieces: table.pieceCount)
        for id in ids { book.pointee.noteRemoved(id) }
        Table.makeDirty(table.head, nil)
        self.table = nil
        return table.head
    }

    /// Whether each hash belongs to one piece.
    private var coversAllHashes: Bool {
        ranges.sort { $0.prefix < $1.prefix }
        var next: UInt64 = 0
        for (i, range) in ranges.enumerated() {
            if range.prefix != next || (i > 0 && next == 0) { return false }
            if range.depth == 0 { return ranges.count == 1 }
            next &+= 1 << UInt64(64 - range.depth)
        }
        return next == 0
    }

    /// Whether a directory for the pieces would not be much larger than they are.
    private var isDense: Bool {
        let depth = ranges.reduce(0) { max($0, $1.depth) }
        return 1 << depth <= 64 * pieces.count
    }

    private func assemble() -> UnsafeMutableRawPointer {
        let table = Table(cs_allocate(Table.headBytes).unsafelyUnwrapped)
        let fields = table.fields
        fields.initialize(
            to: Table.Head(pieces: table.ownPieces, directory: table.ownDirectory, only: pieces[0].base))
        fields.pointee.count = count
        fields.pointee.pieceCount = UInt32(pieces.count)
        if pieces.count > 1 {
            let capacity = sizeClass(pieces.count * 8) / 8
            fields.pointee.pieces = cs_allocate(capacity * 8)!.assumingMemoryBound(to: Piece.self)
            fields.pointee.pieceCapacity = UInt32(capacity)
        }
        for (i, piece) in pieces.enumerated() { fields.pointee.pieces[i] = piece.base }
        fields.pointee.largest = pieces.reduce(0) { max($0, $1.fields.pointee.count) }
        fillDirectory(table)
        fields.pointee.book = PieceBook(nextID: head.nextID)
        fields.pointee.book.noteLoaded(pieces: pieces.count)
        pieces = []
        return table.head
    }

    private func fillDirectory(_ table: Table) {
        let fields = table.fields
        let depth = ranges.reduce(0) { max($0, $1.depth) }
        fields.pointee.depth = UInt8(depth)
        if depth > 0 { fields.pointee.directory = cs_allocate(4 << depth)!.assumingMemoryBound(to: UInt32.self) }
        fields.pointee.deepest = 0
        for (i, piece) in pieces.enumerated() {
            let own = Int(piece.fields.pointee.depth)
            if own == depth { fields.pointee.deepest += 1 }
            let first = Int(truncatingIfNeeded: (piece.fields.pointee.prefix >> 1) >> UInt64(63 - depth))
            (fields.pointee.directory + first).update(repeating: UInt32(i), count: 1 << (depth - own))
        }
    }
}
