import Base

/// Writes one datagram at a time.
struct GossipWriter: ~Copyable {
    private var output = ByteBuffer(capacity: Gossip.bytesMax + 512)
    private let key: ClusterKey

    init(_ key: ClusterKey) { self.key = key }

    mutating func begin(
        _ kind: Gossip.Kind, from sender: NodeID, to receiver: NodeID?, founding: UInt64, nonce: UInt64
    ) {
        output.truncate(to: 0)
        output.append(littleEndian: Gossip.magic)
        output.append(Gossip.version)
        output.append(Gossip.version)
        output.append(kind.rawValue)
        output.append(0)
        output.append(littleEndian: key.tag)
        sender.write(to: &output)
        (receiver ?? .nobody).write(to: &output)
        output.append(littleEndian: founding)
        output.append(littleEndian: nonce)
    }

    /// Room for the body and updates that are still to come.
    var left: Int { Gossip.bytesMax - Gossip.codeBytes - output.count }

    var count: Int { output.count }

    mutating func append(byte: UInt8) { output.append(byte) }
    mutating func append(number: UInt64) { output.append(littleEndian: number) }
    mutating func append(varint number: UInt64) { output.append(varint: number) }
    mutating func append(id: NodeID) { id.write(to: &output) }
    mutating func replace(at offset: Int, byte: UInt8) { output.replace(at: offset, littleEndian: byte) }

    /// False, and nothing added, if there is no room.
    mutating func append(_ update: Update) -> Bool {
        let start = output.count
        update.write(to: &output)
        if left >= 0 { return true }
        output.truncate(to: start)
        return false
    }

    /// The signed datagram.
    mutating func finish() -> [UInt8] {
        precondition(left >= 0)
        key.gossip.sign(&output, from: 0, count: Gossip.codeBytes)
        return output.view.bytes
    }
}

extension NodeID {
    /// Zeros: no node has it.
    static let nobody = [UInt8](repeating: 0, count: bytes).withView { NodeID($0) }
}

/// A datagram whose signature is right. Reading one allocates nothing before that is known.
struct GossipMessage {
    let kind: Gossip.Kind
    let sender: NodeID
    let receiver: NodeID
    let founding: UInt64
    let nonce: UInt64
    /// What comes after the header: what the kind says, then updates.
    var body: WireReader

    init(_ bytes: ByteView, _ key: ClusterKey) throws(GossipError) {
        guard bytes.count >= Gossip.headerBytes + Gossip.codeBytes, bytes.count <= Gossip.bytesMax,
            bytes.number(at: 0, UInt32.self) == Gossip.magic
        else { throw .foreign }
        if bytes[4] != Gossip.version { throw .version }
        if bytes.number(at: 8, UInt64.self) != key.tag { throw .cluster }
        let end = bytes.count - Gossip.codeBytes
        if !key.gossip.verifies(bytes.slice(end, bytes.count), of: bytes.slice(0, end)) { throw .forged }
        guard let kind = Gossip.Kind(rawValue: bytes[6]), bytes[7] == 0 else { throw .malformed }
        self.kind = kind
        sender = NodeID(bytes.slice(16, 36))
        receiver = NodeID(bytes.slice(36, 56))
        founding = bytes.number(at: 56, UInt64.self)
        nonce = bytes.number(at: 64, UInt64.self)
        body = WireReader(bytes.slice(Gossip.headerBytes, end))
        if sender == .nobody { throw .malformed }
    }
}

extension WireReader {
    /// The updates from here to the end.
    mutating func updates() throws(MalformedBytes) -> [Update] {
        var updates: [Update] = []
        while left > 0 { updates.append(try Update(&self)) }
        return updates
    }
}
