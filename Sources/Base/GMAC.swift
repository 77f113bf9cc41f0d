import CSystem

/// GMAC (NIST SP 800-38D): codes of messages that are numbered, several times as fast as HMAC. Holds the key: never logged or
/// printed. Belongs to one thread.
///
/// Of one key no two messages may have one number: who hears two such codes can make more.
public final class GMAC {
    public static let bytes = 16
    public static let keyBytes = 32

    private let state: OpaquePointer

    /// `key`: `keyBytes` that nobody can guess.
    public init(key: ByteView) {
        precondition(key.count == GMAC.keyBytes)
        state = cs_gmac_make(key.start)
    }

    deinit { cs_gmac_free(state) }

    /// Adds the code of all that was written from `start` on.
    public func sign(_ output: inout ByteBuffer, from start: Int, number: UInt64) {
        withCode(output.view.slice(start, output.count), number) { output.append($0) }
    }

    /// Whether it is the message's code. Takes as long wherever it differs.
    public func verifies(_ code: ByteView, of message: ByteView, number: UInt64) -> Bool {
        precondition(code.count == GMAC.bytes)
        return withCode(message, number) { cs_equal_secretly($0.start, code.start, GMAC.bytes) != 0 }
    }

    private func withCode<R>(_ message: ByteView, _ number: UInt64, _ body: (ByteView) -> R) -> R {
        var code: (UInt64, UInt64) = (0, 0)
        return withUnsafeMutableBytes(of: &code) { place in
            let start = place.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            cs_gmac_code(state, number, message.start, message.count, start)
            return body(ByteView(UnsafePointer(start), GMAC.bytes))
        }
    }
}
