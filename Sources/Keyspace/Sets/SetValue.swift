import Base
import CSystem

/// The set at a key, for changing it: members come and go, the form follows. Every change is stamped and emitted.
///
/// Made with the slot that `find` answered, whose entry is a set (nil: the key is not there, and the first member
/// makes it). Owns nothing; used under the partition's lock, with no other changes of the table meanwhile.
public struct SetValue {
    public let access: Access
    public let key: Key
    public private(set) var slot: Access.Slot?

    @inline(__always)
    public init(_ access: Access, _ key: Key, _ slot: Access.Slot?) {
        self.access = access
        self.key = key
        self.slot = slot
    }

    private var version: UInt64 { access.nextVersion(key) }

    /// Adds a member; answers false if it is there. `expected`: members that this and coming calls will add.
    @inline(__always)
    public mutating func add(_ member: ByteView, expecting expected: Int = 1) -> Bool {
        guard let slot else {
            make(member, expected)
            access.changed(self.slot.unsafelyUnwrapped, key, .set(.add(member)))
            return true
        }
        let entry = access.entry(slot)
        switch entry.encoding {
        case .pieces: if !entry.members.add(member, version: version) { return false }
        case .packed, .packedBlock:
            let probe = Listpack.Probe(member)
            let pack = entry.packed
            if pack.find(probe, from: pack.first, step: 1) != pack.end { return false }
            addToPacked(slot, pack, member)
        default: if !addToIntegers(slot, entry.integers, member) { return false }
        }
        access.changed(slot, key, .set(.add(member)))
        return true
    }

    @inline(__always)
    private func addToPacked(_ slot: Access.Slot, _ pack: Listpack, _ member: ByteView) {
        if SetForm.fitsPacked(pack.count &+ 1, member.count, pack.byteCount, access.packing) {
            var value = PackedValue(access, slot, key)
            value.append(Listpack.NewElement(member))
        } else {
            let table = toPieces(slot, expecting: 1)
            _ = table.add(member, version: version)
        }
    }

    private func addToIntegers(_ slot: Access.Slot, _ integers: IntegerSet, _ member: ByteView) -> Bool {
        let packing = access.packing
        if member.count <= Decimal.lengthMax, let integer = member.integer {
            if integers.contains(integer) { return false }
            if integers.count < packing[.setIntegers] {
                var value = PackedValue(access, slot, key)
                value.insertInteger(integer)
                return true
            }
        }
        let largest = max(Decimal.length(integers[0]), Decimal.length(integers[integers.count - 1]))
        let bytes = integers.count * (largest + 2)
        if SetForm.fitsPacked(integers.count + 1, max(largest, member.count), bytes, packing) {
            toPacked(slot, integers)
            var value = PackedValue(access, slot, key)
            value.append(Listpack.NewElement(member))
        } else {
            _ = toPieces(slot, expecting: 1).add(member, version: version)
        }
        return true
    }

    /// Removes a member; answers false if it is not there. The key goes with the last.
    @inline(__always)
    public mutating func remove(_ member: ByteView) -> Bool {
        guard let slot, let place = access.entry(slot).memberPlace(member) else { return false }
        remove(place, member)
        return true
    }

    /// Removes the member at a place. `member` must not lie in the set itself.
    @inline(__always)
    public mutating func remove(_ place: Entry.MemberPlace, _ member: ByteView) {
        let slot = self.slot.unsafelyUnwrapped
        let entry = access.entry(slot)
        if _slowPath(entry.memberCount == 1) {
            access.removeEmptied(slot, key, .set(.remove(member)))
            self.slot = nil
            return
        }
        switch entry.encoding {
        case .pieces: entry.members.remove(place.place, version: version)
        case .packed, .packedBlock:
            var value = PackedValue(access, slot, key)
            value.remove(at: place.at)
        default:
            var value = PackedValue(access, slot, key)
            value.removeInteger(at: place.at)
        }
        access.changed(slot, key, .set(.remove(member)))
    }

    /// Takes a random member out and lends it to `body`. The set is there.
    @inline(__always)
    public mutating func pop(_ generator: inout PRNG, _ body: (ByteView) -> Void) {
        let entry = access.entry(slot.unsafelyUnwrapped)
        let place = entry.randomMember(&generator)
        // Removing it would pull the bytes away.
        entry.member(place).withView { lent in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: lent.count) { copy in
                let start = copy.baseAddress.unsafelyUnwrapped
                memcpy(start, lent.start, lent.count)
                let member = ByteView(UnsafePointer(start), lent.count)
                body(member)
                remove(place, member)
            }
        }
    }

    // MARK: forms

    /// Makes the key hold a set of one member, in the form for `expected` of this kind.
    @inline(never)
    private mutating func make(_ member: ByteView, _ expected: Int) {
        let packing = access.packing
        if member.count <= Decimal.lengthMax, let integer = member.integer, packing[.setIntegers] > 0 {
            let width = IntegerSet.width(of: integer)
            let entry = access.makeValue(key, .set, .integers, valueCount: IntegerSet.headerBytes + width)
            entry.integers.setHeader(width: width, count: 1)
            entry.integers.store(integer, at: 0)
        } else if SetForm.fitsPacked(1, member.count, 0, packing) {
            let element = Listpack.NewElement(member)
            let size = Listpack.emptyBytes + element.byteCount
            if size <= PackedValue.inlineMax {
                let entry = access.makeValue(key, .set, .packed, valueCount: size)
                Listpack.make(entry.contents, element)
            } else {
                var value = access.makePacked(key, .set)
                value.append(element)
            }
        } else {
            let entry = access.makeValue(key, .set, .pieces, valueCount: Entry.headBytes)
            let wanted = min(expected, TablePiece.recordsMax)
            entry.head =
                MemberPieces.make(records: wanted, bytes: min(member.count, 64) * wanted, version: version).head
            _ = entry.members.add(member, version: version)
        }
        slot = access.find(key)
    }

    /// Gives the set its large form.
    @inline(never)
    private func toPieces(_ slot: Access.Slot, expecting more: Int) -> MemberPieces {
        let old = access.entry(slot)
        let count = old.memberCount + more
        let table = MemberPieces.make(records: count, bytes: count * 12, version: version)
        old.forEachMember { element in
            element.withView { table.insert($0, MemberRecord.hash(of: $0), version: version) }
            return true
        }
        recast(slot, old, .pieces, valueCount: Entry.headBytes).head = table.head
        return table
    }

    /// Gives a set of integers the form of a listpack.
    @inline(never)
    private func toPacked(_ slot: Access.Slot, _ integers: IntegerSet) {
        var pack = PackedBlock()
        for i in 0..<integers.count { pack.append(Listpack.NewElement(integer: integers[i])) }
        defer { pack.free() }
        let size = pack.pack.byteCount
        let old = access.entry(slot)
        if size <= PackedValue.inlineMax {
            memcpy(recast(slot, old, .packed, valueCount: size).contents, pack.start, size)
        } else {
            var block = StringBlock.make(capacity: sizeClass(size))
            memcpy(block.bytes, pack.start, size)
            block.count = size
            recast(slot, old, .packedBlock, valueCount: StringBlock.stride).block = block
        }
    }

    private func recast(_ slot: Access.Slot, _ old: Entry, _ encoding: Encoding, valueCount: Int) -> Entry {
        if old.encoding == .packedBlock || old.encoding == .integersBlock {
            let block = old.block
            cs_release(block.bytes, block.capacity)
        }
        return access.recast(slot, key, encoding, valueCount: valueCount)
    }
}

/// Which form a set has.
enum SetForm {
    /// Whether a set of so many members, the longest of so many bytes, may be a listpack of about so many bytes.
    @inline(__always)
    static func fitsPacked(_ count: Int, _ longest: Int, _ bytes: Int, _ packing: PackingLimits) -> Bool {
        count <= packing[.setEntries] && longest <= packing[.setValue]
            && bytes &+ longest <= PackedValue.bytesMax
    }
}
