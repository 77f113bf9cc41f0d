import Base
import CSystem

/// The table as a value in pieces: freeing, copying, measuring.
extension MemberTable {
    static func free(_ head: UnsafeMutableRawPointer) {
        let table = MemberTable(head)
        for i in 0..<table.pieceCount {
            let piece = table.piece(i)
            if piece.base.letGo() { destroy(piece) }
        }
        let fields = table.fields.pointee
        if fields.pieceCapacity > 1 { cs_release(fields.pieces, Int(fields.pieceCapacity) * 8) }
        if fields.depth > 0 { cs_release(fields.directory, 4 << Int(fields.depth)) }
        fields.book.free()
        cs_release(head, headBytes)
    }

    static func copy(_ head: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        let original = MemberTable(head)
        let twin = MemberTable(cs_allocate(headBytes)!)
        memcpy(twin.head, head, headBytes)
        twin.fields.pointee.pieces = twin.ownPieces
        twin.fields.pointee.directory = twin.ownDirectory
        let old = original.fields.pointee
        twin.fields.pointee.book = PieceBook(nextID: old.book.nextID)
        let count = original.pieceCount
        if old.pieceCapacity > 1 {
            let capacity = sizeClass(count * 8) / 8
            twin.fields.pointee.pieces = cs_allocate(capacity * 8)!.assumingMemoryBound(to: Piece.self)
            twin.fields.pointee.pieceCapacity = UInt32(capacity)
            memcpy(twin.fields.pointee.pieces, old.pieces, count * 8)
        }
        if old.depth > 0 {
            twin.fields.pointee.directory = cs_allocate(4 << Int(old.depth))!.assumingMemoryBound(to: UInt32.self)
            memcpy(twin.fields.pointee.directory, old.directory, 4 << Int(old.depth))
        }
        for i in 0..<count {
            if i &+ 8 < count { cs_prefetch(old.pieces[i &+ 8]) }
            old.pieces[i].share()
        }
        return twin.head
    }

    static func memoryBytes(_ head: UnsafeMutableRawPointer, samples: Int) -> Int {
        let table = MemberTable(head)
        let fields = table.fields.pointee
        var total = cs_usable_size(head) + fields.book.memoryBytes
        if fields.pieceCapacity > 1 { total += cs_usable_size(fields.pieces) }
        if fields.depth > 0 { total += cs_usable_size(fields.directory) }
        let seen = samples == 0 ? table.pieceCount : min(samples, table.pieceCount)
        var bytes = 0
        for i in 0..<seen { bytes += table.bytes(table.piece(i)) }
        // What was not looked at is taken to be like what was.
        return total + (seen == table.pieceCount ? bytes : Int(Double(bytes) / Double(seen) * Double(table.pieceCount)))
    }

    /// Memory of a piece and of what its records point to.
    private func bytes(_ piece: TablePiece) -> Int {
        var total = cs_usable_size(piece.base)
        if piece.fields.pointee.hasOutside {
            for slot in 0..<piece.count { total += Record.outside(UnsafePointer(piece.record(slot)))?.usableBytes ?? 0 }
        }
        return total
    }

    static func count(_ head: UnsafeMutableRawPointer) -> Int { MemberTable(head).count }

    static func forEachPiece(_ head: UnsafeMutableRawPointer, _ body: (PieceFigures) -> Void) {
        let table = MemberTable(head)
        for i in 0..<table.pieceCount {
            let piece = table.piece(i)
            body(
                PieceFigures(
                    piece.base.header, elements: piece.count, bytes: table.bytes(piece),
                    isDirty: table.fields.pointee.book.isDirty(i)))
        }
    }
}

extension MemberTable {
    /// For tests: what is wrong with the table, nil if nothing.
    func brokenInvariant() -> String? {
        var records = 0
        var cells = 0
        var deepest: UInt32 = 0
        for i in 0..<pieceCount {
            let piece = piece(i)
            let depth = Int(piece.fields.pointee.depth)
            if let broken = brokenInvariant(piece) { return broken }
            records += piece.count
            cells += 1 << (self.depth - depth)
            if depth == self.depth { deepest += 1 }
            let first = Int(truncatingIfNeeded: (piece.fields.pointee.prefix >> 1) >> UInt64(63 - self.depth))
            for cell in first..<first + 1 << (self.depth - depth) where fields.pointee.directory[cell] != i {
                return "a directory cell that is not its piece's"
            }
        }
        if records != count { return "the table's count" }
        if cells != 1 << depth { return "directory cells without a piece" }
        return deepest == fields.pointee.deepest ? nil : "the number of the deepest pieces"
    }

    private func brokenInvariant(_ piece: TablePiece) -> String? {
        let fields = piece.fields.pointee
        if fields.count > fields.slots || Int(fields.heapUsed) > piece.heapCapacity { return "a piece's bounds" }
        if fields.count > self.fields.pointee.largest { return "a piece larger than the largest" }
        var live = 0
        for slot in 0..<piece.count {
            let record = UnsafePointer(piece.record(slot))
            let hash = Record.hash(record)
            live += Record.byteCount(record)
            let own = fields.depth == 0 ? 0 : hash & ~(UInt64.max >> UInt64(fields.depth))
            if own >> 32 != fields.prefix >> 32 { return "a record in a piece that is not its own" }
            if !fields.hasOutside && Record.outside(record) != nil { return "an unknown long record" }
        }
        return live == piece.live ? nil : "a piece's live bytes"
    }
}
