import Base

/// Builds a large value again from its head and its pieces' records. Believes nothing: damage is an error. Touches
/// nothing but what it builds, so it needs no lock.
///
/// Pieces keep their ids and are clean, so that what changes later supersedes the right records. The exceptions are
/// values that would not fit as they are (`StoredValue.isDirty`): hashes and sets that were saved under other hash
/// secrets, and sparse leftovers of what was much larger.
public struct StoredValueLoader {
    private let builder: any StoredValueBuilder
    private let head: StoredHead
    private let type: ValueType
    private var seen = 0
    private var lastID: UInt64?

    /// `head` is what `saveHead` has written for a value of this type.
    public init(_ type: ValueType, _ head: ByteView) throws(StoredValueError) {
        self.type = type
        var reader = PayloadReader(head)
        do throws(PayloadError) {
            let common = try StoredHead(&reader)
            self.head = common
            builder =
                switch type {
                case .string: throw .unknownKind
                case .set: try StoredTableBuilder<MemberRecord>(common, &reader)
                case .hash: try StoredTableBuilder<FieldRecord>(common, &reader)
                case .list: try StoredListBuilder(common, &reader)
                case .sortedSet: try StoredSortedSetBuilder(common, &reader)
                case .stream: try StoredStreamBuilder(common, &reader)
                }
            if reader.rest > 0 { throw .corrupt }
        } catch {
            throw .damaged(piece: nil)
        }
    }

    /// How many pieces are to be added.
    public var expectedPieces: Int { head.pieces }

    /// Adds a piece's record. They come in the order of their ids.
    public mutating func add(_ id: UInt64, _ record: ByteView) throws(StoredValueError) {
        if seen == head.pieces || id >= head.nextID { throw .surplusPiece(id) }
        if let lastID, id <= lastID { throw .surplusPiece(id) }
        lastID = id
        seen += 1
        var reader = PayloadReader(record)
        do throws(PayloadError) {
            try builder.add(id, &reader)
            if reader.rest > 0 { throw .corrupt }
        } catch {
            throw .damaged(piece: id)
        }
    }

    /// The value, once all pieces have been added. Called once.
    public func finish() throws(StoredValueError) -> StoredValue {
        if seen < head.pieces { throw .missingPieces(head.pieces - seen) }
        do throws(PayloadError) {
            return StoredValue(type: type, head: try builder.finish(), isDirty: builder.isDirty)
        } catch {
            throw .inconsistent
        }
    }
}

/// A large value that belongs to no entry yet: to be put into one, or freed.
public struct StoredValue {
    public let type: ValueType
    /// What the entry's value area holds (`Entry.head`).
    public let head: UnsafeMutableRawPointer
    /// Its pieces are not those that were saved. What was saved is whole nevertheless: nothing is lost if the value is
    /// dropped; and when it is saved, all of it is, and the old records go.
    public let isDirty: Bool

    public func free() { type.pieces.free(head) }
}

/// Collects a value's pieces, and frees them unless they become a value.
protocol StoredValueBuilder: AnyObject {
    func add(_ id: UInt64, _ reader: inout PayloadReader) throws(PayloadError)
    func finish() throws(PayloadError) -> UnsafeMutableRawPointer
    /// Whether the pieces of what was built differ from those that were added.
    var isDirty: Bool { get }
}

extension Access {
    /// An entry for the key with a value that was loaded, in no table yet.
    public func makeDetached(_ key: Key, _ value: StoredValue, deadline: Int64?) -> Entry {
        PayloadTarget(self, key, deadline).makePieces(value.type, value.head)
    }
}
