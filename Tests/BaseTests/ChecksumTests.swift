import Base
import Testing

@Suite struct ChecksumTests {
    /// The check value of the catalogue of CRC algorithms (CRC-64/REDIS), and a footer of redis-server's.
    @Test(
        arguments: [
            ("123456789", 0xe9c6_d914_c4b8_d9ca), ("", 0),
            (
                "\u{0}7Lorem ipsum dolor sit amet, consectetur adipiscing elit\u{a}\u{0}",
                0x566a_b7b4_0bbb_d237
            ),
        ] as [(String, UInt64)])
    func checksums(text: String, crc: UInt64) { #expect(text.withView { CRC64.checksum($0) } == crc) }

    /// Bit by bit, as the polynomial is defined.
    private func slow(_ bytes: [UInt8]) -> UInt64 {
        var crc: UInt64 = 0
        for byte in bytes {
            for bit in 0..<8 {
                let top = crc >> 63 != 0
                crc <<= 1
                if top != (byte >> UInt8(bit) & 1 != 0) { crc ^= 0xad93_d235_94c9_35a9 }
            }
        }
        var reflected: UInt64 = 0
        for bit in 0..<64 where crc >> UInt64(bit) & 1 != 0 { reflected |= 1 << UInt64(63 - bit) }
        return reflected
    }

    /// Of any length, and whole as in two parts.
    @Test func checksumsOfParts() {
        var random = PRNG(seed: 1)
        for length in 0..<70 {
            let bytes = (0..<length).map { _ in UInt8(random.below(256)) }
            bytes.withView { view in
                let whole = CRC64.checksum(view)
                #expect(whole == slow(bytes))
                for cut in 0...length {
                    let first = CRC64.checksum(view.slice(0, cut))
                    #expect(CRC64.update(first, view.slice(cut, length)) == whole)
                }
            }
        }
    }
}
