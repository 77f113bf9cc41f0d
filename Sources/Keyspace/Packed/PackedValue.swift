import Base
import CSystem
import Causality

/// The listpack (or IntegerSet, or ScoreRun) that a key's value is: in the entry while it is short, in a block outside
/// when it is longer.
///
/// Valid as long as its slot. Changes are completed with `Access.changed`, which stamps and emits them.
public struct PackedValue: PackedStorage {
    public let access: Access
    public let slot: Table.Slot
    public let key: Key

    /// Listpacks up to this size live in their entry: longer ones would need its wide header.
    static let inlineMax = 1000
    /// No packed value grows past this, whatever the configuration says: changes cost its length.
    static let bytesMax = 1 << 20

    @inline(__always)
    public init(_ access: Access, _ slot: Table.Slot, _ key: Key) {
        self.access = access
        self.slot = slot
        self.key = key
    }

    @inline(__always)
    public var start: UnsafeMutablePointer<UInt8> { Table.entry(slot).contents }

    @inline(__always)
    public mutating func splice(at: Int, removing: Int, inserting: Int) {
        let entry = Table.entry(slot)
        if entry.encoding == .packed || entry.encoding == .integers {
            spliceInline(entry, at: at, removing: removing, inserting: inserting)
        } else {
            spliceBlock(entry, at: at, removing: removing, inserting: inserting)
        }
    }

    @inline(__always)
    private func spliceInline(_ entry: Entry, at: Int, removing: Int, inserting: Int) {
        let old = entry.valueCount
        let wanted = old &- removing &+ inserting
        if _slowPath(wanted > PackedValue.inlineMax) {
            return moveOut(entry, at: at, removing: removing, inserting: inserting)
        }
        let rest = old &- at &- removing
        if wanted < old { memmove(entry.value + at + inserting, entry.value + at + removing, rest) }
        let resized = wanted == old ? entry : access.resized(slot, key, entry, wanted)
        if wanted > old { memmove(resized.value + at + inserting, resized.value + at + removing, rest) }
    }

    /// The listpack has outgrown the entry: it moves to a block.
    private func moveOut(_ entry: Entry, at: Int, removing: Int, inserting: Int) {
        let old = entry.valueCount
        let wanted = old - removing + inserting
        var block = StringBlock.make(capacity: sizeClass(wanted))
        let value = entry.value
        memcpy(block.bytes, value, at)
        memcpy(block.bytes + at + inserting, value + at + removing, old - at - removing)
        block.count = wanted
        let outside: Encoding = entry.encoding == .packed ? .packedBlock : .integersBlock
        let moved = access.remade(slot, key, StringBlock.stride, entry.dot, entry.deadline)
        moved.setEncoding(outside)
        moved.block = block
    }

    private func spliceBlock(_ entry: Entry, at: Int, removing: Int, inserting: Int) {
        var block = entry.block
        let wanted = block.count - removing + inserting
        let rest = block.count - at - removing
        let size = sizeClass(wanted)
        if wanted > block.capacity || size * 2 <= block.capacity {
            let moved = cs_allocate(size)!.assumingMemoryBound(to: UInt8.self)
            memcpy(moved, block.bytes, at)
            memcpy(moved + at + inserting, block.bytes + at + removing, rest)
            cs_release(block.bytes, block.capacity)
            block.bytes = moved
            block.capacity = size
        } else {
            memmove(block.bytes + at + inserting, block.bytes + at + removing, rest)
        }
        block.count = wanted
        entry.block = block
    }
}

extension Entry {
    /// Where the bytes of a packed value or of a set of integers are.
    @inline(__always)
    var contents: UnsafeMutablePointer<UInt8> {
        if encoding == .packed || encoding == .integers { return value.assumingMemoryBound(to: UInt8.self) }
        return block.bytes
    }

    /// The listpack of a `.packed` or `.packedBlock` value.
    @inline(__always)
    public var packed: Listpack {
        if encoding == .packed { return Listpack(value.assumingMemoryBound(to: UInt8.self)) }
        return Listpack(block.bytes)
    }
}

extension Access {
    /// Makes an absent key hold an empty listpack of the type, to be filled and completed with `changed`.
    /// Invalidates slots; answers the new one.
    public func makePacked(_ key: Key, _ type: ValueType) -> PackedValue {
        let entry = makeValue(key, type, .packed, valueCount: Listpack.emptyBytes)
        Listpack.makeEmpty(entry.value.assumingMemoryBound(to: UInt8.self))
        return PackedValue(self, tables.pointee.entries.find(key).unsafelyUnwrapped, key)
    }
}
