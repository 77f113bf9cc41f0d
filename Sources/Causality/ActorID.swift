import Base

/// Who issues dots: 128 random bits, drawn anew whenever the counters of the last one may have been lost
/// (docs/causality.md, rule 6). Leaves the node and its files where dots do, in place of their actor index.
public struct ActorID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Bytes of an id in encodings, the highest first.
    public static let byteCount = 16

    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The order of the text and of the bytes. Ties between versions are decided by it, alike on every node.
    public static func < (a: ActorID, b: ActorID) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }

    /// 32 lower-case hexadecimal digits.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: (0..<32).map { i in
                let word = i < 16 ? high : low
                return digits[Int(word >> UInt64(60 - (i & 15) * 4) & 15)]
            }, as: UTF8.self)
    }

    /// Reads the text form, and nothing else.
    public init?(text: ByteView) {
        if text.count != 32 { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for i in 0..<32 {
            let digit: UInt64
            switch text[i] {
            case 0x30...0x39: digit = UInt64(text[i]) - 0x30
            case 0x61...0x66: digit = UInt64(text[i]) - 0x61 + 10
            default: return nil
            }
            words.0 = words.0 << 4 | words.1 >> 60
            words.1 = words.1 << 4 | digit
        }
        self.init(high: words.0, low: words.1)
    }

    func encode(to output: inout ByteBuffer) {
        output.append(bigEndian: high)
        output.append(bigEndian: low)
    }
}
