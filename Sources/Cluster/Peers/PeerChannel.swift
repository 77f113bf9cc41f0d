import Base

/// What a node shows others.
public struct PeerIdentity: Sendable {
    public var id: NodeID
    /// Digest of the founding members (`MembershipState.founding`).
    public var founding: UInt64
    var key: ClusterKey
    /// Versions of the protocol that it speaks.
    var versions = PeerProtocol.versions

    public init(id: NodeID, founding: UInt64, key: ClusterKey) {
        (self.id, self.founding, self.key) = (id, founding, key)
    }
}

/// One connection between two nodes, at either end: proves who is there, then carries messages. Bytes come in, bytes go
/// out.
///
///     initiator                         responder
///     hello: introduction, nonce   ->
///                                  <-   challenge: introduction, nonce, proof of the secret over both
///     proof over all of that       ->
///                                  <-   ready, signed with the session's key
///     messages, signed            <->   messages, signed
///
/// Proofs and the keys of the two directions are HMACs of both introductions under names of their own: an answer to one
/// connection is none to another, nor to the other side's question. No key signs two frames of one number. The versions are in there too. The highest version
/// that both speak is spoken.
///
/// Whatever throws ends the connection.
public struct PeerChannel: ~Copyable {
    public enum Role: Sendable { case initiator, responder }

    enum State: Equatable { case waitingForHello, waitingForChallenge, waitingForProof, waitingForReady, ready }

    public let role: Role
    /// Who is at the other end; a responder knows once `isReady`.
    public private(set) var peer: NodeID
    /// The version spoken, once `isReady`.
    public private(set) var version: UInt8 = 0
    /// What it said when it refused.
    public private(set) var refusal: PeerError?
    /// Bytes of a frame at most, once it is known who is there.
    public let frameBytesMax: Int

    private let identity: PeerIdentity
    private let nonce: [UInt8]
    private var state: State
    private var parser = PeerFrameParser()
    private var writer = PeerFrameWriter()
    private var framesRead: UInt64 = 0
    /// Both introductions, in the order of roles, and the responder's proof.
    private var transcript: [UInt8] = []
    private var receiveKey: GMAC?

    public static let frameBytesUsual = 1 << 30

    /// - Parameters:
    ///   - peer: whom an initiator means to reach.
    ///   - nonce: 32 bytes that nobody can guess, new for each connection.
    public init(
        _ role: Role, identity: PeerIdentity, peer: NodeID? = nil, nonce: [UInt8], frameBytesMax: Int = frameBytesUsual
    ) {
        precondition(nonce.count == PeerProtocol.nonceBytes && (role == .initiator) == (peer != nil))
        precondition(frameBytesMax <= Self.frameBytesUsual)
        (self.role, self.identity, self.nonce) = (role, identity, nonce)
        self.frameBytesMax = frameBytesMax
        self.peer = peer ?? .nobody
        state = role == .initiator ? .waitingForChallenge : .waitingForHello
        if role == .initiator {
            transcript = introduction.bytes
            send(.hello, transcript)
        }
    }

    public var isReady: Bool { state == .ready }

    /// What is to be sent; `consume` says how much of it was.
    public var output: ByteView { writer.output }
    public mutating func consume(_ count: Int) { writer.consume(count) }

    /// Bytes that have not been sent yet.
    public var waiting: Int { writer.waiting }

    /// The longest payload of a message: it may share its frame with others.
    public var payloadBytesMax: Int { frameBytesMax - Self.overhead }
    /// The same with `frameBytesUsual`.
    public static let payloadBytesUsual = frameBytesUsual - overhead
    private static let overhead =
        PeerProtocol.headerBytes + PeerProtocol.messageHeaderBytes + PeerProtocol.codeBytes + PeerProtocol.batchBytes

    /// Adds a message; `flush` at the end of the turn. Only when ready.
    public mutating func append(_ message: PeerMessage) {
        precondition(state == .ready && message.payload.count <= payloadBytesMax)
        writer.append(message)
    }

    /// Ends the frame that the turn's messages share.
    public mutating func flush() { writer.end() }

    /// Takes what the connection delivered; lends messages, in order. They may be processed before the next call only.
    public mutating func received(_ bytes: ByteView, deliver: (PeerMessage) -> Void) throws(PeerError) {
        parser.append(bytes)
        while true {
            let limit = state == .ready ? frameBytesMax : PeerProtocol.greetingBytesMax
            let frame: PeerFrame?
            do throws(PeerError) {
                frame = try parser.next(limit: limit)
            } catch {
                // A first frame that is too long is no frame.
                throw framesRead == 0 && (error == .tooLong || error == .malformed) ? .foreign : error
            }
            guard let frame else { return }
            if frame.number != framesRead { throw .outOfOrder }
            framesRead += 1
            try received(frame, deliver)
        }
    }

    private mutating func received(_ frame: PeerFrame, _ deliver: (PeerMessage) -> Void) throws(PeerError) {
        switch (state, frame.kind) {
        case (.waitingForHello, .hello): try answer(frame.body)
        case (.waitingForChallenge, .challenge): try prove(frame.body)
        case (.waitingForProof, .proof): try accept(frame.body)
        case (.waitingForReady, .ready):
            try check(frame)
            if !frame.body.isEmpty { throw .malformed }
            state = .ready
        case (.ready, .messages):
            try check(frame)
            try deliverAll(frame.body, deliver)
        case (.waitingForChallenge, .refusal), (.waitingForReady, .refusal):
            guard frame.body.count == 1, let reason = PeerError(rawValue: frame.body[0]) else { throw .malformed }
            refusal = reason
            throw .refused
        default: throw .malformed
        }
    }

    private func check(_ frame: PeerFrame) throws(PeerError) {
        guard let signed = frame.signed, let receiveKey,
            receiveKey.verifies(signed.code, of: signed.message, number: frame.number)
        else {
            throw .forged
        }
    }

    /// All of a frame is read before any of it is delivered.
    private func deliverAll(_ body: ByteView, _ deliver: (PeerMessage) -> Void) throws(PeerError) {
        do throws(MalformedBytes) {
            var check = WireReader(body)
            while check.left > 0 { _ = try PeerMessage(&check) }
            var reader = WireReader(body)
            while reader.left > 0 { deliver(try PeerMessage(&reader)) }
        } catch {
            throw .malformed
        }
    }

    private var introduction: PeerIntroduction {
        PeerIntroduction(
            versions: identity.versions, tag: identity.key.tag, founding: identity.founding, sender: identity.id,
            receiver: peer, nonce: nonce)
    }

    private mutating func send(_ kind: PeerProtocol.Kind, _ body: [UInt8]) {
        writer.begin(kind)
        body.withView { writer.append($0) }
        writer.end()
    }

    /// Whether the other side is one that this one may talk to, as it says itself.
    private mutating func agree(with other: PeerIntroduction) throws(PeerError) {
        let lowest = max(other.versions.lowerBound, identity.versions.lowerBound)
        let highest = min(other.versions.upperBound, identity.versions.upperBound)
        if lowest > highest { throw .version }
        if other.tag != identity.key.tag { throw .cluster }
        if other.founding != identity.founding { throw .foundedDifferently }
        if other.receiver != identity.id || other.sender == identity.id { throw .otherNode }
        version = highest
    }

    /// Responder: a hello has come.
    private mutating func answer(_ body: ByteView) throws(PeerError) {
        let other = try PeerIntroduction(body)
        do throws(PeerError) {
            try agree(with: other)
        } catch {
            send(.refusal, [error.rawValue])
            throw error
        }
        peer = other.sender
        transcript = body.bytes + introduction.bytes
        let proof = code("martlet peer responder")
        transcript += proof
        send(.challenge, Array(transcript[PeerProtocol.introductionBytes...]))
        state = .waitingForProof
    }

    /// Initiator: a challenge has come.
    private mutating func prove(_ body: ByteView) throws(PeerError) {
        guard body.count == PeerProtocol.introductionBytes + PeerProtocol.proofBytes else { throw .malformed }
        let introduction = body.slice(0, PeerProtocol.introductionBytes)
        let other = try PeerIntroduction(introduction)
        try agree(with: other)
        if other.sender != peer { throw .otherNode }
        transcript += introduction.bytes
        let proof = body.slice(introduction.count, body.count)
        try verify(proof, "martlet peer responder")
        transcript += proof.bytes
        send(.proof, code("martlet peer initiator"))
        makeKeys()
        state = .waitingForReady
    }

    /// Responder: a proof has come.
    private mutating func accept(_ body: ByteView) throws(PeerError) {
        guard body.count == PeerProtocol.proofBytes else { throw .malformed }
        try verify(body, "martlet peer initiator")
        makeKeys()
        send(.ready, [])
        state = .ready
    }

    private mutating func makeKeys() {
        let initiator = code("martlet peer session initiator").withView { GMAC(key: $0) }
        let responder = code("martlet peer session responder").withView { GMAC(key: $0) }
        (writer.key, receiveKey) = role == .initiator ? (initiator, responder) : (responder, initiator)
        transcript = []
    }

    private func verify(_ proof: ByteView, _ name: StaticString) throws(PeerError) {
        if !message(name).withView({ identity.key.peer.verifies(proof, of: $0) }) { throw .forged }
    }

    private func code(_ name: StaticString) -> [UInt8] { message(name).withView { identity.key.peer.code($0) } }

    /// The name, and all that was said so far.
    private func message(_ name: StaticString) -> [UInt8] { ByteView(name).bytes + transcript }
}
