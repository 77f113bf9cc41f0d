import Base
import FuzzCorpus

/// Makes a table's checksums right again after its bytes were changed (docs/storage-format.md), as far as the sections
/// can be found.
enum TableSeals {
    static let identity: UInt64 = 0x1122_3344_5566_7788
    static let number: UInt64 = 1
    private static let headerBytes = 40
    private static let footerBytes = 96

    static func renew(_ bytes: inout [UInt8]) {
        guard bytes.count >= headerBytes + footerBytes else { return }
        bytes.put(Array("MartTbl\n".utf8), at: 0)
        bytes.put(identity, at: 16)
        bytes.put(number, at: 24)
        bytes.put(bytes.checksum(0..<36), at: 36)
        let footer = bytes.count - footerBytes
        for section in 0..<3 {
            let (start, count) = (footer + 24 * section, footer + 24 * section + 8)
            seal(bytes.integer(at: start, UInt64.self), bytes.integer(at: count, UInt64.self), &bytes)
        }
        renewBlocks(bytes.integer(at: footer + 24, UInt64.self), bytes.integer(at: footer + 32, UInt64.self), &bytes)
        bytes.put(bytes.checksum(footer..<footer + 84, after: place(footer)), at: footer + 84)
        bytes.put(Array("MartEnd\n".utf8), at: footer + 88)
    }

    /// The blocks that an index, which is not compressed, tells of.
    private static func renewBlocks(_ index: UInt64, _ count: UInt64, _ bytes: inout [UInt8]) {
        guard let range = section(index, count, bytes), bytes[range.upperBound - 5] == 0 else { return }
        let entries = Array(bytes[range.lowerBound..<range.upperBound - 5])
        var at = 0
        var offset = UInt64(headerBytes)
        while at < entries.count {
            let numbers = entries.withView { view in
                (view.varint(at: &at), view.varint(at: &at), view.varint(at: &at))
            }
            guard let stored = numbers.0, let fence = numbers.2, fence <= UInt64(entries.count - at),
                section(offset, stored, bytes) != nil
            else { return }
            seal(offset, stored, &bytes)
            at += Int(fence)
            offset += stored
        }
    }

    private static func section(_ offset: UInt64, _ count: UInt64, _ bytes: [UInt8]) -> Range<Int>? {
        guard count > 5, count <= UInt64(bytes.count), offset <= UInt64(bytes.count) - count else { return nil }
        return Int(offset)..<Int(offset + count)
    }

    private static func seal(_ offset: UInt64, _ count: UInt64, _ bytes: inout [UInt8]) {
        guard let range = section(offset, count, bytes) else { return }
        let end = range.upperBound - 4
        bytes.put(bytes.checksum(range.lowerBound..<end, after: place(range.lowerBound)), at: end)
    }

    /// What a section's checksum begins with.
    private static func place(_ offset: Int) -> UInt32 {
        let before: [UInt8] = .little(identity) + .little(number) + .little(UInt64(offset))
        return before.checksum(0..<before.count)
    }
}
