/// MurmurHash64A (Austin Appleby, public domain), little endian on every machine: the hash under Redis'
/// HyperLogLogs. Not against adversaries.
public enum MurmurHash64 {
    public static func hash(_ bytes: ByteView, seed: UInt32) -> UInt64 {
        let factor: UInt64 = 0xc6a4_a793_5bd1_e995
        var hash = UInt64(seed) ^ UInt64(truncatingIfNeeded: bytes.count) &* factor
        let whole = bytes.count & ~7
        var at = 0
        while at < whole {
            var word =
                UInt64(
                    littleEndian: UnsafeRawPointer(bytes.start + at).loadUnaligned(as: UInt64.self)) &* factor
            word ^= word >> 47
            hash ^= word &* factor
            hash = hash &* factor
            at &+= 8
        }
        if at < bytes.count {
            var rest: UInt64 = 0
            for i in 0..<bytes.count &- at { rest |= UInt64(bytes[at &+ i]) << UInt64(i &* 8) }
            hash = (hash ^ rest) &* factor
        }
        hash ^= hash >> 47
        hash = hash &* factor
        return hash ^ hash >> 47
    }
}
