import CSystem

/// What a large value knows of its pieces on disk, in one word of its head: which id the next piece gets and, once it
/// was saved, which pieces may have records there, which of those have gone since, and (for hashes and sets, which have
/// no Spine) which pieces are dirty.
///
///     never saved    next id, 62 bits                                  | 0
///     saved          ids below this one may have records, 31 bits | next id, 31 bits | 1
///     saved          address of a SavedBlock                           | 2
///
/// The middle form serves values of which no saved piece has gone; of hashes and sets those with one piece, which is
/// then always taken for dirty. Values that are never saved pay nothing.
struct PieceBook {
    private var word: UInt64

    private static let small: UInt64 = 1
    private static let block: UInt64 = 2
    private static let smallMax: UInt64 = 1 << 31 - 1
    /// No id is greater.
    static let idMax: UInt64 = 1 << 60

    /// What does not fit a word.
    private struct SavedBlock {
        var nextID: UInt64
        var savedBelow: UInt64
        /// Pieces that may have records and are gone.
        var removed: UnsafeMutablePointer<UInt64>?
        var removedCount = 0
        var removedCapacity = 0
        /// A bit for each of a table's pieces.
        var dirty: UnsafeMutablePointer<UInt64>?
        var dirtyWords = 0
    }

    /// Of a value that was never saved.
    init(nextID: UInt64) { word = nextID << 2 }

    private var tag: UInt64 { word & 3 }

    private var saved: UnsafeMutablePointer<SavedBlock> {
        UnsafeMutablePointer(bitPattern: UInt(word & ~3)).unsafelyUnwrapped
    }

    /// Whether the value was ever saved under its key, in part at least.
    var isSaved: Bool { tag != 0 }

    var nextID: UInt64 {
        switch tag {
        case 0: word >> 2
        case PieceBook.small: word >> 2 & PieceBook.smallMax
        default: saved.pointee.nextID
        }
    }

    /// Pieces with lesser ids may have records.
    private var savedBelow: UInt64 {
        switch tag {
        case 0: 0
        case PieceBook.small: word >> 33
        default: saved.pointee.savedBelow
        }
    }

    private mutating func setSmall(_ nextID: UInt64, _ savedBelow: UInt64) {
        word = savedBelow << 33 | nextID << 2 | PieceBook.small
    }

    /// The id of a new piece.
    mutating func takeID() -> UInt64 {
        let id = nextID
        if tag == 0 || (tag == PieceBook.small && id < PieceBook.smallMax) {
            word += 4
        } else {
            makeBlock()
            saved.pointee.nextID += 1
        }
        return id
    }

    /// The value's pieces are about to be saved, all of which have ids below this one.
    mutating func beginSave(below: UInt64) {
        switch tag {
        case PieceBook.block: saved.pointee.savedBelow = max(below, savedBelow)
        case _ where nextID < PieceBook.smallMax && below < PieceBook.smallMax:
            setSmall(nextID, max(below, savedBelow))
        default:
            makeBlock()
            saved.pointee.savedBelow = below
        }
    }

    mutating func beginSave() { beginSave(below: nextID) }

    /// Back to a value that was never saved.
    mutating func forget() {
        let next = nextID
        free()
        self = PieceBook(nextID: next)
    }

    private mutating func makeBlock() {
        if tag == PieceBook.block { return }
        let memory = cs_allocate(MemoryLayout<SavedBlock>.stride)!
        memory.assumingMemoryBound(to: SavedBlock.self).initialize(
            to: SavedBlock(nextID: nextID, savedBelow: savedBelow))
        word = UInt64(UInt(bitPattern: memory)) | PieceBook.block
    }

    func free() {
        guard tag == PieceBook.block else { return }
        let all = saved.pointee
        if let removed = all.removed { cs_release(removed, all.removedCapacity * 8) }
        if let dirty = all.dirty { cs_release(dirty, all.dirtyWords * 8) }
        cs_release(saved, MemoryLayout<SavedBlock>.stride)
    }

    var memoryBytes: Int {
        guard tag == PieceBook.block else { return 0 }
        let all = saved.pointee
        return cs_usable_size(saved) + (all.removed.map { cs_usable_size($0) } ?? 0)
            + (all.dirty.map { cs_usable_size($0) } ?? 0)
    }

    // MARK: pieces that are gone

    /// A piece is gone: if it may have a record, that will have to go, too.
    @inline(__always)
    mutating func noteRemoved(_ id: UInt64) {
        if _slowPath(tag != 0) && id < savedBelow { addRemoved(id) }
    }

    @inline(never)
    private mutating func addRemoved(_ id: UInt64) {
        makeBlock()
        if saved.pointee.removedCount == saved.pointee.removedCapacity { makeRoom() }
        saved.pointee.removed.unsafelyUnwrapped[saved.pointee.removedCount] = id
        saved.pointee.removedCount += 1
    }

    /// Sorted sets give numbers out again: an id may be there more than once.
    private mutating func makeRoom() {
        let ids = saved
        if let old = ids.pointee.removed, ids.pointee.removedCapacity >= 64 {
            let distinct = Set(UnsafeBufferPointer(start: old, count: ids.pointee.removedCount))
            ids.pointee.removedCount = distinct.count
            for (i, id) in distinct.enumerated() { old[i] = id }
            if distinct.count <= ids.pointee.removedCapacity / 2 { return }
        }
        let old = ids.pointee.removedCapacity
        let larger = max(4, old * 2)
        let moved = cs_allocate(larger * 8)!.assumingMemoryBound(to: UInt64.self)
        if let removed = ids.pointee.removed {
            memcpy(moved, removed, ids.pointee.removedCount * 8)
            cs_release(removed, old * 8)
        }
        ids.pointee.removed = moved
        ids.pointee.removedCapacity = larger
    }

    /// The ids that were noted.
    var removed: [UInt64] {
        guard tag == PieceBook.block, let removed = saved.pointee.removed else { return [] }
        return Array(UnsafeBufferPointer(start: removed, count: saved.pointee.removedCount))
    }

    /// Answers them and forgets them.
    mutating func takeRemoved() -> [UInt64] {
        let ids = removed
        if let memory = tag == PieceBook.block ? saved.pointee.removed : nil {
            cs_release(memory, saved.pointee.removedCapacity * 8)
            saved.pointee.removed = nil
            saved.pointee.removedCount = 0
            saved.pointee.removedCapacity = 0
        }
        return ids
    }

    /// Whether a piece of this id may have a record.
    func maySave(_ id: UInt64) -> Bool { id < savedBelow }

    // MARK: dirty pieces of a table

    /// The same as `beginSave` for a table with so many pieces: from two on it is known which are dirty.
    mutating func beginSave(pieces: Int) {
        let wasBlock = tag == PieceBook.block
        if pieces > 1 { makeBlock() }
        beginSave()
        if !wasBlock && tag == PieceBook.block { setAllDirty(pieces) }
    }

    /// A table that was saved has so many pieces now, the last of them new.
    mutating func noteAdded(pieces: Int) {
        switch tag {
        case 0: return
        case PieceBook.small:
            makeBlock()
            setAllDirty(pieces)
        default: setDirty(pieces - 1, true)
        }
    }

    /// A table was saved as it is now.
    mutating func noteLoaded(pieces: Int) {
        if pieces > 1 { makeBlock() }
        beginSave()
    }

    private func setAllDirty(_ pieces: Int) {
        for piece in 0..<pieces { setDirty(piece, true) }
    }

    /// A piece has changed or was saved.
    func setDirty(_ piece: Int, _ isDirty: Bool) {
        guard tag == PieceBook.block else { return }
        let (word, bit) = (piece / 64, UInt64(1) << UInt64(piece & 63))
        if word >= saved.pointee.dirtyWords {
            if !isDirty { return }
            growDirty(word + 1)
        }
        if isDirty {
            saved.pointee.dirty.unsafelyUnwrapped[word] |= bit
        } else {
            saved.pointee.dirty.unsafelyUnwrapped[word] &= ~bit
        }
    }

    private func growDirty(_ wanted: Int) {
        let old = saved.pointee.dirtyWords
        let larger = max(wanted, old * 2)
        let moved = cs_allocate(larger * 8)!.assumingMemoryBound(to: UInt64.self)
        moved.initialize(repeating: 0, count: larger)
        if let dirty = saved.pointee.dirty {
            memcpy(moved, dirty, old * 8)
            cs_release(dirty, old * 8)
        }
        saved.pointee.dirty = moved
        saved.pointee.dirtyWords = larger
    }

    /// Whether a piece is dirty; in a value that keeps no account, all are.
    func isDirty(_ piece: Int) -> Bool {
        guard tag == PieceBook.block else { return true }
        let word = piece / 64
        return word < saved.pointee.dirtyWords
            && saved.pointee.dirty.unsafelyUnwrapped[word] >> UInt64(piece & 63) & 1 != 0
    }

    /// The last piece takes the place of another.
    func noteMoved(_ last: Int, to piece: Int) {
        guard tag == PieceBook.block else { return }
        setDirty(piece, isDirty(last))
        setDirty(last, false)
    }

    /// The first dirty piece from this one on, of so many.
    func dirtyPiece(from piece: Int, of count: Int) -> Int? {
        if piece >= count { return nil }
        guard tag == PieceBook.block else { return piece }
        var word = piece / 64
        var marks = word < saved.pointee.dirtyWords ? saved.pointee.dirty.unsafelyUnwrapped[word] : 0
        marks &= ~SpineNode.mask(piece & 63)
        while true {
            if marks != 0 {
                let found = word * 64 + marks.trailingZeroBitCount
                return found < count ? found : nil
            }
            word += 1
            if word >= saved.pointee.dirtyWords { return nil }
            marks = saved.pointee.dirty.unsafelyUnwrapped[word]
        }
    }

    /// How many of so many pieces are dirty.
    func dirtyCount(of count: Int) -> Int {
        guard tag == PieceBook.block, let dirty = saved.pointee.dirty else {
            return tag == PieceBook.block ? 0 : count
        }
        return (0..<saved.pointee.dirtyWords).reduce(0) { $0 + dirty[$1].nonzeroBitCount }
    }
}
