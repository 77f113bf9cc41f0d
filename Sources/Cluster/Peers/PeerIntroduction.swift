import Base

/// What both sides say of themselves before anything is proved.
///
///     8   `MartPeer`
///     1   the lowest version spoken
///     1   the highest one
///     2   0
///     8   the cluster's tag
///     8   digest of the founding members
///     20  who says this
///     20  to whom
///     32  nonce
struct PeerIntroduction {
    var versions: ClosedRange<UInt8>
    var tag: UInt64
    var founding: UInt64
    var sender: NodeID
    var receiver: NodeID
    var nonce: [UInt8]

    func write(to output: inout ByteBuffer) {
        output.append(littleEndian: PeerProtocol.magic)
        output.append(versions.lowerBound)
        output.append(versions.upperBound)
        output.append(littleEndian: UInt16(0))
        output.append(littleEndian: tag)
        output.append(littleEndian: founding)
        sender.write(to: &output)
        receiver.write(to: &output)
        nonce.withView { output.append($0) }
    }

    var bytes: [UInt8] {
        var output = ByteBuffer()
        write(to: &output)
        return output.view.bytes
    }

    init(versions: ClosedRange<UInt8>, tag: UInt64, founding: UInt64, sender: NodeID, receiver: NodeID, nonce: [UInt8])
    {
        precondition(nonce.count == PeerProtocol.nonceBytes)
        (self.versions, self.tag, self.founding) = (versions, tag, founding)
        (self.sender, self.receiver, self.nonce) = (sender, receiver, nonce)
    }

    /// Of exactly as many bytes.
    init(_ bytes: ByteView) throws(PeerError) {
        guard bytes.count == PeerProtocol.introductionBytes, bytes.number(at: 0, UInt64.self) == PeerProtocol.magic
        else {
            throw .foreign
        }
        guard bytes[8] <= bytes[9], bytes.number(at: 10, UInt16.self) == 0 else { throw .malformed }
        versions = bytes[8]...bytes[9]
        tag = bytes.number(at: 12, UInt64.self)
        founding = bytes.number(at: 20, UInt64.self)
        sender = NodeID(bytes.slice(28, 48))
        receiver = NodeID(bytes.slice(48, 68))
        nonce = bytes.slice(68, 100).bytes
    }
}
