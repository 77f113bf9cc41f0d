import Base
import CSystem

/// Memory that holds one ScoreRun and can be resized: a small set's value area, or a piece.
protocol RunStorage {
    /// Where the run is now. `resize` may move it.
    var start: UnsafeMutablePointer<UInt8> { get }

    /// Makes the run's memory `new` bytes long, `old` of which are in use; the first of both stay what they are.
    mutating func resize(_ old: Int, to new: Int)
}

extension RunStorage {
    @inline(__always)
    var run: ScoreRun { ScoreRun(start) }

    /// Adds an element that is not there where it belongs. Answers its index.
    @inline(__always)
    mutating func insert(_ member: ByteView, _ score: Double, tag: UInt8, at: ScoreRun.Position) {
        var at = at
        if _slowPath(!run.hasRoom(for: member, score)) {
            reshape(for: member, score)
            at = run.position(at.index)
        }
        let old = run
        let prefixCount = old.prefixCount
        let length = member.count &- prefixCount
        let size = old.byteCount
        resize(size, to: size &+ old.tagWidth &+ old.lengthWidth &+ old.scoreWidth &+ length)
        run.open(at, ByteView(member.start + prefixCount, length), score, tag)
    }

    /// Takes out elements from an index on.
    @inline(__always)
    mutating func remove(_ at: ScoreRun.Position, count removed: Int = 1) {
        let size = run.byteCount
        run.close(at, removed)
        resize(size, to: run.byteCount)
    }

    /// Gives an element another score that leaves it where it is.
    @inline(__always)
    mutating func setScore(_ index: Int, _ score: Double) {
        if _slowPath(ScoreRun.width(of: score) > run.scoreWidth) { widen(to: ScoreRun.width(of: score)) }
        run.writeScore(index, score)
    }

    @inline(never)
    private mutating func widen(to width: Int) {
        var shape = run.shape
        shape.scoreWidth = width
        reshape(shape)
    }

    /// Writes the run anew so that an element fits in.
    @inline(never)
    private mutating func reshape(for member: ByteView, _ score: Double) {
        var shape = run.shape
        shape.scoreWidth = max(shape.scoreWidth, ScoreRun.width(of: score))
        shape.prefixCount = run.commonPrefix(member)
        let grown = shape.prefixCount < run.prefixCount ? run.prefixCount - shape.prefixCount : 0
        if member.count - shape.prefixCount > 255 || run.longestTail + grown > 255 { shape.lengthWidth = 4 }
        reshape(shape)
    }

    /// Gives the run another shape; its prefix does not become longer.
    mutating func reshape(_ shape: ScoreRun.Shape) {
        let old = run
        let size = old.byteCount
        let tails = old.tailBytes + old.count * (old.prefixCount - shape.prefixCount)
        let wanted = shape.byteCount(old.count, tails: tails)
        let copy = cs_allocate(wanted)!.assumingMemoryBound(to: UInt8.self)
        ScoreRun.makeEmpty(copy, shape, prefix: old.prefix)
        let writer = ScoreRun(copy)
        writer.count = old.count
        writer.tailBytes = tails
        writer.fill(0, from: old, 0, old.count)
        resize(size, to: wanted)
        memcpy(start, copy, wanted)
        cs_release(copy, wanted)
    }
}

extension ScoreRun {
    /// Bytes that a score needs.
    @inline(__always)
    static func width(of score: Double) -> Int {
        guard let integer = Int32(exactly: score), integer != 0 || score.sign == .plus else { return 8 }
        if integer == Int32(Int8(truncatingIfNeeded: integer)) { return 1 }
        return integer == Int32(Int16(truncatingIfNeeded: integer)) ? 2 : 4
    }

    /// Whether an element can be added without changing the run's shape.
    @inline(__always)
    func hasRoom(for member: ByteView, _ score: Double) -> Bool {
        let prefixCount = prefixCount
        if member.count < prefixCount || cs_equal(prefix, member.start, prefixCount) == 0 { return false }
        let width = scoreWidth
        if width < 8 && ScoreRun.width(of: score) > width { return false }
        return member.count &- prefixCount <= 255 || lengthWidth == 4
    }

    /// How many bytes a member has in common with the prefix.
    func commonPrefix(_ member: ByteView) -> Int {
        let limit = min(prefixCount, member.count)
        var common = 0
        while common < limit && prefix[common] == member[common] { common += 1 }
        return common
    }

    var longestTail: Int {
        var longest = 0
        for index in 0..<count { longest = max(longest, length(index)) }
        return longest
    }

    @inline(__always)
    func writeScore(_ index: Int, _ score: Double) { ScoreRun.writeScore(scores, scoreWidth, index, score) }

    @inline(__always)
    private static func writeScore(_ scores: UnsafeMutablePointer<UInt8>, _ width: Int, _ index: Int, _ score: Double) {
        let raw = UnsafeMutableRawPointer(scores)
        switch width {
        case 8: raw.storeBytes(of: score, toByteOffset: index &* 8, as: Double.self)
        case 4: raw.storeBytes(of: Int32(score), toByteOffset: index &* 4, as: Int32.self)
        case 2: raw.storeBytes(of: Int16(score), toByteOffset: index &* 2, as: Int16.self)
        default: scores[index] = UInt8(bitPattern: Int8(score))
        }
    }

    @inline(__always)
    private static func writeLength(_ lengths: UnsafeMutablePointer<UInt8>, _ width: Int, _ index: Int, _ length: Int) {
        if _fastPath(width == 1) {
            lengths[index] = UInt8(truncatingIfNeeded: length)
        } else {
            UnsafeMutableRawPointer(lengths)
                .storeBytes(of: UInt32(truncatingIfNeeded: length), toByteOffset: index &* 4, as: UInt32.self)
        }
    }

    @inline(__always)
    func writeLength(_ index: Int, _ length: Int) { ScoreRun.writeLength(lengths, lengthWidth, index, length) }

    /// Makes room for an element and writes it; the memory is long enough. Everything moves to the right, so the
    /// last parts move first.
    @inline(__always)
    func open(_ at: Position, _ tail: ByteView, _ score: Double, _ tag: UInt8) {
        let (count, index) = (count, at.index)
        let (tagWidth, lengthWidth, scoreWidth) = (tagWidth, lengthWidth, scoreWidth)
        let (tags, lengths, scores, tails) = (tags, lengths, scores, tails)
        let newLengths = lengths + tagWidth
        let newScores = scores + (tagWidth &+ lengthWidth)
        let newTails = tails + (tagWidth &+ lengthWidth &+ scoreWidth)
        let tailBytes = tailBytes
        memmove(newTails + (at.offset &+ tail.count), tails + at.offset, tailBytes &- at.offset)
        memmove(newTails, tails, at.offset)
        memcpy(newTails + at.offset, tail.start, tail.count)
        let rest = count &- index
        memmove(newScores + (index &+ 1) &* scoreWidth, scores + index &* scoreWidth, rest &* scoreWidth)
        memmove(newScores, scores, index &* scoreWidth)
        ScoreRun.writeScore(newScores, scoreWidth, index, score)
        memmove(newLengths + (index &+ 1) &* lengthWidth, lengths + index &* lengthWidth, rest &* lengthWidth)
        memmove(newLengths, lengths, index &* lengthWidth)
        ScoreRun.writeLength(newLengths, lengthWidth, index, tail.count)
        if tagWidth != 0 {
            memmove(tags + (index &+ 1), tags + index, rest)
            tags[index] = tag
        }
        self.count = count &+ 1
        self.tailBytes = tailBytes &+ tail.count
    }

    /// Takes out elements; everything behind them moves to the left.
    @inline(__always)
    func close(_ at: Position, _ removed: Int) {
        let (count, index) = (count, at.index)
        let (tagWidth, lengthWidth, scoreWidth) = (tagWidth, lengthWidth, scoreWidth)
        let (tags, lengths, scores, tails) = (tags, lengths, scores, tails)
        let rest = count &- index &- removed
        let bytes = self.tailBytes(from: index, to: index &+ removed)
        let tailBytes = tailBytes
        let newLengths = lengths - removed &* tagWidth
        let newScores = scores - removed &* (tagWidth &+ lengthWidth)
        let newTails = tails - removed &* (tagWidth &+ lengthWidth &+ scoreWidth)
        if tagWidth != 0 { memmove(tags + index, tags + (index &+ removed), rest) }
        memmove(newLengths, lengths, index &* lengthWidth)
        memmove(
            newLengths + index &* lengthWidth, lengths + (index &+ removed) &* lengthWidth, rest &* lengthWidth)
        memmove(newScores, scores, index &* scoreWidth)
        memmove(newScores + index &* scoreWidth, scores + (index &+ removed) &* scoreWidth, rest &* scoreWidth)
        memmove(newTails, tails, at.offset)
        memmove(newTails + at.offset, tails + (at.offset &+ bytes), tailBytes &- at.offset &- bytes)
        self.count = count &- removed
        self.tailBytes = tailBytes &- bytes
    }

    /// Writes elements of another run to the index `at` and the following, whose tails follow those before them;
    /// count and tail bytes of this run are set already. Its prefix is the beginning of the other's.
    func fill(_ at: Int, from source: ScoreRun, _ from: Int, _ to: Int) {
        let (lengthWidth, scoreWidth, tagWidth) = (lengthWidth, scoreWidth, tagWidth)
        let (lengths, scores, tags) = (lengths, scores, tags)
        let more = source.prefixCount - prefixCount
        let rest = source.prefix + prefixCount
        var place = tails + offset(at)
        var tail = UnsafePointer(source.tails + source.offset(from))
        for index in from..<to {
            let length = source.length(index)
            let target = at + index - from
            ScoreRun.writeLength(lengths, lengthWidth, target, length + more)
            ScoreRun.writeScore(scores, scoreWidth, target, source.score(index))
            if tagWidth != 0 && source.tagWidth != 0 { tags[target] = source.tags[index] }
            memcpy(place, rest, more)
            memcpy(place + more, tail, length)
            place += more + length
            tail += length
        }
    }
}
