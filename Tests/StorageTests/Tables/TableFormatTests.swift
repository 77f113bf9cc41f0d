import Base
import Simulation
import Testing

@testable import Storage

/// What a table's bytes are (docs/storage-format.md).
@Suite struct TableFormatTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func aSmallTable() throws {
        let shelf = TableShelf()
        let records = [
            PlainRecord(Array("ab".utf8), Array("xyz".utf8)), PlainRecord(Array("abc".utf8), stem: 2, []),
            PlainRecord(Array("b".utf8), nil),
        ]
        _ = try shelf.write(records, 0x0102, TableOptions(compression: .lz4))
        let bytes = try #require(shelf.files.contents(shelf.path(0x0102)))
        // By a program of a few lines that follows the document.
        let wanted = [
            "header":
                "4d61727454626c0a01000000000000008877665544332211020100000000000000000000cde63e13",
            "block":
                "000208616278797a020103016300010062000000000100000000890645c3",
            "filter":
                "000000000000800000000000000a00000001200820000000000000408000000000040000000000000000000000000000"
                + "00000000000000000000000001000008010000000600000000683e75b5",
            "index":
                "1e19016100f9c46adb",
            "properties":
                "0301060301190107000000000000000261620162006055673d",
            "footer":
                "46000000000000004d000000000000004800000000000000930000000000000009000000000000000400000000000000"
                + "9c0000000000000019000000000000001400000000000000000000000000000000000000713c5d0b4d617274456e640a",
        ]
        let starts = [0, 40, 70, 147, 156, 181, bytes.count]
        for (i, name) in ["header", "block", "filter", "index", "properties", "footer"].enumerated() {
            #expect(hex(Array(bytes[starts[i]..<starts[i + 1]])) == wanted[name], "\(name)")
        }
    }

    @Test func stableHashes() {
        #expect("".withView { StemFilter.hash($0, seed: 1) } == 0x3c12_a3ca_9eeb_d2fa)
        #expect("abc".withView { StemFilter.hash($0, seed: 1) } == 0x9415_7b3f_a9e4_6c95)
        #expect(
            "a stem of a key".withView { StemFilter.hash($0, seed: 0x1122_3344_5566_7788) } == 0x2732_4f97_ee00_94e0)
        #expect(
            "a much longer stem of a much longer key".withView { StemFilter.hash($0, seed: 0) } == 0xc93f_2d46_150f_fd6d
        )
    }
}
