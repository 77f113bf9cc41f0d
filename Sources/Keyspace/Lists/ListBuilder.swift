import Base
import CSystem

/// A list in the making, of no key's yet: one listpack while it is short, pieces when it is longer, as if its
/// elements had been pushed one after another. Freed unless `finish` is called.
public struct ListBuilder: ~Copyable {
    private let access: Access
    private let key: Key
    private let limits: ListLimits
    private let version: UInt64
    private var pack: PackedBlock?
    private var head: UnsafeMutableRawPointer?
    public private(set) var count = 0

    /// `key` is where the list will be put.
    public init(_ access: Access, _ key: Key) {
        self.access = access
        self.key = key
        limits = access.packing.list
        version = access.nextVersion(key)
        pack = PackedBlock()
    }

    deinit {
        pack?.free()
        if let head { ListPieces.free(head) }
    }

    /// Adds an element at the end.
    public mutating func append(_ view: ByteView) {
        let element = Listpack.NewElement(view)
        count += 1
        if let small = pack {
            if limits.allow(small.pack, adding: element.byteCount) && !limits.isPlain(element) {
                pack?.append(element)
                return
            }
            spread(small)
        }
        ListPieces(head.unsafelyUnwrapped, limits, version: version).push(element, .back)
    }

    private mutating func spread(_ small: PackedBlock) {
        let head = ListPieces.makeHead()
        let pieces = ListPieces(head, limits, version: version)
        let elements = small.pack.count
        if elements > 0 {
            let room = min(limits.bytes, small.pack.byteCount * 2)
            let piece = ListPiece(small.pack, capacity: room, .back, pieces.newHeader())
            pieces.head.pointee.spine.append(piece.base, count: elements)
        }
        self.head = head
        small.free()
        pack = nil
    }

    /// The list, which is not empty, as an entry for the key (`Access.putEntry`).
    public mutating func finish(deadline: Int64? = nil) -> Entry {
        let target = PayloadTarget(access, key, deadline)
        if let small = pack { return target.makePacked(.list, small.pack.bytes) }
        let entry = target.makePieces(.list, head.unsafelyUnwrapped)
        head = nil
        return entry
    }
}
