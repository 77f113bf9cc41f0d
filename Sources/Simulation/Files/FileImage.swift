import CSystem

/// What a file holds, in pages; zeros where there is no page and behind the size.
struct FileImage {
    typealias Page = [UInt8]

    static let pageSize = 4096
    static let sectorSize = 512
    static let allSectors: UInt8 = 0xff
    /// What ext4 allows with pages of this size.
    static let largest: Int64 = 1 << 44 - Int64(pageSize)
    private static let zeros = Page(repeating: 0, count: pageSize)

    private(set) var size: Int64 = 0
    private(set) var pages: [Int: Page] = [:]

    /// The pages that `count` bytes at `offset` touch.
    static func pages(at offset: Int64, _ count: Int) -> Range<Int> {
        let first = Int(offset) / pageSize
        return first..<max(first, (Int(offset) + count + pageSize - 1) / pageSize)
    }

    func page(_ index: Int) -> Page { pages[index] ?? Self.zeros }

    /// Answers how many bytes there were.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
        let count = Int(max(0, min(Int64(bytes.count), size - offset)))
        for index in Self.pages(at: offset, count) {
            let (inPage, inBytes) = overlap(of: index, offset, count)
            let target = UnsafeMutableRawBufferPointer(rebasing: bytes[inBytes])
            if let page = pages[index] {
                target.copyBytes(from: page[inPage])
            } else {
                _ = target.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
        return count
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) {
        for index in Self.pages(at: offset, bytes.count) {
            let (inPage, inBytes) = overlap(of: index, offset, bytes.count)
            pages[index, default: Self.zeros].withUnsafeMutableBytes {
                UnsafeMutableRawBufferPointer(rebasing: $0[inPage]).copyBytes(from: bytes[inBytes])
            }
        }
        if !bytes.isEmpty { size = max(size, offset + Int64(bytes.count)) }
    }

    /// Where a page and `count` bytes at `offset` meet, counted in the page and in the bytes.
    private func overlap(of page: Int, _ offset: Int64, _ count: Int) -> (inPage: Range<Int>, inBytes: Range<Int>) {
        let start = page * Self.pageSize
        let from = max(start, Int(offset))
        let to = min(start + Self.pageSize, Int(offset) + count)
        return (from - start..<to - start, from - Int(offset)..<to - Int(offset))
    }

    /// Takes the sectors whose bits are set from another version of the page, of a file that then had `fileSize`.
    mutating func merge(_ index: Int, _ other: Page, sectors: UInt8, fileSize: Int64) {
        if sectors == Self.allSectors {
            pages[index] = other
        } else {
            for sector in 0..<8 where sectors >> UInt8(sector) & 1 != 0 {
                let range = sector * Self.sectorSize..<(sector + 1) * Self.sectorSize
                pages[index, default: Self.zeros].replaceSubrange(range, with: other[range])
            }
        }
        let written = Int64(index * Self.pageSize + (8 - sectors.leadingZeroBitCount) * Self.sectorSize)
        size = max(size, min(fileSize, written))
    }

    mutating func grow(to newSize: Int64) { size = max(size, newSize) }

    mutating func cut(to newSize: Int64) {
        guard newSize < size else { return }
        size = newSize
        let kept = Self.pages(at: 0, Int(newSize)).upperBound
        pages = pages.filter { $0.key < kept }
        let tail = Int(newSize) % Self.pageSize
        if tail != 0, pages[kept - 1] != nil {
            pages[kept - 1]?.withUnsafeMutableBytes { page in
                _ = UnsafeMutableRawBufferPointer(rebasing: page[tail...])
                    .initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
    }

    mutating func flip(_ bit: Int, at offset: Int64) {
        pages[Int(offset) / Self.pageSize, default: Self.zeros][Int(offset) % Self.pageSize] ^= 1 << UInt8(bit)
    }

    /// A page for another place in some file: what is there now goes.
    mutating func replace(_ index: Int, _ page: Page) {
        pages[index] = page
        let end = Int((size - 1) % Int64(Self.pageSize)) + 1
        if index == Int(size - 1) / Self.pageSize, end < Self.pageSize {
            pages[index]?.replaceSubrange(end..., with: Self.zeros[end...])
        }
    }

    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            count = read(UnsafeMutableRawBufferPointer(buffer), at: 0)
        }
    }
}
