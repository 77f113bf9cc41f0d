import Base
import Testing

@testable import Cluster

/// Which node has which slot must never change by itself: data lies by it. `Tests/Golden/ring.py`, a second
/// implementation of docs/cluster.md, computes what is expected here.
@Suite struct RingGoldenTests {
    private func cluster(_ count: Int, _ weights: [UInt16], _ racks: [String], _ datacenters: [String]) -> [Member] {
        (0..<count).map { i in
            Member(
                id: "node \(i)".withView { SHA1.hexDigest($0) }.withView { NodeID(hex: $0) }!, host: "h", clientPort: 1,
                peerPort: 2,
                weight: weights[i % weights.count], rack: racks[i % racks.count],
                datacenter: datacenters[i % datacenters.count])
        }
    }

    private func check(_ ring: Ring, _ table: String, _ digest: String) {
        var output = ByteBuffer()
        for slot in 0..<Limits.slots {
            for node in ring.preferenceList(slot) { output.append(littleEndian: UInt16(node)) }
        }
        #expect(SHA1.hex(SHA256.digest(output.view)) == table)
        let text = String(ring.digest, radix: 16)
        #expect(String(repeating: "0", count: 16 - text.count) + text == digest)
    }

    @Test func fiveNodes() {
        check(
            Ring(cluster(5, [1], [""], [""]), replication: .total(3)),
            "c1435bb16ceb544e542e803e89109343ea060ef63c4457ac9f1d1cc544b5d922",
            "385e57e6ae416200")
    }

    @Test func racksDatacentersAndWeights() {
        let members = cluster(12, [1, 3, 2], ["a", "b", "c", "a"], ["x", "x", "y", "y", "y"])
        check(
            Ring(members, replication: .total(4)), "d984050390c024bdb73422c5627ce32a30e7be5e894b7522bfa0dbfda4911e16",
            "af16601c5aa4e362")
        check(
            Ring(members, replication: Replication("x:3,y:2")!),
            "733c7b3c40c87b59653187f8510004d2f645b9522a2519dfbc6116f4a54dde58", "c25bb1337b191b0a")
    }
}
