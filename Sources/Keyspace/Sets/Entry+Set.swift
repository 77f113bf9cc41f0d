import Base
import CSystem

/// Reading sets, whatever their form. Members are lent as elements: an integer, or bytes.
extension Entry {
    @inline(__always)
    var members: MemberPieces { MemberPieces(head) }

    /// A set's members.
    @inline(__always)
    public var memberCount: Int {
        switch encoding {
        case .packed, .packedBlock: packed.count
        case .integers, .integersBlock: integers.count
        case .pieces: members.count
        case .integer, .bytes, .rawBytes, .block: preconditionFailure("a string taken for a set")
        }
    }

    /// Whether a set has a member. Small forms are searched from end to end (integers by bisection).
    @inline(__always)
    public func hasMember(_ member: ByteView) -> Bool {
        switch encoding {
        case .pieces: return members.contains(member)
        case .packed, .packedBlock: return hasPackedMember(Listpack.Probe(member))
        case .integers, .integersBlock:
            guard member.count <= Decimal.lengthMax, let integer = member.integer else { return false }
            return integers.contains(integer)
        case .integer, .bytes, .rawBytes, .block: preconditionFailure("a string taken for a set")
        }
    }

    @inline(__always)
    private func hasPackedMember(_ probe: Listpack.Probe) -> Bool {
        let pack = packed
        return pack.find(probe, from: pack.first, step: 1) != pack.end
    }

    /// Whether another set's member is one of this set, too.
    @inline(__always)
    public func hasMember(_ member: Listpack.Element) -> Bool {
        if let view = member.view { return hasMember(view) }
        switch encoding {
        case .integers, .integersBlock: return integers.contains(member.integer)
        case .packed, .packedBlock: return hasPackedMember(Listpack.Probe(integer: member.integer))
        default: return member.withView { hasMember($0) }
        }
    }

    /// Every member, until `body` answers false: integers ascending, packed ones in the order of insertion.
    @inline(__always)
    public func forEachMember(_ body: (Listpack.Element) -> Bool) {
        switch encoding {
        case .pieces:
            members.forEach {
                let member = MemberRecord.member($0)
                return body(Listpack.Element(bytes: member.start, member.count))
            }
        case .integers, .integersBlock:
            let set = integers
            for i in 0..<set.count where !body(Listpack.Element(integer: set[i])) { return }
        default:
            let pack = packed
            let end = pack.end
            var at = pack.first
            while at < end {
                if !body(pack.element(at)) { return }
                at = pack.next(at)
            }
        }
    }

    /// Where a member is; see `memberPlace(_:)`. Valid until the set changes.
    public struct MemberPlace {
        /// A position in the listpack, an index among integers; not used for pieces.
        let at: Int
        let place: MemberPieces.Place

        @inline(__always)
        init(_ at: Int) {
            self.at = at
            place = MemberPieces.Place(piece: 0, slot: 0)
        }

        @inline(__always)
        init(_ place: MemberPieces.Place) {
            at = 0
            self.place = place
        }

        /// A number that no other member's place has.
        public var identity: UInt64 { UInt64(at) &+ (UInt64(place.piece) << 32 | UInt64(place.slot)) }
    }

    /// The place of a member.
    @inline(__always)
    func memberPlace(_ member: ByteView) -> MemberPlace? {
        switch encoding {
        case .pieces: return members.find(member, MemberRecord.hash(of: member)).map { MemberPlace($0) }
        case .integers, .integersBlock:
            guard member.count <= Decimal.lengthMax, let integer = member.integer else { return nil }
            let at = integers.lowerBound(integer)
            return at < integers.count && integers[at] == integer ? MemberPlace(at) : nil
        default:
            let pack = packed
            let at = pack.find(Listpack.Probe(member), from: pack.first, step: 1)
            return at == pack.end ? nil : MemberPlace(at)
        }
    }

    /// A random member's place, all equally likely. The set is not empty.
    @inline(__always)
    public func randomMember(_ generator: inout PRNG) -> MemberPlace {
        switch encoding {
        case .pieces: return MemberPlace(members.random(&generator))
        case .integers, .integersBlock: return MemberPlace(Int(generator.below(UInt64(integers.count))))
        default:
            let pack = packed
            return MemberPlace(pack.seek(Int(generator.below(UInt64(pack.count)))).unsafelyUnwrapped)
        }
    }

    /// The member at a place.
    @inline(__always)
    public func member(_ place: MemberPlace) -> Listpack.Element {
        switch encoding {
        case .pieces:
            let member = MemberRecord.member(members.record(place.place))
            return Listpack.Element(bytes: member.start, member.count)
        case .integers, .integersBlock: return Listpack.Element(integer: integers[place.at])
        default: return packed.element(place.at)
        }
    }

    /// One step of SSCAN: small sets whole, large ones a piece. Answers the next cursor, 0 at the end.
    public func scanMembers(_ cursor: UInt64, _ body: (Listpack.Element) -> Void) -> UInt64 {
        if encoding == .pieces {
            return members.scan(cursor) {
                let member = MemberRecord.member($0)
                body(Listpack.Element(bytes: member.start, member.count))
            }
        }
        forEachMember {
            body($0)
            return true
        }
        return 0
    }
}
