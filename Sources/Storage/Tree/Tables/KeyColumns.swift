import Base
import CSystem

/// The first few places at which a table's keys differ, of their first 64 bytes; a shorter key counts as if zeros
/// followed. Eight bytes from there, as a number, order a table's keys as far as they go, and numbers are found faster
/// than keys (the idea of partial keys: Bohannon, McIlroy and Rastogi, SIGMOD 2001). At all places before the last of
/// them that are not among them, every key of the table has the same byte: a key that has not is not in the table.
struct KeyColumns {
    private var places: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0, 0, 0, 0)
    private var placeCount = 0
    /// Words of the template that are compared.
    private var words = 0
    private var template = InlineArray<8, UInt64>(repeating: 0)
    private var masks = InlineArray<8, UInt64>(repeating: 0)

    /// `varying`: bit i is set if the i-th bytes differ.
    init(varying: UInt64, firstKey: ByteView) {
        var left = varying
        withUnsafeMutableBytes(of: &places) { places in
            while left != 0, placeCount < 8 {
                places[placeCount] = UInt8(left.trailingZeroBitCount)
                placeCount += 1
                left &= left - 1
            }
        }
        let last = placeCount == 0 ? 0 : Int(withUnsafeBytes(of: places) { $0[placeCount - 1] })
        words = placeCount == 0 ? 0 : last / 8 + 1
        template = KeyColumns.padded(firstKey)
        withUnsafeMutableBytes(of: &masks) { masks in
            for place in 0..<last where varying >> UInt64(place) & 1 == 0 { masks[place] = 0xff }
        }
    }

    @inline(__always)
    private static func padded(_ key: ByteView) -> InlineArray<8, UInt64> {
        var words = InlineArray<8, UInt64>(repeating: 0)
        withUnsafeMutableBytes(of: &words) { bytes in
            _ = memcpy(bytes.baseAddress.unsafelyUnwrapped, key.start, min(key.count, 64))
        }
        return words
    }

    /// The number of a key; nil if no such key is in the table.
    @inline(__always)
    func number(of key: ByteView) -> UInt64? {
        let padded = KeyColumns.padded(key)
        var different: UInt64 = 0
        for word in 0..<words { different |= (padded[word] ^ template[word]) & masks[word] }
        return different == 0 ? number(padded) : nil
    }

    /// The number of a key's beginning, whatever is at the other places.
    func number(ofBeginning key: ByteView) -> UInt64 { number(KeyColumns.padded(key)) }

    @inline(__always)
    private func number(_ padded: InlineArray<8, UInt64>) -> UInt64 {
        withUnsafeBytes(of: padded) { bytes in
            withUnsafeBytes(of: places) { places in
                var number: UInt64 = 0
                for i in 0..<placeCount { number = number &<< 8 | UInt64(bytes[Int(places[i])]) }
                return number
            }
        }
    }

    /// Bit i: the i-th bytes of the two keys differ.
    static func differences(_ a: ByteView, _ b: ByteView) -> UInt64 {
        let (a, b) = (padded(a), padded(b))
        var found: UInt64 = 0
        for word in 0..<8 {
            var difference = a[word] ^ b[word]
            while difference != 0 {
                let byte = difference.trailingZeroBitCount / 8
                found |= 1 << UInt64(word * 8 + byte)
                difference &= ~(0xff << UInt64(byte * 8))
            }
        }
        return found
    }
}
