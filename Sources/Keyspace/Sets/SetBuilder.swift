import Base
import CSystem
import Causality

/// A set that is being computed, of no key yet: the result of SINTERSTORE and its like, or what SUNION must know
/// in order not to repeat itself. Takes its final form when it is put under a key.
///
/// Finished with `put` or `free`.
public struct SetBuilder {
    private let table: MemberPieces
    /// What decides the form, as if nothing had been removed again.
    private var areIntegers = true
    private var longest = 0
    private var bytes = 0

    public init() { table = MemberPieces.make(version: 0) }

    public var count: Int { table.count }

    public func free() { MemberPieces.free(table.head) }

    /// Adds a member; false if it is there.
    public mutating func add(_ member: Listpack.Element) -> Bool {
        let isNew = member.withView { table.add($0, version: 0) }
        if isNew { note(member) }
        return isNew
    }

    /// Adds a member that is known not to be there.
    public mutating func insert(_ member: Listpack.Element) {
        member.withView { table.insert($0, MemberRecord.hash(of: $0), version: 0) }
        note(member)
    }

    private mutating func note(_ member: Listpack.Element) {
        let length = member.textCount
        longest = max(longest, length)
        bytes &+= length
        // Once it is known that not all are integers, none need be looked at.
        if areIntegers, let view = member.view { areIntegers = view.count <= Decimal.lengthMax && view.integer != nil }
    }

    public func remove(_ member: Listpack.Element) {
        member.withView { view in
            if let place = table.find(view, MemberRecord.hash(of: view)) { table.remove(place, version: 0) }
        }
    }

    /// Every member, until `body` answers false.
    public func forEach(_ body: (ByteView) -> Bool) { table.forEach { body(MemberRecord.member($0)) } }

    /// Makes the key hold the set, which is not empty, replacing what is there. `slot` is what `find` answered.
    public func put(_ access: Access, _ key: Key, _ slot: Access.Slot?) {
        let packing = access.packing
        let entry: Entry
        if areIntegers && count <= packing[.setIntegers] {
            entry = integers(access, key)
        } else if SetForm.fitsPacked(count, longest, bytes, packing) {
            entry = packed(access, key)
        } else {
            entry = access.makeDetached(key, .set, .pieces, valueCount: Entry.headBytes)
            entry.head = table.head
            MemberPieces.stamp(table.head, access.nextVersion(key))
            return access.putEntry(entry, key, slot)
        }
        free()
        access.putEntry(entry, key, slot)
    }

    private func integers(_ access: Access, _ key: Key) -> Entry {
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: count) { buffer in
            var values = buffer
            var filled = 0
            forEach {
                values[filled] = $0.integer.unsafelyUnwrapped
                filled += 1
                return true
            }
            values.sort()
            let width = max(IntegerSet.width(of: values[0]), IntegerSet.width(of: values[filled - 1]))
            let size = IntegerSet.headerBytes + width * filled
            let entry = access.makeContents(key, .set, size, inside: .integers, outside: .integersBlock)
            entry.integers.setHeader(width: width, count: filled)
            for i in 0..<filled { entry.integers.store(values[i], at: i) }
            return entry
        }
    }

    private func packed(_ access: Access, _ key: Key) -> Entry {
        var block = PackedBlock(capacity: bytes + count * 2 + Listpack.emptyBytes)
        defer { block.free() }
        forEach {
            block.append(Listpack.NewElement($0))
            return true
        }
        let size = block.pack.byteCount
        let entry = access.makeContents(key, .set, size, inside: .packed, outside: .packedBlock)
        memcpy(entry.contents, block.start, size)
        return entry
    }
}

extension Access {
    /// A detached entry with so many bytes of contents, to be written, inside it or in a block.
    func makeContents(_ key: Key, _ type: ValueType, _ size: Int, inside: Encoding, outside: Encoding) -> Entry {
        if size <= PackedValue.inlineMax { return makeDetached(key, type, inside, valueCount: size) }
        let entry = makeDetached(key, type, outside, valueCount: StringBlock.stride)
        var block = StringBlock.make(capacity: sizeClass(size))
        block.count = size
        entry.block = block
        return entry
    }
}

extension MemberTable {
    /// Marks all pieces as made by the change of this version.
    static func stamp(_ head: UnsafeMutableRawPointer, _ version: UInt64) {
        let table = MemberTable(head)
        for i in 0..<table.pieceCount { _ = table.piece(i).base.header.pointee.touch(version) }
    }
}
