import Base
import CSystem

/// The hash at a key, for changing it: fields come and go, the form follows. Every change is stamped and emitted.
///
/// Made with the slot that `find` answered, whose entry is a hash (nil: the key is not there, and the first field
/// makes it). Owns nothing; used under the partition's lock, with no other changes of the table meanwhile.
public struct HashValue {
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

    /// Gives a field a value, neither of which lies in the hash itself; answers whether the field is new.
    @inline(__always)
    public mutating func set(_ field: ByteView, _ value: ByteView) -> Bool {
        guard let slot else {
            make(field, value)
            access.changed(self.slot.unsafelyUnwrapped, key, .hash(.set(field, value)))
            return true
        }
        let entry = access.entry(slot)
        let isNew: Bool
        if entry.encoding == .pieces {
            isNew = entry.fields.set(field, value, version: version)
        } else {
            isNew = setPacked(slot, entry.packed, field, value)
        }
        access.changed(slot, key, .hash(.set(field, value)))
        return isNew
    }

    @inline(__always)
    private func setPacked(_ slot: Access.Slot, _ pack: Listpack, _ field: ByteView, _ value: ByteView) -> Bool {
        let at = pack.find(Listpack.Probe(field), from: pack.first, step: 2)
        let isNew = at == pack.end
        let count = isNew ? pack.count / 2 &+ 1 : 1
        let packing = access.packing
        if _slowPath(!HashForm.fitsPacked(count, max(field.count, value.count), pack.byteCount, packing)) {
            return toPieces(slot).set(field, value, version: version)
        }
        var packed = PackedValue(access, slot, key)
        if isNew {
            packed.append(Listpack.NewElement(field), Listpack.NewElement(value))
        } else {
            packed.replace(at: pack.next(at), with: Listpack.NewElement(value))
        }
        return isNew
    }

    /// Removes a field; answers false if it is not there. The key goes with the last.
    @inline(__always)
    public mutating func remove(_ field: ByteView) -> Bool {
        guard let slot else { return false }
        let entry = access.entry(slot)
        if entry.encoding == .pieces {
            let table = entry.fields
            guard let place = table.find(field, FieldRecord.hash(of: field)) else { return false }
            if table.count == 1 { return removeLast(slot, field) }
            table.remove(place, version: version)
        } else {
            let pack = entry.packed
            let at = pack.find(Listpack.Probe(field), from: pack.first, step: 2)
            if at == pack.end { return false }
            if pack.count == 2 { return removeLast(slot, field) }
            var packed = PackedValue(access, slot, key)
            packed.remove(at: at, count: 2)
        }
        access.changed(slot, key, .hash(.remove(field)))
        return true
    }

    private mutating func removeLast(_ slot: Access.Slot, _ field: ByteView) -> Bool {
        access.removeEmptied(slot, key, .hash(.remove(field)))
        self.slot = nil
        return true
    }

    // MARK: forms

    /// Makes the key hold a hash of one field.
    @inline(never)
    private mutating func make(_ field: ByteView, _ value: ByteView) {
        if HashForm.fitsPacked(1, max(field.count, value.count), 0, access.packing) {
            makePacked(Listpack.NewElement(field), Listpack.NewElement(value))
        } else {
            let entry = access.makeValue(key, .hash, .pieces, valueCount: Entry.headBytes)
            let bytes = field.count + value.count + 4
            let isLong = bytes > RecordLength.inlineMax
            entry.head =
                FieldPieces.make(records: 1, bytes: isLong ? RecordLength.outsideBytes : bytes, version: version).head
            _ = entry.fields.set(field, value, version: version)
        }
        slot = access.find(key)
    }

    private func makePacked(_ field: Listpack.NewElement, _ value: Listpack.NewElement) {
        let size = Listpack.emptyBytes + field.byteCount + value.byteCount
        if size <= PackedValue.inlineMax {
            Listpack.make(access.makeValue(key, .hash, .packed, valueCount: size).contents, field, value)
        } else {
            var packed = access.makePacked(key, .hash)
            packed.append(field, value)
        }
    }

    /// Gives the hash its large form.
    @inline(never)
    private func toPieces(_ slot: Access.Slot) -> FieldPieces {
        let old = access.entry(slot)
        let table = FieldPieces.make(
            records: old.fieldCount + 1, bytes: old.packed.byteCount, version: version)
        old.forEachField { field, value in
            field.withView { field in
                value.withView { table.insert(field, $0, FieldRecord.hash(of: field), version: version) }
            }
            return true
        }
        if old.encoding == .packedBlock {
            let block = old.block
            cs_release(block.bytes, block.capacity)
        }
        access.recast(slot, key, .pieces, valueCount: Entry.headBytes).head = table.head
        return table
    }
}

/// Which form a hash has.
enum HashForm {
    /// Whether a hash of so many fields, the longest of all parts of so many bytes, may be a listpack.
    @inline(__always)
    static func fitsPacked(_ count: Int, _ longest: Int, _ bytes: Int, _ packing: PackingLimits) -> Bool {
        count <= packing[.hashEntries] && longest <= packing[.hashValue]
            && bytes &+ 2 &* longest <= PackedValue.bytesMax
    }
}
