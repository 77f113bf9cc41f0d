import Base
import CSystem

/// The list that a key's value is: one listpack while it is short, pieces when it is longer. All changes are
/// stamped, told to watchers, and emitted. Valid as long as its slot; not after the list has become empty, when
/// the key is gone.
public struct ListValue {
    public let access: Access
    public let slot: Table.Slot
    public let key: Key

    @inline(__always)
    public init(_ access: Access, _ slot: Table.Slot, _ key: Key) {
        self.access = access
        self.slot = slot
        self.key = key
    }

    @inline(__always)
    var entry: Entry { Table.entry(slot) }

    @inline(__always)
    var isPacked: Bool { entry.encoding != .pieces }

    @inline(__always)
    private var packed: PackedValue { PackedValue(access, slot, key) }

    @inline(__always)
    var pieces: ListPieces {
        ListPieces(entry.head, access.packing.list, version: access.nextVersion(key))
    }

    @inline(__always)
    public var count: Int { entry.listCount }

    // MARK: the ends

    /// Adds an element at an end.
    @inline(__always)
    public func push(_ view: ByteView, _ side: ListSide) {
        let element = Listpack.NewElement(view)
        if !isPacked {
            pieces.push(element, side)
        } else {
            pushPacked(element, side)
        }
        access.changed(slot, key, .list(.push(side, view)))
    }

    private func pushPacked(_ element: Listpack.NewElement, _ side: ListSide) {
        var value = packed
        let pack = value.pack
        let limits = access.packing.list
        if !limits.allow(pack, adding: element.byteCount) || limits.isPlain(element) {
            spread(side)
            return pieces.push(element, side)
        }
        value.insert(element, at: side == .front ? pack.first : pack.end)
    }

    /// Adds elements at an end, one after another.
    public func push(_ views: UnsafePointer<ByteView>, count: Int, _ side: ListSide) {
        if count > 1 && isPacked && pushAllPacked(views, count, side) {
            for i in 0..<count { access.changed(slot, key, .list(.push(side, views[i]))) }
        } else {
            for i in 0..<count { push(views[i], side) }
        }
    }

    /// Adds all elements to the listpack in one go, if they fit.
    private func pushAllPacked(_ views: UnsafePointer<ByteView>, _ count: Int, _ side: ListSide) -> Bool {
        let limits = access.packing.list
        var bytes = 0
        for i in 0..<count {
            let element = Listpack.NewElement(views[i])
            if limits.isPlain(element) { return false }
            bytes += element.byteCount
        }
        var value = packed
        if !limits.allow(value.pack, adding: bytes, elements: count) { return false }
        let at = side == .front ? value.pack.first : value.pack.end
        value.insertAll(views, count, bytes: bytes, at: at, reversed: side == .front)
        return true
    }

    /// Lends the element at an end. The list is not empty.
    @inline(__always)
    public func withEnd<R>(_ side: ListSide, _ body: (Listpack.Element) -> R) -> R {
        if !isPacked { return pieces.withEnd(side, body) }
        let pack = entry.packed
        return body(pack.element(side == .front ? pack.first : pack.last))
    }

    /// Takes elements away at an end; so many are there. Answers whether the list has become empty, and its key
    /// with it.
    @inline(__always)
    @discardableResult
    public func pop(_ elements: Int, _ side: ListSide) -> Bool {
        if elements == count { return vanish(.pop(side, elements)) }
        if !isPacked {
            if elements == 1 { pieces.popOne(side) } else { pieces.pop(elements, side) }
            if _slowPath(entry.listSpine.pointee.pieceCount == 1) { packIfSmall() }
        } else {
            var value = packed
            let pack = value.pack
            let at = side == .front ? pack.first : elements == 1 ? pack.last : pack.seek(-elements).unsafelyUnwrapped
            value.remove(at: at, count: elements)
        }
        access.changed(slot, key, .list(.pop(side, elements)))
        return false
    }

    private func vanish(_ change: ListChange) -> Bool {
        access.removeEmptied(slot, key, .list(change))
        return true
    }

    // MARK: between the ends

    /// Puts an element before the one at `index` (0 ... count).
    public func insert(_ view: ByteView, at index: Int) {
        let element = Listpack.NewElement(view)
        let limits = access.packing.list
        if isPacked && (!limits.allow(entry.packed, adding: element.byteCount) || limits.isPlain(element)) {
            spread(.back)
        }
        if isPacked {
            var value = packed
            value.insert(element, at: value.pack.seek(index) ?? value.pack.end)
        } else {
            pieces.insert(element, at: index)
        }
        access.changed(slot, key, .list(.insert(at: index, view)))
    }

    /// Puts another element in the place of the one at `index` (0 ..< count).
    public func set(_ view: ByteView, at index: Int) {
        let element = Listpack.NewElement(view)
        let limits = access.packing.list
        if isPacked {
            let pack = entry.packed
            let at = pack.seek(index).unsafelyUnwrapped
            let growth = element.byteCount - (pack.next(at) - at)
            if limits.isPlain(element) || (growth > 0 && !limits.allow(pack, adding: growth, elements: 0)) {
                spread(.back)
            } else {
                var value = packed
                value.replace(at: at, with: element)
            }
        }
        if !isPacked { pieces.set(element, at: index) }
        access.changed(slot, key, .list(.set(at: index, view)))
    }

    /// Takes elements away from `index` on; so many are there. Answers whether the list has become empty.
    @discardableResult
    public func remove(at index: Int, count elements: Int) -> Bool {
        if elements == count { return vanish(.remove(at: index, count: elements)) }
        if isPacked {
            var value = packed
            value.remove(at: value.pack.seek(index).unsafelyUnwrapped, count: elements)
        } else {
            pieces.remove(at: index, count: elements)
            packIfSmall()
        }
        access.changed(slot, key, .list(.remove(at: index, count: elements)))
        return false
    }

    // MARK: forms

    /// Makes pieces of the listpack, with room where the list is about to grow.
    @inline(never)
    private func spread(_ side: ListSide) {
        let limits = access.packing.list
        let pack = entry.packed
        let count = pack.count
        let head = ListPieces.makeHead()
        let pieces = ListPieces(head, limits, version: access.nextVersion(key))
        if count > 0 {
            let piece = ListPiece(pack, capacity: min(limits.bytes, pack.byteCount * 2), side, pieces.newHeader())
            pieces.head.pointee.spine.append(piece.base, count: count)
        }
        entry.releasePacked()
        access.recast(slot, key, .pieces, valueCount: Entry.headBytes).head = head
    }

    /// A list that has shrunk to one small piece becomes a listpack again (as in Redis 7.2, at a size at which
    /// it will not be back soon).
    @inline(never)
    func packIfSmall() {
        let spine = entry.listSpine
        guard spine.pointee.pieceCount == 1, let only = spine.pointee.first else { return }
        let piece = ListPiece(only.piece)
        let limits = access.packing.list
        if piece.isPlain || piece.pack.byteCount > min(limits.bytes / 4, PackedValue.inlineMax) { return }
        if limits.elements < .max && piece.pack.count > limits.elements / 2 { return }
        let head = entry.head
        let bytes = piece.pack.byteCount
        let packed = access.recast(slot, key, .packed, valueCount: bytes)
        memcpy(packed.value, piece.start, bytes)
        ListPieces.free(head)
    }
}

extension Entry {
    /// Elements of a list.
    @inline(__always)
    public var listCount: Int { encoding == .pieces ? listSpine.pointee.count : packed.count }

    @inline(__always)
    var listSpine: UnsafeMutablePointer<Spine> { head.assumingMemoryBound(to: Spine.self) }

    /// Frees the block that a listpack is in, if it is in one; the entry is about to get another form.
    func releasePacked() {
        if encoding == .packedBlock { cs_release(block.bytes, block.capacity) }
    }
}

extension Access {
    /// Makes an absent key hold an empty list, to be pushed to. Invalidates slots.
    public func makeList(_ key: Key) -> ListValue { ListValue(self, makePacked(key, .list).slot, key) }

    /// Makes an absent key hold a list of these elements, pushed one after another. Invalidates slots. Answers
    /// whether that many small elements fit an entry; if not, nothing is done.
    func makeSmallList(_ key: Key, _ views: UnsafePointer<ByteView>, _ count: Int, _ side: ListSide) -> Slot? {
        let limits = packing.list
        var bytes = 0
        for i in 0..<count {
            let element = Listpack.NewElement(views[i])
            bytes += element.byteCount
            if bytes > PackedValue.inlineMax - Listpack.emptyBytes || limits.isPlain(element) { return nil }
        }
        if count > limits.elements { return nil }
        let entry = makeValue(key, .list, .packed, valueCount: Listpack.emptyBytes + bytes)
        var filling = FixedStorage(start: entry.value.assumingMemoryBound(to: UInt8.self))
        Listpack.makeEmpty(filling.start)
        filling.insertAll(views, count, bytes: bytes, at: Listpack.headerBytes, reversed: side == .front)
        return tables.pointee.entries.find(key)
    }

    /// Pushes elements to the list at `slot` (nil: the key is absent, and gets one). Answers its length. Invalidates
    /// slots when nil.
    @inline(__always)
    public func pushToList(
        _ key: Key, _ slot: Slot?, _ views: UnsafePointer<ByteView>, _ count: Int, _ side: ListSide
    ) -> Int {
        guard let slot else { return pushToNewList(key, views, count, side) }
        let list = ListValue(self, slot, key)
        if count == 1 { list.push(views[0], side) } else { list.push(views, count: count, side) }
        return list.count
    }

    @inline(never)
    private func pushToNewList(
        _ key: Key, _ views: UnsafePointer<ByteView>, _ count: Int, _ side: ListSide
    ) -> Int {
        if let slot = makeSmallList(key, views, count, side) {
            for i in 0..<count { changed(slot, key, .list(.push(side, views[i]))) }
        } else {
            makeList(key).push(views, count: count, side)
        }
        return count
    }
}

/// Memory of just the right size for a listpack that is being filled.
private struct FixedStorage: PackedStorage {
    let start: UnsafeMutablePointer<UInt8>

    func splice(at: Int, removing: Int, inserting: Int) {
        memmove(start + at + inserting, start + at + removing, pack.byteCount - at - removing)
    }
}
