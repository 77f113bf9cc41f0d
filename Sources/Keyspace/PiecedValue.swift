import Base
import CSystem

/// A value too large for a packed form: a head in memory of its own, whose address is the entry's value area,
/// and elements in pieces of a few KB, each with an identity, a version and a dirty mark, so that saving and
/// shipping a change costs one piece.
///
/// All functions run under the partition's lock, but for `free`, which may run on any thread when nobody else
/// can reach the value.
protocol PiecedValue {
    /// Frees head and pieces.
    static func free(_ head: UnsafeMutableRawPointer)
    /// A value with the same elements, independent of this one. Takes a few milliseconds at most for a million
    /// elements: pieces are shared and copied when either value changes them.
    static func copy(_ head: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer
    /// Memory of head and pieces, as the allocator rounds it. `samples` pieces are looked at, 0: all.
    static func memoryBytes(_ head: UnsafeMutableRawPointer, samples: Int) -> Int
    /// Elements (a hash's fields, a stream's entries).
    static func count(_ head: UnsafeMutableRawPointer) -> Int
    /// Visits all pieces.
    static func forEachPiece(_ head: UnsafeMutableRawPointer, _ body: (PieceFigures) -> Void)

    // MARK: saving: docs/storage-format.md, "Large values"

    /// What keeps account of the value's records.
    static func book(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<PieceBook>
    /// Pieces that have a record each once the value is saved.
    static func pieceCount(_ head: UnsafeMutableRawPointer) -> Int
    /// How many of them have changed since they were saved, or never were. Does not look at pieces.
    static func dirtyPieces(_ head: UnsafeMutableRawPointer) -> Int
    /// Appends what is in no piece.
    static func saveHead(_ head: UnsafeMutableRawPointer, into output: inout ByteBuffer)
    /// Hands dirty pieces as records to `sink`, with their ids, and takes them for saved, until their bytes are as
    /// many as `budget` (one piece at least). Answers whether dirty ones are left. `cursor` says where the next call
    /// goes on; 0 at first.
    static func savePieces(
        _ head: UnsafeMutableRawPointer, from cursor: inout Int, budget: Int, into sink: (UInt64, ByteView) -> Void
    ) -> Bool
    /// Takes pieces for dirty again: all, or those with these ids.
    static func makeDirty(_ head: UnsafeMutableRawPointer, _ ids: Set<UInt64>?)
    /// Whether a piece of this id is there. May be asked of ids that were noted as removed only.
    static func isAlive(_ head: UnsafeMutableRawPointer, removed id: UInt64) -> Bool
}

extension PiecedValue {
    /// Whether the value was saved since it was made or copied, in part at least, or loaded.
    static func isSaved(_ head: UnsafeMutableRawPointer) -> Bool { book(head).pointee.isSaved }

    /// The ids of pieces that may have records and are gone since the last call: those records must go, too.
    static func takeRemoved(_ head: UnsafeMutableRawPointer) -> [UInt64] {
        book(head).pointee.takeRemoved().filter { !isAlive(head, removed: $0) }
    }

    /// The ids of all records that the value may have, those of pieces that are gone among them, ascending: what must
    /// go when the value does, or gets another form. A walk over all pieces, if the value was ever saved.
    static func savedPieceIDs(_ head: UnsafeMutableRawPointer) -> [UInt64] {
        let known = book(head).pointee
        if !known.isSaved { return [] }
        var ids = Set(known.removed)
        forEachPiece(head) { if known.maySave($0.id) { ids.insert($0.id) } }
        return ids.sorted()
    }

    /// Makes the value one that was never saved, for instance because it is another key's from now on. Answers the ids
    /// of the records that it may have had.
    static func forgetSaved(_ head: UnsafeMutableRawPointer) -> [UInt64] {
        let ids = savedPieceIDs(head)
        if isSaved(head) {
            book(head).pointee.forget()
            makeDirty(head, nil)
        }
        return ids
    }

    /// What was saved since the last success has not become durable: these pieces, and the records' removal. Both
    /// are to be done again.
    static func takeBack(_ head: UnsafeMutableRawPointer, pieces: Set<UInt64>, removed: [UInt64]) {
        if !isSaved(head) { return }
        for id in removed { book(head).pointee.noteRemoved(id) }
        makeDirty(head, pieces)
    }

    /// Takes all pieces for saved.
    static func clean(_ head: UnsafeMutableRawPointer) {
        var cursor = 0
        while savePieces(head, from: &cursor, budget: .max, into: { _, _ in }) {}
        _ = takeRemoved(head)
    }
}

/// What is known of a piece from outside.
public struct PieceFigures: Equatable, Sendable {
    /// Unique within the value, kept for the piece's life.
    public var id: UInt64
    public var elements: Int
    public var bytes: Int
    /// Changed since it was last saved.
    public var isDirty: Bool
    /// The version (the slot's counter) of its latest change.
    public var version: UInt64

    /// `isDirty` is what the value knows: a piece may be shared.
    init(_ header: UnsafeMutablePointer<PieceHeader>, elements: Int, bytes: Int, isDirty: Bool) {
        id = header.pointee.id
        self.elements = elements
        self.bytes = bytes
        self.isDirty = isDirty
        version = header.pointee.version
    }
}

extension Entry {
    static let headBytes = 8

    /// The head of a `.pieces` value.
    @inline(__always)
    public var head: UnsafeMutableRawPointer {
        get { UnsafeMutableRawPointer(bitPattern: value.loadUnaligned(as: UInt.self)).unsafelyUnwrapped }
        nonmutating set { value.storeBytes(of: UInt(bitPattern: newValue), as: UInt.self) }
    }

    /// The functions of a `.pieces` value of this entry's type.
    var pieces: any PiecedValue.Type { type.pieces }

    /// Visits the pieces of a value that has some.
    public func forEachPiece(_ body: (PieceFigures) -> Void) {
        if encoding == .pieces { pieces.forEachPiece(head, body) }
    }
}

extension ValueType {
    /// The functions of this type's large values.
    var pieces: any PiecedValue.Type {
        switch self {
        case .set: MemberPieces.self
        case .hash: FieldPieces.self
        case .list: ListPieces.self
        case .sortedSet: SortedSetTree.self
        case .stream: StreamPieces.self
        case .string: preconditionFailure("strings have no pieces")
        }
    }
}
