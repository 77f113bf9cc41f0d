import Base
import CSystem

/// An element of a set that is to be made, its member wherever it is.
public struct SortedSetElement {
    public var score: Double
    public var member: ByteView

    @inline(__always)
    public init(_ score: Double, _ member: ByteView) {
        self.score = score
        self.member = member
    }

    /// The order of elements: by score, then by the member's bytes.
    @inline(__always)
    public static func < (a: SortedSetElement, b: SortedSetElement) -> Bool {
        a.score != b.score ? a.score < b.score : a.member < b.member
    }
}

extension ScoreRun {
    /// A score as a run keeps it: a small set's, which is a listpack to clients, does not tell -0 from 0.
    @inline(__always)
    private static func kept(_ score: Double, _ shape: Shape) -> Double { shape.tagWidth == 0 ? score + 0 : score }

    /// The shape of the smallest run of these elements, and the bytes of their tails.
    static func shape(
        _ elements: UnsafeBufferPointer<SortedSetElement>, tagWidth: Int
    ) -> (shape: Shape, tails: Int) {
        var shape = Shape(scoreWidth: 1, lengthWidth: 1, tagWidth: tagWidth, prefixCount: 0)
        guard let first = elements.first?.member else { return (shape, 0) }
        var (prefixCount, longest, bytes) = (min(first.count, prefixMax), 0, 0)
        for element in elements {
            let member = element.member
            prefixCount = min(prefixCount, member.count)
            if memcmp(first.start, member.start, prefixCount) != 0 {
                var common = 0
                while first[common] == member[common] { common += 1 }
                prefixCount = common
            }
            longest = max(longest, member.count)
            bytes += member.count
            shape.scoreWidth = max(shape.scoreWidth, width(of: kept(element.score, shape)))
        }
        shape.prefixCount = prefixCount
        shape.lengthWidth = longest - prefixCount > 255 ? 4 : 1
        return (shape, bytes - prefixCount * elements.count)
    }

    /// Writes elements, in order, as a run of this shape.
    static func write(
        _ elements: UnsafeBufferPointer<SortedSetElement>, _ shape: Shape, tails: Int,
        to start: UnsafeMutablePointer<UInt8>
    ) {
        let prefix = elements.first?.member.start ?? UnsafePointer(start)
        makeEmpty(start, shape, prefix: prefix)
        let run = ScoreRun(start)
        run.count = elements.count
        run.tailBytes = tails
        var place = run.tails
        for (index, element) in elements.enumerated() {
            let length = element.member.count - shape.prefixCount
            run.writeLength(index, length)
            run.writeScore(index, kept(element.score, shape))
            memcpy(place, element.member.start + shape.prefixCount, length)
            place += length
        }
    }
}

extension SortedSetTree {
    /// A set with these elements, which are in order, and no member twice.
    static func make(
        _ elements: UnsafeBufferPointer<SortedSetElement>, elementsMax: Int, version: UInt64
    ) -> SortedSetTree {
        let tree = make(elementsMax: elementsMax)
        // Room for some more in each piece.
        let wanted = max(1, elementsMax * 7 / 8)
        var from = 0
        while from < elements.count {
            var (to, bytes) = (from, 0)
            while to < elements.count && to - from < wanted {
                bytes += elements[to].member.count + 10
                if to > from && bytes > bytesMax * 7 / 8 { break }
                to += 1
            }
            tree.append(UnsafeBufferPointer(rebasing: elements[from..<to]), version)
            from = to
        }
        return tree
    }

    /// Adds a piece with these elements behind all others.
    private func append(_ elements: UnsafeBufferPointer<SortedSetElement>, _ version: UInt64) {
        let (shape, tails) = ScoreRun.shape(elements, tagWidth: 1)
        let leaf = SortedSetLeaf.make(
            takeNumber(), version, runBytes: shape.byteCount(elements.count, tails: tails))
        ScoreRun.write(elements, shape, tails: tails, to: leaf.run.start)
        setLeaf(leaf)
        for (index, element) in elements.enumerated() {
            let hash = SortedSetTree.indexHash(element.member)
            leaf.run.tags[index] = SortedSetTree.tag(hash)
            head.pointee.index.insert(hash, leaf.id)
        }
        head.pointee.spine.append(leaf.base, count: elements.count, key: leaf.firstKey)
    }

    /// The large form of a small set.
    static func make(_ run: ScoreRun, elementsMax: Int, version: UInt64) -> SortedSetTree {
        let count = run.count
        let members = run.tailBytes + count * run.prefixCount
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, members)) { bytes in
            withUnsafeTemporaryAllocation(of: SortedSetElement.self, capacity: max(1, count)) { elements in
                var place = bytes.baseAddress.unsafelyUnwrapped
                var index = 0
                run.forEach(0, count) { member, score in
                    member.copy(to: place)
                    elements[index] = SortedSetElement(score, ByteView(UnsafePointer(place), member.count))
                    place += member.count
                    index += 1
                }
                return make(
                    UnsafeBufferPointer(rebasing: elements[0..<count]), elementsMax: elementsMax, version: version)
            }
        }
    }
}
