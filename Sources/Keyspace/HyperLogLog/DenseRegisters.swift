import Base

/// 16384 registers of six bits, the first in the lowest bits of the first byte (Redis' dense HyperLogLog).
struct DenseRegisters {
    let start: UnsafeMutablePointer<UInt8>

    @inline(__always)
    init(_ start: UnsafePointer<UInt8>) { self.start = UnsafeMutablePointer(mutating: start) }

    @inline(__always)
    subscript(register: Int) -> UInt8 {
        get {
            let byte = (register &* 6) >> 3
            let shift = UInt8(truncatingIfNeeded: (register &* 6) & 7)
            // What begins in the last six bits of a byte ends in it: the byte after the last register is none.
            if shift <= 2 { return start[byte] >> shift & 63 }
            return (start[byte] >> shift | start[byte &+ 1] << (8 &- shift)) & 63
        }
        nonmutating set {
            let byte = (register &* 6) >> 3
            let shift = UInt8(truncatingIfNeeded: (register &* 6) & 7)
            start[byte] = start[byte] & ~(63 << shift) | newValue << shift
            if shift <= 2 { return }
            let rest = 8 &- shift
            start[byte &+ 1] = start[byte &+ 1] & ~(63 >> rest) | newValue >> rest
        }
    }

    /// Visits the registers four at a time, which is three bytes.
    @inline(__always)
    func forEachFour(_ body: (Int, UInt8, UInt8, UInt8, UInt8) -> Void) {
        var at = 0
        var from = start
        while at < Sketch.registers {
            let (a, b, c) = (from[0], from[1], from[2])
            body(at, a & 63, (a >> 6 | b << 2) & 63, (b >> 4 | c << 4) & 63, c >> 2)
            at &+= 4
            from += 3
        }
    }
}
