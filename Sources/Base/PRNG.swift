/// Pseudo-random numbers from a seed (xoshiro256**, Blackman and Vigna, 2018). Not for secrets.
public struct PRNG {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    public init(seed: UInt64) {
        var z = seed
        func next() -> UInt64 {
            z &+= 0x9e37_79b9_7f4a_7c15
            return z.mixed
        }
        state = (next(), next(), next(), next())
    }

    /// 64 random bits.
    public mutating func next() -> UInt64 {
        let product = state.1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }

    /// A number from 0 to `bound` - 1. `bound` is not 0.
    @inline(__always)
    public mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}

extension UInt64 {
    /// All bits depend on all bits of the number: what splitmix64 does after its addition.
    public var mixed: UInt64 {
        var v = self
        v = (v ^ (v >> 30)) &* 0xbf58_476d_1ce4_e5b9
        v = (v ^ (v >> 27)) &* 0x94d0_49bb_1331_11eb
        return v ^ (v >> 31)
    }
}
