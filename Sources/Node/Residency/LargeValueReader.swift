import Base
import Keyspace

/// Builds a large value from its records as they come from a scan: first the head, then the pieces.
struct LargeValueReader {
    private var loader: StoredValueLoader
    /// How many pieces are to come.
    private(set) var missing: Int

    /// `head`: the key's record (`SavedEntry`), of a large value.
    init(_ head: ByteView) throws(StoredValueError) {
        guard let large = SavedEntry(head)?.large else { throw .damaged(piece: nil) }
        loader = try StoredValueLoader(large.type, large.head)
        missing = loader.expectedPieces
    }

    /// All pieces have come.
    var isComplete: Bool { missing == 0 }

    /// Adds the piece with this number.
    mutating func add(_ id: UInt64, _ record: ByteView) throws(StoredValueError) {
        missing -= 1
        try loader.add(id, record)
    }

    /// The value. Called once.
    func finish() throws(StoredValueError) -> StoredValue { try loader.finish() }
}
