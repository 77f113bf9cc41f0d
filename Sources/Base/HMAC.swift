import CSystem

/// HMAC-SHA-256 (RFC 2104, FIPS 198-1) with a key that is made ready once. Holds the key: never logged or printed.
public struct HMAC: Sendable {
    public static let bytes = 32

    private var key = cs_hmac_key()

    /// A key of any length; 32 bytes or more that nobody can guess.
    public init(key secret: ByteView) { cs_hmac_prepare(&key, secret.start, secret.count) }

    /// The 32 bytes for a message.
    public func code(_ message: ByteView) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.bytes) { buffer, count in
            withUnsafePointer(to: key) {
                cs_hmac_sha256($0, message.start, message.count, buffer.baseAddress)
            }
            count = Self.bytes
        }
    }

    /// A key for one purpose, derived from this one: codes made with either say nothing about the other.
    public func derived(_ purpose: ByteView) -> HMAC { code(purpose).withView { HMAC(key: $0) } }

    /// Adds the first `count` bytes of the code of all that was written from `start` on.
    public func sign(_ output: inout ByteBuffer, from start: Int, count: Int) {
        withCode(output.view.slice(start, output.count)) { output.append($0.slice(0, count)) }
    }

    /// Whether `code`, 16 to 32 bytes, begins the message's code. Allocates nothing; takes as long wherever it differs.
    public func verifies(_ code: ByteView, of message: ByteView) -> Bool {
        precondition(code.count >= 16 && code.count <= Self.bytes)
        return withCode(message) { cs_equal_secretly($0.start, code.start, code.count) != 0 }
    }

    private func withCode<R>(_ message: ByteView, _ body: (ByteView) -> R) -> R {
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        return withUnsafeMutableBytes(of: &digest) { place in
            let start = place.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            withUnsafePointer(to: key) { cs_hmac_sha256($0, message.start, message.count, start) }
            return body(ByteView(UnsafePointer(start), Self.bytes))
        }
    }
}
