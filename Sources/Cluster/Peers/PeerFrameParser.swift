import Base

/// A frame whose checksum is right; lies in the parser until the next `append`.
struct PeerFrame {
    let kind: PeerProtocol.Kind
    let number: UInt64
    /// Without the code, if the kind has one.
    let body: ByteView
    /// What the code is made of, and the code; nil: the kind has none.
    let signed: (message: ByteView, code: ByteView)?
}

/// Cuts frames out of what a connection delivers, however it is split. Holds what has arrived and no more: a length
/// that is announced allocates nothing.
struct PeerFrameParser: ~Copyable {
    private var buffer = ByteBuffer(capacity: 512)
    private var taken = 0

    /// Bytes that belong to no whole frame yet.
    var waiting: Int { buffer.count - taken }

    mutating func append(_ bytes: ByteView) {
        if taken == buffer.count {
            buffer.empty()
            taken = 0
        } else if taken > 64 * 1024 && taken > buffer.count / 2 {
            buffer.copy(taken..<buffer.count, to: 0)
            buffer.truncate(to: buffer.count - taken)
            taken = 0
        }
        buffer.append(bytes)
    }

    /// The next frame; nil until there is a whole one. `limit`: bytes of a frame at most.
    mutating func next(limit: Int) throws(PeerError) -> PeerFrame? {
        if waiting < 4 { return nil }
        let length = Int(buffer.view.number(at: taken, UInt32.self))
        if length > limit - 4 { throw .tooLong }
        if length < PeerProtocol.headerBytes - 4 { throw .malformed }
        if waiting < 4 + length { return nil }
        let bytes = buffer.view.slice(taken, taken + 4 + length)
        taken += bytes.count
        let rest = bytes.slice(8, bytes.count)
        if bytes.number(at: 4, UInt32.self) != CRC32C.checksum(rest) { throw .damaged }
        guard let kind = PeerProtocol.Kind(rawValue: rest[0]), rest[1] | rest[2] | rest[3] == 0 else {
            throw .malformed
        }
        return try Self.frame(kind, rest)
    }

    /// `bytes`: from the kind on.
    private static func frame(_ kind: PeerProtocol.Kind, _ bytes: ByteView) throws(PeerError) -> PeerFrame {
        let number = bytes.number(at: 4, UInt64.self)
        guard kind == .ready || kind == .messages else {
            return PeerFrame(kind: kind, number: number, body: bytes.slice(12, bytes.count), signed: nil)
        }
        let end = bytes.count - PeerProtocol.codeBytes
        if end < 12 { throw .malformed }
        return PeerFrame(
            kind: kind, number: number, body: bytes.slice(12, end),
            signed: (bytes.slice(0, end), bytes.slice(end, bytes.count)))
    }
}

/// Puts frames together, one after the other.
struct PeerFrameWriter: ~Copyable {
    private var buffer = ByteBuffer(capacity: 512)
    /// Bytes that the connection has taken.
    private var sent = 0
    private var number: UInt64 = 0
    /// Where the frame that is being written begins.
    private var start: Int?
    /// What frames are signed with from now on.
    var key: GMAC?

    /// What is to be sent.
    var output: ByteView { buffer.view.slice(sent, start ?? buffer.count) }

    /// Bytes that the connection has not taken, those of an unfinished frame included.
    var waiting: Int { buffer.count - sent }

    /// The connection has taken so many of `output`.
    mutating func consume(_ count: Int) {
        precondition(count <= output.count)
        sent += count
        if sent == buffer.count {
            buffer.empty()
            sent = 0
        } else if start == nil && sent > 64 * 1024 && sent > buffer.count / 2 {
            buffer.copy(sent..<buffer.count, to: 0)
            buffer.truncate(to: buffer.count - sent)
            sent = 0
        }
    }

    mutating func begin(_ kind: PeerProtocol.Kind) {
        precondition(start == nil)
        start = buffer.count
        buffer.append(littleEndian: UInt64(0))
        buffer.append(kind.rawValue)
        for _ in 0..<3 { buffer.append(0) }
        buffer.append(littleEndian: number)
        number += 1
    }

    mutating func append(_ bytes: ByteView) { buffer.append(bytes) }

    /// Adds a message to the frame of messages that is open, or to a new one; ends frames that are long enough.
    mutating func append(_ message: PeerMessage) {
        if start == nil { begin(.messages) }
        message.write(to: &buffer)
        if buffer.count - start! >= PeerProtocol.batchBytes { end() }
    }

    /// Ends the frame, if there is one; signs it if there is a key.
    mutating func end() {
        guard let start else { return }
        key?.sign(&buffer, from: start + 8, number: number - 1)
        buffer.replace(at: start, littleEndian: UInt32(buffer.count - start - 4))
        let sum = CRC32C.checksum(buffer.view.slice(start + 8, buffer.count))
        buffer.replace(at: start + 4, littleEndian: sum)
        self.start = nil
    }
}

extension ByteBuffer {
    /// Empty, and with no more room than what usually comes needs: a long message does not stay for good.
    fileprivate mutating func empty() {
        if capacity > 1 << 20 { self = ByteBuffer(capacity: 512) } else { truncate(to: 0) }
    }
}
