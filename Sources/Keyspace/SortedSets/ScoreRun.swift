import Base
import CSystem

/// Members with their scores, ordered by (score, member), in one run of bytes: a small sorted set whole, and what a
/// piece of a large one holds. Two things make it small: what all members begin with is there once, and scores take
/// as many bytes as they need. And it is searched without being decoded: scores lie side by side.
///
///     4 bytes   elements
///     4 bytes   bytes of all tails
///     1 byte    bytes of a score: 1, 2 or 4 (signed integers), or 8 (doubles)
///     1 byte    bytes of a length: 1 or 4
///     1 byte    bytes of a tag: 0, or 1 in a piece of a large set
///     1 byte    bytes of the prefix, which all members begin with
///     prefix
///     tags      one per element: a byte of the member's hash
///     lengths   of the tails, which are the members without the prefix
///     scores
///     tails     one behind the other
///
/// Owns nothing; see RunStorage for changes. An element is named by its index and its offset among the tails.
struct ScoreRun {
    let start: UnsafeMutablePointer<UInt8>

    static let headerBytes = 12
    /// Longest prefix.
    static let prefixMax = 255

    @inline(__always)
    init(_ start: UnsafeMutablePointer<UInt8>) { self.start = start }

    /// What a run looks like, its elements apart.
    struct Shape {
        var scoreWidth: Int
        var lengthWidth: Int
        var tagWidth: Int
        var prefixCount: Int

        /// Bytes of a run of so many elements.
        @inline(__always)
        func byteCount(_ count: Int, tails: Int) -> Int {
            ScoreRun.headerBytes &+ prefixCount &+ count &* (tagWidth &+ lengthWidth &+ scoreWidth) &+ tails
        }
    }

    /// Writes an empty run with this prefix.
    static func makeEmpty(_ start: UnsafeMutablePointer<UInt8>, _ shape: Shape, prefix: UnsafePointer<UInt8>) {
        let raw = UnsafeMutableRawPointer(start)
        raw.storeBytes(of: 0, as: UInt64.self)
        start[8] = UInt8(truncatingIfNeeded: shape.scoreWidth)
        start[9] = UInt8(truncatingIfNeeded: shape.lengthWidth)
        start[10] = UInt8(truncatingIfNeeded: shape.tagWidth)
        start[11] = UInt8(truncatingIfNeeded: shape.prefixCount)
        memcpy(start + headerBytes, prefix, shape.prefixCount)
    }

    // MARK: the header

    @inline(__always)
    private var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(start) }

    @inline(__always)
    var count: Int {
        get { Int(raw.loadUnaligned(as: UInt32.self)) }
        nonmutating set { raw.storeBytes(of: UInt32(truncatingIfNeeded: newValue), as: UInt32.self) }
    }

    /// Bytes of all tails.
    @inline(__always)
    var tailBytes: Int {
        get { Int(raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }
        nonmutating set {
            raw.storeBytes(of: UInt32(truncatingIfNeeded: newValue), toByteOffset: 4, as: UInt32.self)
        }
    }

    @inline(__always)
    var scoreWidth: Int { Int(start[8]) }

    @inline(__always)
    var lengthWidth: Int { Int(start[9]) }

    @inline(__always)
    var tagWidth: Int { Int(start[10]) }

    @inline(__always)
    var prefixCount: Int { Int(start[11]) }

    @inline(__always)
    var shape: Shape {
        Shape(scoreWidth: scoreWidth, lengthWidth: lengthWidth, tagWidth: tagWidth, prefixCount: prefixCount)
    }

    @inline(__always)
    var byteCount: Int { shape.byteCount(count, tails: tailBytes) }

    // MARK: the parts

    @inline(__always)
    var prefix: UnsafeMutablePointer<UInt8> { start + ScoreRun.headerBytes }

    @inline(__always)
    var tags: UnsafeMutablePointer<UInt8> { prefix + prefixCount }

    @inline(__always)
    var lengths: UnsafeMutablePointer<UInt8> { tags + count &* tagWidth }

    @inline(__always)
    var scores: UnsafeMutablePointer<UInt8> { lengths + count &* lengthWidth }

    @inline(__always)
    var tails: UnsafeMutablePointer<UInt8> { scores + count &* scoreWidth }

    // MARK: elements

    /// An element's index, and where its tail begins among the tails.
    struct Position {
        var index: Int
        var offset: Int
    }

    @inline(__always)
    func score(_ index: Int) -> Double { ScoreRun.score(scores, scoreWidth, index) }

    @inline(__always)
    static func score(_ scores: UnsafeMutablePointer<UInt8>, _ width: Int, _ index: Int) -> Double {
        let raw = UnsafeRawPointer(scores)
        switch width {
        case 8: return raw.loadUnaligned(fromByteOffset: index &* 8, as: Double.self)
        case 4: return Double(raw.loadUnaligned(fromByteOffset: index &* 4, as: Int32.self))
        case 2: return Double(raw.loadUnaligned(fromByteOffset: index &* 2, as: Int16.self))
        default: return Double(Int8(bitPattern: scores[index]))
        }
    }

    @inline(__always)
    func length(_ index: Int) -> Int {
        if _fastPath(lengthWidth == 1) { return Int(lengths[index]) }
        return Int(UnsafeRawPointer(lengths).loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self))
    }

    /// Where the element's tail begins among the tails.
    @inline(__always)
    func offset(_ index: Int) -> Int { tailBytes(from: 0, to: index) }

    /// Bytes of the tails of some elements.
    @inline(__always)
    func tailBytes(from: Int, to: Int) -> Int {
        if _fastPath(lengthWidth == 1) { return Int(cs_sum_bytes(lengths + from, to &- from)) }
        var sum = 0
        for index in from..<to { sum &+= length(index) }
        return sum
    }

    @inline(__always)
    func tail(_ at: Position) -> ByteView { ByteView(tails + at.offset, length(at.index)) }

    @inline(__always)
    var prefixView: ByteView { ByteView(prefix, prefixCount) }

    @inline(__always)
    func member(_ at: Position) -> SortedSetMember { SortedSetMember(prefixView, tail(at)) }

    @inline(__always)
    func next(_ at: Position) -> Position { Position(index: at.index &+ 1, offset: at.offset &+ length(at.index)) }

    /// The element at an index.
    @inline(__always)
    func position(_ index: Int) -> Position { Position(index: index, offset: offset(index)) }

    /// Where to split the run so that both sides have elements, and about as many bytes.
    var halfway: Int {
        let half = tailBytes / 2 + count * 4
        var (index, bytes) = (0, 0)
        while index < count - 1 && bytes < half {
            bytes += length(index) + 8
            index += 1
        }
        return max(1, index)
    }

    /// Visits elements from `from` (inclusive) to `to` (exclusive) in order.
    @inline(__always)
    func forEach(_ from: Int, _ to: Int, _ body: (SortedSetMember, Double) -> Void) {
        let (scores, width, prefix) = (scores, scoreWidth, prefixView)
        var place = UnsafePointer(tails + offset(from))
        for index in from..<to {
            let length = length(index)
            body(SortedSetMember(prefix, ByteView(place, length)), ScoreRun.score(scores, width, index))
            place += length
        }
    }

    /// The same from the last (to - 1) to the first.
    @inline(__always)
    func forEachReversed(_ from: Int, _ to: Int, _ body: (SortedSetMember, Double) -> Void) {
        let (scores, width, prefix) = (scores, scoreWidth, prefixView)
        var place = UnsafePointer(tails + offset(to))
        for index in stride(from: to &- 1, through: from, by: -1) {
            let length = length(index)
            place -= length
            body(SortedSetMember(prefix, ByteView(place, length)), ScoreRun.score(scores, width, index))
        }
    }
}
