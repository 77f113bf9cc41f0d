import Base
import CSystem

/// Reading hashes, whatever their form. Fields and values are lent as elements: an integer, or bytes.
extension Entry {
    @inline(__always)
    var fields: FieldPieces { FieldPieces(head) }

    /// A hash's fields.
    @inline(__always)
    public var fieldCount: Int {
        switch encoding {
        case .packed, .packedBlock: packed.count / 2
        case .pieces: fields.count
        default: preconditionFailure("another value taken for a hash")
        }
    }

    /// A field's value.
    @inline(__always)
    public func fieldValue(_ field: ByteView) -> Listpack.Element? {
        if encoding == .pieces {
            guard let value = fields.value(field) else { return nil }
            return Listpack.Element(bytes: value.start, value.count)
        }
        let pack = packed
        let at = pack.find(Listpack.Probe(field), from: pack.first, step: 2)
        return at == pack.end ? nil : pack.element(pack.next(at))
    }

    /// Every field with its value, until `body` answers false; packed ones in the order of insertion.
    @inline(__always)
    public func forEachField(_ body: (Listpack.Element, Listpack.Element) -> Bool) {
        if encoding == .pieces {
            fields.forEach { record in
                let field = FieldRecord.field(record)
                let value = FieldRecord.value(record)
                return body(
                    Listpack.Element(bytes: field.start, field.count),
                    Listpack.Element(bytes: value.start, value.count))
            }
            return
        }
        let pack = packed
        let end = pack.end
        var at = pack.first
        while at < end {
            let second = pack.next(at)
            if !body(pack.element(at), pack.element(second)) { return }
            at = pack.next(second)
        }
    }

    /// Where a field is. Valid until the hash changes.
    public struct FieldPlace {
        let at: Int
        let place: FieldPieces.Place

        /// A number that no other field's place has.
        public var identity: UInt64 { UInt64(at) &+ (UInt64(place.piece) << 32 | UInt64(place.slot)) }
    }

    /// A random field's place, all equally likely. The hash is not empty.
    public func randomField(_ generator: inout PRNG) -> FieldPlace {
        if encoding == .pieces { return FieldPlace(at: 0, place: fields.random(&generator)) }
        let pack = packed
        let index = Int(generator.below(UInt64(pack.count / 2))) * 2
        return FieldPlace(at: pack.seek(index).unsafelyUnwrapped, place: FieldPieces.Place(piece: 0, slot: 0))
    }

    /// The field and value at a place.
    public func field(_ place: FieldPlace) -> (Listpack.Element, Listpack.Element) {
        if encoding == .pieces {
            let record = fields.record(place.place)
            let (field, value) = (FieldRecord.field(record), FieldRecord.value(record))
            return (
                Listpack.Element(bytes: field.start, field.count), Listpack.Element(bytes: value.start, value.count)
            )
        }
        let pack = packed
        return (pack.element(place.at), pack.element(pack.next(place.at)))
    }

    /// One step of HSCAN: small hashes whole, large ones a piece. Answers the next cursor, 0 at the end.
    public func scanFields(_ cursor: UInt64, _ body: (Listpack.Element, Listpack.Element) -> Void) -> UInt64 {
        if encoding == .pieces {
            return fields.scan(cursor) { record in
                let (field, value) = (FieldRecord.field(record), FieldRecord.value(record))
                body(
                    Listpack.Element(bytes: field.start, field.count),
                    Listpack.Element(bytes: value.start, value.count))
            }
        }
        forEachField {
            body($0, $1)
            return true
        }
        return 0
    }
}
