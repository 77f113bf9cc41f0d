import CSystem

/// The checksum of what is on disk (RFC 3720, appendix B.4): finds any burst of up to 32 wrong bits.
public enum CRC32C {
    /// The checksum of the bytes; `before` is that of the bytes in front of them.
    public static func checksum(_ bytes: ByteView, after before: UInt32 = 0) -> UInt32 {
        cs_crc32c(before, bytes.start, bytes.count)
    }
}
