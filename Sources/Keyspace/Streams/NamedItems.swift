import Base
import CSystem

/// What every block that is listed by name begins with.
struct NamedItem {
    var name: UnsafeMutablePointer<UInt8>
    var nameCount: Int

    /// Copies the name.
    init(_ name: ByteView) {
        self.name = cs_allocate(max(1, name.count))!.assumingMemoryBound(to: UInt8.self)
        memcpy(self.name, name.start, name.count)
        nameCount = name.count
    }

    var view: ByteView { ByteView(UnsafePointer(name), nameCount) }

    func free() { cs_release(name, max(1, nameCount)) }

    var memoryBytes: Int { cs_usable_size(name) }
}

/// Blocks of memory in the order of their names (a stream's groups, a group's consumers). The blocks are the
/// owner's.
struct NamedItems {
    private var items: UnsafeMutablePointer<UnsafeMutableRawPointer>?
    private(set) var count = 0
    private var capacity = 0

    subscript(i: Int) -> UnsafeMutableRawPointer { items.unsafelyUnwrapped[i] }

    private func name(_ i: Int) -> ByteView { self[i].assumingMemoryBound(to: NamedItem.self).pointee.view }

    /// How many have lesser names, and whether the next one has this name.
    func position(of name: ByteView) -> (Int, Bool) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) >> 1
            if self.name(middle) < name { low = middle + 1 } else { high = middle }
        }
        return (low, low < count && self.name(low) == name)
    }

    func find(_ name: ByteView) -> UnsafeMutableRawPointer? {
        let (i, isThere) = position(of: name)
        return isThere ? self[i] : nil
    }

    /// Adds a block whose name is not among the others.
    mutating func insert(_ item: UnsafeMutableRawPointer, at i: Int) {
        if count == capacity { grow() }
        let items = items.unsafelyUnwrapped
        memmove(items + i + 1, items + i, (count - i) * 8)
        items[i] = item
        count += 1
    }

    mutating func remove(at i: Int) {
        let items = items.unsafelyUnwrapped
        memmove(items + i, items + i + 1, (count - i - 1) * 8)
        count -= 1
        if count == 0 { free() }
    }

    /// Frees the list, not the blocks.
    mutating func free() {
        if let items { cs_release(items, capacity * 8) }
        self = NamedItems()
    }

    private mutating func grow() {
        let larger = max(2, capacity * 2)
        let moved = cs_allocate(larger * 8)!.assumingMemoryBound(to: UnsafeMutableRawPointer.self)
        if let items {
            memcpy(moved, items, count * 8)
            cs_release(items, capacity * 8)
        }
        items = moved
        capacity = larger
    }

    var memoryBytes: Int { items.map { cs_usable_size($0) } ?? 0 }
}
