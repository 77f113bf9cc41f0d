/// SHA-1 (FIPS 180-4): the digest that Redis' scripts and DEBUG DIGEST are named by. Not for secrets:
/// collisions can be made.
public struct SHA1 {
    private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0
    )

    private init() {}

    /// The 20 bytes of the digest.
    public static func digest(_ message: ByteView) -> [UInt8] { hash(message).bytes }

    /// The digest as five big-endian words, without a heap allocation.
    public static func words(_ message: ByteView) -> (UInt32, UInt32, UInt32, UInt32, UInt32) { hash(message).state }

    private static func hash(_ message: ByteView) -> SHA1 {
        var hash = SHA1()
        let whole = message.count & ~63
        for at in stride(from: 0, to: whole, by: 64) { hash.add(message.start + at) }
        let left = message.count - whole
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { tail in
            tail.initialize(repeating: 0)
            for i in 0..<left { tail[i] = message[whole + i] }
            tail[left] = 0x80
            let end = left < 56 ? 64 : 128
            let bits = UInt64(message.count) &* 8
            for i in 0..<8 { tail[end - 1 - i] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * i)) }
            let start = UnsafePointer(tail.baseAddress!)
            for at in stride(from: 0, to: end, by: 64) { hash.add(start + at) }
        }
        return hash
    }

    /// The digest as 40 hexadecimal digits, in lower case.
    public static func hexDigest(_ message: ByteView) -> String { hex(digest(message)) }

    /// Bytes as hexadecimal digits, in lower case.
    public static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private var bytes: [UInt8] {
        [state.0, state.1, state.2, state.3, state.4].flatMap { word in
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }

    /// Takes in 64 bytes.
    private mutating func add(_ block: UnsafePointer<UInt8>) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { schedule in
            for i in 0..<16 {
                schedule[i] = UInt32(bigEndian: UnsafeRawPointer(block + i * 4).loadUnaligned(as: UInt32.self))
            }
            for i in 16..<80 {
                schedule[i] = SHA1.rotate(schedule[i - 3] ^ schedule[i - 8] ^ schedule[i - 14] ^ schedule[i - 16], 1)
            }
            var (a, b, c, d, e) = state
            for i in 0..<80 {
                let (mixed, constant) = SHA1.round(i, b, c, d)
                let next = SHA1.rotate(a, 5) &+ mixed &+ e &+ constant &+ schedule[i]
                (a, b, c, d, e) = (next, a, SHA1.rotate(b, 30), c, d)
            }
            state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
        }
    }

    @inline(__always)
    private static func round(_ i: Int, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> (UInt32, UInt32) {
        switch i {
        case ..<20: ((b & c) | (~b & d), 0x5a82_7999)
        case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
        case ..<60: ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
        default: (b ^ c ^ d, 0xca62_c1d6)
        }
    }

    @inline(__always)
    private static func rotate(_ word: UInt32, _ n: UInt32) -> UInt32 { word << n | word >> (32 - n) }
}
