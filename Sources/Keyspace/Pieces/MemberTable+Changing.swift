import Base
import CSystem

/// Adding, replacing and removing records.
extension MemberTable {
    /// A place of `byteCount` bytes for a record that is not there yet; the caller writes it.
    @inline(__always)
    public func insert(_ hash: UInt64, _ byteCount: Int, version: UInt64) -> UnsafeMutablePointer<UInt8> {
        let index = index(hash)
        var piece = piece(index)
        if _fastPath(!piece.base.isShared && piece.hasRoom(byteCount)) {
            if _slowPath(piece.base.header.pointee.touch(version)) { noteDirty(index) }
        } else {
            piece = self.piece(withRoom(hash, byteCount, version))
        }
        fields.pointee.count &+= 1
        let place = piece.append(UInt8(truncatingIfNeeded: hash), byteCount)
        if piece.fields.pointee.count > fields.pointee.largest { fields.pointee.largest = piece.fields.pointee.count }
        return place
    }

    /// Says that a record which was just written points to memory of its own.
    public func noteOutside(_ hash: UInt64) { piece(index(hash)).fields.pointee.hasOutside = true }

    /// A place for a record of `byteCount` bytes instead of the one at `place`, for the same member; the caller
    /// writes it whole. The old record's bytes are still there if it has the same length.
    @inline(__always)
    public func replace(
        _ place: Place, _ hash: UInt64, _ byteCount: Int, version: UInt64
    ) -> UnsafeMutablePointer<UInt8> {
        let piece = writable(place.piece, version)
        let record = piece.record(place.slot)
        let old = Record.byteCount(UnsafePointer(record))
        releaseOutside(piece, record)
        if old == byteCount { return record }
        piece.discard(place.slot, old)
        if piece.heapHasRoom(byteCount) {
            let at = Int(piece.fields.pointee.heapUsed)
            piece.setOffset(place.slot, at)
            piece.fields.pointee.heapUsed &+= UInt32(truncatingIfNeeded: byteCount)
            return piece.heap + at
        }
        return insertAnew(place, piece, hash, byteCount, version)
    }

    /// The piece is too full for the longer record: its slot is given up and one found elsewhere.
    @inline(never)
    private func insertAnew(
        _ place: Place, _ piece: TablePiece, _ hash: UInt64, _ byteCount: Int, _ version: UInt64
    ) -> UnsafeMutablePointer<UInt8> {
        piece.remove(place.slot, 0)
        fields.pointee.count &-= 1
        return insert(hash, byteCount, version: version)
    }

    /// Takes a record out. Invalidates places.
    @inline(__always)
    public func remove(_ place: Place, version: UInt64) {
        let piece = writable(place.piece, version)
        let record = piece.record(place.slot)
        let byteCount = Record.byteCount(UnsafePointer(record))
        releaseOutside(piece, record)
        piece.remove(place.slot, byteCount)
        fields.pointee.count &-= 1
        let needed = piece.bytesNeeded
        if _slowPath(needed &* 2 <= Int(piece.fields.pointee.capacity) || piece.count < 2) {
            contract(place.piece, needed, version)
        }
    }

    @inline(__always)
    private func releaseOutside(_ piece: TablePiece, _ record: UnsafeMutablePointer<UInt8>) {
        if _slowPath(piece.fields.pointee.hasOutside) { Record.outside(UnsafePointer(record))?.release() }
    }

    /// The piece, one's own, marked as changed.
    @inline(__always)
    func writable(_ index: Int, _ version: UInt64) -> TablePiece {
        let piece = piece(index)
        if _slowPath(piece.base.isShared) { return rebuild(index, records: 0, bytes: 0, version) }
        if _slowPath(piece.base.header.pointee.touch(version)) { noteDirty(index) }
        return piece
    }

    /// A piece is dirty that was clean, or is new in its place.
    @inline(never)
    func noteDirty(_ index: Int) { fields.pointee.book.setDirty(index, true) }

    // MARK: making room

    /// The number of the piece for a hash, which has room for a record of this size, is one's own and marked as
    /// changed: enlarged or split if need be.
    @inline(never)
    private func withRoom(_ hash: UInt64, _ byteCount: Int, _ version: UInt64) -> Int {
        while true {
            let index = index(hash)
            let piece = piece(index)
            let isSmall =
                piece.count < TablePiece.recordsMax && piece.bytesNeeded + 3 + byteCount <= TablePiece.bytesMax
            if isSmall || piece.count == 0 || !split(index, version) {
                _ = rebuild(index, records: 1, bytes: byteCount, version)
                return index
            }
            let half = self.piece(self.index(hash))
            if half.hasRoom(byteCount) { return self.index(hash) }
        }
    }

    /// The piece in a new block, without gaps, with room for so many more records and bytes (and a few). The old
    /// block is let go.
    @discardableResult
    func rebuild(_ index: Int, records: Int, bytes: Int, _ version: UInt64) -> TablePiece {
        let old = piece(index)
        let new = TablePiece.make(
            PieceHeader(id: old.base.header.pointee.id, version: version), prefix: old.fields.pointee.prefix,
            depth: Int(old.fields.pointee.depth),
            records: old.count + records, bytes: old.live + bytes)
        for slot in 0..<old.count { copy(old, slot, to: new) }
        fields.pointee.pieces[index] = new.base
        noteDirty(index)
        discardMoved(old)
        return new
    }

    /// Copies a record; what it points to, the copy points to as well.
    @inline(__always)
    private func copy(_ from: TablePiece, _ slot: Int, to: TablePiece) {
        let record = UnsafePointer(from.record(slot))
        let byteCount = Record.byteCount(record)
        memcpy(to.append(from.tags[slot], byteCount), record, byteCount)
        if _slowPath(from.fields.pointee.hasOutside), let outside = Record.outside(record) {
            outside.retain()
            to.fields.pointee.hasOutside = true
        }
    }

    /// Lets a piece go whose records have been copied.
    private func discardMoved(_ piece: TablePiece) {
        if piece.base.letGo() { MemberTable.destroy(piece) }
    }

    /// Frees a piece that nobody holds, and what its records point to.
    static func destroy(_ piece: TablePiece) {
        if piece.fields.pointee.hasOutside {
            for slot in 0..<piece.count { Record.outside(UnsafePointer(piece.record(slot)))?.release() }
        }
        piece.release()
    }

    // MARK: splitting

    /// Splits a piece by the next bit of its records' hashes. Answers false if the directory would have to grow
    /// past its measure.
    private func split(_ index: Int, _ version: UInt64) -> Bool {
        let old = piece(index)
        let depth = Int(old.fields.pointee.depth)
        if depth == self.depth {
            if depth >= 3 && 2 << depth > 8 * pieceCount { return false }
            if depth >= 30 { return false }
            doubleDirectory()
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: old.count) { sides in
            distribute(index, old, sides.baseAddress.unsafelyUnwrapped, version)
        }
        return true
    }

    /// Moves a piece's records to two new pieces, of which the first takes its place.
    private func distribute(
        _ index: Int, _ old: TablePiece, _ sides: UnsafeMutablePointer<UInt8>, _ version: UInt64
    ) {
        let depth = Int(old.fields.pointee.depth)
        var upperCount = 0
        var upperBytes = 0
        for slot in 0..<old.count {
            let record = UnsafePointer(old.record(slot))
            let side = UInt8(truncatingIfNeeded: Record.hash(record) >> UInt64(63 &- depth)) & 1
            sides[slot] = side
            if side != 0 {
                upperCount &+= 1
                upperBytes &+= Record.byteCount(record)
            }
        }
        let prefix = old.fields.pointee.prefix
        let lower = TablePiece.make(
            PieceHeader(id: old.base.header.pointee.id, version: version), prefix: prefix, depth: depth + 1,
            records: old.count - upperCount, bytes: old.live - upperBytes)
        let upper = TablePiece.make(
            PieceHeader(id: fields.pointee.book.takeID(), version: version), prefix: prefix | 1 << UInt64(63 - depth),
            depth: depth + 1,
            records: upperCount, bytes: upperBytes)
        for slot in 0..<old.count { copy(old, slot, to: sides[slot] == 0 ? lower : upper) }
        fields.pointee.pieces[index] = lower.base
        noteDirty(index)
        point(upper, to: addPiece(upper))
        if depth + 1 == self.depth { fields.pointee.deepest += 2 }
        discardMoved(old)
    }

    /// Has all directory cells of a piece say this number.
    private func point(_ piece: TablePiece, to index: Int) {
        let depth = Int(piece.fields.pointee.depth)
        let first = Int(truncatingIfNeeded: (piece.fields.pointee.prefix >> 1) >> UInt64(63 - self.depth))
        (fields.pointee.directory + first).update(repeating: UInt32(index), count: 1 << (self.depth - depth))
    }

    private func doubleDirectory() {
        let old = fields.pointee.directory
        let cells = 1 << depth
        let larger = cs_allocate(cells * 8)!.assumingMemoryBound(to: UInt32.self)
        for i in 0..<cells {
            larger[2 &* i] = old[i]
            larger[2 &* i &+ 1] = old[i]
        }
        if depth > 0 { cs_release(old, cells * 4) }
        fields.pointee.directory = larger
        fields.pointee.depth += 1
        fields.pointee.deepest = 0
    }

    /// Adds a piece to the array; answers its number.
    private func addPiece(_ piece: TablePiece) -> Int {
        let count = pieceCount
        if count == Int(fields.pointee.pieceCapacity) { resizeArray(count < 4 ? 4 : sizeClass((count + 1) * 9) / 8) }
        fields.pointee.pieces[count] = piece.base
        fields.pointee.pieceCount += 1
        fields.pointee.book.noteAdded(pieces: count + 1)
        return count
    }

    /// Gives the array of pieces another capacity; 1 is the head's own.
    private func resizeArray(_ capacity: Int) {
        let old = fields.pointee.pieces
        let oldCapacity = Int(fields.pointee.pieceCapacity)
        let new = capacity == 1 ? ownPieces : cs_allocate(capacity * 8)!.assumingMemoryBound(to: Piece.self)
        memcpy(new, old, min(capacity, pieceCount) * 8)
        fields.pointee.pieces = new
        if oldCapacity > 1 { cs_release(old, oldCapacity * 8) }
        fields.pointee.pieceCapacity = UInt32(capacity)
    }

    // MARK: merging

    /// A piece has become much smaller than its block: joins it with its sister if that is small, too, otherwise
    /// gives it a smaller block.
    @inline(never)
    private func contract(_ index: Int, _ needed: Int, _ version: UInt64) {
        var place = index
        if merge(&place, version) {
            while merge(&place, version) {}
            return
        }
        let piece = piece(index)
        if sizeClass(needed + needed / 8) < Int(piece.fields.pointee.capacity) * 3 / 4 {
            rebuild(index, records: 0, bytes: 0, version)
        }
    }

    /// Joins a piece with the one that differs in the last bit of the prefix, if both are half empty together.
    /// `index` is that of the joined piece afterwards.
    private func merge(_ index: inout Int, _ version: UInt64) -> Bool {
        let piece = piece(index)
        let depth = Int(piece.fields.pointee.depth)
        if depth == 0 { return false }
        let other = self.index(piece.fields.pointee.prefix ^ 1 << UInt64(64 - depth))
        let sister = self.piece(other)
        let records = piece.count + sister.count
        guard Int(sister.fields.pointee.depth) == depth, records <= TablePiece.recordsMax / 2,
            piece.bytesNeeded + sister.bytesNeeded - TablePiece.headerBytes <= TablePiece.bytesMax / 2
        else { return false }
        let isLower = piece.fields.pointee.prefix < sister.fields.pointee.prefix
        let lower = isLower ? piece : sister
        fields.pointee.book.noteRemoved((isLower ? sister : piece).base.header.pointee.id)
        let joined = TablePiece.make(
            PieceHeader(id: lower.base.header.pointee.id, version: version), prefix: lower.fields.pointee.prefix,
            depth: depth - 1, records: records, bytes: piece.live + sister.live)
        for slot in 0..<piece.count { copy(piece, slot, to: joined) }
        for slot in 0..<sister.count { copy(sister, slot, to: joined) }
        if depth == self.depth { fields.pointee.deepest -= 2 }
        let place = min(index, other)
        fields.pointee.pieces[place] = joined.base
        noteDirty(place)
        point(joined, to: place)
        removePiece(max(index, other))
        discardMoved(piece)
        discardMoved(sister)
        if joined.fields.pointee.count > fields.pointee.largest { fields.pointee.largest = joined.fields.pointee.count }
        while self.depth > 0 && fields.pointee.deepest == 0 { halveDirectory() }
        index = place
        return true
    }

    /// Takes a piece out of the array; the last one takes its place.
    private func removePiece(_ index: Int) {
        let last = pieceCount - 1
        if index != last {
            fields.pointee.pieces[index] = fields.pointee.pieces[last]
            point(piece(index), to: index)
        }
        fields.pointee.book.noteMoved(last, to: index)
        fields.pointee.pieceCount -= 1
        let capacity = Int(fields.pointee.pieceCapacity)
        if last == 1 { return resizeArray(1) }
        if last > 8 && last * 2 < capacity { resizeArray(sizeClass(last * 9) / 8) }
    }

    /// No piece needs the last bit of the directory's depth.
    private func halveDirectory() {
        let old = fields.pointee.directory
        let cells = 1 << (depth - 1)
        let smaller = depth == 1 ? ownDirectory : cs_allocate(cells * 4)!.assumingMemoryBound(to: UInt32.self)
        for i in 0..<cells { smaller[i] = old[2 &* i] }
        cs_release(old, cells * 8)
        fields.pointee.directory = smaller
        fields.pointee.depth -= 1
        var deepest: UInt32 = 0
        if cells == 1 {
            deepest = 1
        } else {
            for i in 0..<cells where smaller[i] != smaller[i ^ 1] { deepest &+= 1 }
        }
        fields.pointee.deepest = deepest
        var largest: UInt32 = 0
        for i in 0..<pieceCount { largest = max(largest, piece(i).fields.pointee.count) }
        fields.pointee.largest = largest
    }
}
