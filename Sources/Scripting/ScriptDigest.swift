import Base

/// The SHA-1 digest of a script's source, which is its name.
public struct ScriptDigest: Hashable, Sendable {
    let high: UInt64
    let middle: UInt64
    let low: UInt32

    /// The digest of this source.
    public init(of source: ByteView) {
        let words = SHA1.words(source)
        high = UInt64(words.0) << 32 | UInt64(words.1)
        middle = UInt64(words.2) << 32 | UInt64(words.3)
        low = words.4
    }

    /// From 40 hexadecimal digits in any case.
    @inline(__always)
    public init?(hex: ByteView) {
        guard hex.count == 40 else { return nil }
        var invalid: UInt8 = 0
        high = ScriptDigest.number(hex.start, 16, &invalid)
        middle = ScriptDigest.number(hex.start + 16, 16, &invalid)
        low = UInt32(truncatingIfNeeded: ScriptDigest.number(hex.start + 32, 8, &invalid))
        if invalid & 0x80 != 0 { return nil }
    }

    @inline(__always)
    private static func number(_ digits: UnsafePointer<UInt8>, _ count: Int, _ invalid: inout UInt8) -> UInt64 {
        var value: UInt64 = 0
        var i = 0
        while i < count {
            let digit = values[Int(digits[i])]
            invalid |= digit
            value = value << 4 | UInt64(digit & 15)
            i &+= 1
        }
        return value
    }

    /// The value of every byte as a hexadecimal digit, 0x80 for what is none. Lives as long as the process.
    nonisolated(unsafe) private static let values: UnsafeMutablePointer<UInt8> = {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        table.initialize(repeating: 0x80, count: 256)
        for (i, byte) in "0123456789abcdef".utf8.enumerated() { table[Int(byte)] = UInt8(i) }
        for (i, byte) in "ABCDEF".utf8.enumerated() { table[Int(byte)] = UInt8(10 + i) }
        return table
    }()

    /// 40 hexadecimal digits, in lower case.
    public var hex: [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        func write(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { digits[Int(value >> UInt64(4 * (count - 1 - $0)) & 15)] }
        }
        return write(high, 16) + write(middle, 16) + write(UInt64(low), 8)
    }
}
