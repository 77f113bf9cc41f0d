import Testing

@testable import Base

@Suite struct GMACTests {
    private func code(_ key: [UInt8], _ number: UInt64, _ message: [UInt8]) -> String {
        let gmac = key.withView { GMAC(key: $0) }
        var output = ByteBuffer()
        message.withView { output.append($0) }
        gmac.sign(&output, from: 0, number: number)
        return SHA1.hex(Array(output.view.bytes[message.count...]))
    }

    /// Made by `openssl mac -cipher AES-256-GCM GMAC`, whose answer to a vector of NIST's CAVS (256-bit key, no text, 128 bits
    /// of additional data, tag 3e5d486a...) is right.
    @Test(
        arguments: [
            (1, "", "0d862d924e0e633bba3fc006b543555e"),
            (0x0102_0304_0506_0708, "Hi There", "a6fca86004f24f54e843f10c3357dcf2"),
            (7, String(repeating: "a", count: 100), "d71e93c32822322e53c24c74f764842d"),
        ] as [(UInt64, String, String)])
    func codes(_ number: UInt64, _ message: String, _ expected: String) {
        #expect(code([UInt8](0..<32), number, Array(message.utf8)) == expected)
    }

    /// NIST SP 800-38D, of whose test vectors this is one with a nonce that a number can be: 12 bytes 0 (McGrew and Viega,
    /// "The Galois/Counter Mode of Operation", test case 13: a key of 0s, nothing to encrypt or to sign).
    @Test func nothingUnderAKeyOfZeros() {
        #expect(code([UInt8](repeating: 0, count: 32), 0, []) == "530f8afbc74536b9a963b4f1c4cb738b")
    }

    @Test func everyChangedBitIsSeen() {
        let gmac = "0123456789abcdef0123456789abcdef".withView { GMAC(key: $0) }
        var output = ByteBuffer()
        output.append(ByteView("before"))
        output.append(ByteView("message"))
        gmac.sign(&output, from: 6, number: 5)
        #expect(output.count == 6 + 7 + GMAC.bytes)
        var bytes = output.view.bytes
        let verifies = { (bytes: [UInt8], number: UInt64) in
            bytes.withView { gmac.verifies($0.slice(13, 29), of: $0.slice(6, 13), number: number) }
        }
        #expect(verifies(bytes, 5))
        #expect(!verifies(bytes, 6))
        for bit in 6 * 8..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!verifies(bytes, 5))
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }
}
