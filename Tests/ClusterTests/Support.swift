import Base
import ClusterSimulation

@testable import Cluster

/// Members with random ids.
func randomMembers(_ count: Int, _ random: inout PRNG, weight: (Int) -> UInt16 = { _ in 1 }) -> [Member] {
    (0..<count).map { i in
        Member(
            id: NodeID(random: &random), host: "10.0.\(i / 256).\(i % 256)", clientPort: 6379, peerPort: 16379,
            weight: weight(i))
    }
}

/// Members of random weights, in random racks of random data centres.
func mixedMembers(_ count: Int, _ random: inout PRNG) -> [Member] {
    let datacenters = 1 + random.below(3)
    let racks = 1 + random.below(4)
    return randomMembers(count, &random).map { member in
        var member = member
        member.weight = UInt16(1 + random.below(4))
        member.datacenter = "dc\(1 + random.below(datacenters))"
        member.rack = "r\(1 + random.below(racks))"
        return member
    }
}

func shuffled<T>(_ items: [T], _ random: inout PRNG) -> [T] {
    var items = items
    for i in items.indices.dropFirst() { items.swapAt(i, Int(random.below(UInt64(i + 1)))) }
    return items
}

/// What `#expect` cannot look at, since it does not take types that are not copyable.
extension GossipWorld.Node {
    var isFounded: Bool { membership.isFounded }
    var counts: (alive: Int, suspect: Int, down: Int) { membership.counts }
    var localHealth: Int { membership.localHealth }
    var members: [Member] { membership.members }
    var statistics: MembershipStatistics { membership.statistics }
    var viewNumber: UInt64 { membership.viewNumber }
    func liveness(of id: NodeID) -> Liveness? { membership.liveness(of: id) }
    func meet(_ address: NodeAddress) throws(MembershipRefusal) { try membership.meet(address) }
    func forget(_ id: NodeID) throws(MembershipRefusal) { try membership.forget(id) }
}

/// One end of a connection between peers.
final class PeerEnd {
    struct Heard: Equatable {
        var kind: PeerMessage.Kind
        var code: UInt8
        var timeLeft: UInt32
        var id: UInt64
        var payload: [UInt8]

        init(_ message: PeerMessage) {
            (kind, code, timeLeft, id) = (message.kind, message.code, message.timeLeft, message.id)
            payload = message.payload.bytes
        }
    }

    var channel: PeerChannel

    init(_ channel: consuming PeerChannel) { self.channel = channel }

    var isReady: Bool { channel.isReady }

    /// What it wants to send.
    func take() -> [UInt8] {
        let bytes = channel.output.bytes
        channel.consume(bytes.count)
        return bytes
    }

    /// What it hears in these bytes, or why it ends.
    func give(_ bytes: [UInt8]) -> Result<[Heard], PeerError> {
        var heard: [Heard] = []
        var failure: PeerError?
        bytes.withView { view in
            do throws(PeerError) {
                try channel.received(view) { heard.append(Heard($0)) }
            } catch {
                failure = error
            }
        }
        return failure.map { .failure($0) } ?? .success(heard)
    }

    func say(_ id: UInt64, _ payload: [UInt8]) {
        payload.withView {
            channel.append(PeerMessage(.request, code: 7, timeLeft: 250, id: id, payload: $0))
        }
    }
}
