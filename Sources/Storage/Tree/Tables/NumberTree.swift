import Base
import CSystem

/// Ascending numbers that are searched often: a B-tree without pointers, whose nodes are cache lines of eight. A level
/// is every eighth number of the one below, so a search costs one line a level and no branch that could go wrong
/// (after Kim et al., "FAST: fast architecture sensitive tree search", SIGMOD 2010).
struct NumberTree: ~Copyable {
    private let lines: UnsafeMutablePointer<UInt64>
    /// Where levels begin, the lowest first.
    private var starts = InlineArray<24, Int>(repeating: 0)
    private let levels: Int
    private let words: Int
    let count: Int

    private static let width = 8

    /// Room for so many numbers, which are set, and then `finish`ed.
    init(count: Int) {
        self.count = count
        var level = 0
        var size = count
        var words = 0
        repeat {
            starts[level] = words
            size = (size + NumberTree.width - 1) / NumberTree.width
            words += max(size, 1) * NumberTree.width
            level += 1
        } while size > 1
        levels = level
        self.words = words
        lines = cs_allocate_lines(words * 8)!.assumingMemoryBound(to: UInt64.self)
        lines.initialize(repeating: .max, count: words)
    }

    deinit { cs_release_lines(lines, words * 8) }

    var memoryBytes: Int { words * 8 }

    subscript(i: Int) -> UInt64 {
        @inline(__always) get { lines[i] }
        nonmutating set { lines[i] = newValue }
    }

    /// All numbers are set.
    func finish() {
        var size = count
        for level in 1..<max(levels, 1) {
            size = (size + NumberTree.width - 1) / NumberTree.width
            for i in 0..<size { lines[starts[level] + i] = lines[starts[level - 1] + i * NumberTree.width] }
        }
    }

    /// The last number that is not above this one; the first, if all are.
    @inline(__always)
    func last(notAbove wanted: UInt64) -> Int {
        var place = 0
        var level = levels
        while level > 0 {
            level &-= 1
            let among = Int(cs_count_not_above(lines + starts[level] + place &* NumberTree.width, wanted))
            place = place &* NumberTree.width &+ max(among &- 1, 0)
        }
        // Lines are filled up with the highest number.
        return min(place, max(count &- 1, 0))
    }
}
