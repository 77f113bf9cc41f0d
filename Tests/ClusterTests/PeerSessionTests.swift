import Base
import Testing

@testable import Cluster

@Suite struct PeerSessionTests {
    private let address = NodeAddress(host: "10.0.0.2", port: 16379)

    /// A session, what it wants, and what it says.
    private final class Caller {
        var session: PeerSession
        var directives: [PeerDirective] = []

        init(_ options: PeerSessionOptions, _ seed: UInt64) {
            session = PeerSession(
                identity: PeerChannelTests.identity(0xaa), peer: GossipTests.id(0xbb),
                address: NodeAddress(host: "10.0.0.2", port: 16379), options: options, seed: seed)
        }

        var state: PeerSession.State { session.state }
        var nextDeadline: Int64 { session.nextDeadline }

        func start(_ now: Int64) { session.start(now: now, into: &directives) }
        func tick(_ now: Int64) { session.tick(now: now, into: &directives) }
        func disconnect(_ now: Int64) { session.disconnected(now: now, into: &directives) }
        func connected(_ now: Int64, nonce: [UInt8] = [UInt8](repeating: 1, count: 32)) {
            session.connected(nonce: nonce, now: now)
        }

        func send(_ id: UInt64, _ bytes: Int = 1, timeLeft: UInt32 = 1000, now: Int64) -> Bool {
            [UInt8](repeating: 9, count: bytes).withView {
                session.send(PeerMessage(.request, code: 1, timeLeft: timeLeft, id: id, payload: $0), now: now)
            }
        }

        func take() -> [UInt8] {
            let bytes = session.output.bytes
            session.consume(bytes.count)
            return bytes
        }

        func give(_ bytes: [UInt8], now: Int64) {
            bytes.withView { session.received($0, now: now, into: &directives) { _ in } }
        }

        /// Both say what they have to until neither has any more, or one ends. What the other one heard.
        func converse(_ other: PeerEnd, now: Int64) -> [PeerEnd.Heard] {
            var heard: [PeerEnd.Heard] = []
            while true {
                let there = take()
                let outcome = other.give(there)
                if case .success(let more) = outcome { heard += more }
                let back = other.take()
                if !back.isEmpty { give(back, now: now) }
                if case .failure = outcome { return heard }
                if there.isEmpty && back.isEmpty { return heard }
            }
        }

        func taken() -> [PeerDirective] {
            defer { directives = [] }
            return directives
        }
    }

    private func session(_ options: PeerSessionOptions = PeerSessionOptions(), seed: UInt64 = 1) -> Caller {
        Caller(options, seed)
    }

    private func responder(_ identity: PeerIdentity = PeerChannelTests.identity(0xbb), nonce: [UInt8]? = nil) -> PeerEnd
    {
        PeerEnd(PeerChannel(.responder, identity: identity, nonce: nonce ?? [UInt8](repeating: 2, count: 32)))
    }

    @Test func connectsGreetsAndSendsWhatWaited() {
        let session = session()
        #expect(!session.send(1, now: 0))
        session.start(0)
        session.start(0)
        #expect(session.taken() == [.connect(address)])
        #expect(session.send(1, now: 0) && session.send(2, timeLeft: 30, now: 0) && session.send(3, now: 40))
        session.connected(50)
        #expect(session.send(4, timeLeft: 10, now: 55))
        let other = responder()
        let heard = session.converse(other, now: 60)
        #expect(session.taken() == [.ready(version: 2)])
        // The second one's time was up; the others' has run.
        #expect(heard.map(\.id) == [1, 3, 4] && heard.map(\.timeLeft) == [940, 980, 5])
        #expect(session.state == .ready && session.nextDeadline == .max)
        #expect(session.send(5, now: 100))
        session.session.flush()
        #expect(session.converse(other, now: 100).map(\.id) == [5])
    }

    /// Waits longer from one failure to the next, up to a bound, never less than half, and not as others do.
    @Test func backsOff() {
        func waits(_ seed: UInt64) -> [Int64] {
            let session = session(seed: seed)
            var waits: [Int64] = []
            var now: Int64 = 0
            session.start(now)
            for _ in 0..<40 {
                session.disconnect(now)
                #expect(session.state == .backingOff && !session.send(1, now: now))
                waits.append(session.nextDeadline - now)
                session.tick(session.nextDeadline - 1)
                #expect(session.state == .backingOff)
                now = session.nextDeadline
                session.tick(now)
                #expect(session.state == .connecting)
            }
            return waits
        }
        let first = waits(1)
        for (failures, wait) in first.enumerated() {
            let longest = min(10_000, 100 << Int64(min(failures, 20)))
            #expect(wait >= longest / 2 && wait <= longest)
        }
        #expect(waits(2) != first && waits(1) == first)
        #expect(Set(first.suffix(30)).count > 20)
    }

    @Test func timesOut() {
        let session = session()
        session.start(0)
        session.tick(1999)
        #expect(session.state == .connecting)
        session.tick(2000)
        #expect(session.taken() == [.connect(address), .close, .lost(.timedOut, unsent: 0)])
        let retry = session.nextDeadline
        session.tick(retry)
        session.connected(retry)
        #expect(session.send(1, now: retry))
        session.tick(retry + 2000)
        #expect(session.taken() == [.connect(address), .close, .lost(.timedOut, unsent: 1)])
        #expect(session.state == .backingOff && session.take().isEmpty)
        // A connection that comes late is nobody's.
        session.connected(retry + 2001)
        #expect(session.state == .backingOff)
    }

    @Test func queuesAreBounded() {
        var options = PeerSessionOptions()
        options.queueBytesMax = 1000
        let session = session(options)
        session.start(0)
        var accepted = 0
        while session.send(UInt64(accepted), 80, now: 0) { accepted += 1 }
        #expect(accepted == 10)
        session.connected(1)
        let other = responder()
        #expect(session.converse(other, now: 2).count == 10)
        accepted = 0
        while session.send(UInt64(accepted), 80, now: 3) { accepted += 1 }
        #expect(accepted == 9)
        session.session.flush()
        #expect(session.converse(other, now: 4).count == 9)
        #expect(session.send(0, 80, now: 5))
    }

    /// Who is not the peer, or does not know the secret, is not asked again at once.
    @Test func whatWillNotChangeIsTriedLater() {
        for (identity, reason) in [
            (PeerChannelTests.identity(0xbb, secret: [1, 2, 3]), PeerError.forged),
            (PeerChannelTests.identity(0xcc), .otherNode),
            (PeerChannelTests.identity(0xbb, founding: 4), .foundedDifferently),
            (PeerChannelTests.identity(0xbb, cluster: "other"), .cluster),
        ] {
            let session = session()
            session.start(0)
            session.connected(0)
            let other = responder(identity)
            _ = session.converse(other, now: 0)
            #expect(session.taken() == [.connect(address), .close, .lost(reason, unsent: 0)])
            #expect(session.nextDeadline >= 5000)
        }
    }

    /// A session that held for long begins with short waits again; one that broke at once does not.
    @Test func stableSessionsAreForgiven() {
        let session = session()
        var now: Int64 = 0
        session.start(now)
        for _ in 0..<8 {
            session.disconnect(now)
            now = session.nextDeadline
            session.tick(now)
        }
        for (held, bound) in [(Int64(10), Int64(5000)...10_000), (10_000, 50...100)] {
            session.connected(now)
            let other = responder()
            _ = session.converse(other, now: now)
            #expect(session.state == .ready)
            now += held
            session.disconnect(now)
            #expect(bound.contains(session.nextDeadline - now))
            now = session.nextDeadline
            session.tick(now)
        }
    }

    /// On a bad line: pieces, changed bits, breaks. What arrives is whole, in order, at most once; and the session
    /// always comes back.
    @Test(arguments: 1...6) func survivesABadLine(seed: UInt64) {
        var random = PRNG(seed: 900 + seed)
        func nonce() -> [UInt8] { (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        let session = session(seed: seed)
        var other = responder()
        var (now, sent, heard, sessions) = (Int64(0), UInt64(0), [PeerEnd.Heard](), 0)
        var (there, back): ([UInt8], [UInt8]) = ([], [])
        session.start(now)
        for _ in 0..<6000 {
            now += Int64(random.below(20))
            session.tick(now)
            if session.send(sent, Int(random.below(300)), now: now) { sent += 1 }
            session.session.flush()
            there += session.take()
            back += other.take()
            if !there.isEmpty && random.below(150) == 0 { there[Int(random.below(UInt64(there.count)))] ^= 4 }
            var broken = random.below(300) == 0
            switch other.give(piece(&there, &random)) {
            case .success(let more): heard += more
            case .failure: broken = true
            }
            let answer = piece(&back, &random)
            if session.state == .greeting || session.state == .ready { session.give(answer, now: now) }
            if broken { session.disconnect(now) }
            for directive in session.taken() {
                if case .ready = directive {
                    sessions += 1
                    continue
                }
                (there, back) = ([], [])
                if case .connect = directive {
                    other = responder(nonce: nonce())
                    session.connected(now, nonce: nonce())
                }
            }
        }
        #expect(sessions > 5)
        #expect(heard.count > 500 && heard.allSatisfy { $0.payload.allSatisfy { $0 == 9 } })
        #expect(zip(heard, heard.dropFirst()).allSatisfy { $0.id < $1.id })
    }

    private func piece(_ bytes: inout [UInt8], _ random: inout PRNG) -> [UInt8] {
        let piece = Array(bytes.prefix(Int(random.below(600))))
        bytes.removeFirst(piece.count)
        return piece
    }
}
