import Base
import CSystem

/// Elements of a set that is being made: members (copied) with their scores, found by member. For the time of one
/// command; `free` it.
public struct ElementTable {
    fileprivate struct Fields {
        public var elements: UnsafeMutablePointer<SortedSetElement>
        var count = 0
        var capacity = 16
        /// Index + 1 of the element in each cell of the hash table, 0: free; made when members are first looked up.
        var cells: UnsafeMutablePointer<UInt32>?
        var cellCount = 0
        /// Memory for members: blocks linked through their first word.
        var block: UnsafeMutableRawPointer?
        var free = 0
        var blockEnd = 0
    }

    private static let blockBytes = 64 * 1024

    private let fields: UnsafeMutablePointer<Fields>

    public init() {
        fields = .allocate(capacity: 1)
        fields.initialize(to: Fields(elements: .allocate(capacity: 16)))
    }

    public func free() {
        var block = fields.pointee.block
        while let memory = block {
            block = memory.load(as: UnsafeMutableRawPointer?.self)
            memory.deallocate()
        }
        fields.pointee.cells?.deallocate()
        fields.pointee.elements.deallocate()
        fields.deallocate()
    }

    public var count: Int { fields.pointee.count }

    public var elements: UnsafeBufferPointer<SortedSetElement> {
        UnsafeBufferPointer(start: fields.pointee.elements, count: fields.pointee.count)
    }

    /// Puts the elements in order; nothing is found any more.
    public func sort() {
        var all = UnsafeMutableBufferPointer(start: fields.pointee.elements, count: fields.pointee.count)
        all.sort { $0 < $1 }
    }

    // MARK: adding

    /// Adds an element at the end, whether its member is there or not.
    @inline(__always)
    public func append(_ member: SortedSetMember, _ score: Double) {
        let place = reserve(member.count)
        member.copy(to: place)
        append(SortedSetElement(score, ByteView(UnsafePointer(place), member.count)))
    }

    @inline(__always)
    public func append(_ member: ByteView, _ score: Double) {
        let place = reserve(member.count)
        memcpy(place, member.start, member.count)
        append(SortedSetElement(score, ByteView(UnsafePointer(place), member.count)))
    }

    private func append(_ element: SortedSetElement) {
        if fields.pointee.count == fields.pointee.capacity { grow() }
        (fields.pointee.elements + fields.pointee.count).initialize(to: element)
        fields.pointee.count += 1
    }

    private func grow() {
        let larger = UnsafeMutablePointer<SortedSetElement>.allocate(capacity: fields.pointee.capacity * 2)
        larger.moveInitialize(from: fields.pointee.elements, count: fields.pointee.count)
        fields.pointee.elements.deallocate()
        fields.pointee.elements = larger
        fields.pointee.capacity *= 2
    }

    /// Memory for a member.
    private func reserve(_ bytes: Int) -> UnsafeMutablePointer<UInt8> {
        if fields.pointee.block == nil || fields.pointee.blockEnd - fields.pointee.free < bytes {
            let size = max(ElementTable.blockBytes, bytes + 8)
            let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
            memory.storeBytes(of: fields.pointee.block, as: UnsafeMutableRawPointer?.self)
            fields.pointee.block = memory
            fields.pointee.free = 8
            fields.pointee.blockEnd = size
        }
        let place = fields.pointee.block.unsafelyUnwrapped + fields.pointee.free
        fields.pointee.free += bytes
        return place.assumingMemoryBound(to: UInt8.self)
    }

    // MARK: looking up

    /// The element with this member; one with this score is added if there is none (`isNew`).
    @inline(__always)
    public func find(_ member: ByteView, orAdd score: Double) -> (
        element: UnsafeMutablePointer<SortedSetElement>, isNew: Bool
    ) {
        if fields.pointee.count * 2 >= fields.pointee.cellCount { rehash() }
        let cells = fields.pointee.cells.unsafelyUnwrapped
        var cell = home(member)
        while cells[cell] != 0 {
            let element = fields.pointee.elements + Int(cells[cell] &- 1)
            if element.pointee.member == member { return (element, false) }
            cell = (cell &+ 1) & (fields.pointee.cellCount &- 1)
        }
        append(member, score)
        cells[cell] = UInt32(truncatingIfNeeded: fields.pointee.count)
        return (fields.pointee.elements + (fields.pointee.count &- 1), true)
    }

    @inline(__always)
    private func home(_ member: ByteView) -> Int {
        Int(truncatingIfNeeded: cs_hash(member.start, member.count)) & (fields.pointee.cellCount &- 1)
    }

    private func rehash() {
        let wanted = max(64, fields.pointee.cellCount * 2)
        fields.pointee.cells?.deallocate()
        let cells = UnsafeMutablePointer<UInt32>.allocate(capacity: wanted)
        cells.initialize(repeating: 0, count: wanted)
        fields.pointee.cells = cells
        fields.pointee.cellCount = wanted
        for i in 0..<fields.pointee.count {
            var cell = home(fields.pointee.elements[i].member)
            while cells[cell] != 0 { cell = (cell &+ 1) & (wanted &- 1) }
            cells[cell] = UInt32(i + 1)
        }
    }
}
