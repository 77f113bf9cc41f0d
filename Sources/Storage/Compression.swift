import Base
import CSystem

/// How a table stores its blocks, or the log its frames.
public enum Compression: UInt8, Sendable, CaseIterable {
    case none = 0
    /// LZ4's block format: quick to read.
    case lz4 = 1
    /// Zstandard's frame format: small.
    case zstd = 2

    /// A quick level: blocks are so short that higher ones find hardly more.
    private static let zstdLevel: Int32 = 1

    /// Appends the bytes in this form. False, and nothing is appended, if they do not become shorter by an eighth: to
    /// undo it would not pay.
    func compress(_ bytes: ByteView, to output: inout ByteBuffer) -> Bool {
        let room = bytes.count - bytes.count / 8
        let written =
            switch self {
            case .none: 0
            case .lz4: cs_lz4_compress(bytes.start, bytes.count, output.reserve(room), room)
            case .zstd: cs_zstd_compress(bytes.start, bytes.count, output.reserve(room), room, Compression.zstdLevel)
            }
        // What is stored limits what reading it may take; LZ4 never does better.
        if written == 0 || bytes.count > Compression.rawBytesMax(stored: written) { return false }
        output.advance(written)
        return true
    }

    /// The most bytes that so many stored ones may stand for: it bounds what a damaged size can make readers allocate.
    static func rawBytesMax(stored: Int) -> Int { stored.multipliedReportingOverflow(by: 255).partialValue }

    /// Undoes it. False if the bytes are not such, or do not stand for just so many.
    @inline(__always)
    func decompress(_ bytes: ByteView, to raw: UnsafeMutablePointer<UInt8>, _ count: Int) -> Bool {
        switch self {
        case .none:
            if bytes.count != count { return false }
            memcpy(raw, bytes.start, count)
            return true
        case .lz4: return cs_lz4_decompress(bytes.start, bytes.count, raw, count) != 0
        case .zstd: return cs_zstd_decompress(bytes.start, bytes.count, raw, count) != 0
        }
    }
}
