import Base

/// What a session wants done. In this order.
public enum PeerDirective: Equatable, Sendable {
    /// Open a connection; then `connected`, or `disconnected`.
    case connect(NodeAddress)
    /// Close the connection, which is not spoken of any more.
    case close
    /// The peer is there, and is who it should be.
    case ready(version: UInt8)
    /// There is no session any more, or none came to be. Whatever was asked and not answered will not be; so many
    /// messages were not even sent.
    case lost(PeerError, unsent: Int)
}

/// A session's times, in milliseconds, and sizes.
public struct PeerSessionOptions: Sendable {
    public var connectTimeout: Int64 = 2000
    public var greetingTimeout: Int64 = 2000
    /// How long it waits after the first failure; twice as long after each further one, up to the second figure. In
    /// fact some time between half of that and all of it.
    public var backOffFirst: Int64 = 100
    public var backOffMax: Int64 = 10_000
    /// A session that held so long begins with the first figure again.
    public var stableAfter: Int64 = 10_000
    /// Bytes that wait to be sent, before the session stands and after; one message may be longer.
    public var queueBytesMax = 8 << 20

    public init() {}
}

/// A node's connection to one other node, which it opens, and opens again when it is lost. A value: connections, bytes
/// and time come in; `output` and directives come out.
///
/// Messages that are sent while the connection is being made wait for it, with their time running; while it waits to
/// try again they are refused, so that whoever has something to say turns to another node at once. Nothing is sent
/// twice: what was sent when the connection broke may have arrived or not.
public struct PeerSession: ~Copyable {
    public enum State: Equatable, Sendable {
        /// Not started.
        case idle
        case connecting
        /// Connected; it is being proved who is there.
        case greeting
        case ready
        /// Tries again later.
        case backingOff
    }

    public let peer: NodeID
    /// Where the peer is. A change counts from the next attempt on.
    public var address: NodeAddress
    public let options: PeerSessionOptions
    public private(set) var state = State.idle
    /// When `tick` wants to be called; `.max`: not at all.
    public private(set) var nextDeadline = Int64.max
    private let identity: PeerIdentity
    private var channel: PeerChannel?
    /// The last one that ended: messages that it has lent lie in it.
    private var ended: PeerChannel?
    private var random: PRNG
    private var failures = 0
    private var readySince: Int64 = 0
    private var queue = ByteBuffer()
    /// Of each queued message: until when it is worth sending.
    private var queued: [Int64] = []

    /// `seed`: another one for each session, so that not all come back at the same time.
    public init(
        identity: PeerIdentity, peer: NodeID, address: NodeAddress, options: PeerSessionOptions = PeerSessionOptions(),
        seed: UInt64
    ) {
        (self.identity, self.peer, self.address, self.options) = (identity, peer, address, options)
        random = PRNG(seed: seed)
    }

    /// Begins; later calls have no effect.
    public mutating func start(now: Int64, into directives: inout [PeerDirective]) {
        if state == .idle { connect(now, &directives) }
    }

    /// What should be sent; `consume` says how much of it was.
    public var output: ByteView { asked { $0.output } ?? ByteView("") }

    public mutating func consume(_ count: Int) { channel?.consume(count) }

    /// What the channel says of itself, if there is one.
    private func asked<R>(_ question: (borrowing PeerChannel) -> R) -> R? {
        switch channel {
        case .some(let channel): question(channel)
        case .none: nil
        }
    }

    /// Sends a message, with the turn's others, once `flush` is called. False: it is refused, since the peer cannot be
    /// reached, too much is waiting for it or the payload is too long. A request whose time is up before it is sent is
    /// dropped.
    public mutating func send(_ message: PeerMessage, now: Int64) -> Bool {
        let bytes = PeerProtocol.messageHeaderBytes + message.payload.count
        switch state {
        case .idle, .backingOff: return false
        case .connecting, .greeting:
            if message.payload.count > PeerChannel.payloadBytesUsual || !hasRoom(for: bytes, behind: queue.count) {
                return false
            }
            queued.append(message.kind == .request ? now + Int64(message.timeLeft) : .max)
            message.write(to: &queue)
            return true
        case .ready:
            let waiting = asked { $0.waiting } ?? 0
            if message.payload.count > PeerChannel.payloadBytesUsual || !hasRoom(for: bytes, behind: waiting) {
                return false
            }
            channel?.append(message)
            return true
        }
    }

    /// Where nothing waits, there is room for a message of any size.
    private func hasRoom(for bytes: Int, behind waiting: Int) -> Bool {
        waiting == 0 || waiting + bytes <= options.queueBytesMax
    }

    /// At the end of a turn.
    public mutating func flush() { channel?.flush() }

    /// The connection that was asked for is there. `nonce`: 32 bytes that nobody can guess.
    public mutating func connected(nonce: [UInt8], now: Int64) {
        if state != .connecting { return }
        state = .greeting
        nextDeadline = now + options.greetingTimeout
        channel = PeerChannel(.initiator, identity: identity, peer: peer, nonce: nonce)
    }

    /// The connection has ended, or could not be made.
    public mutating func disconnected(now: Int64, into directives: inout [PeerDirective]) {
        if state == .idle || state == .backingOff { return }
        fail(.disconnected, now, &directives)
    }

    /// The connection has delivered bytes; lends messages, in order. They stay where they are until the next call, or
    /// until the session connects anew.
    public mutating func received(
        _ bytes: ByteView, now: Int64, into directives: inout [PeerDirective], deliver: (PeerMessage) -> Void
    ) {
        do throws(PeerError) {
            try channel?.received(bytes, deliver: deliver)
        } catch {
            directives.append(.close)
            let said = asked { $0.refusal } ?? nil
            return fail(said ?? error, now, &directives)
        }
        if state == .greeting, let version = asked({ $0.isReady ? $0.version : nil }) ?? nil {
            ready(version, now, &directives)
        }
    }

    public mutating func tick(now: Int64, into directives: inout [PeerDirective]) {
        if now < nextDeadline { return }
        switch state {
        case .backingOff: connect(now, &directives)
        case .connecting, .greeting:
            directives.append(.close)
            fail(.timedOut, now, &directives)
        case .idle, .ready: break
        }
    }

    /// Does not wait any longer to try again: the peer is said to be back.
    public mutating func hurry(now: Int64, into directives: inout [PeerDirective]) {
        if state != .backingOff { return }
        failures = 0
        connect(now, &directives)
    }

    private mutating func connect(_ now: Int64, _ directives: inout [PeerDirective]) {
        ended = nil
        state = .connecting
        nextDeadline = now + options.connectTimeout
        directives.append(.connect(address))
    }

    private mutating func ready(_ version: UInt8, _ now: Int64, _ directives: inout [PeerDirective]) {
        state = .ready
        nextDeadline = .max
        readySince = now
        directives.append(.ready(version: version))
        sendQueued(now)
    }

    private mutating func sendQueued(_ now: Int64) {
        var reader = WireReader(queue.view)
        for deadline in queued {
            guard var message = try? PeerMessage(&reader) else {
                preconditionFailure("the queue has what was written to it")
            }
            if deadline <= now { continue }
            if message.kind == .request { message.timeLeft = UInt32(clamping: deadline - now) }
            channel?.append(message)
        }
        forgetQueued()
        channel?.flush()
    }

    private mutating func forgetQueued() {
        // A queue that was long gives its memory back.
        if queue.capacity > 64 * 1024 { queue = ByteBuffer() } else { queue.truncate(to: 0) }
        queued.removeAll()
    }

    private mutating func fail(_ error: PeerError, _ now: Int64, _ directives: inout [PeerDirective]) {
        if state == .ready && now - readySince >= options.stableAfter { failures = 0 }
        directives.append(.lost(error, unsent: queued.count))
        forgetQueued()
        ended = channel.take()
        state = .backingOff
        nextDeadline = now + backOff(error)
        failures += 1
    }

    /// Half of the time is sure, the other half left to chance.
    private mutating func backOff(_ error: PeerError) -> Int64 {
        var longest = options.backOffMax
        // What will not be better the next moment can wait.
        switch error {
        case .disconnected, .timedOut, .damaged, .outOfOrder:
            if failures < 32 { longest = min(longest, options.backOffFirst << Int64(failures)) }
        default: break
        }
        return longest / 2 + Int64(random.below(UInt64(longest / 2 + 1)))
    }
}
