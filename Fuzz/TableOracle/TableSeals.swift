import Base

/// Makes a table's checksums right again after its bytes were changed (docs/storage-format.md), as far as the sections
/// can be found.
enum TableSeals {
    static let identity: UInt64 = 0x1122_3344_5566_7788
    static let number: UInt64 = 1
    private static let headerBytes = 40
    private static let footerBytes = 96

    static func renew(_ bytes: inout [UInt8]) {
        guard bytes.count >= headerBytes + footerBytes else { return }
        put(Array("MartTbl\n".utf8), at: 0, &bytes)
        put(little(identity), at: 16, &bytes)
        put(little(number), at: 24, &bytes)
        put(little(checksum(bytes, 0, 36, 0)), at: 36, &bytes)
        let footer = bytes.count - footerBytes
        for section in 0..<3 {
            seal(integer(bytes, footer + 24 * section), integer(bytes, footer + 24 * section + 8), &bytes)
        }
        renewBlocks(integer(bytes, footer + 24), integer(bytes, footer + 32), &bytes)
        put(little(checksum(bytes, footer, footer + 84, place(footer))), at: footer + 84, &bytes)
        put(Array("MartEnd\n".utf8), at: footer + 88, &bytes)
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
        put(little(checksum(bytes, range.lowerBound, end, place(range.lowerBound))), at: end, &bytes)
    }

    /// What a section's checksum begins with.
    private static func place(_ offset: Int) -> UInt32 {
        (little(identity) + little(number) + little(UInt64(offset))).withView { CRC32C.checksum($0) }
    }

    private static func checksum(_ bytes: [UInt8], _ from: Int, _ to: Int, _ before: UInt32) -> UInt32 {
        bytes.withView { CRC32C.checksum($0.slice(from, to), after: before) }
    }

    private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private static func integer(_ bytes: [UInt8], _ at: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
    }

    private static func put(_ new: [UInt8], at place: Int, _ bytes: inout [UInt8]) {
        bytes.replaceSubrange(place..<place + new.count, with: new)
    }
}
