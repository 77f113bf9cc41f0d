import Base
import FuzzCorpus

/// Makes the checksums of a data directory's small files right again after their bytes were changed
/// (docs/storage-format.md), so that what is wrong gets past them.
enum FileSeals {
    static let identity: UInt64 = 5
    static let headerBytes = 40

    static let segmentMagic = Array("MartLog\n".utf8)

    /// A log's segment, and its frames as far as they can be found.
    static func renewSegment(_ bytes: inout [UInt8]) {
        if !renewHeader(&bytes, magic: "MartLog\n") { return }
        renewFrames(&bytes, magic: "MFra", headerBytes: 40)
    }

    /// The manifest of this number.
    static func renewManifest(_ bytes: inout [UInt8], number: UInt64) {
        if bytes.count >= headerBytes { bytes.put(number, at: 24) }
        if !renewHeader(&bytes, magic: "MartMan\n") { return }
        renewFrames(&bytes, magic: "MEdi", headerBytes: 32)
    }

    static func renewCurrent(_ bytes: inout [UInt8]) { _ = renewHeader(&bytes, magic: "MartCur\n") }

    static func renewIdentity(_ bytes: inout [UInt8]) {
        if bytes.count < 28 { return }
        bytes.put(Array("MartDir\n".utf8), at: 0)
        bytes.put(bytes.checksum(0..<24), at: 24)
    }

    private static func renewHeader(_ bytes: inout [UInt8], magic: String) -> Bool {
        if bytes.count < headerBytes { return false }
        bytes.put(Array(magic.utf8), at: 0)
        bytes.put(identity, at: 16)
        bytes.put(bytes.checksum(0..<36), at: 36)
        return true
    }

    /// Frames of logs and manifests begin alike: magic, checksum of what follows, bytes behind the header.
    private static func renewFrames(_ bytes: inout [UInt8], magic: String, headerBytes header: Int) {
        var at = headerBytes
        while bytes.count - at >= header {
            bytes.put(Array(magic.utf8), at: at)
            let count = bytes.integer(at: at + 8, UInt64.self)
            if count > UInt64(bytes.count - at - header) { return }
            let end = at + header + Int(count)
            bytes.put(bytes.checksum(at + 8..<end), at: at + 4)
            at = end
        }
    }
}
