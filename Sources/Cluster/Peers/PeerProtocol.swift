import Base

/// Connections between nodes: frames, and who is at the other end (docs/cluster.md).
///
///     4   how many bytes follow this field
///     4   CRC-32C of what follows this field
///     1   kind
///     3   0
///     8   the frame's number in its direction, from 0 on
///     ..  body
///     16  kinds `ready` and `messages`: the GMAC of all from the kind on, by the session's key for this direction; its
///         number is the frame's
enum PeerProtocol {
    static let versions: ClosedRange<UInt8> = 2...2
    /// `MartPeer`
    static let magic: UInt64 = 0x7265_6550_7472_614d
    static let headerBytes = 20
    static let codeBytes = GMAC.bytes
    static let nonceBytes = 32
    static let proofBytes = 32
    static let introductionBytes = 100
    /// The longest frame from somebody who has not proved who it is.
    static let greetingBytesMax = headerBytes + introductionBytes + proofBytes
    /// Messages share a frame, a checksum and a code up to about this size.
    static let batchBytes = 64 * 1024
    static let messageHeaderBytes = 20

    enum Kind: UInt8 {
        /// Who I am, whom I want, a nonce.
        case hello = 1
        /// The same of the other side, and a proof that it knows the secret.
        case challenge
        /// The same proof of the first side.
        case proof
        /// Nothing: that the session's keys are right.
        case ready
        case messages
        /// Why there will be no session (1 byte). Anybody could have sent it.
        case refusal
    }
}

/// Why a connection ends.
public enum PeerError: UInt8, Error, Equatable, Sendable, CaseIterable {
    /// What came first is another protocol's.
    case foreign = 1
    /// No version that both sides speak.
    case version
    /// A node of another cluster.
    case cluster
    /// A node of a cluster of this name, founded by other nodes.
    case foundedDifferently
    /// Not the node that was expected at this address, or this one itself.
    case otherNode
    /// It does not know the secret, or bytes were changed by somebody.
    case forged
    /// Bytes were changed by accident.
    case damaged
    /// Longer than allowed.
    case tooLong
    /// Frames are missing, or came twice.
    case outOfOrder
    /// Intact, but not what this version writes.
    case malformed
    case timedOut
    /// The other side wants no session; it said why.
    case refused
    /// The connection ended, or never came to be.
    case disconnected
}

/// One message: a request, a response, or many responses that say no more than that all went well.
public struct PeerMessage {
    public enum Kind: UInt8, Sendable {
        case request = 1
        case response
        /// The payload is the requests' ids, 8 bytes each.
        case acknowledgements
    }

    public var kind: Kind
    /// Of a request: what is asked for. Of a response: how it went.
    public var code: UInt8
    /// Milliseconds that whoever asked still waits, counted from the sending; 0 in a response.
    public var timeLeft: UInt32
    /// Of the request, given by whoever asked; a response has its request's.
    public var id: UInt64
    /// Valid until the call ends that lends it.
    public var payload: ByteView

    public init(_ kind: Kind, code: UInt8, timeLeft: UInt32 = 0, id: UInt64, payload: ByteView) {
        (self.kind, self.code, self.timeLeft, self.id, self.payload) = (kind, code, timeLeft, id, payload)
    }

    func write(to output: inout ByteBuffer) {
        output.append(kind.rawValue)
        output.append(code)
        output.append(littleEndian: UInt16(0))
        output.append(littleEndian: timeLeft)
        output.append(littleEndian: id)
        output.append(littleEndian: UInt32(payload.count))
        output.append(payload)
    }

    init(_ reader: inout WireReader) throws(MalformedBytes) {
        guard let kind = Kind(rawValue: try reader.byte()) else { throw MalformedBytes() }
        self.kind = kind
        code = try reader.byte()
        if try reader.integer(UInt16.self) != 0 { throw MalformedBytes() }
        timeLeft = try reader.integer(UInt32.self)
        id = try reader.integer(UInt64.self)
        payload = try reader.view(Int(try reader.integer(UInt32.self)))
    }
}
