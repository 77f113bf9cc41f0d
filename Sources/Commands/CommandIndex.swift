import Base
import CSystem

/// Finds commands by name: open addressing over (container, name). A value of raw pointers, so that a
/// loop can hold it without reference counting. Filled before the loops run, then only read.
public struct CommandIndex: @unchecked Sendable {
    private struct Cell {
        /// The name's first eight bytes, lowered, zeros after a shorter one.
        var word: UInt64 = 0
        /// The container's index, -1 for top-level commands.
        var parent: Int32 = -1
        /// The command's index, -1 for a free cell.
        var index: Int32 = -1
        var count = 0
        /// The whole name, lowered; immortal.
        var name: UnsafeMutablePointer<UInt8>?
    }

    private static let size = 4096
    private let cells: UnsafeMutablePointer<Cell>
    private let records: UnsafeMutablePointer<CommandRecord>

    init(records: UnsafeMutablePointer<CommandRecord>) {
        self.records = records
        cells = .allocate(capacity: CommandIndex.size)
        cells.initialize(repeating: Cell(), count: CommandIndex.size)
    }

    /// Adds a lower-case name.
    func enter(_ name: String, parent: Int32, _ index: Int32) {
        let bytes = Array(name.utf8)
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
        copy.initialize(from: bytes, count: bytes.count)
        let word = CommandIndex.word(ByteView(copy, bytes.count))
        var at = CommandIndex.home(word, parent)
        while cells[at].index >= 0 { at = CommandIndex.next(at) }
        cells[at] = Cell(word: word, parent: parent, index: index, count: bytes.count, name: copy)
    }

    /// A top-level command is not found any more under any name (its cell stays, for those behind it).
    func forget(_ index: Int32) {
        for at in 0..<CommandIndex.size where cells[at].index == index && cells[at].parent == -1 {
            cells[at].parent = -2
        }
    }

    /// The command of this name in any case, among a container's subcommands if `parent` is one.
    @inline(__always)
    public func find(_ name: ByteView, parent: Int32 = -1) -> CommandPointer? {
        let word = CommandIndex.word(name)
        var at = CommandIndex.home(word, parent)
        while true {
            let cell = cells + at
            if cell.pointee.index < 0 { return nil }
            if cell.pointee.word == word && cell.pointee.parent == parent && cell.pointee.count == name.count
                && CommandIndex.isSame(cell, name)
            {
                return records + Int(cell.pointee.index)
            }
            at = CommandIndex.next(at)
        }
    }

    @inline(__always)
    private static func next(_ at: Int) -> Int { (at &+ 1) & (size &- 1) }

    @inline(__always)
    private static func home(_ word: UInt64, _ parent: Int32) -> Int {
        let mixed = (word ^ UInt64(truncatingIfNeeded: parent) &* 0x9e37_79b9) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 40) & (size &- 1)
    }

    /// Up to eight bytes, bit 5 set in each: two spellings of a letter become one.
    @inline(__always)
    private static func word(_ name: ByteView) -> UInt64 {
        let n = name.count
        if n >= 8 { return cs_read8(name.start) | 0x2020_2020_2020_2020 }
        let shift = UInt64(truncatingIfNeeded: n &* 8)
        let one: UInt64 = 1
        let lower = 0x2020_2020_2020_2020 & ((one << shift) &- 1)
        if n >= 4 {
            let tail: UInt64 = cs_read4(name.start + (n &- 4)) << (shift &- 32)
            return cs_read4(name.start) | tail | lower
        }
        if n == 0 { return 0 }
        let middle = n >> 1
        let second = UInt64(name[middle]) << UInt64(truncatingIfNeeded: middle &* 8)
        let last = UInt64(name[n &- 1]) << (shift &- 8)
        return UInt64(name[0]) | second | last | lower
    }

    /// Eight letters or fewer have been compared by word; longer names, and bytes that bit 5 does not
    /// tell apart, are compared again.
    @inline(__always)
    private static func isSame(_ cell: UnsafeMutablePointer<Cell>, _ name: ByteView) -> Bool {
        var i = 0
        let known = cell.pointee.name.unsafelyUnwrapped
        while i < name.count {
            if ByteView.lowercased(name[i]) != known[i] { return false }
            i &+= 1
        }
        return true
    }
}
