import Base
import CSystem
import Testing

@Suite struct CRC32CTests {
    /// The examples of RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
    @Test(
        arguments: [
            ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
            ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
            ([UInt8](0..<32), 0x46dd_794e),
            ((0..<32).reversed(), 0x113f_db5c),
            (
                [
                    0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14,
                    0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
                ], 0xd996_3a56
            ),
            ([UInt8]("123456789".utf8), 0xe306_9283),
            ([], 0),
        ] as [([UInt8], UInt32)])
    func knownValues(bytes: [UInt8], crc: UInt32) {
        #expect(bytes.withView { CRC32C.checksum($0) } == crc)
        #expect(bytes.withUnsafeBytes { cs_crc32c_by_table(0, $0.baseAddress, $0.count) } == crc)
    }

    /// At all alignments, of any length, and after any bytes.
    @Test func instructionEqualsTable() {
        var random = PRNG(seed: 9)
        let bytes = (0..<5000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes.withView { view in
            for start in 0..<17 {
                for length in Array(0..<70) + [255, 256, 257, 383, 384, 385, 1535, 1536, 1537, 1920, 4983] {
                    let part = view.slice(start, start + length)
                    let before = UInt32(truncatingIfNeeded: random.next())
                    let table = cs_crc32c_by_table(before, part.start, length)
                    #expect(CRC32C.checksum(part, after: before) == table)
                }
            }
        }
    }

    @Test func checksumsOfParts() {
        var random = PRNG(seed: 10)
        let bytes = (0..<100).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes.withView { view in
            let whole = CRC32C.checksum(view)
            for cut in 0...bytes.count {
                let first = CRC32C.checksum(view.slice(0, cut))
                #expect(CRC32C.checksum(view.slice(cut, bytes.count), after: first) == whole)
            }
        }
    }
}
