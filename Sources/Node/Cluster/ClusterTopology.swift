import Base
import Cluster

/// The ring as Redis Cluster's clients expect it: ranges of slots with one master and replicas. The master is who
/// coordinates the slot's writes now, the replicas are the others of the preference list that can be reached: there is
/// no other difference between them. Replicas have no order, so that there are fewer ranges.
struct ClusterTopology {
    struct SlotRange: Equatable {
        let first: Int
        var last: Int
        /// Members; the master first.
        let members: [Int]
    }

    let ranges: [SlotRange]
    /// Of each member the ranges that it coordinates.
    let coordinated: [[SlotRange]]

    /// Takes some milliseconds: `ClusterView.topology` keeps it.
    init(_ view: ClusterView) {
        var ranges: [SlotRange] = []
        for slot in 0..<(view.replicaCount == 0 ? 0 : Limits.slots) {
            let members = Self.members(of: slot, view)
            if let last = ranges.last, last.members == members {
                ranges[ranges.count - 1].last = slot
            } else {
                ranges.append(SlotRange(first: slot, last: slot, members: members))
            }
        }
        self.ranges = ranges
        coordinated = Self.coordinated(ranges, members: view.members.count)
    }

    private static func coordinated(_ ranges: [SlotRange], members: Int) -> [[SlotRange]] {
        var all = [[SlotRange]](repeating: [], count: members)
        for range in ranges {
            let master = range.members[0]
            if let last = all[master].last, last.last + 1 == range.first {
                all[master][all[master].count - 1].last = range.last
            } else {
                all[master].append(range)
            }
        }
        return all
    }

    /// If no replica can be reached, all are named: somebody may come back sooner than a client asks again.
    private static func members(of slot: Int, _ view: ClusterView) -> [Int] {
        let all = Array(view.ring.preferenceList(slot))
        let reachable = all.filter(view.isReachable)
        let shown = reachable.isEmpty ? all : reachable
        return [shown[0]] + shown.dropFirst().sorted()
    }

    /// Ranges with the same members, together; in the order of their first slots.
    var shards: [(members: [Int], ranges: [SlotRange])] {
        var shards: [(members: [Int], ranges: [SlotRange])] = []
        var places: [[Int]: Int] = [:]
        for range in ranges {
            if let place = places[range.members] {
                shards[place].ranges.append(range)
            } else {
                places[range.members] = shards.count
                shards.append((range.members, [range]))
            }
        }
        return shards
    }
}

extension ClusterView {
    /// Slots by the best that is believed of any of their replicas.
    var slotStandings: (ok: Int, suspect: Int, down: Int) {
        var counts = (ok: 0, suspect: 0, down: 0)
        if replicaCount == 0 { return counts }
        for slot in 0..<Limits.slots {
            let best = ring.preferenceList(slot).map { liveness[$0].rawValue }.min() ?? 0
            switch Liveness(rawValue: best) {
            case .alive: counts.ok += 1
            case .suspect: counts.suspect += 1
            default: counts.down += 1
            }
        }
        return counts
    }

    /// How a line of CLUSTER NODES calls what is believed of a member.
    func flags(_ member: Int) -> String {
        let own = member == self.own ? "myself," : ""
        switch liveness[member] {
        case .alive: return own + "master"
        case .suspect: return own + "master,fail?"
        case .down: return own + "master,fail"
        }
    }
}
