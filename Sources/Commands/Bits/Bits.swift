import Base
import CSystem

/// Work on runs of bits, eight bytes at a time. Bit 0 is the highest of byte 0.
enum Bits {
    @inline(__always)
    private static func word(_ start: UnsafePointer<UInt8>, _ at: Int) -> UInt64 {
        UnsafeRawPointer(start + at).loadUnaligned(as: UInt64.self)
    }

    /// The number of ones.
    static func ones(_ bytes: ByteView) -> Int {
        let start = bytes.start
        var total = 0
        var i = 0
        while i &+ 32 <= bytes.count {
            total &+=
                word(start, i).nonzeroBitCount &+ word(start, i &+ 8).nonzeroBitCount
                &+ word(start, i &+ 16).nonzeroBitCount &+ word(start, i &+ 24).nonzeroBitCount
            i &+= 32
        }
        while i < bytes.count {
            total &+= start[i].nonzeroBitCount
            i &+= 1
        }
        return total
    }

    /// The number of ones among the bits `from` to `to`, both inclusive and within bounds.
    static func ones(_ bytes: ByteView, from: Int, to: Int) -> Int {
        let first = from >> 3, last = to >> 3
        var total = ones(bytes.slice(first, last + 1))
        total -= (bytes[first] & ~(0xff >> UInt8(from & 7))).nonzeroBitCount
        total -= (bytes[last] & (0x7f >> UInt8(to & 7))).nonzeroBitCount
        return total
    }

    /// The first bit of this value among the bits `from` to `to`, both inclusive and within bounds.
    static func first(_ value: Bool, in bytes: ByteView, from: Int, to: Int) -> Int? {
        // What is looked for is a one in the bytes, or in their complement.
        let flip: UInt8 = value ? 0 : 0xff
        let last = to >> 3
        var at = from >> 3
        let head = (bytes[at] ^ flip) & (0xff >> UInt8(from & 7))
        if head == 0 {
            at = firstByte(not: flip, bytes, from: at + 1, to: last)
            if at > last { return nil }
        }
        let candidates = head != 0 ? head : bytes[at] ^ flip
        let found = at << 3 + candidates.leadingZeroBitCount
        return found <= to ? found : nil
    }

    /// The first byte from `from` to `to` that is not `byte`; `to` + 1 if there is none.
    private static func firstByte(not byte: UInt8, _ bytes: ByteView, from: Int, to: Int) -> Int {
        let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
        var at = from
        while at &+ 8 <= to &+ 1, word(bytes.start, at) == pattern { at &+= 8 }
        while at <= to, bytes[at] == byte { at &+= 1 }
        return at
    }

    enum Operation {
        case and, or, xor, not
    }

    /// `target` = `target` operation `bytes`, for `count` bytes; NOT takes `bytes` only.
    static func combine(
        _ operation: Operation, _ target: UnsafeMutablePointer<UInt8>, _ bytes: UnsafePointer<UInt8>, _ count: Int
    ) {
        switch operation {
        case .and: combine(target, bytes, count, { $0 & $1 }, { $0 & $1 })
        case .or: combine(target, bytes, count, { $0 | $1 }, { $0 | $1 })
        case .xor: combine(target, bytes, count, { $0 ^ $1 }, { $0 ^ $1 })
        case .not: combine(target, bytes, count, { ~$1 }, { ~$1 })
        }
    }

    @inline(__always)
    private static func combine(
        _ target: UnsafeMutablePointer<UInt8>, _ bytes: UnsafePointer<UInt8>, _ count: Int,
        _ words: (UInt64, UInt64) -> UInt64, _ single: (UInt8, UInt8) -> UInt8
    ) {
        let raw = UnsafeMutableRawPointer(target)
        var i = 0
        while i &+ 8 <= count {
            raw.storeBytes(of: words(word(target, i), word(bytes, i)), toByteOffset: i, as: UInt64.self)
            i &+= 8
        }
        while i < count {
            target[i] = single(target[i], bytes[i])
            i &+= 1
        }
    }
}
