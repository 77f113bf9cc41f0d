import Base
import Testing

@testable import Cluster

/// Datagrams: their bytes, and what is no datagram. `Tests/Golden/peers.py` builds what is expected from the
/// documentation.
@Suite struct GossipTests {
    static let secret = [UInt8](0..<32)
    private let key = ClusterKey(cluster: "shop", secret: GossipTests.secret)

    static func id(_ fill: UInt8) -> NodeID { [UInt8](repeating: fill, count: 20).withView { NodeID($0) } }

    static func member(_ fill: UInt8, _ incarnation: UInt64) -> Member {
        Member(
            id: id(fill), incarnation: incarnation, host: "10.0.0.9", clientPort: 6379, peerPort: 16379, weight: 3,
            rack: "rack1", datacenter: "dc1")
    }

    private var updates: [Update] {
        [
            .suspect(.init(id: Self.id(0xcc), incarnation: 300, sources: [Self.id(0xaa), Self.id(0xdd)])),
            .record(Self.member(0xee, 5)),
        ]
    }

    private func datagram() -> [UInt8] {
        var writer = GossipWriter(key)
        writer.begin(.ping, from: Self.id(0xaa), to: Self.id(0xbb), founding: 0x1122_3344_5566_7788, nonce: 0x99)
        writer.append(number: 0x0102_0304_0506_0708)
        for update in updates {
            let fits = writer.append(update)
            #expect(fits)
        }
        return writer.finish()
    }

    @Test func bytesArePinned() {
        #expect(
            SHA1.hex(datagram())
                == "4d476f7301010100dafcd3e2f99c9f99aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb"
                + "bbbbbbbbbbbbbbbbbbbbbbbb88776655443322119900000000000000080706050403020102cccccccccccccc"
                + "ccccccccccccccccccccccccccac0202aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaadddddddddddddddd"
                + "dddddddddddddddddddddddd01eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee05020831302e302e302e39"
                + "eb18fb3f0300057261636b3103646331b6ffa45772387a84070d0900fc1ed257"
        )
    }

    @Test func whatIsWrittenIsRead() throws {
        let read = try datagram().withView { (view) throws(GossipError) in try GossipMessage(view, key) }
        #expect(read.kind == .ping && read.sender == Self.id(0xaa) && read.receiver == Self.id(0xbb))
        #expect(read.founding == 0x1122_3344_5566_7788 && read.nonce == 0x99)
    }

    @Test func updatesAreRead() throws {
        try datagram().withView { (view) throws(GossipError) in
            var body = try GossipMessage(view, key).body
            #expect((try? body.integer(UInt64.self)) == 0x0102_0304_0506_0708)
            #expect((try? body.updates()) == updates)
        }
    }

    private func error(_ bytes: [UInt8], _ key: ClusterKey) -> GossipError? {
        do throws(GossipError) {
            _ = try bytes.withView { (view) throws(GossipError) in try GossipMessage(view, key) }
            return nil
        } catch {
            return error
        }
    }

    @Test func everyFlippedBitIsSeen() {
        let bytes = datagram()
        for bit in 0..<bytes.count * 8 {
            var wrong = bytes
            wrong[bit / 8] ^= 1 << UInt8(bit % 8)
            let expected: GossipError =
                switch bit / 8 {
                case 0..<4: .foreign
                case 4: .version
                case 8..<16: .cluster
                default: .forged
                }
            #expect(error(wrong, key) == expected)
        }
        for count in 0..<bytes.count {
            #expect(error(Array(bytes[..<count]), key) == (count < 88 ? .foreign : .forged))
        }
        #expect(error(bytes + [0], key) == .forged)
        #expect(error(bytes + [UInt8](repeating: 0, count: 1400), key) == .foreign)
    }

    @Test func othersAreRefused() {
        #expect(error(datagram(), ClusterKey(cluster: "shop2", secret: Self.secret)) == .cluster)
        #expect(error(datagram(), ClusterKey(cluster: "shop", secret: Array(Self.secret.reversed()))) == .forged)
    }

    /// Members may be hostile too, or of another make: whatever is signed, reading it never traps, nor does believing
    /// it.
    @Test(arguments: 1...8) func signedNonsenseIsHarmless(seed: UInt64) {
        var random = PRNG(seed: seed)
        let members = randomMembers(4, &random)
        let secret = Self.secret
        var membership = Membership(
            identity: members[0], clusterName: "shop", secret: secret, seeds: members.map(\.peerAddress),
            restored: MembershipState(id: members[0].id, clusterName: "shop", founders: members), seed: seed, now: 0)
        let founding = membership.state.founding
        var directives: [MembershipDirective] = []
        var now: Int64 = 0
        for _ in 0..<3000 {
            let bytes = signedNonsense(members, founding, &random)
            bytes.withView {
                membership.received($0, from: members[1].peerAddress, now: now, into: &directives)
            }
            now += Int64(random.below(500))
            if random.below(3) == 0 { membership.tick(now: now, into: &directives) }
            for case .send(let sent, _) in directives { #expect(sent.count <= Gossip.bytesMax) }
            directives.removeAll()
        }
        let refused = membership.statistics.refused
        #expect(refused[Int(GossipError.malformed.rawValue)] > 100)
        #expect(refused[Int(GossipError.forged.rawValue)] == 0)
        #expect(membership.statistics.received == 3000 && refused.reduce(0, +) < 3000)
        #expect(membership.members.count == 4 && membership.liveness(of: members[0].id) == .alive)
        var output = ByteBuffer()
        membership.state.write(to: &output)
        #expect((try? MembershipState(output.view)) == membership.state)
    }

    /// A datagram of some kind with sensible parts, some bytes of which are then changed, signed.
    private func signedNonsense(_ members: [Member], _ founding: UInt64, _ random: inout PRNG) -> [UInt8] {
        var output = ByteBuffer()
        output.append(littleEndian: Gossip.magic)
        for byte: UInt8 in [1, 1, UInt8(1 + random.below(10)), 0] { output.append(byte) }
        output.append(littleEndian: key.tag)
        members[1 + Int(random.below(3))].id.write(to: &output)
        members[0].id.write(to: &output)
        output.append(littleEndian: founding)
        output.append(littleEndian: random.next())
        for _ in 0..<random.below(12) { appendPart(members, &random, &output) }
        var bytes = output.view.bytes
        for _ in 0..<random.below(4) where bytes.count > Gossip.headerBytes {
            let place = Gossip.headerBytes + Int(random.below(UInt64(bytes.count - Gossip.headerBytes)))
            bytes[place] = UInt8(truncatingIfNeeded: random.next())
        }
        bytes = Array(bytes.prefix(Gossip.bytesMax - Gossip.codeBytes))
        return bytes + bytes.withView { key.gossip.code($0) }.prefix(Gossip.codeBytes)
    }

    private func appendPart(_ members: [Member], _ random: inout PRNG, _ output: inout ByteBuffer) {
        let member = members[Int(random.below(4))]
        let incarnation = random.below(20) == 0 ? Update.incarnationBound - 1 : random.below(30)
        let accusation = Update.Accusation(
            id: member.id, incarnation: incarnation, sources: (0...Int(random.below(4))).map { members[$0 % 4].id })
        switch random.below(7) {
        case 0: Update.suspect(accusation).write(to: &output)
        case 1: Update.down(accusation).write(to: &output)
        case 2:
            var member = member
            member.incarnation = incarnation
            member.state = MemberState(rawValue: UInt8(1 + random.below(4)))!
            Update.record(member).write(to: &output)
        case 3: output.append(UInt8(random.below(5)))
        case 4: output.append(littleEndian: random.next())
        case 5: member.id.write(to: &output)
        default:
            output.append(1)
            NodeID.nobody.write(to: &output)
            output.append(1)
            member.id.write(to: &output)
            output.append(varint: incarnation)
            output.append(varint: random.below(5))
            output.append(UInt8(1 + random.below(3)))
        }
    }

    /// The longest of everything fits a datagram, with news as far as there is room.
    @Test func sizesAreBounded() {
        var writer = GossipWriter(key)
        let longest = Member(
            id: Self.id(1), incarnation: Update.incarnationBound - 1, host: String(repeating: "h", count: 253),
            clientPort: 1,
            peerPort: 2, weight: 100, rack: String(repeating: "r", count: 64),
            datacenter: String(repeating: "d", count: 64))
        writer.begin(.hello, from: Self.id(1), to: nil, founding: 0, nonce: 0)
        writer.append(number: 0)
        let fits = writer.append(Update.record(longest))
        #expect(fits)
        var rumours = Rumours()
        for i in 2..<200 { rumours.add(.record(Self.member(UInt8(i), 1))) }
        rumours.tell(&writer, limit: 3)
        let count = writer.finish().count
        #expect(count <= Gossip.bytesMax)
        #expect(rumours.count == 198)
    }

    /// Each piece of news is told as often as any other, and then no more.
    @Test func newsIsToldEquallyOften() throws {
        var rumours = Rumours()
        for i in 2..<100 { rumours.add(.record(Self.member(UInt8(i), 1))) }
        rumours.add(.record(Self.member(50, 2)))
        #expect(rumours.count == 98)
        var told: [NodeID: Int] = [:]
        var writer = GossipWriter(key)
        while !rumours.isEmpty {
            writer.begin(.gossip, from: Self.id(1), to: Self.id(2), founding: 1, nonce: 0)
            rumours.tell(&writer, limit: 3)
            let bytes = writer.finish()
            try bytes.withView { (view) throws(GossipError) in
                var body = try GossipMessage(view, key).body
                for update in (try? body.updates()) ?? [] {
                    told[update.id, default: 0] += 1
                    if case .record(let member) = update, member.id == Self.id(50) { #expect(member.incarnation == 2) }
                }
            }
            #expect(told.values.max()! - (told.count == 98 ? told.values.min()! : 0) <= 1)
        }
        #expect(told.count == 98 && told.values.allSatisfy { $0 == 3 })
    }
}
