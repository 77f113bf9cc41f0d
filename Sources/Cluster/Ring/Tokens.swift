import Base

/// Where nodes' tokens lie on the ring.
///
/// The ring is 16384 slots, cut into 1024 arcs of 16. In every arc a node has as many tokens as its weight, each at a
/// random place that follows from the node's id alone. So a node's share is its weight's part of all weights; the
/// spread around it is that of 1024 independent draws; and whoever walks clockwise has met every node after two arcs.
///
/// Unit u of a node's weight draws from a PRNG (xoshiro256**) whose seed is the first eight bytes, the lowest first, of
/// SHA-256 of `martlet ring 1`, the id's 20 bytes and u in two bytes, the lowest first: one number for each arc, in
/// order. Its upper 48 bits are the place in the arc, the topmost four of them the slot.
struct Tokens {
    static let arcSlots = 16
    static let arcs = Limits.slots / arcSlots

    /// Nodes (indices) by their tokens, clockwise.
    private(set) var nodes: [UInt16]
    /// Where each slot's first token is in `nodes`, and at the end their number.
    private(set) var starts: [UInt32]

    /// Of members in the order of their ids: tokens at the same place go by it.
    init(_ members: [Member]) {
        let perArc = members.reduce(0) { $0 + Int($1.weight) }
        precondition(members.count <= Limits.slots && perArc * Self.arcs <= Int(UInt32.max))
        var generators: [(PRNG, UInt16)] = []
        generators.reserveCapacity(perArc)
        for (index, member) in members.enumerated() {
            for unit in 0..<member.weight {
                generators.append((Self.generator(member.id, unit), UInt16(index)))
            }
        }
        nodes = []
        nodes.reserveCapacity(perArc * Self.arcs)
        starts = []
        starts.reserveCapacity(Limits.slots + 1)
        var arc = [UInt64](repeating: 0, count: perArc)
        for _ in 0..<Self.arcs {
            for i in 0..<perArc { arc[i] = generators[i].0.next() & ~0xffff | UInt64(generators[i].1) }
            arc.sort()
            append(arc)
        }
        starts.append(UInt32(nodes.count))
    }

    private mutating func append(_ arc: [UInt64]) {
        var slot: UInt64 = 0
        for token in arc {
            while slot <= token >> 60 {
                starts.append(UInt32(nodes.count))
                slot += 1
            }
            nodes.append(UInt16(truncatingIfNeeded: token))
        }
        while slot < UInt64(Self.arcSlots) {
            starts.append(UInt32(nodes.count))
            slot += 1
        }
    }

    private static func generator(_ id: NodeID, _ unit: UInt16) -> PRNG {
        var message = ByteBuffer()
        message.append(ByteView("martlet ring 1"))
        id.write(to: &message)
        message.append(littleEndian: unit)
        let digest = SHA256.digest(message.view)
        return PRNG(seed: digest.reversed().dropFirst(24).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Calls `visit` with nodes clockwise from the slot's beginning, a node once for each of its tokens, until it
    /// answers true or two arcs, which have them all, have been walked. Answers whether it did.
    @inline(__always)
    func walk(from slot: Int, _ visit: (Int) -> Bool) -> Bool {
        if nodes.isEmpty { return false }
        var at = Int(starts[slot])
        if at == nodes.count { at = 0 }
        for _ in 0..<min(nodes.count, 2 * nodes.count / Self.arcs) {
            if visit(Int(nodes[at])) { return true }
            at += 1
            if at == nodes.count { at = 0 }
        }
        return false
    }
}
