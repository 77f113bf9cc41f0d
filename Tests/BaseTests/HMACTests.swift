import Testing

@testable import Base

@Suite struct HMACTests {
    /// RFC 4231, test cases 1 to 4, 6 and 7 (keys shorter and longer than a block).
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0b, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            "This is a test using a larger than block-size key and a larger than block-size data. "
                + "The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ])
    func codes(_ key: [UInt8], _ message: String, _ expected: String) {
        let hmac = key.withView { HMAC(key: $0) }
        #expect(message.withView { SHA1.hex(hmac.code($0)) } == expected)
    }

    @Test func signsAndVerifies() {
        let hmac = "secret".withView { HMAC(key: $0) }
        var output = ByteBuffer()
        output.append(ByteView("before"))
        output.append(ByteView("message"))
        hmac.sign(&output, from: 6, count: 16)
        #expect(output.count == 6 + 7 + 16)
        var bytes = output.view.bytes
        #expect(bytes.withView { hmac.verifies($0.slice(13, 29), of: $0.slice(6, 13)) })
        for bit in 6 * 8..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!bytes.withView { hmac.verifies($0.slice(13, 29), of: $0.slice(6, 13)) })
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        let other = hmac.derived(ByteView("purpose"))
        #expect(!bytes.withView { other.verifies($0.slice(13, 29), of: $0.slice(6, 13)) })
    }
}
