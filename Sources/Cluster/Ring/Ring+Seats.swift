import Base

/// A node that takes a slot's reads and writes now.
public struct Seat: Equatable, Sendable {
    public var node: Int
    /// For which unreachable replica it stands in; nil: it is a replica itself.
    public var standsInFor: Int?

    public init(_ node: Int, standsInFor: Int? = nil) { (self.node, self.standsInFor) = (node, standsInFor) }
}

extension Ring {
    /// Appends who serves a slot now, of the nodes that can be reached: its replicas by preference, then for each one
    /// that cannot be reached, in the same order, a stand-in while there are any (Dynamo's sloppy quorum, section 4.6).
    /// A stand-in is the next node clockwise that has no seat yet: in the data centre of whom it stands in for, if
    /// there is one, and there in the rack with the fewest seats.
    ///
    /// While all replicas can be reached this walks no ring.
    public func seats(_ slot: Int, reachable: NodeSet, into seats: inout [Seat]) {
        let first = seats.count
        let list = preferenceList(slot)
        for node in list where reachable.contains(node) { seats.append(Seat(node)) }
        if seats.count - first == list.count { return }
        var order: [Int] = []
        walk(slot) { node in
            if reachable.contains(node) && !list.contains(node) { order.append(node) }
            return false
        }
        for missing in list where !reachable.contains(missing) {
            guard let place = bestStandIn(missing, order, seats[first...]) else { return }
            seats.append(Seat(order.remove(at: place), standsInFor: missing))
        }
    }

    private func bestStandIn(_ missing: Int, _ order: [Int], _ seated: ArraySlice<Seat>) -> Int? {
        var best: (elsewhere: Int, inRack: Int, place: Int)?
        for (place, node) in order.enumerated() {
            let elsewhere = datacenter(node) == datacenter(missing) ? 0 : 1
            let inRack = seated.reduce(0) { $0 + (rack($1.node) == rack(node) ? 1 : 0) }
            if best == nil || (elsewhere, inRack, place) < best! { best = (elsewhere, inRack, place) }
            if elsewhere == 0 && inRack == 0 { break }
        }
        return best?.place
    }
}
