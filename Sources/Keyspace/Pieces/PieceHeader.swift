import CSystem

/// What every piece of a large value begins with. The rest of a piece's memory is its type's own.
///
/// Copies of a value share their pieces until one of them changes a piece (copy-on-write): a piece with more
/// than one holder is never written to. The count of holders is atomic because the copies may be in partitions
/// of their own; everything else is under the lock of the (only) holder's partition.
public struct PieceHeader {
    /// Values that hold the piece.
    private var holders: UInt32 = 1
    /// Not 0: changed since it was last saved. Then every value that holds the piece has it among its dirty ones; the
    /// reverse need not hold. A piece that is shared may be cleaned, by one store, but is never marked.
    private var mark: UInt32 = 1
    /// The slot's counter at its latest change.
    public private(set) var version: UInt64
    /// Unique within the value, given at the piece's making and kept.
    public let id: UInt64

    /// A new piece with one holder, dirty.
    public init(id: UInt64, version: UInt64) {
        self.id = id
        self.version = version
    }

    /// Changed since it was last saved. Not to be asked of a piece that is shared.
    public var isDirty: Bool { mark != 0 }

    /// It was changed, by the change of this version. Answers whether it was clean: then the value must note that it
    /// is dirty now, so that it is found when the value is saved.
    @inline(__always)
    public mutating func touch(_ version: UInt64) -> Bool {
        self.version = version
        if _fastPath(mark != 0) { return false }
        mark = 1
        return true
    }

    /// It has been saved.
    public mutating func clean() { cs_store_u32(&mark, 0) }
}

/// A piece's memory: a PieceHeader at its start.
public typealias Piece = UnsafeMutableRawPointer

extension UnsafeMutableRawPointer {
    /// The piece's header.
    @inline(__always)
    public var header: UnsafeMutablePointer<PieceHeader> { assumingMemoryBound(to: PieceHeader.self) }

    /// Whether another value holds the piece too: it must be copied before a change.
    @inline(__always)
    public var isShared: Bool { cs_load_acquire_u32(self) > 1 }

    /// One more value holds the piece.
    @inline(__always)
    public func share() { cs_retain(self) }

    /// A value holds the piece no longer. Answers whether it was the last: the caller frees the memory then.
    @inline(__always)
    public func letGo() -> Bool { cs_let_go(self) == 0 }
}
