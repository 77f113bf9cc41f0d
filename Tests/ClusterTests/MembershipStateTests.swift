import Base
import Testing

@testable import Cluster

@Suite struct MembershipStateTests {
    private var state: MembershipState {
        var state = MembershipState(
            id: GossipTests.id(0xaa), clusterName: "shop",
            founders: [GossipTests.member(0xaa, 7), GossipTests.member(0xee, 5)])
        state.incarnation = 7
        state.founding = 0x1122_3344_5566_7788
        return state
    }

    private func bytes(_ state: MembershipState) -> [UInt8] {
        var output = ByteBuffer()
        state.write(to: &output)
        return output.view.bytes
    }

    private func read(_ bytes: [UInt8]) throws(MembershipState.ReadError) -> MembershipState {
        try bytes.withView { (view) throws(MembershipState.ReadError) in try MembershipState(view) }
    }

    /// docs/cluster.md; `Tests/Golden/peers.py`.
    @Test func bytesArePinned() throws {
        #expect(
            SHA1.hex(bytes(state))
                == "4d6172744d656d0a0100000088000000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa070000000000000088776655"
                + "443322110473686f7002aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa07020831302e302e302e39eb18fb3f030005"
                + "7261636b3103646331eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee05020831302e302e302e39eb18fb3f03000572"
                + "61636b3103646331d13ea654"
        )
        #expect(try read(bytes(state)) == state)
    }

    @Test func whatIsWrongIsTold() {
        let whole = bytes(state)
        for bit in 0..<whole.count * 8 {
            var wrong = whole
            wrong[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: bit < 64 ? MembershipState.ReadError.foreign : .damaged) { try read(wrong) }
        }
        for count in 0..<whole.count {
            #expect(throws: count < 8 ? MembershipState.ReadError.foreign : .damaged) {
                try read(Array(whole[..<count]))
            }
        }
        #expect(throws: MembershipState.ReadError.damaged) { try read(whole + [0]) }
    }

    private func sealed(_ bytes: [UInt8]) -> [UInt8] {
        let sum = bytes.withView { CRC32C.checksum($0) }
        return bytes + (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
    }

    @Test func newerVersionsAreTold() {
        var newer = Array(bytes(state).dropLast(4))
        newer[8] = 2
        #expect(throws: MembershipState.ReadError.newerVersion(2)) { try read(sealed(newer)) }
    }

    /// Right checksums, wrong contents: nothing traps, and what is accepted is what would be written.
    @Test(arguments: 1...4) func sealedNonsenseIsHarmless(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let whole = Array(bytes(state).dropLast(4))
        var accepted = 0
        for _ in 0..<3000 {
            var wrong = whole
            for _ in 0...random.below(3) {
                wrong[16 + Int(random.below(UInt64(whole.count - 16)))] = UInt8(truncatingIfNeeded: random.next())
            }
            guard let state = try? read(sealed(wrong)) else { continue }
            accepted += 1
            #expect(try read(bytes(state)) == state)
        }
        #expect(accepted > 100 && accepted < 3000)
    }
}
