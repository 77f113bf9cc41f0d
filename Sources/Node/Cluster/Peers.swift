import Base
import CSystem
import Cluster

/// A loop's connections to other nodes: one that it opens to each member it has something to ask of, and those that
/// members have opened to it. Everything runs on the loop's own thread.
///
/// Messages of a turn share a frame, which goes when the turn ends.
public final class Peers {
    /// Owns this.
    unowned(unsafe) private(set) var executor: Executor!
    /// Who is told: the executor, outside of tests.
    unowned(unsafe) var handler: (any PeerRequests)!
    private var keeper: ClusterKeeper?
    private var view: ClusterView?
    private var random = PRNG(seed: 0)
    var sessionOptions = PeerSessionOptions()

    /// By member.
    private var outgoing: [OutgoingPeer?] = [] {
        didSet { asking = outgoing.map { $0.map(Unmanaged.passUnretained) } }
    }
    private var incoming: [IncomingPeer?] = [] {
        didSet { answering = incoming.map { $0.map(Unmanaged.passUnretained) } }
    }
    /// The same, for looking at one without counting references.
    private var asking: [Unmanaged<OutgoingPeer>?] = []
    private var answering: [Unmanaged<IncomingPeer>?] = []
    private var generation: UInt32 = 0
    /// Accepted connections that have not proved yet whose they are.
    private var greeting = 0
    /// Ends with something to send.
    private var touched: [PeerEnd] = []
    /// Accepted connections whose responses wait for the log.
    private var waiting: [IncomingPeer] = []
    /// Those whose connections have ended, or could not even be begun: told of at the start of the next turn.
    private var broken: [OutgoingPeer] = []
    /// `isCutOff` of any member.
    private(set) var isAnybodyCutOff = false
    /// When the turn began: `Executor.turnStarted`.
    var turnStarted: UInt64 = 0
    private let board = PeerBoard()
    private var directives: [PeerDirective] = []
    private var delivered: [PeerMessage] = []
    /// When `tick` wants to be called, ms of a monotonic clock.
    private(set) var nextDeadline = Int64.max

    /// How long an accepted connection may take to prove whose it is, ms.
    static let greetingTimeout: Int64 = 2000
    /// Such connections at the same time.
    static let greetingsMax = 256
    /// Bytes of responses that a member may leave unread before more are added; one may be longer.
    static let responseBytesMax = 64 << 20

    /// Before anything else.
    func belong(to executor: Executor) {
        self.executor = executor
        handler = executor
    }

    /// The node is one of a cluster's. Before the loop runs.
    func join(_ keeper: ClusterKeeper, seed: UInt64) {
        self.keeper = keeper
        random = PRNG(seed: seed)
        adopt(keeper.view)
    }

    /// The cluster looks different now.
    func adopt(_ view: ClusterView) {
        let before = self.view
        self.view = view
        if before == nil || before!.version != view.version { return beginAnew(before) }
        for peer in outgoing {
            guard let peer else { continue }
            peer.session.address = view.members[peer.member].peerAddress
            if before?.isReachable(peer.member) == false && view.isReachable(peer.member) {
                peer.session.hurry(now: now, into: &directives)
                obey(peer)
            }
        }
    }

    /// Members have other indices, and whoever goes by the old ring is not talked to. Until live joins come, that is
    /// the founding.
    private func beginAnew(_ before: ClusterView?) {
        let old = outgoing
        outgoing = [OutgoingPeer?](repeating: nil, count: view!.members.count)
        lookWhoIsCutOff()
        for peer in incoming { if let peer { end(peer, "the ring has changed") } }
        for peer in old {
            guard let peer else { continue }
            disconnect(peer)
            board.remove(peer)
            handler.lost(peer.member)
        }
        broken.removeAll()
        schedule()
    }

    /// Ms of a monotonic clock, when the turn began.
    private var now: Int64 { Int64(turnStarted / 1_000_000) }

    /// Connections to and from members that have proved who they are. From any thread.
    var links: [PeerCard] { board.cards }
    var linkCount: Int { board.cards.count }

    // MARK: asking and answering

    /// Asks a member for something; then `PeerRequests.answered` or `lost` follows, or, once `timeLeft` (ms) is over,
    /// maybe nothing. False: refused at once, since the member cannot be reached or too much waits for it; then nothing
    /// follows. The payload is copied.
    /// - Parameter id: comes back with the answer.
    public func request(_ member: Int, code: UInt8, id: UInt64, timeLeft: UInt32, payload: ByteView) -> Bool {
        let message = PeerMessage(.request, code: code, timeLeft: timeLeft, id: id, payload: payload)
        if let peer = asking[member] { return peer._withUnsafeGuaranteedRef { send(message, over: $0) } }
        return open(member).map { send(message, over: $0) } ?? false
    }

    /// The connection stays on the list whatever becomes of it.
    private func send(_ message: PeerMessage, over peer: OutgoingPeer) -> Bool {
        if peer.session.state == .idle {
            peer.session.start(now: now, into: &directives)
            obey(peer)
        }
        guard peer.session.send(message, now: now) else { return false }
        touch(peer)
        return true
    }

    /// Answers a request; in vain, and without harm, if its connection has ended meanwhile. The payload is copied. It is
    /// not sent before what the turn has changed is as durable as `appendfsync` wants.
    public func respond(_ via: PeerReturn, id: UInt64, code: UInt8, payload: ByteView) {
        let place = Int(via.place)
        guard place < answering.count, let peer = answering[place] else { return }
        peer._withUnsafeGuaranteedRef { respond($0, via, id, code, payload) }
    }

    private func respond(_ peer: IncomingPeer, _ via: PeerReturn, _ id: UInt64, _ code: UInt8, _ payload: ByteView) {
        if peer.generation != via.generation || peer.link == nil { return }
        let waiting = peer.channel.waiting
        if waiting > Peers.responseBytesMax {
            let mebibytes = waiting >> 20
            return endAnswering(peer.place, "\(mebibytes) MB of responses are unread")
        }
        if payload.count > peer.channel.payloadBytesMax { return endAnswering(peer.place, "a response is too long") }
        if via.turn != turnStarted { executor.tellsOfChange() }
        peer.respond(id, code: code, payload: payload)
        touch(peer)
    }

    /// Ends a connection that is held by nobody else meanwhile.
    private func endAnswering(_ place: Int, _ reason: String) {
        if let peer = incoming[place] { end(peer, reason) }
    }

    /// At the end of the turn there is something to send, maybe.
    private func touch(_ peer: PeerEnd) {
        if peer.isTouched { return }
        peer.isTouched = true
        touched.append(peer)
    }

    // MARK: turns

    /// At the start of a turn: what time has brought about, and responses that the log need not hold back any more.
    func turnBegan() {
        if !waiting.isEmpty { releaseWaiting() }
        if !broken.isEmpty { endBroken() }
        if nextDeadline <= now { tick() }
    }

    /// The turn's commands have run: what they had to say goes. Responses wait for this record of the log, if it is
    /// not 0.
    @inline(__always)
    func turnEnds(waitingFor number: UInt64) {
        if _slowPath(!touched.isEmpty) { finish(number) }
    }

    @inline(never)
    private func finish(_ number: UInt64) {
        for peer in touched {
            peer.isTouched = false
            peer.endFrame(waitingFor: number)
            peer.pump()
            board.note(peer, pending: peer.pending)
            if let link = peer.link { executor.markDirty(link) }
            if let peer = peer as? IncomingPeer, !peer.gates.isEmpty, !waiting.contains(where: { $0 === peer }) {
                waiting.append(peer)
            }
        }
        touched.removeAll(keepingCapacity: true)
    }

    private func releaseWaiting() {
        waiting.removeAll { peer in
            guard let link = peer.link else { return true }
            if !peer.release(executor.standing(of:)) {
                end(peer, "what it was to be told cannot be made durable")
                return true
            }
            peer.pump()
            executor.markDirty(link)
            return peer.gates.isEmpty
        }
    }

    private func endBroken() {
        let ended = broken
        broken.removeAll()
        for peer in ended {
            peer.session.disconnected(now: now, into: &directives)
            obey(peer)
        }
    }

    private func tick() {
        for peer in outgoing {
            guard let peer, peer.session.nextDeadline <= now else { continue }
            peer.session.tick(now: now, into: &directives)
            obey(peer)
        }
        if greeting > 0 {
            for peer in incoming {
                if let peer, peer.member < 0, peer.greetingEnd <= now { end(peer, "no proof in time of who it is") }
            }
        }
        schedule()
    }

    private func schedule() {
        nextDeadline = .max
        for peer in outgoing { if let peer { nextDeadline = min(nextDeadline, peer.session.nextDeadline) } }
        if greeting == 0 { return }
        for peer in incoming { if let peer, peer.member < 0 { nextDeadline = min(nextDeadline, peer.greetingEnd) } }
    }

    /// Whether the connection to a member has broken and is to be made again later: what is asked now would be refused.
    func isCutOff(_ member: Int) -> Bool {
        member < outgoing.count && outgoing[member]?.session.state == .backingOff
    }

    /// How long the loop may sleep, ms; `Int64.max`: as long as it likes.
    func sleepTime(_ monotonic: UInt64) -> Int64 {
        if !broken.isEmpty || !touched.isEmpty { return 0 }
        return nextDeadline == .max ? .max : max(0, nextDeadline - Int64(monotonic / 1_000_000))
    }

    // MARK: connections that this loop opens

    private func open(_ member: Int) -> OutgoingPeer? {
        guard let keeper, let view, view.isFounded, member != view.own else { return nil }
        let session = PeerSession(
            identity: identity(keeper, view), peer: view.members[member].id, address: view.members[member].peerAddress,
            options: sessionOptions, seed: random.next())
        let peer = OutgoingPeer(member, session)
        outgoing[member] = peer
        return peer
    }

    private func identity(_ keeper: ClusterKeeper, _ view: ClusterView) -> PeerIdentity {
        PeerIdentity(id: view.id, founding: view.version.digest, key: keeper.key)
    }

    private func obey(_ peer: OutgoingPeer) {
        lookWhoIsCutOff()
        let all = directives
        directives.removeAll(keepingCapacity: true)
        for directive in all {
            switch directive {
            case .connect(let address): connect(peer, address)
            case .close: disconnect(peer)
            case .ready:
                peer.complaint = nil
                board.add(
                    peer, PeerCard(member: peer.member, isOutgoing: true, createdAt: executor.wallMicroseconds / 1000))
            case .lost(let error, _): lost(peer, error)
            }
        }
        touch(peer)
        schedule()
    }

    private func lookWhoIsCutOff() { isAnybodyCutOff = outgoing.indices.contains(where: isCutOff) }

    private func connect(_ peer: OutgoingPeer, _ address: NodeAddress) {
        if let link = executor.connect(address.host, address.port) {
            peer.attach(link)
        } else {
            broken.append(peer)
        }
    }

    private func disconnect(_ peer: PeerEnd) {
        guard let link = peer.link else { return }
        peer.detach()
        link.pointee.state.insert(.close)
        executor.markDirty(link)
    }

    private func lost(_ peer: OutgoingPeer, _ error: PeerError) {
        board.remove(peer)
        // What the next attempt may change is no news.
        if error != .disconnected && error != .timedOut && peer.complaint != error, let view {
            peer.complaint = error
            let member = view.members[peer.member]
            executor.node.doors.log(
                .warning, "Cluster: no session with node \(member.id) (\(member.peerAddress)): \(error.explanation)")
        }
        handler.lost(peer.member)
    }

    /// The connection is there.
    func connected(_ link: LinkPointer) {
        guard let peer = PeerEnd.of(link) as? OutgoingPeer else { return }
        peer.session.connected(nonce: nonce, now: now)
        touch(peer)
        schedule()
    }

    private var nonce: [UInt8] { executor.node.doors.secretBytes(32) }

    // MARK: connections that others open

    /// A node has connected, or who says that it is one.
    func accepted(_ link: LinkPointer) {
        guard let keeper, let view, view.isFounded, greeting < Peers.greetingsMax else {
            link.pointee.state.insert(.close)
            return executor.markDirty(link)
        }
        generation &+= 1
        let place = incoming.firstIndex { $0 == nil } ?? incoming.count
        let channel = PeerChannel(.responder, identity: identity(keeper, view), nonce: nonce)
        let peer = IncomingPeer(
            place: place, generation: generation, channel, greetingEnd: now + Peers.greetingTimeout)
        peer.attach(link)
        if place == incoming.count { incoming.append(peer) } else { incoming[place] = peer }
        greeting += 1
        nextDeadline = min(nextDeadline, peer.greetingEnd)
    }

    private func end(_ peer: IncomingPeer, _ reason: String) {
        let name = peer.member >= 0 ? view.map { " of node \($0.members[peer.member].id)" } ?? "" : ""
        executor.node.doors.log(.verbose, "Cluster: a connection\(name) is closed: \(reason)")
        disconnect(peer)
        remove(peer)
    }

    private func remove(_ peer: IncomingPeer) {
        guard incoming[peer.place] === peer else { return }
        if peer.member < 0 { greeting -= 1 }
        board.remove(peer)
        incoming[peer.place] = nil
        while let last = incoming.last, last == nil { incoming.removeLast() }
        if peer.member >= 0 { handler.ended(peer.via(turnStarted)) }
    }

    /// Responses wait for the log.
    var hasWaiting: Bool { !waiting.isEmpty }

    // MARK: bytes

    func received(_ link: LinkPointer, _ bytes: ByteView) {
        switch PeerEnd.of(link) {
        case let peer as OutgoingPeer: received(peer, bytes)
        case let peer as IncomingPeer: received(peer, bytes)
        default: break
        }
    }

    private func received(_ peer: OutgoingPeer, _ bytes: ByteView) {
        delivered.removeAll(keepingCapacity: true)
        peer.session.received(bytes, now: now, into: &directives) { delivered.append($0) }
        // What was said before the end still counts.
        let (all, member, handler) = (delivered, peer.member, handler!)
        all.withUnsafeBufferPointer { messages in
            for message in messages {
                switch message.kind {
                case .response:
                    handler.answered(message.id, from: member, code: message.code, payload: message.payload)
                case .acknowledgements: handler.acknowledged(message.payload, from: member)
                case .request: break
                }
            }
        }
        if !directives.isEmpty || peer.session.state == .greeting { obey(peer) }
    }

    private func received(_ peer: IncomingPeer, _ bytes: ByteView) {
        delivered.removeAll(keepingCapacity: true)
        var failure: PeerError?
        do throws(PeerError) {
            try peer.channel.received(bytes) { delivered.append($0) }
        } catch {
            failure = error
        }
        if peer.member < 0 {
            touch(peer)
            if peer.channel.isReady && !admit(peer) { failure = .otherNode }
        }
        if peer.member >= 0 { serve(peer) }
        if let failure { refuse(peer, failure) }
    }

    /// Hands on what has been delivered. A long command may have more received meanwhile.
    private func serve(_ peer: IncomingPeer) {
        let (all, member, handler, via) = (delivered, peer.member, handler!, peer.via(turnStarted))
        all.withUnsafeBufferPointer { messages in
            var next = 0
            while next < messages.count {
                let end = min(next + Peers.expectedAtOnce, messages.count)
                handler.expect(UnsafeBufferPointer(rebasing: messages[next..<end]))
                for message in messages[next..<end] where message.kind == .request {
                    handler.asked(
                        by: member, id: message.id, code: message.code, timeLeft: message.timeLeft,
                        payload: message.payload, via: via)
                }
                next = end
            }
        }
    }

    /// Requests for which memory is fetched at the same time.
    private static let expectedAtOnce = 32

    /// It has proved who it is.
    private func admit(_ peer: IncomingPeer) -> Bool {
        guard let member = view?.index(peer.channel.peer) else { return false }
        peer.member = member
        greeting -= 1
        board.add(peer, PeerCard(member: member, isOutgoing: false, createdAt: executor.wallMicroseconds / 1000))
        return true
    }

    /// With what there is to say about it.
    private func refuse(_ peer: IncomingPeer, _ error: PeerError) {
        guard let link = peer.link else { return }
        executor.node.doors.log(.verbose, "Cluster: a connection of another node is closed: \(error.explanation)")
        peer.pump()
        peer.detach()
        link.pointee.state.insert(.closeAfterFlush)
        executor.markDirty(link)
        remove(peer)
    }

    /// The connection has taken bytes: there is room for more.
    func sent(_ link: LinkPointer) {
        if link.pointee.output.pending < PeerEnd.linkBytes / 2 { PeerEnd.of(link)?.pump() }
    }

    func closed(_ link: LinkPointer) {
        guard let peer = PeerEnd.of(link) else { return }
        peer.detach()
        if let peer = peer as? IncomingPeer { return remove(peer) }
        if let peer = peer as? OutgoingPeer { broken.append(peer) }
    }
}

extension PeerError {
    /// For the log.
    var explanation: String {
        switch self {
        case .foreign: "it speaks another protocol"
        case .version: "no version of the protocol that both speak"
        case .cluster: "it belongs to another cluster"
        case .foundedDifferently: "its ring is another one (founding nodes, weights, racks, cluster-replication)"
        case .otherNode: "it is another node than expected"
        case .forged: "it does not know the secret, or somebody changes what is sent"
        case .damaged: "bytes were damaged on the way"
        case .tooLong: "a frame is too long"
        case .outOfOrder: "frames are missing"
        case .malformed: "it sends what this version does not understand"
        case .timedOut: "no answer in time"
        case .refused: "it refuses"
        case .disconnected: "the connection has ended"
        }
    }
}
