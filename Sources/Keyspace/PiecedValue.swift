import Base
import CSystem

/// A value too large for a packed form: a head in memory of its own, whose address is the entry's value area,
/// and elements in pieces of a few KB, each with an identity, a version and a dirty mark, so that saving and
/// shipping a change costs one piece.
///
/// All functions run under the partition's lock, but for `free`, which may run on any thread when nobody else
/// can reach the value.
public protocol PiecedValue {
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
    /// Takes all dirty marks back (what is dirty has been saved).
    static func clean(_ head: UnsafeMutableRawPointer)
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

    public init(id: UInt64, elements: Int, bytes: Int, isDirty: Bool, version: UInt64) {
        self.id = id
        self.elements = elements
        self.bytes = bytes
        self.isDirty = isDirty
        self.version = version
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
    var pieces: any PiecedValue.Type {
        switch type {
        case .set: MemberPieces.self
        case .hash: FieldPieces.self
        case .list: ListPieces.self
        case .sortedSet: SortedSetTree.self
        case .stream: StreamPieces.self
        case .string: preconditionFailure("strings have no pieces")
        }
    }

    /// Visits the pieces of a value that has some.
    public func forEachPiece(_ body: (PieceFigures) -> Void) {
        if encoding == .pieces { pieces.forEachPiece(head, body) }
    }
}
