import Base
import Testing

@testable import Cluster

/// The ring's promises (SPEC B1, B2), for random sets of nodes.
@Suite struct RingTests {
    private func owned(_ ring: Ring) -> [Int] {
        var counts = [Int](repeating: 0, count: ring.members.count)
        for slot in 0..<Limits.slots { counts[ring.replica(slot, 0)] += 1 }
        return counts
    }

    /// No node of ten holds more than 1.15 times the mean. None of 60,000 random sets of ids broke this
    /// (docs/cluster.md); these are always the same twenty.
    @Test func tenEqualNodesAreEven() {
        var random = PRNG(seed: 10)
        for _ in 0..<20 {
            let counts = owned(Ring(randomMembers(10, &random), replication: .total(1)))
            #expect(counts.reduce(0, +) == Limits.slots)
            #expect(Double(counts.max()!) < 1.15 * Double(Limits.slots) / 10)
            #expect(Double(counts.min()!) > 0.85 * Double(Limits.slots) / 10)
        }
    }

    /// Over twenty sets of nodes the shares' means are the weights' parts, to within four standard errors.
    @Test func sharesAreAsTheWeights() {
        var random = PRNG(seed: 11)
        let weights: [UInt16] = [1, 2, 5, 8]
        var shares = [Double](repeating: 0, count: weights.count)
        for _ in 0..<20 {
            let members = randomMembers(weights.count, &random) { weights[$0] }
            let ring = Ring(members, replication: .total(1))
            for (index, count) in owned(ring).enumerated() {
                let place = members.firstIndex { $0.id == ring.members[index].id }!
                shares[place] += Double(count) / Double(Limits.slots) / 20
            }
        }
        for (share, weight) in zip(shares, weights) {
            let expected = Double(weight) / 16
            // A share's spread is at most that of 1024 draws for each unit of weight.
            let spread = expected / (1024 * Double(weight)).squareRoot() / 20.0.squareRoot()
            #expect(abs(share - expected) < 4 * spread)
        }
    }

    @Test func doesNotDependOnTheOrderOfMembers() {
        var random = PRNG(seed: 12)
        for _ in 0..<2 {
            let members = mixedMembers(7, &random)
            let ring = Ring(members, replication: .total(3))
            let other = Ring(shuffled(members, &random), replication: .total(3))
            #expect(ring.digest == other.digest)
            for slot in 0..<Limits.slots {
                #expect(ring.preferenceList(slot).elementsEqual(other.preferenceList(slot)))
            }
        }
    }

    /// Nothing but what members are placed by changes the digest, and each of it does.
    @Test func digestTellsRingsApart() {
        var random = PRNG(seed: 13)
        let members = mixedMembers(5, &random)
        let digest = Ring(members, replication: .total(3)).digest
        func changed(_ change: (inout Member) -> Void, _ replication: Replication = .total(3)) -> Bool {
            var members = members
            change(&members[2])
            return Ring(members, replication: replication).digest != digest
        }
        #expect(!changed { $0.incarnation += 1 })
        #expect(!changed { $0.host = "elsewhere" })
        #expect(!changed { $0.clientPort += 1 })
        #expect(changed { $0.weight += 1 })
        #expect(changed { $0.rack += "x" })
        #expect(changed { $0.datacenter += "x" })
        #expect(changed { $0.state = .leaving })
        #expect(changed { $0.id = NodeID(random: &random) })
        #expect(changed({ _ in }, .total(2)))
        #expect(changed({ _ in }, Replication("dc1:3")!))
    }

    /// Slots move only to a node that is added, about as many as its part; and with it back when it goes. Of each
    /// slot's replicas at most one makes room, also where racks and data centres say who may be one.
    @Test(arguments: 1...8) func addingMovesOnlyToTheNewNode(seed: UInt64) {
        var random = PRNG(seed: seed)
        let plain = seed % 3 == 0
        let count = 1 + Int(random.below(plain ? 14 : 10))
        var members = plain ? randomMembers(count + 1, &random) : mixedMembers(count + 1, &random)
        let replication = seed % 3 == 1 ? Replication("dc1:2,dc2:2")! : .total(3)
        let added = members.removeLast()
        let before = Ring(members, replication: replication)
        let after = Ring(members + [added], replication: replication)
        var (moved, wrong) = (0, 0)
        for slot in 0..<Limits.slots {
            let (was, now) = (
                before.owner(slot).map { before.members[$0].id }, after.owner(slot).map { after.members[$0].id }
            )
            if was == now { continue }
            moved += 1
            if replication == .total(3) && now != added.id { wrong += 1 }
        }
        for slot in stride(from: 0, to: Limits.slots, by: 5) {
            let was = before.preferenceList(slot).map { before.members[$0].id }
            let now = after.preferenceList(slot).map { after.members[$0].id }
            let gained = now.filter { !was.contains($0) }
            if gained != [] && gained != [added.id] || was.count(where: { !now.contains($0) }) > 1 { wrong += 1 }
        }
        #expect(wrong == 0)
        guard replication == .total(3) else { return }
        let part = Double(added.weight) / Double(after.members.reduce(0) { $0 + Int($1.weight) })
        #expect(
            abs(Double(moved) / Double(Limits.slots) - part) < 5 * part / (1024 * Double(added.weight)).squareRoot())
    }

    @Test func weightOnlyAddsTokens() {
        var random = PRNG(seed: 14)
        var members = randomMembers(6, &random)
        let before = Ring(members, replication: .total(3))
        members[3].weight = 2
        let after = Ring(members, replication: .total(3))
        let grown = after.index(members[3].id)!
        var moved = 0
        for slot in 0..<Limits.slots where before.owner(slot) != after.owner(slot) {
            #expect(after.owner(slot) == grown)
            moved += 1
        }
        #expect(moved > Limits.slots / 14 && moved < Limits.slots / 7)
    }

    @Test func onlyMembersThatAreUpCount() {
        var random = PRNG(seed: 15)
        var members = randomMembers(5, &random)
        members[0].state = .joining
        members[1].state = .leaving
        members[2].state = .left
        let ring = Ring(members, replication: .total(3))
        #expect(ring.members.map(\.id) == members[3...].map(\.id).sorted())
        #expect(ring.replicaCount == 2)
        #expect(ring.index(members[0].id) == nil)
        #expect(ring.index(members[4].id).map { ring.members[$0] } == members[4])
        let empty = Ring(members[..<3], replication: .total(3))
        #expect(empty.owner(0) == nil && empty.preferenceList(5).isEmpty)
        var seats: [Seat] = []
        empty.seats(5, reachable: NodeSet(of: 0), into: &seats)
        #expect(seats.isEmpty)
    }

    @Test func versionsCompare() {
        let version = RingVersion(epoch: 2, digest: 5)
        #expect(version.compared(to: version) == .same)
        #expect(version.compared(to: RingVersion(epoch: 3, digest: 5)) == .older)
        #expect(version.compared(to: RingVersion(epoch: 1, digest: 5)) == .newer)
        #expect(version.compared(to: RingVersion(epoch: 2, digest: 6)) == .conflicting)
    }

    @Test func nodeIDsAreRedisOwn() {
        let text = "07c37dfeb235213a872192d90877d0cd55635b91"
        let id = text.withView { NodeID(hex: $0) }
        #expect(id?.description == text)
        #expect(id?.encoded.first == 0x07 && id?.encoded.last == 0x91 && id?.encoded.count == 20)
        for wrong in ["", String(text.dropLast()), text + "0", "07C" + text.dropFirst(3), "x" + text.dropFirst()] {
            #expect(wrong.withView { NodeID(hex: $0) } == nil)
        }
        var random = PRNG(seed: 16)
        let ids = (0..<200).map { _ in NodeID(random: &random) }
        #expect(ids.sorted().map(\.description) == ids.map(\.description).sorted())
        #expect(ids.allSatisfy { id in id.description.withView { NodeID(hex: $0) } == id })
    }

    @Test func replicationIsRead() {
        #expect(Replication("3") == .total(3))
        #expect(Replication("dc2:2,dc1:3") == .perDatacenter([.init("dc1", 3), .init("dc2", 2)]))
        #expect(Replication("dc2:2,dc1:3")?.count == 5)
        for wrong in [
            "", "0", "17", "-1", "a", "a:", ":3", "a:0", "a:1,", "a:1,a:2", "a:9,b:9", "3,a:1",
            "a:99999999999999999999",
        ] {
            #expect(Replication(wrong) == nil, "\(wrong)")
        }
    }
}
