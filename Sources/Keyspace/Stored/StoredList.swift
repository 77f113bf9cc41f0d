import Base
import CSystem

/// Lists on disk: a piece's record says which piece comes next, so that the head need not name them all. It names the
/// first and the last; what the last one says of a next one does not count.
extension ListPieces {
    static func book(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<PieceBook> {
        let offset = MemoryLayout<ListHead>.offset(of: \.book).unsafelyUnwrapped
        return (head + offset).assumingMemoryBound(to: PieceBook.self)
    }

    static func pieceCount(_ head: UnsafeMutableRawPointer) -> Int { spine(head).pointee.pieceCount }

    static func dirtyPieces(_ head: UnsafeMutableRawPointer) -> Int { spine(head).pointee.dirtyCount }

    static func saveHead(_ head: UnsafeMutableRawPointer, into output: inout ByteBuffer) {
        let spine = spine(head).pointee
        StoredHead(count: spine.count, pieces: spine.pieceCount, nextID: book(head).pointee.nextID).append(to: &output)
        if let first = spine.first, let last = spine.last {
            output.append(varint: first.piece.header.pointee.id)
            output.append(varint: last.piece.header.pointee.id)
        }
    }

    static func savePieces(
        _ head: UnsafeMutableRawPointer, from cursor: inout Int, budget: Int, into sink: (UInt64, ByteView) -> Void
    ) -> Bool {
        book(head).pointee.beginSave()
        let spine = spine(head)
        var left = budget
        var buffer = ByteBuffer(capacity: 8192)
        return spine.saveDirty(from: &cursor, budget: &left) { place in
            buffer.truncate(to: 0)
            let next = spine.pointee.next(place).map { $0.piece.header.pointee.id + 1 } ?? 0
            append(ListPiece(place.piece), next, to: &buffer)
            sink(place.piece.header.pointee.id, buffer.view)
            place.piece.header.pointee.clean()
            return buffer.count
        }
    }

    /// `next`: the next piece's id and 1, or 0.
    private static func append(_ piece: ListPiece, _ next: UInt64, to output: inout ByteBuffer) {
        output.append(piece.isPlain ? .plain : .listpack, piece.base.header)
        output.append(varint: next)
        output.append(piece.isPlain ? piece.plain : piece.pack.bytes)
    }

    static func makeDirty(_ head: UnsafeMutableRawPointer, _ ids: Set<UInt64>?) {
        spine(head).pointee.makeDirty(ids)
    }

    static func isAlive(_ head: UnsafeMutableRawPointer, removed id: UInt64) -> Bool { false }
}

extension Spine {
    /// Marks all pieces, or those with these ids.
    func makeDirty(_ ids: Set<UInt64>?) {
        guard let ids else { return setAllDirty(true) }
        var place = first
        while let here = place {
            if ids.contains(here.piece.header.pointee.id) { markDirty(here) }
            place = next(here)
        }
    }
}

/// Builds a list.
final class StoredListBuilder: StoredValueBuilder {
    private let head: StoredHead
    private let first: UInt64
    private let last: UInt64
    private var pieces: [UInt64: (piece: ListPiece, next: UInt64)] = [:]

    init(_ head: StoredHead, _ reader: inout PayloadReader) throws(PayloadError) {
        self.head = head
        if head.count == 0 || head.pieces == 0 { throw .corrupt }
        first = try reader.varint()
        last = try reader.varint()
    }

    deinit { pieces.values.forEach { $0.piece.free() } }

    var isDirty: Bool { false }

    func add(_ id: UInt64, _ reader: inout PayloadReader) throws(PayloadError) {
        let kind = try reader.storedKind()
        var header = PieceHeader(id: id, version: try reader.varint())
        header.clean()
        let next = try reader.varint()
        let bytes = try reader.takeRest()
        switch kind {
        case .plain: pieces[id] = (ListPiece(plain: bytes, header), next)
        case .listpack:
            // The block's size, which is a little more, must fit 32 bits.
            guard bytes.count < 3 << 30, Listpack.isValid(bytes), !Listpack(bytes).isEmpty else { throw .corrupt }
            let pack = Listpack(bytes)
            pieces[id] = (ListPiece(pack, capacity: 0, .back, header), next)
        default: throw .corrupt
        }
    }

    func finish() throws(PayloadError) -> UnsafeMutableRawPointer {
        let memory = ListPieces.makeHead()
        do throws(PayloadError) {
            try link(memory)
        } catch {
            ListPieces.free(memory)
            throw error
        }
        let list = memory.assumingMemoryBound(to: ListHead.self)
        list.pointee.spine.setAllDirty(false)
        list.pointee.book = PieceBook(nextID: head.nextID)
        list.pointee.book.beginSave()
        return memory
    }

    /// From the first piece to the last; each is met once.
    private func link(_ memory: UnsafeMutableRawPointer) throws(PayloadError) {
        let spine = ListPieces.spine(memory)
        var id = first
        while let (piece, next) = pieces.removeValue(forKey: id) {
            spine.pointee.append(piece.base, count: piece.elementCount)
            if id == last { break }
            if next == 0 { throw .corrupt }
            id = next - 1
        }
        guard pieces.isEmpty, spine.pointee.count == head.count,
            spine.pointee.last?.piece.header.pointee.id == last
        else { throw .corrupt }
    }
}
