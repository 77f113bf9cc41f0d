import Base
import CSystem
import Keyspace

/// An element being sorted.
struct SortItem {
    /// Its text, which lies in the value that is sorted or in the `SortItems`' own memory.
    var text: ByteView
    /// What it is compared by, if that is text: nil when there is nothing behind the pattern.
    var weight: ByteView?
    var score = 0.0
}

/// The elements of a value that is sorted. Owns copies of what does not lie in one piece somewhere.
struct SortItems: ~Copyable {
    private(set) var items: [SortItem] = []
    private var blocks: [UnsafeMutablePointer<UInt8>] = []
    private var sizes: [Int] = []
    private var used = 0

    private static let blockBytes = 16 * 1024

    init(capacity: Int) { items.reserveCapacity(capacity) }

    deinit {
        for (block, size) in zip(blocks, sizes) { cs_release(block, size) }
    }

    mutating func add(_ element: Listpack.Element) {
        if let view = element.view { return items.append(SortItem(text: view)) }
        element.withView { items.append(SortItem(text: copy($0))) }
    }

    mutating func add(_ member: SortedSetMember) {
        if member.first.isEmpty { return items.append(SortItem(text: member.second)) }
        let place = reserve(member.count)
        member.copy(to: place)
        items.append(SortItem(text: ByteView(UnsafePointer(place), member.count)))
    }

    mutating func setScore(_ i: Int, _ score: Double) { items[i].score = score }

    mutating func setWeight(_ i: Int, _ weight: ByteView) { items[i].weight = copy(weight) }

    mutating func sort(_ isBefore: (SortItem, SortItem) -> Bool) { items.sort(by: isBefore) }

    private mutating func copy(_ view: ByteView) -> ByteView {
        let place = reserve(view.count)
        memcpy(place, view.start, view.count)
        return ByteView(UnsafePointer(place), view.count)
    }

    private mutating func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if blocks.isEmpty || sizes[sizes.count - 1] - used < count {
            let size = max(SortItems.blockBytes, count)
            blocks.append(cs_allocate(size).unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self))
            sizes.append(size)
            used = 0
        }
        used += count
        return blocks[blocks.count - 1] + (used - count)
    }
}

/// How two elements compare.
struct SortOrder {
    let isAlphabetical: Bool
    let isDescending: Bool
    /// Texts are compared by what was looked up for them.
    let byWeight: Bool

    func isBefore(_ a: SortItem, _ b: SortItem) -> Bool {
        isDescending ? compare(b, a) < 0 : compare(a, b) < 0
    }

    private func compare(_ a: SortItem, _ b: SortItem) -> Int {
        if !isAlphabetical {
            if a.score != b.score { return a.score < b.score ? -1 : 1 }
            // Elements of one score are in the order of their texts.
            return SortOrder.compare(a.text, b.text)
        }
        if !byWeight { return SortOrder.compare(a.text, b.text) }
        switch (a.weight, b.weight) {
        case (nil, nil): return 0
        case (nil, _): return -1
        case (_, nil): return 1
        case (let a?, let b?): return SortOrder.compare(a, b)
        }
    }

    private static func compare(_ a: ByteView, _ b: ByteView) -> Int {
        let order = memcmp(a.start, b.start, min(a.count, b.count))
        return order != 0 ? Int(order) : a.count - b.count
    }
}
