import Base

/// Racks and data centres of a ring's nodes, by small numbers; which slots' replicas go where.
struct Topology {
    /// Of each node.
    private(set) var racks: [Int] = []
    private(set) var datacenters: [Int] = []
    /// Of each rack: its data centre, and how many nodes it has.
    private(set) var rackDatacenters: [Int] = []
    private(set) var rackSizes: [Int] = []
    /// Of each data centre: how many replicas it may have.
    private(set) var quotas: [Int] = []
    /// Over all of them.
    let count: Int

    /// A rack is one within its data centre: two of the same name in different ones are two.
    init(_ members: [Member], _ replication: Replication) {
        count = replication.count
        var datacenterNumbers: [String: Int] = [:]
        var rackNumbers: [String: Int] = [:]
        for member in members {
            var datacenter = datacenterNumbers[member.datacenter]
            if datacenter == nil {
                datacenter = quotas.count
                datacenterNumbers[member.datacenter] = datacenter
                quotas.append(Self.quota(member.datacenter, replication))
            }
            // Labels have no commas.
            let name = member.datacenter + "," + member.rack
            var rack = rackNumbers[name]
            if rack == nil {
                rack = rackSizes.count
                rackNumbers[name] = rack
                rackSizes.append(0)
                rackDatacenters.append(datacenter!)
            }
            racks.append(rack!)
            datacenters.append(datacenter!)
            rackSizes[rack!] += 1
        }
    }

    private static func quota(_ datacenter: String, _ replication: Replication) -> Int {
        switch replication {
        case .total(let count): count
        case .perDatacenter(let parts): parts.first { $0.name == datacenter }?.count ?? 0
        }
    }
}

/// Chooses the replicas of one slot after the other: again and again the next node clockwise of those in the data
/// centre with the fewest replicas so far (of those that may have more), there in the rack with the fewest.
struct ReplicaChoice {
    private let topology: Topology
    private let tokens: Tokens
    private(set) var chosen: [Int] = []
    private var inDatacenter: [Int]
    private var inRack: [Int]

    init(_ topology: Topology, _ tokens: Tokens) {
        (self.topology, self.tokens) = (topology, tokens)
        inDatacenter = [Int](repeating: 0, count: topology.quotas.count)
        inRack = [Int](repeating: 0, count: topology.rackSizes.count)
    }

    /// `chosen` are the slot's replicas; fewer than wanted if there are not enough nodes.
    mutating func choose(_ slot: Int) {
        clear()
        while chosen.count < topology.count, let best = leastUsed() {
            var found = -1
            let met = tokens.walk(from: slot) { node in
                let rack = topology.racks[node]
                if inRack[rack] != best.inRack || inDatacenter[topology.datacenters[node]] != best.inDatacenter
                    || inDatacenter[topology.datacenters[node]] >= topology.quotas[topology.datacenters[node]]
                    || chosen.contains(node)
                {
                    return false
                }
                found = node
                return true
            }
            precondition(met, "a rack with a free node has a token in every arc")
            take(found)
        }
    }

    private mutating func clear() {
        for node in chosen {
            inRack[topology.racks[node]] = 0
            inDatacenter[topology.datacenters[node]] = 0
        }
        chosen.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ node: Int) {
        chosen.append(node)
        inRack[topology.racks[node]] += 1
        inDatacenter[topology.datacenters[node]] += 1
    }

    /// How often the data centre and the rack of the next replica are used so far; nil if no node is left that may be
    /// one.
    private func leastUsed() -> (inDatacenter: Int, inRack: Int)? {
        var best: (inDatacenter: Int, inRack: Int)?
        for rack in inRack.indices where inRack[rack] < topology.rackSizes[rack] {
            let datacenter = topology.rackDatacenters[rack]
            let used = (inDatacenter: inDatacenter[datacenter], inRack: inRack[rack])
            if used.inDatacenter >= topology.quotas[datacenter] { continue }
            if best == nil || used < best! { best = used }
        }
        return best
    }
}
