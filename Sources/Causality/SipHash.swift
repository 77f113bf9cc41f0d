import Base

/// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012): 64 bits that nobody can compute who
/// does not know the key.
struct SipHash {
    private var v: (UInt64, UInt64, UInt64, UInt64)
    /// Bytes that do not fill a word yet, the lowest first.
    private var tail: UInt64 = 0
    private var length: UInt64 = 0

    init(key: (UInt64, UInt64)) {
        v = (
            key.0 ^ 0x736f_6d65_7073_6575, key.1 ^ 0x646f_7261_6e64_6f6d, key.0 ^ 0x6c79_6765_6e65_7261,
            key.1 ^ 0x7465_6462_7974_6573
        )
    }

    private mutating func round() {
        v.0 &+= v.1
        v.1 = (v.1 << 13 | v.1 >> 51) ^ v.0
        v.0 = v.0 << 32 | v.0 >> 32
        v.2 &+= v.3
        v.3 = (v.3 << 16 | v.3 >> 48) ^ v.2
        v.0 &+= v.3
        v.3 = (v.3 << 21 | v.3 >> 43) ^ v.0
        v.2 &+= v.1
        v.1 = (v.1 << 17 | v.1 >> 47) ^ v.2
        v.2 = v.2 << 32 | v.2 >> 32
    }

    private mutating func compress(_ word: UInt64) {
        v.3 ^= word
        round()
        round()
        v.0 ^= word
    }

    mutating func append(_ byte: UInt8) {
        tail |= UInt64(byte) << ((length & 7) * 8)
        length &+= 1
        if length & 7 == 0 {
            compress(tail)
            tail = 0
        }
    }

    mutating func append(_ bytes: ByteView) {
        for i in 0..<bytes.count { append(bytes[i]) }
    }

    mutating func append(_ word: UInt64) {
        for i in 0..<8 { append(UInt8(truncatingIfNeeded: word >> UInt64(i * 8))) }
    }

    consuming func finish() -> UInt64 {
        compress(tail | length << 56)
        v.2 ^= 0xff
        for _ in 0..<4 { round() }
        return v.0 ^ v.1 ^ v.2 ^ v.3
    }
}
