import Base
import CSystem

/// Streams on disk: pieces with entries, a piece for each group (its place in the stream, its consumers), and pieces with
/// what is pending in a group. What is pending for a consumer follows from those.
extension StreamPieces {
    static func book(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<PieceBook> {
        let offset = MemoryLayout<StreamHead>.offset(of: \.book).unsafelyUnwrapped
        return (head + offset).assumingMemoryBound(to: PieceBook.self)
    }

    private static func spine(_ head: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Spine> {
        let offset = MemoryLayout<StreamHead>.offset(of: \.spine).unsafelyUnwrapped
        return (head + offset).assumingMemoryBound(to: Spine.self)
    }

    static func pieceCount(_ head: UnsafeMutableRawPointer) -> Int {
        let stream = Stream(head)
        return stream.groups.reduce(stream.pieceCount) { $0 + 1 + $1.head.pointee.pending.spine.pieceCount }
    }

    static func dirtyPieces(_ head: UnsafeMutableRawPointer) -> Int {
        let stream = Stream(head)
        return stream.groups.reduce(stream.spine.dirtyCount) {
            $0 + ($1.head.pointee.header.isDirty ? 1 : 0) + $1.head.pointee.pending.spine.dirtyCount
        }
    }

    static func saveHead(_ head: UnsafeMutableRawPointer, into output: inout ByteBuffer) {
        let stream = Stream(head)
        StoredHead(count: stream.count, pieces: pieceCount(head), nextID: book(head).pointee.nextID).append(to: &output)
        output.append(streamID: stream.lastID)
        output.append(streamID: stream.maxDeletedID)
        output.append(signedVarint: stream.entriesAdded)
        output.append(varint: UInt64(stream.groupCount))
        output.append(varint: UInt64(stream.groups.reduce(0) { $0 + $1.pendingCount }))
    }

    static func savePieces(
        _ head: UnsafeMutableRawPointer, from cursor: inout Int, budget: Int, into sink: (UInt64, ByteView) -> Void
    ) -> Bool {
        book(head).pointee.beginSave()
        var left = budget
        var buffer = ByteBuffer(capacity: 8192)
        func finish(_ header: UnsafeMutablePointer<PieceHeader>) -> Int {
            sink(header.pointee.id, buffer.view)
            header.pointee.clean()
            defer { buffer.truncate(to: 0) }
            return buffer.count
        }
        for group in Stream(head).groups {
            if group.head.pointee.header.isDirty {
                if left <= 0 { return true }
                append(group, to: &buffer)
                left -= group.withHeader { finish($0) }
            }
            var start = 0
            let isLeft = group.pendingSpine.saveDirty(from: &start, budget: &left) { place in
                append(PendingPiece<PendingEntry>(place.piece), of: group, to: &buffer)
                return finish(place.piece.header)
            }
            if isLeft { return true }
        }
        return spine(head).saveDirty(from: &cursor, budget: &left) { place in
            append(StreamPiece(place.piece), to: &buffer)
            return finish(place.piece.header)
        }
    }

    private static func append(_ piece: StreamPiece, to output: inout ByteBuffer) {
        output.append(.entries, piece.base.header)
        output.append(streamID: piece.first)
        piece.writeNode(to: output.reserve(piece.nodeByteCount))
        output.advance(piece.nodeByteCount)
    }

    private static func append(_ group: StreamGroup, to output: inout ByteBuffer) {
        group.withHeader { output.append(.group, $0) }
        output.append(counted: group.name)
        output.append(streamID: group.lastID)
        output.append(varint: UInt64(bitPattern: group.entriesRead ?? -1) &+ 1)
        output.append(varint: UInt64(group.consumerCount))
        for i in 0..<group.consumerCount {
            let consumer = group.consumer(i)
            output.append(counted: consumer.name)
            output.append(varint: UInt64(consumer.pointee.number))
            output.append(signedVarint: consumer.seen)
        }
    }

    private static func append(
        _ piece: PendingPiece<PendingEntry>, of group: StreamGroup, to output: inout ByteBuffer
    ) {
        output.append(.pending, piece.base.header)
        output.append(varint: group.head.pointee.header.id)
        output.append(varint: UInt64(piece.used))
        var last: UInt64 = 0
        for i in 0..<piece.used {
            let entry = piece.records[i]
            output.append(varint: entry.id.ms &- last)
            output.append(varint: entry.id.seq)
            output.append(signedVarint: entry.time)
            output.append(signedVarint: entry.deliveries)
            output.append(varint: UInt64(entry.owner))
            last = entry.id.ms
        }
    }

    static func makeDirty(_ head: UnsafeMutableRawPointer, _ ids: Set<UInt64>?) {
        spine(head).pointee.makeDirty(ids)
        for group in Stream(head).groups {
            let header = group.head.pointee.header
            if ids?.contains(header.id) ?? true { group.touch(header.version) }
            group.pendingSpine.pointee.makeDirty(ids)
        }
    }

    static func isAlive(_ head: UnsafeMutableRawPointer, removed id: UInt64) -> Bool { false }
}

extension Stream {
    var groups: LazyMapSequence<Range<Int>, StreamGroup> {
        let stream = self
        return (0..<groupCount).lazy.map { stream.group($0) }
    }
}

extension StreamGroup {
    /// The order of the pieces with pending entries.
    var pendingSpine: UnsafeMutablePointer<Spine> {
        let offset = MemoryLayout<StreamGroupHead>.offset(of: \.pending).unsafelyUnwrapped
        return (UnsafeMutableRawPointer(head) + offset).assumingMemoryBound(to: Spine.self)
    }
}
