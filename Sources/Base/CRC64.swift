/// CRC-64 with Jones' polynomial, reflected, from zero and without a final inversion: the checksum of Redis' dumps
/// ("123456789" gives e9c6d914c4b8d9ca).
///
/// Eight bytes at a time, by eight tables: row r says what a byte followed by r zero bytes does.
public enum CRC64 {
    private static let polynomial: UInt64 = 0xad93_d235_94c9_35a9

    nonisolated(unsafe) private static let rows: UnsafePointer<UInt64> = {
        // Reflected, the polynomial's lowest term comes first.
        var reflected: UInt64 = 0
        for bit in 0..<64 where polynomial >> UInt64(bit) & 1 != 0 { reflected |= 1 << UInt64(63 - bit) }
        let rows = UnsafeMutablePointer<UInt64>.allocate(capacity: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt64(byte)
            for _ in 0..<8 { crc = crc & 1 != 0 ? crc >> 1 ^ reflected : crc >> 1 }
            rows[byte] = crc
        }
        for i in 256..<8 * 256 {
            let before = rows[i - 256]
            rows[i] = rows[Int(before & 255)] ^ before >> 8
        }
        return UnsafePointer(rows)
    }()

    /// The checksum of what `crc` is that of, followed by these bytes; 0 is that of nothing.
    public static func update(_ crc: UInt64, _ bytes: ByteView) -> UInt64 {
        let rows = rows
        var crc = crc
        var at = bytes.start
        let end = bytes.start + bytes.count
        while end - at >= 8 {
            let word = crc ^ UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
            crc = 0
            for i in 0..<8 {
                crc ^= rows[(7 &- i) &* 256 &+ Int(truncatingIfNeeded: word >> UInt64(i &* 8) & 255)]
            }
            at += 8
        }
        while at < end {
            crc = rows[Int(truncatingIfNeeded: (crc ^ UInt64(at.pointee)) & 255)] ^ crc >> 8
            at += 1
        }
        return crc
    }

    /// The checksum of bytes from nothing before them.
    public static func checksum(_ bytes: ByteView) -> UInt64 { update(0, bytes) }
}
