import Base
import CSystem

/// A piece of a large list: a listpack with free room on both sides of it, so that the ends of a list are pushed
/// and popped without moving what is there; or one large element by itself, plain.
///
///     24 bytes   PieceHeader
///      4         bytes of the whole block
///      4         where the listpack starts, from the block's beginning; 0: plain
///     ..         the listpack; plain: 8 bytes of length and the element's bytes
///
/// `ListPieceTests` pins this.
struct ListPiece: PackedStorage {
    private(set) var base: Piece
    /// The block grows by doubling up to this, the limit of the list's pieces.
    private var growthMax = 7168

    @inline(__always)
    init(_ base: Piece, _ limits: ListLimits) {
        self.base = base
        growthMax = limits.bytes
    }

    /// For reading only.
    @inline(__always)
    init(_ base: Piece) { self.base = base }

    static let headerBytes = 32
    private static let capacityOffset = 24
    private static let startOffset = 28
    private static let plainBytesOffset = 40

    @inline(__always)
    var capacity: Int { Int(base.load(fromByteOffset: ListPiece.capacityOffset, as: UInt32.self)) }

    @inline(__always)
    private(set) var offset: Int {
        get { Int(base.load(fromByteOffset: ListPiece.startOffset, as: UInt32.self)) }
        nonmutating set {
            base.storeBytes(
                of: UInt32(truncatingIfNeeded: newValue), toByteOffset: ListPiece.startOffset, as: UInt32.self)
        }
    }

    @inline(__always)
    var start: UnsafeMutablePointer<UInt8> { (base + offset).assumingMemoryBound(to: UInt8.self) }

    @inline(__always)
    var isPlain: Bool { offset == 0 }

    /// The element of a plain piece.
    var plain: ByteView {
        ByteView(
            raw: UnsafeRawPointer(base) + ListPiece.plainBytesOffset,
            base.load(fromByteOffset: ListPiece.headerBytes, as: Int.self))
    }

    var elementCount: Int { isPlain ? 1 : pack.count }

    /// Bytes of the whole block.
    var blockBytes: Int { isPlain ? sizeClass(ListPiece.plainBytesOffset + plain.count) : capacity }

    /// Bytes of the listpack, or of the plain element.
    var contentBytes: Int { isPlain ? plain.count : pack.byteCount }

    // MARK: making and freeing

    private static func allocate(_ bytes: Int, _ header: PieceHeader) -> Piece {
        let base = cs_allocate(bytes)!
        base.header.initialize(to: header)
        base.storeBytes(of: UInt32(truncatingIfNeeded: bytes), toByteOffset: capacityOffset, as: UInt32.self)
        return base
    }

    /// An empty listpack with room for so many bytes of elements, all of it on one side.
    init(room: Int, _ side: ListSide, _ header: PieceHeader) {
        let bytes = sizeClass(ListPiece.headerBytes + Listpack.emptyBytes + room)
        base = ListPiece.allocate(bytes, header)
        offset = side == .back ? ListPiece.headerBytes : bytes - Listpack.emptyBytes
        Listpack.makeEmpty(start)
    }

    /// One large element by itself.
    init(plain view: ByteView, _ header: PieceHeader) {
        base = ListPiece.allocate(sizeClass(ListPiece.plainBytesOffset + view.count), header)
        offset = 0
        base.storeBytes(of: view.count, toByteOffset: ListPiece.headerBytes, as: Int.self)
        memcpy(base + ListPiece.plainBytesOffset, view.start, view.count)
    }

    /// The value's own copy of a piece that it shares.
    init(copying other: ListPiece) {
        let header = PieceHeader(id: other.base.header.pointee.id, version: other.base.header.pointee.version)
        if other.isPlain {
            self.init(plain: other.plain, header)
        } else {
            self.init(other.pack, capacity: other.capacity, .back, header)
        }
    }

    /// A listpack's copy in a block of so many bytes (at least what it needs), the room left on one side.
    init(_ pack: Listpack, capacity wanted: Int, _ side: ListSide, _ header: PieceHeader) {
        let used = pack.byteCount
        let bytes = sizeClass(max(wanted, ListPiece.headerBytes + used))
        base = ListPiece.allocate(bytes, header)
        offset = side == .back ? ListPiece.headerBytes : bytes - used
        memcpy(start, pack.start, used)
    }

    func free() { cs_release(base, blockBytes) }

    // MARK: room

    /// Whether an element of so many bytes can be added at this end within the limits, and without moving
    /// everything each time. True of no plain piece.
    @inline(__always)
    func canTake(_ bytes: Int, _ side: ListSide, _ limits: ListLimits) -> Bool {
        let start = offset
        if start == 0 || !limits.allow(pack, adding: bytes) { return false }
        let gap = start &- ListPiece.headerBytes
        let tail = capacity &- start &- pack.byteCount
        if (side == .front ? gap : tail) >= bytes { return true }
        let other = side == .front ? tail : gap
        return capacity < limits.bytes || (other >= bytes && other >= capacity >> 1)
    }

    @inline(__always)
    mutating func splice(at: Int, removing: Int, inserting: Int) {
        let total = pack.byteCount
        let rest = total &- at &- removing
        let growth = inserting &- removing
        let isFront = at < rest
        if isFront && offset &- ListPiece.headerBytes >= growth {
            moveHead(at, growth)
        } else if !isFront && capacity &- offset &- total >= growth {
            memmove(start + at + inserting, start + at + removing, rest)
        } else {
            remake(at: at, removing: removing, inserting: inserting)
        }
    }

    /// Moves the first `count` bytes towards the block's beginning (or away from it: `growth` < 0).
    @inline(__always)
    private func moveHead(_ count: Int, _ growth: Int) {
        let old = start
        offset = offset &- growth
        if _fastPath(count == Listpack.headerBytes) {
            let word = UnsafeRawPointer(old).loadUnaligned(as: UInt32.self)
            let field = UnsafeRawPointer(old).loadUnaligned(fromByteOffset: 4, as: UInt16.self)
            let place = UnsafeMutableRawPointer(start)
            place.storeBytes(of: word, as: UInt32.self)
            place.storeBytes(of: field, toByteOffset: 4, as: UInt16.self)
        } else {
            memmove(start, old, count)
        }
    }

    /// The room is on the wrong side, or there is not enough: the listpack moves within its block, or to another.
    @inline(never)
    private mutating func remake(at: Int, removing: Int, inserting: Int) {
        let total = pack.byteCount
        let wanted = ListPiece.headerBytes + total - removing + inserting
        if wanted <= capacity { return slide(at: at, removing: removing, inserting: inserting) }
        let atFront = at == Listpack.headerBytes
        let atEnd = atFront || at + removing == total - 1
        let bytes = sizeClass(atEnd ? max(wanted, min(capacity * 2, growthMax)) : wanted)
        let old = self
        base = ListPiece.allocate(bytes, base.header.pointee)
        // The room is left where the piece grows.
        offset = atFront ? bytes - (total - removing + inserting) : ListPiece.headerBytes
        memcpy(start, old.start, at)
        memcpy(start + at + inserting, old.start + at + removing, total - at - removing)
        old.free()
    }

    /// Moves all of the listpack to the side of the block that is not pushed to, and opens the gap.
    private func slide(at: Int, removing: Int, inserting: Int) {
        let total = pack.byteCount
        let rest = total - at - removing
        let used = total - removing + inserting
        let old = start
        offset = at == Listpack.headerBytes ? capacity - used : ListPiece.headerBytes
        if start <= old {
            memmove(start, old, at)
            memmove(start + at + inserting, old + at + removing, rest)
        } else {
            memmove(start + at + inserting, old + at + removing, rest)
            memmove(start, old, at)
        }
    }

    /// Moves the listpack to a smaller block if that saves memory: nothing will be pushed to it soon.
    mutating func trim() {
        if isPlain || base.isShared { return }
        let used = sizeClass(ListPiece.headerBytes + pack.byteCount)
        if used >= capacity { return }
        let old = self
        base = ListPiece.allocate(used, base.header.pointee)
        offset = ListPiece.headerBytes
        memcpy(start, old.start, old.pack.byteCount)
        old.free()
    }
}

/// Where a list is pushed to or popped from.
public enum ListSide: UInt8, Sendable {
    case front, back
}

/// How large a listpack of a list may be: CONFIG's list-max-listpack-size.
public struct ListLimits {
    /// Bytes of a piece, its header included. Seven eighths of what is configured: jemalloc keeps four blocks of
    /// 7 KB under one record of 128 bytes, and only one of 8 KB.
    let bytes: Int
    let elements: Int

    /// Elements of so many bytes and more are kept plain.
    let plainBytes: Int

    /// What `plainBytes` is, unless `DEBUG QUICKLIST-PACKED-THRESHOLD` has changed it.
    public static let plainBytesUsual = 1 << 30

    @inline(__always)
    init(_ size: Int, plainBytes: Int) {
        self.plainBytes = plainBytes
        if size < 0 {
            bytes = 3584 << min(4, -1 &- size)
            elements = .max
        } else {
            bytes = 7168
            elements = max(1, size)
        }
    }

    /// Whether an element is too large to be packed with others.
    @inline(__always)
    func isPlain(_ element: Listpack.NewElement) -> Bool {
        _slowPath(element.view.count >= plainBytes) && !element.isInteger
    }

    /// Whether a listpack may take so many bytes more as one element.
    @inline(__always)
    func allow(_ pack: Listpack, adding bytes: Int, elements more: Int = 1) -> Bool {
        pack.byteCount &+ bytes <= self.bytes &- ListPiece.headerBytes && pack.count &+ more <= elements
    }
}

extension PackingLimits {
    @inline(__always)
    var list: ListLimits { ListLimits(self[.listSize], plainBytes: self[.plainElementBytes]) }
}
