import Base
import Testing

@testable import Cluster

/// Preference lists and stand-ins (SPEC B3, B7, B8), for random sets of nodes.
@Suite struct PreferenceListTests {
    private func distinct<T: Hashable>(_ items: some Sequence<T>) -> Int { Set(items).count }

    /// Never two replicas on one node; over as many data centres, and in each over as many racks, as there are, evenly.
    @Test(arguments: 1...10) func replicasAreSpread(seed: UInt64) {
        var random = PRNG(seed: 100 + seed)
        let members = mixedMembers(1 + Int(random.below(14)), &random)
        let wanted = 1 + Int(random.below(5))
        let ring = Ring(members, replication: .total(wanted))
        #expect(ring.replicaCount == min(wanted, members.count))
        for slot in stride(from: 0, to: Limits.slots, by: 61) {
            let list = ring.preferenceList(slot).map { ring.members[$0] }
            #expect(distinct(list.map(\.id)) == list.count)
            expectEven(list, members) { $0.datacenter }
            for datacenter in Set(list.map(\.datacenter)) {
                let here = members.filter { $0.datacenter == datacenter }
                expectEven(list.filter { $0.datacenter == datacenter }, here) { $0.rack }
            }
        }
    }

    /// A group that could have taken one more has at most one replica less than any other.
    private func expectEven(_ list: [Member], _ members: [Member], _ group: (Member) -> String) {
        let used = Dictionary(grouping: list, by: group).mapValues(\.count)
        let most = used.values.max() ?? 0
        for (name, all) in Dictionary(grouping: members, by: group) {
            let taken = used[name] ?? 0
            #expect(taken == all.count || taken >= most - 1)
        }
    }

    @Test(arguments: 1...6) func eachDatacenterHasItsReplicas(seed: UInt64) {
        var random = PRNG(seed: 200 + seed)
        let members = mixedMembers(4 + Int(random.below(12)), &random)
        let ring = Ring(members, replication: Replication("dc1:3,dc2:2")!)
        let available = Dictionary(grouping: members, by: \.datacenter).mapValues(\.count)
        for slot in stride(from: 0, to: Limits.slots, by: 61) {
            let list = ring.preferenceList(slot).map { ring.members[$0] }
            #expect(distinct(list.map(\.id)) == list.count)
            #expect(list.count { $0.datacenter == "dc1" } == min(3, available["dc1"] ?? 0))
            #expect(list.count { $0.datacenter == "dc2" } == min(2, available["dc2"] ?? 0))
            #expect(list.allSatisfy { $0.datacenter != "dc3" })
            for datacenter in ["dc1", "dc2"] {
                let here = members.filter { $0.datacenter == datacenter }
                expectEven(list.filter { $0.datacenter == datacenter }, here) { $0.rack }
            }
        }
    }

    /// Without racks and data centres: the first N nodes clockwise.
    @Test func plainListsFollowTheRing() {
        var random = PRNG(seed: 300)
        let ring = Ring(randomMembers(9, &random), replication: .total(4))
        for slot in stride(from: 0, to: Limits.slots, by: 61) {
            var clockwise: [Int] = []
            ring.walk(slot) { node in
                clockwise.append(node)
                return false
            }
            #expect(distinct(clockwise) == 9 && clockwise.count == 9)
            #expect(clockwise.prefix(4).elementsEqual(ring.preferenceList(slot)))
        }
    }

    /// Every unreachable replica has a stand-in while there are reachable nodes; all are reachable, none twice.
    @Test(arguments: 1...8) func standInsTakeTheSeats(seed: UInt64) {
        var random = PRNG(seed: 400 + seed)
        let members = mixedMembers(2 + Int(random.below(9)), &random)
        let ring = Ring(members, replication: seed % 2 == 0 ? .total(3) : Replication("dc1:2,dc2:1")!)
        for round in 0..<6 {
            var reachable = NodeSet(of: members.count)
            for node in 0..<members.count where Int(random.below(6)) >= round { reachable.insert(node) }
            let all = (0..<members.count).filter { reachable.contains($0) }
            for slot in stride(from: 0, to: Limits.slots, by: 83) {
                var seats = [Seat(-1)]
                ring.seats(slot, reachable: reachable, into: &seats)
                #expect(seats.removeFirst() == Seat(-1))
                let list = Array(ring.preferenceList(slot))
                #expect(seats.count == min(list.count, all.count))
                #expect(distinct(seats.map(\.node)) == seats.count)
                #expect(seats.allSatisfy { reachable.contains($0.node) })
                let present = list.filter { reachable.contains($0) }
                #expect(seats.prefix(present.count).elementsEqual(present.map { Seat($0) }))
                let missing = list.filter { !reachable.contains($0) }
                let standIns = seats.dropFirst(present.count)
                #expect(standIns.map { $0.standsInFor! } == Array(missing.prefix(standIns.count)))
                #expect(standIns.allSatisfy { !list.contains($0.node) })
                checkDatacenters(ring, list, all, Array(standIns))
            }
        }
    }

    /// A stand-in comes from elsewhere only if nobody is left in the data centre.
    private func checkDatacenters(_ ring: Ring, _ list: [Int], _ reachable: [Int], _ standIns: [Seat]) {
        var left = reachable.filter { !list.contains($0) }
        for seat in standIns {
            let wanted = ring.members[seat.standsInFor!].datacenter
            if ring.members[seat.node].datacenter != wanted {
                #expect(!left.contains { ring.members[$0].datacenter == wanted })
            }
            left.removeAll { $0 == seat.node }
        }
    }

    /// Without racks the stand-ins are the next nodes clockwise.
    @Test func plainStandInsFollowTheRing() {
        var random = PRNG(seed: 500)
        let ring = Ring(randomMembers(8, &random), replication: .total(3))
        for slot in stride(from: 0, to: Limits.slots, by: 11) {
            var clockwise: [Int] = []
            ring.walk(slot) { node in
                clockwise.append(node)
                return false
            }
            var reachable = NodeSet(allOf: 8)
            for gone in [0, 2, 3] { reachable.remove(clockwise[gone]) }
            var seats: [Seat] = []
            ring.seats(slot, reachable: reachable, into: &seats)
            #expect(
                seats == [
                    Seat(clockwise[1]), Seat(clockwise[4], standsInFor: clockwise[0]),
                    Seat(clockwise[5], standsInFor: clockwise[2]),
                ])
        }
    }
}
