import CSystem

/// SHA-256 (FIPS 180-4), by OpenSSL: what passwords are kept as.
public enum SHA256 {
    /// The 32 bytes of the digest.
    public static func digest(_ message: ByteView) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            cs_sha256(message.start, message.count, buffer.baseAddress)
            count = 32
        }
    }

    /// The digest as 64 hexadecimal digits, in lower case.
    public static func hexDigest(_ message: ByteView) -> [UInt8] { [UInt8](SHA1.hex(digest(message)).utf8) }
}

/// Random bytes that nobody can predict, from the kernel.
public enum SecretBytes {
    public static func make(_ count: Int) -> [UInt8] {
        if count == 0 { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            cs_secret_bytes(buffer.baseAddress, count)
            filled = count
        }
    }
}
