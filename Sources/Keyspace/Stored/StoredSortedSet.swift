import Base
import CSystem

/// Sorted sets on disk: pieces are in the order of what is in them; which piece a member is in follows from that, too.
extension SortedSetTree {
    static func book(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<PieceBook> {
        let offset = MemoryLayout<Head>.offset(of: \.book).unsafelyUnwrapped
        return (head + offset).assumingMemoryBound(to: PieceBook.self)
    }

    private static func spine(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Spine> {
        head.assumingMemoryBound(to: Spine.self)
    }

    static func pieceCount(_ head: UnsafeMutableRawPointer) -> Int { spine(head).pointee.pieceCount }

    static func dirtyPieces(_ head: UnsafeMutableRawPointer) -> Int { spine(head).pointee.dirtyCount }

    static func saveHead(_ head: UnsafeMutableRawPointer, into output: inout ByteBuffer) {
        let tree = SortedSetTree(head).head.pointee
        StoredHead(count: tree.spine.count, pieces: tree.spine.pieceCount, nextID: UInt64(tree.leafCapacity))
            .append(to: &output)
        output.append(varint: UInt64(tree.elementsMax))
    }

    static func savePieces(
        _ head: UnsafeMutableRawPointer, from cursor: inout Int, budget: Int, into sink: (UInt64, ByteView) -> Void
    ) -> Bool {
        book(head).pointee.beginSave(below: UInt64(SortedSetTree(head).head.pointee.leafCapacity))
        var left = budget
        var buffer = ByteBuffer(capacity: 8192)
        return spine(head).saveDirty(from: &cursor, budget: &left) { place in
            buffer.truncate(to: 0)
            buffer.append(.elements, place.piece.header)
            append(SortedSetLeaf(place.piece).run, to: &buffer)
            sink(place.piece.header.pointee.id, buffer.view)
            place.piece.header.pointee.clean()
            return buffer.count
        }
    }

    /// Elements in order: the member's length and whether the score is a double, the score, the member.
    private static func append(_ run: ScoreRun, to output: inout ByteBuffer) {
        output.append(varint: UInt64(run.count))
        run.forEach(0, run.count) { member, score in
            let integer = storedInteger(score)
            output.append(varint: UInt64(member.count) << 1 | (integer == nil ? 1 : 0))
            if let integer {
                output.append(signedVarint: integer)
            } else {
                output.append(littleEndian: score.bitPattern)
            }
            member.copy(to: output.reserve(member.count))
            output.advance(member.count)
        }
    }

    /// The integer that a score is, if it is one that a double tells from its neighbours.
    private static func storedInteger(_ score: Double) -> Int64? {
        guard score.magnitude < 9e15, let integer = Int64(exactly: score), integer != 0 || score.sign == .plus else {
            return nil
        }
        return integer
    }

    static func makeDirty(_ head: UnsafeMutableRawPointer, _ ids: Set<UInt64>?) { spine(head).pointee.makeDirty(ids) }

    /// Numbers are given out again.
    static func isAlive(_ head: UnsafeMutableRawPointer, removed id: UInt64) -> Bool {
        let tree = SortedSetTree(head).head.pointee
        return id < UInt64(tree.leafCapacity) && tree.leaves[Int(id)] & 1 == 0
    }
}

/// Builds a sorted set.
final class StoredSortedSetBuilder: StoredValueBuilder {
    private struct Part {
        var leaf: SortedSetLeaf
        /// Where the hashes of its members begin.
        var hashesAt: Int
    }

    private let head: StoredHead
    private let elementsMax: Int
    private var parts: [Part] = []
    /// Of all members, piece by piece.
    private var hashes: [UInt32] = []
    private var elements: [SortedSetElement] = []
    private(set) var isDirty = false

    init(_ head: StoredHead, _ reader: inout PayloadReader) throws(PayloadError) {
        self.head = head
        elementsMax = try reader.smallVarint()
        if head.count == 0 || head.pieces == 0 || elementsMax == 0 || elementsMax > 1 << 20 { throw .corrupt }
    }

    deinit { parts.forEach { $0.leaf.letGo() } }

    func add(_ id: UInt64, _ reader: inout PayloadReader) throws(PayloadError) {
        guard id > 0, try reader.storedKind() == .elements else { throw .corrupt }
        let version = try reader.varint()
        try readElements(&reader)
        let part = elements.withUnsafeBufferPointer { elements in
            let (shape, tails) = ScoreRun.shape(elements, tagWidth: 1)
            let leaf = SortedSetLeaf.make(0, version, runBytes: shape.byteCount(elements.count, tails: tails))
            leaf.base.header.initialize(to: PieceHeader(id: id, version: version))
            leaf.base.header.pointee.clean()
            ScoreRun.write(elements, shape, tails: tails, to: leaf.run.start)
            return Part(leaf: leaf, hashesAt: hashes.count)
        }
        parts.append(part)
        for (index, element) in elements.enumerated() {
            let hash = SortedSetTree.indexHash(element.member)
            part.leaf.run.tags[index] = SortedSetTree.tag(hash)
            hashes.append(hash)
        }
    }

    private func readElements(_ reader: inout PayloadReader) throws(PayloadError) {
        elements.removeAll(keepingCapacity: true)
        var bytes = 0
        let count = try reader.storedCount(bytesEach: 2)
        if count == 0 { throw .corrupt }
        for _ in 0..<count {
            let first = try reader.smallVarint()
            let score =
                first & 1 == 0
                ? Double(try reader.signedVarint()) : Double(bitPattern: try reader.littleEndian(UInt64.self))
            let element = SortedSetElement(score, try reader.take(first >> 1))
            if score.isNaN { throw .corrupt }
            if let last = elements.last, !(last < element) { throw .corrupt }
            bytes += element.member.count
            elements.append(element)
        }
        // Blocks' sizes have 32 bits.
        if bytes + 20 * count > 3 << 30 { throw .corrupt }
    }

    func finish() throws(PayloadError) -> UnsafeMutableRawPointer {
        if hashes.count != head.count { throw .corrupt }
        let numbers = parts.map { $0.leaf.base.header.pointee.id }
        parts.sort { StoredSortedSetBuilder.isBefore($0.leaf.run, 0, $1.leaf.run) }
        for i in parts.indices.dropFirst() {
            let before = parts[i - 1].leaf.run
            if !StoredSortedSetBuilder.isBefore(before, before.count - 1, parts[i].leaf.run) { throw .corrupt }
        }
        // The numbers of what was much larger are not worth an array.
        if numbers.last.unsafelyUnwrapped > UInt64(64 + 16 * parts.count) { renumber() }
        let tree = makeTree()
        do throws(PayloadError) {
            try fillIndex(tree)
        } catch {
            tree.head.pointee.spine.free()
            tree.head.pointee.index.free()
            cs_release(tree.head.pointee.leaves, tree.head.pointee.leafCapacity * 8)
            cs_release(UnsafeMutableRawPointer(tree.head), MemoryLayout<SortedSetTree.Head>.stride)
            throw error
        }
        parts = []
        SortedSetTree.book(UnsafeMutableRawPointer(tree.head)).pointee.beginSave(
            below: max(head.nextID, UInt64(tree.head.pointee.leafCapacity)))
        if isDirty { numbers.forEach { tree.head.pointee.book.noteRemoved($0) } }
        return UnsafeMutableRawPointer(tree.head)
    }

    /// Whether an element is before another run's first one.
    private static func isBefore(_ a: ScoreRun, _ index: Int, _ b: ScoreRun) -> Bool {
        if a.score(index) != b.score(0) { return a.score(index) < b.score(0) }
        return b.member(b.position(0)).withView { second in
            a.member(a.position(index)).withView { $0 < second }
        }
    }

    private func renumber() {
        isDirty = true
        for (i, part) in parts.enumerated() {
            let version = part.leaf.base.header.pointee.version
            part.leaf.base.header.initialize(to: PieceHeader(id: UInt64(i + 1), version: version))
        }
    }

    /// The tree without its index.
    private func makeTree() -> SortedSetTree {
        let tree = SortedSetTree.make(elementsMax: elementsMax)
        let highest = parts.reduce(0) { max($0, Int($1.leaf.id)) }
        let capacity = sizeClass(max(4, highest + 1) * 8) / 8
        let leaves = cs_allocate(capacity * 8)!.assumingMemoryBound(to: UInt.self)
        leaves.initialize(repeating: 1, count: capacity)
        cs_release(tree.head.pointee.leaves, tree.head.pointee.leafCapacity * 8)
        tree.head.pointee.leaves = leaves
        tree.head.pointee.leafCapacity = capacity
        for part in parts {
            tree.setLeaf(part.leaf)
            tree.head.pointee.spine.append(part.leaf.base, count: part.leaf.run.count, key: part.leaf.firstKey)
        }
        var free: UInt32 = 0
        for number in stride(from: capacity - 1, to: 0, by: -1) where leaves[number] & 1 == 1 {
            leaves[number] = UInt(free) << 1 | 1
            free = UInt32(number)
        }
        tree.head.pointee.freeNumber = free
        tree.head.pointee.spine.setAllDirty(isDirty)
        return tree
    }

    /// A member may be there once.
    private func fillIndex(_ tree: SortedSetTree) throws(PayloadError) {
        for part in parts {
            let run = part.leaf.run
            for index in 0..<run.count {
                let hash = hashes[part.hashesAt + index]
                if part.hashesAt + index + 8 < hashes.count {
                    tree.head.pointee.index.prefetch(hashes[part.hashesAt + index + 8])
                }
                let twin = tree.head.pointee.index.find(hash) { other in
                    let there = tree.leaf(other).run
                    return run.member(run.position(index)).withView { member in
                        guard let found = there.find(member, tag: SortedSetTree.tag(hash)) else { return false }
                        return other != part.leaf.id || found.index != index
                    }
                }
                if twin != nil { throw .corrupt }
                tree.head.pointee.index.insert(hash, part.leaf.id)
            }
        }
    }
}
