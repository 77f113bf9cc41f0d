import Base
import CSystem

/// Memory that holds one listpack and can be resized: inside an entry, or a piece of its own.
public protocol PackedStorage {
    /// Where the listpack is now. Every `splice` may move it.
    var start: UnsafeMutablePointer<UInt8> { get }

    /// Replaces the `removing` bytes at `at` by `inserting` bytes, yet to be written; what follows moves.
    mutating func splice(at: Int, removing: Int, inserting: Int)
}

extension PackedStorage {
    @inline(__always)
    public var pack: Listpack { Listpack(start) }

    /// The header, after a change of the elements.
    @inline(__always)
    func settle(_ byteCount: Int, adding elements: Int) {
        let pack = pack
        pack.setByteCount(byteCount)
        let field = pack.countField
        if _fastPath(field != Listpack.countUnknown) { pack.setCount(field &+ elements) }
    }

    /// Inserts an element before the one at `at` (or at the end). Answers the position after it.
    @inline(__always)
    @discardableResult
    public mutating func insert(_ element: Listpack.NewElement, at: Int) -> Int {
        let total = pack.byteCount
        let size = element.byteCount
        splice(at: at, removing: 0, inserting: size)
        element.write(to: start + at)
        settle(total &+ size, adding: 1)
        return at &+ size
    }

    /// Adds an element at the end.
    @inline(__always)
    public mutating func append(_ element: Listpack.NewElement) { insert(element, at: pack.end) }

    /// Adds two elements at the end at once.
    @inline(__always)
    public mutating func append(_ first: Listpack.NewElement, _ second: Listpack.NewElement) {
        let total = pack.byteCount
        let at = total &- 1
        let (size, more) = (first.byteCount, second.byteCount)
        splice(at: at, removing: 0, inserting: size &+ more)
        first.write(to: start + at)
        second.write(to: start + (at &+ size))
        settle(total &+ size &+ more, adding: 2)
    }

    /// Adds an element before all others.
    @inline(__always)
    public mutating func prepend(_ element: Listpack.NewElement) { insert(element, at: pack.first) }

    /// Puts another element in the place of the one at `at`. Answers the position after it.
    @discardableResult
    public mutating func replace(at: Int, with element: Listpack.NewElement) -> Int {
        let total = pack.byteCount
        let old = pack.next(at) - at
        let size = element.byteCount
        if size != old { splice(at: at, removing: old, inserting: size) }
        element.write(to: start + at)
        settle(total - old + size, adding: 0)
        return at + size
    }

    /// Removes `count` elements from the one at `at` on; so many are there. What followed is at `at` then.
    public mutating func remove(at: Int, count: Int = 1) {
        let total = pack.byteCount
        var next = at
        for _ in 0..<count { next = pack.next(next) }
        splice(at: at, removing: next - at, inserting: 0)
        settle(total - (next - at), adding: -count)
    }

    /// Inserts many elements, which take `bytes` in all, before the position `at`.
    mutating func insertAll(
        _ views: UnsafePointer<ByteView>, _ count: Int, bytes: Int, at: Int, reversed: Bool = false
    ) {
        let total = pack.byteCount
        splice(at: at, removing: 0, inserting: bytes)
        var place = start + at
        for i in 0..<count {
            let element = Listpack.NewElement(views[reversed ? count &- 1 &- i : i])
            element.write(to: place)
            place += element.byteCount
        }
        settle(total + bytes, adding: count)
    }

    /// Copies a run of elements of another listpack, not of this one, before the position `at`.
    public mutating func insert(copying source: Listpack, from: Int, to: Int, count: Int, at: Int) {
        let total = pack.byteCount
        splice(at: at, removing: 0, inserting: to - from)
        memcpy(start + at, source.start + from, to - from)
        settle(total + to - from, adding: count)
    }
}

/// A listpack in a block of its own. Owned by whoever holds the value; freed with `free`.
public struct PackedBlock: PackedStorage {
    public private(set) var start: UnsafeMutablePointer<UInt8>
    public private(set) var capacity: Int

    public init(capacity: Int = Listpack.emptyBytes) {
        self.capacity = sizeClass(max(capacity, Listpack.emptyBytes))
        start = cs_allocate(self.capacity)!.assumingMemoryBound(to: UInt8.self)
        Listpack.makeEmpty(start)
    }

    /// A copy of a listpack.
    public init(copying source: Listpack) {
        let count = source.byteCount
        capacity = sizeClass(count)
        start = cs_allocate(capacity)!.assumingMemoryBound(to: UInt8.self)
        memcpy(start, source.start, count)
    }

    public func free() { cs_release(start, capacity) }

    public mutating func splice(at: Int, removing: Int, inserting: Int) {
        let old = pack.byteCount
        let wanted = old - removing + inserting
        let size = sizeClass(wanted)
        if wanted > capacity || size * 2 <= capacity {
            let moved = cs_allocate(size)!.assumingMemoryBound(to: UInt8.self)
            memcpy(moved, start, at)
            memcpy(moved + at + inserting, start + at + removing, old - at - removing)
            cs_release(start, capacity)
            start = moved
            capacity = size
        } else {
            memmove(start + at + inserting, start + at + removing, old - at - removing)
        }
    }
}
