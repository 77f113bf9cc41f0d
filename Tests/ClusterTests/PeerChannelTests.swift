import Base
import Testing

@testable import Cluster

/// Two ends of a connection, and what may come between them. `Tests/Golden/peers.py` builds what is expected from
/// docs/cluster.md.
@Suite struct PeerChannelTests {
    private static let secret = [UInt8](0..<32)

    static func identity(
        _ fill: UInt8, cluster: String = "shop", secret: [UInt8] = secret, founding: UInt64 = 0x1122_3344_5566_7788
    ) -> PeerIdentity {
        PeerIdentity(id: GossipTests.id(fill), founding: founding, key: ClusterKey(cluster: cluster, secret: secret))
    }

    private func nonce(_ fill: UInt8) -> [UInt8] { [UInt8](repeating: fill, count: 32) }

    private func initiator(_ identity: PeerIdentity = identity(0xaa), to peer: UInt8 = 0xbb) -> PeerEnd {
        PeerEnd(PeerChannel(.initiator, identity: identity, peer: GossipTests.id(peer), nonce: nonce(1)))
    }

    private func responder(_ identity: PeerIdentity = identity(0xbb), nonce fill: UInt8 = 2) -> PeerEnd {
        PeerEnd(PeerChannel(.responder, identity: identity, nonce: nonce(fill)))
    }

    /// Greetings until both are ready, or why they are not: (initiator, responder).
    private func greet(_ a: PeerEnd, _ b: PeerEnd) -> (PeerError?, PeerError?) {
        for _ in 0..<3 {
            let there = a.take()
            if !there.isEmpty, case .failure(let error) = b.give(there) {
                if case .failure(let other) = a.give(b.take()) { return (other, error) }
                return (nil, error)
            }
            let back = b.take()
            if !back.isEmpty, case .failure(let error) = a.give(back) { return (error, nil) }
        }
        return (nil, nil)
    }

    @Test func bytesArePinned() {
        let a = initiator()
        let b = responder()
        let hello = a.take()
        _ = b.give(hello)
        let challenge = b.take()
        _ = a.give(challenge)
        let proof = a.take()
        _ = b.give(proof)
        let ready = b.take()
        _ = a.give(ready)
        for _ in 0..<2 { a.say(99, Array("hello".utf8)) }
        a.channel.flush()
        b.channel.append(PeerMessage(.response, code: 0, id: 99, payload: ByteView("")))
        let ids: [UInt8] = [99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
        ids.withView { b.channel.append(PeerMessage(.acknowledgements, code: 0, id: 0, payload: $0)) }
        b.channel.flush()
        let (requests, response) = (a.take(), b.take())
        #expect(
            SHA1.hex(hello)
                == "740000002d4c92de0100000000000000000000004d6172745065657202020000dafcd3e2f99c9f9988776655"
                + "44332211aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                + "0101010101010101010101010101010101010101010101010101010101010101")
        #expect(
            SHA1.hex(challenge)
                == "94000000eba4e77d0200000000000000000000004d6172745065657202020000dafcd3e2f99c9f9988776655"
                + "44332211bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                + "020202020202020202020202020202020202020202020202020202020202020214090c27e4c7ec8a72fb260e"
                + "efb64b61e9011bb3a16faea69830da895f2452d0")
        #expect(
            SHA1.hex(proof)
                == "300000005b2ab55b0300000001000000000000008874582dd00a45ac5377325a01d0b42f006894cd59cc39f9"
                + "fb018cd434b87c84")
        #expect(
            SHA1.hex(ready)
                == "20000000b02c66e70400000001000000000000004f5cd67aa0de2722b9874c3f243ddc5b")
        #expect(
            SHA1.hex(requests)
                == "52000000b909d60405000000020000000000000001070000fa00000063000000000000000500000068656c6c"
                + "6f01070000fa00000063000000000000000500000068656c6c6fb48fdb39a219fc0ebbba47a5d3ccac2b")
        #expect(
            SHA1.hex(response)
                == "58000000c6a79cce050000000200000000000000020000000000000063000000000000000000000003000000"
                + "00000000000000000000000010000000630000000000000000000000000100005d3ad4fb31ff03bdc62a5e6e"
                + "95e4ea3b")
    }

    @Test func bothLearnWhoIsThere() {
        let a = initiator()
        let b = responder()
        #expect(greet(a, b) == (nil, nil))
        let state = (a.isReady, b.isReady, a.channel.version, b.channel.version, a.channel.peer, b.channel.peer)
        #expect(state == (true, true, 2, 2, GossipTests.id(0xbb), GossipTests.id(0xaa)))
        a.say(1, [1, 2, 3])
        a.say(2, [])
        a.channel.flush()
        b.channel.append(PeerMessage(.response, code: 9, id: 1, payload: ByteView("done")))
        b.channel.flush()
        guard case .success(let requests) = b.give(a.take()), case .success(let responses) = a.give(b.take()) else {
            Issue.record("not heard")
            return
        }
        #expect(requests.map(\.id) == [1, 2] && requests.map(\.payload) == [[1, 2, 3], []])
        #expect(requests.allSatisfy { $0.kind == .request && $0.code == 7 && $0.timeLeft == 250 })
        #expect(responses.map(\.payload) == [Array("done".utf8)] && responses[0].kind == .response)
    }

    @Test func whoIsRefused() {
        func outcome(_ from: PeerIdentity, _ to: PeerIdentity, _ wanted: UInt8 = 0xbb) -> (PeerError?, PeerError?) {
            let a = initiator(from, to: wanted)
            let b = responder(to)
            let outcome = greet(a, b)
            let ready = (a.isReady, b.isReady)
            #expect(ready == (false, false))
            return outcome
        }
        let (a, b) = (Self.identity(0xaa), Self.identity(0xbb))
        #expect(outcome(a, Self.identity(0xbb, cluster: "other")) == (.refused, .cluster))
        #expect(outcome(a, Self.identity(0xbb, founding: 5)) == (.refused, .foundedDifferently))
        #expect(outcome(a, Self.identity(0xbb, secret: [1])) == (.forged, nil))
        #expect(outcome(a, Self.identity(0xcc)) == (.refused, .otherNode))
        #expect(outcome(b, b) == (.refused, .otherNode))
        var future = a
        future.versions = 3...4
        #expect(outcome(future, b) == (.refused, .version))
    }

    @Test func theHighestCommonVersionIsSpoken() {
        for (mine, yours, common) in [(1...1, 1...3, 1), (1...3, 2...5, 3), (2...7, 1...4, 4)]
            as [(ClosedRange<UInt8>, ClosedRange<UInt8>, UInt8)]
        {
            var (from, to) = (Self.identity(0xaa), Self.identity(0xbb))
            (from.versions, to.versions) = (mine, yours)
            let a = initiator(from)
            let b = responder(to)
            #expect(greet(a, b) == (nil, nil))
            let versions = (a.channel.version, b.channel.version)
            #expect(versions == (common, common))
        }
    }

    /// Whoever changes a bit of a greeting, with the checksum as well, gets no session: one side says so.
    @Test func everyChangedBitOfAGreetingIsSeen() {
        for step in 0..<4 {
            var bit = 64
            while changed(step, bit) { bit += 1 }
            #expect(bit > 64 + 8 * 12)
        }
    }

    /// One greeting with this bit of this frame changed. False: the frame has no such bit.
    private func changed(_ step: Int, _ bit: Int) -> Bool {
        let a = initiator()
        let b = responder()
        var failed = false
        for turn in 0..<4 {
            var bytes = turn % 2 == 0 ? a.take() : b.take()
            if turn == step {
                if bit / 8 >= bytes.count { return false }
                bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                reseal(&bytes)
            }
            let outcome = turn % 2 == 0 ? b.give(bytes) : a.give(bytes)
            if case .failure = outcome { failed = true }
            if failed { break }
        }
        let ready = (a.isReady, b.isReady)
        #expect(failed && (ready == (false, false) || step == 3), "frame \(step), bit \(bit)")
        return true
    }

    private func reseal(_ bytes: inout [UInt8]) {
        let sum = Array(bytes[8...]).withView { CRC32C.checksum($0) }
        for i in 0..<4 { bytes[4 + i] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * i)) }
    }

    /// By accident, or by somebody who mends the checksum; and frames that are missing, repeated or from the other
    /// direction.
    @Test func changedFramesAreSeen() {
        func outcome(_ change: ([[UInt8]], [UInt8]) -> [UInt8]) -> PeerError? {
            let a = initiator()
            let b = responder()
            #expect(greet(a, b) == (nil, nil))
            var frames: [[UInt8]] = []
            for i in 0..<3 {
                a.say(UInt64(i), [1])
                a.channel.flush()
                frames.append(a.take())
            }
            b.channel.append(PeerMessage(.response, code: 0, id: 0, payload: ByteView("x")))
            b.channel.flush()
            if case .failure(let error) = b.give(change(frames, b.take())) { return error }
            return nil
        }
        #expect(outcome { frames, _ in frames[0] + frames[1] + frames[2] } == nil)
        #expect(outcome { frames, _ in frames[1] } == .outOfOrder)
        #expect(outcome { frames, _ in frames[0] + frames[0] } == .outOfOrder)
        #expect(outcome { frames, _ in frames[0] + frames[2] } == .outOfOrder)
        #expect(outcome { _, other in other } == .forged)
        for bit in 0..<8 * 53 {
            func flipped(_ frames: [[UInt8]], _ mended: Bool) -> [UInt8] {
                var bytes = frames[0]
                bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                if mended { reseal(&bytes) }
                return bytes + frames[1] + frames[2]
            }
            let (torn, forged) = (
                outcome { frames, _ in flipped(frames, false) }, outcome { frames, _ in flipped(frames, true) }
            )
            if bit < 32 {
                // The length: nothing yet, or not this frame.
                #expect(torn == nil || torn == .damaged || torn == .tooLong || torn == .malformed, "\(bit)")
            } else {
                #expect(torn == .damaged, "\(bit)")
                if bit >= 64 { #expect(forged == .forged || forged == .malformed || forged == .outOfOrder, "\(bit)") }
            }
        }
    }

    /// A recorded session tells a later one nothing; what comes back is no answer.
    @Test func nothingCanBeReplayed() {
        let a = initiator()
        let b = responder()
        let hello = a.take()
        _ = b.give(hello)
        _ = a.give(b.take())
        let proof = a.take()
        let later = responder(nonce: 3)
        #expect(later.give(hello) == .success([]))
        _ = later.take()
        #expect(later.give(proof) == .failure(.forged))
        let mirror = initiator()
        #expect(mirror.give(mirror.take()) == .failure(.malformed))
        let own = responder(Self.identity(0xaa))
        #expect(own.give(hello) == .failure(.otherNode))
    }

    /// However the bytes are split.
    @Test(arguments: 1...6) func bytesMayComeInAnyPieces(seed: UInt64) {
        var random = PRNG(seed: seed)
        let a = initiator()
        let b = responder()
        var (sent, heard): ([UInt64], [UInt64]) = ([], [])
        var (there, back): ([UInt8], [UInt8]) = ([], [])
        for round in 0..<400 {
            if a.isReady && random.below(2) == 0 {
                for _ in 0..<random.below(4) {
                    sent.append(UInt64(sent.count))
                    a.say(sent.last!, [UInt8](repeating: UInt8(round & 255), count: Int(random.below(3000))))
                }
                a.channel.flush()
            }
            there += a.take()
            back += b.take()
            for _ in 0..<random.below(6) {
                heard += moved(&there, to: b, &random).map(\.id)
                _ = moved(&back, to: a, &random)
            }
        }
        while !there.isEmpty { heard += moved(&there, to: b, &random).map(\.id) }
        #expect(heard == sent && sent.count > 200)
    }

    private func moved(_ bytes: inout [UInt8], to channel: PeerEnd, _ random: inout PRNG) -> [PeerEnd.Heard] {
        let count = min(bytes.count, 1 + Int(random.below(random.below(4) == 0 ? 5000 : 40)))
        defer { bytes.removeFirst(count) }
        guard case .success(let heard) = channel.give(Array(bytes[..<count])) else {
            Issue.record("ended")
            return []
        }
        return heard
    }

    /// Other protocols on this port, and announced lengths.
    @Test func otherProtocolsAreForeign() {
        for text in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "*1\r\n$4\r\nPING\r\n", "PING\r\nPING\r\n",
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0",
        ] {
            let channel = responder()
            #expect(channel.give(Array(text.utf8)) == .failure(.foreign), "\(text)")
        }
        let b = responder()
        #expect(b.give([0xff, 0xff, 0xff, 0x3f]) == .failure(.foreign))
    }

    /// A length allocates nothing, and is bounded.
    @Test func announcedLengthsAllocateNothing() {
        var parser = PeerFrameParser()
        [0xfc, 0xff, 0xff, 0x3f, 1, 2, 3].withView { parser.append($0) }
        func outcome(_ limit: Int) -> PeerError? {
            do throws(PeerError) {
                return try parser.next(limit: limit) == nil ? nil : .malformed
            } catch {
                return error
            }
        }
        let (within, beyond, waiting) = (outcome(1 << 30), outcome(1 << 20), parser.waiting)
        #expect(within == nil && beyond == .tooLong && waiting == 7)
    }

    /// Bytes of any kind, before and after the greeting, with right checksums and numbers: errors, never a trap.
    @Test(arguments: 1...4) func nonsenseIsHarmless(seed: UInt64) {
        var random = PRNG(seed: 50 + seed)
        var errors: [PeerError: Int] = [:]
        for _ in 0..<2000 {
            let a = initiator()
            let b = responder()
            var template = a.take()
            if random.below(2) == 0 {
                _ = b.give(template)
                _ = a.give(b.take())
                template = a.take()
                if random.below(2) == 0 {
                    _ = b.give(template)
                    _ = a.give(b.take())
                    a.say(1, [1, 2, 3])
                    a.channel.flush()
                    template = a.take()
                }
            }
            for _ in 0..<random.below(4) {
                template[8 + Int(random.below(UInt64(template.count - 8)))] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.below(4) == 0 { template = Array(template.prefix(24 + Int(random.below(100)))) }
            for i in 0..<4 { template[i] = UInt8(truncatingIfNeeded: (template.count - 4) >> (8 * i)) }
            reseal(&template)
            if case .failure(let error) = b.give(template) { errors[error, default: 0] += 1 }
        }
        #expect(errors.keys.count >= 4)
        #expect(errors[.forged] ?? 0 > 50 && errors[.malformed] ?? 0 > 50)
    }

    /// Messages of a turn share a frame; long ones have their own.
    @Test func batches() {
        let a = initiator()
        let b = responder()
        _ = greet(a, b)
        for i in 0..<100 { a.say(UInt64(i), [1, 2, 3, 4]) }
        a.channel.flush()
        let batch = a.take()
        #expect(batch.count == 36 + 100 * 24)
        let large = [UInt8](repeating: 5, count: 3 << 20)
        a.say(7, large)
        a.say(8, [1])
        a.channel.flush()
        guard case .success(let heard) = b.give(batch + a.take()) else {
            Issue.record("not heard")
            return
        }
        #expect(heard.count == 102 && heard[100].payload == large && heard[101].id == 8)
    }
}
