import Base

/// Why a context that a client gave is not taken (SPEC A8).
public enum ContextError: Error, Equatable {
    /// Not a context: other characters, cut off, or changed.
    case malformed
    /// Of a newer version than this server's.
    case version(UInt8)
    /// A context of another cluster, database or key.
    case foreign
    /// It names an actor that the table has no room for.
    case tooManyActors

    /// What the client is told after the code `BADCONTEXT`.
    public var message: StaticString {
        switch self {
        case .malformed: "the context is malformed or damaged"
        case .version: "the context was made by a newer version"
        case .foreign: "the context belongs to another cluster or key"
        case .tooManyActors: "the context names too many nodes"
        }
    }
}

/// A context as clients have it: opaque text, which is good for one key of one cluster (docs/causality.md has the bytes).
///
/// It is base64url text, so that it can be pasted anywhere. A keyed hash over all of it, the database and the key tells
/// contexts that this cluster made from others.
public struct ContextToken: Sendable {
    static let version: UInt8 = 1
    /// Longer texts are not looked at: no context that a server made is, with a `vector-clock-max-entries` that means
    /// anything.
    public static let textBytesMax = 64 * 1024
    private static let trailerBytes = 12

    private let secret: (UInt64, UInt64)

    init(secret: (UInt64, UInt64)) { self.secret = secret }

    /// `cluster`: the cluster's name. `secret`: what its nodes share; may be empty, then clients could make contexts up.
    public init(cluster: ByteView, secret: ByteView) {
        var bytes = ByteBuffer()
        bytes.append(littleEndian: UInt64(cluster.count))
        bytes.append(cluster)
        bytes.append(secret)
        let digest = SHA256.digest(bytes.view)
        let words = digest.withUnsafeBytes {
            ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        self.init(secret: (UInt64(littleEndian: words.0), UInt64(littleEndian: words.1)))
    }

    private func tag(_ body: ByteView, _ database: Int, _ key: ByteView) -> UInt64 {
        var hash = SipHash(key: secret)
        hash.append(UInt64(database))
        hash.append(UInt64(key.count))
        hash.append(key)
        hash.append(body)
        return hash.finish()
    }

    /// The text of a context, at the end of `output`.
    public func encode(
        _ context: CausalContext, database: Int, key: ByteView, to output: inout ByteBuffer, _ table: ActorTable
    ) {
        var bytes = ByteBuffer()
        bytes.append(ContextToken.version)
        let dictionary = ActorDictionary(of: context.actors, table)
        dictionary.encode(to: &bytes)
        context.encode(to: &bytes, dictionary)
        let tag = tag(bytes.view, database, key)
        bytes.append(littleEndian: tag)
        let checksum = CRC32C.checksum(bytes.view)
        bytes.append(littleEndian: checksum)
        Base64URL.encode(bytes.view, to: &output)
    }

    /// The context that a text stands for.
    public func decode(
        _ text: ByteView, database: Int, key: ByteView, _ table: inout ActorTable
    ) throws(ContextError) -> CausalContext {
        var bytes = ByteBuffer()
        if text.count > ContextToken.textBytesMax || !Base64URL.decode(text, to: &bytes) { throw .malformed }
        let whole = bytes.view
        if whole.count <= ContextToken.trailerBytes { throw .malformed }
        let body = whole.slice(0, whole.count - ContextToken.trailerBytes)
        let trailer = UnsafeRawPointer(body.start + body.count)
        let checksum = UInt32(littleEndian: trailer.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        if CRC32C.checksum(whole.slice(0, whole.count - 4)) != checksum { throw .malformed }
        if body[0] != ContextToken.version { throw .version(body[0]) }
        if UInt64(littleEndian: trailer.loadUnaligned(as: UInt64.self)) != tag(body, database, key) { throw .foreign }
        do throws(CausalityError) {
            var reader = CausalReader(body.slice(1, body.count))
            // Only what this cluster has made comes so far: its actors may have indexes.
            let dictionary = try ActorDictionary(&reader, &table)
            let context = try CausalContext(&reader, dictionary)
            try reader.finish()
            return context
        } catch {
            throw error == .tooManyActors ? .tooManyActors : .malformed
        }
    }
}

/// Base64 with the alphabet for URLs and file names, without padding (RFC 4648, section 5). One text for the same bytes.
enum Base64URL {
    private static let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    static func encode(_ bytes: ByteView, to output: inout ByteBuffer) {
        let digits = digits.utf8Start
        var i = 0
        while i < bytes.count {
            let left = min(bytes.count - i, 3)
            var group = UInt32(bytes[i]) << 16
            if left > 1 { group |= UInt32(bytes[i + 1]) << 8 }
            if left > 2 { group |= UInt32(bytes[i + 2]) }
            for digit in 0...left { output.append(digits[Int(group >> UInt32(18 - 6 * digit) & 63)]) }
            i += 3
        }
    }

    /// Answers false if the text is not what `encode` writes.
    static func decode(_ text: ByteView, to output: inout ByteBuffer) -> Bool {
        if text.count % 4 == 1 { return false }
        var group: UInt32 = 0
        var bits: UInt32 = 0
        for i in 0..<text.count {
            guard let digit = value(of: text[i]) else { return false }
            group = group << 6 | digit
            bits += 6
            if bits >= 8 {
                bits -= 8
                output.append(UInt8(truncatingIfNeeded: group >> bits))
                group &= 1 << bits - 1
            }
        }
        return group == 0
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case 0x41...0x5a: UInt32(digit) - 0x41
        case 0x61...0x7a: UInt32(digit) - 0x61 + 26
        case 0x30...0x39: UInt32(digit) - 0x30 + 52
        case 0x2d: 62
        case 0x5f: 63
        default: nil
        }
    }
}
