import Base
import CSystem

/// Streams as values with pieces: those with entries, each group, and those with a group's pending entries.
enum StreamPieces: PiecedValue {
    static func free(_ head: UnsafeMutableRawPointer) {
        let stream = Stream(head)
        for i in 0..<stream.groupCount { stream.group(i).free() }
        stream.head.pointee.groups.free()
        stream.forEachPiece { StreamPiece.drop($0) }
        stream.head.pointee.spine.free()
        stream.head.pointee.book.free()
        cs_release(head, MemoryLayout<StreamHead>.stride)
    }

    static func copy(_ head: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        let stream = Stream(head)
        let raw = cs_allocate(MemoryLayout<StreamHead>.stride)!
        var twin = stream.head.pointee
        twin.spine = stream.spine.copy { $0.share() }
        twin.tail = twin.spine.last?.piece
        twin.groups = NamedItems()
        twin.book = PieceBook(nextID: stream.head.pointee.book.nextID)
        for i in 0..<stream.groupCount { twin.groups.insert(stream.group(i).copy().head, at: i) }
        raw.assumingMemoryBound(to: StreamHead.self).initialize(to: twin)
        return raw
    }

    static func memoryBytes(_ head: UnsafeMutableRawPointer, samples: Int) -> Int {
        let stream = Stream(head)
        var sum = cs_usable_size(head) + stream.spine.memoryBytes + stream.head.pointee.groups.memoryBytes
        sum += stream.head.pointee.book.memoryBytes
        for i in 0..<stream.groupCount { sum += stream.group(i).memoryBytes }
        let total = stream.pieceCount
        let wanted = samples == 0 ? total : min(samples, total)
        var seen = 0
        var bytes = 0
        var place = stream.spine.first
        while let here = place, seen < wanted {
            bytes += StreamPiece(here.piece).memoryBytes
            seen += 1
            place = stream.spine.next(here)
        }
        return sum + (seen == 0 ? 0 : Int(Double(bytes) / Double(seen) * Double(total)))
    }

    static func count(_ head: UnsafeMutableRawPointer) -> Int { Stream(head).count }

    static func forEachPiece(_ head: UnsafeMutableRawPointer, _ body: (PieceFigures) -> Void) {
        let stream = Stream(head)
        var place = stream.spine.first
        while let here = place {
            let piece = StreamPiece(here.piece)
            body(
                PieceFigures(
                    here.piece.header, elements: piece.live, bytes: piece.used, isDirty: stream.spine.isDirty(here)))
            place = stream.spine.next(here)
        }
        for i in 0..<stream.groupCount {
            let group = stream.group(i)
            group.withHeader {
                body(
                    PieceFigures(
                        $0, elements: group.consumerCount, bytes: group.headBytes, isDirty: $0.pointee.isDirty))
            }
            let spine = group.head.pointee.pending.spine
            var place = spine.first
            while let here = place {
                let piece = PendingPiece<PendingEntry>(here.piece)
                body(
                    PieceFigures(
                        here.piece.header, elements: piece.used, bytes: piece.used * PendingPiece<PendingEntry>.stride,
                        isDirty: spine.isDirty(here)))
                place = spine.next(here)
            }
        }
    }
}

extension Stream {
    /// Visits the pieces with entries.
    func forEachPiece(_ body: (Piece) -> Void) {
        var place = spine.first
        while let here = place {
            // Looked up before the piece may be freed.
            place = spine.next(here)
            body(here.piece)
        }
    }
}

extension StreamGroup {
    func withHeader<R>(_ body: (UnsafeMutablePointer<PieceHeader>) -> R) -> R {
        withUnsafeMutablePointer(to: &head.pointee.header) { body($0) }
    }

    /// Bytes of what the group's own mark stands for, pending entries left out.
    var headBytes: Int {
        var sum = MemoryLayout<StreamGroupHead>.stride + name.count
        for i in 0..<consumerCount { sum += MemoryLayout<StreamConsumer>.stride + consumer(i).name.count }
        return sum
    }

    var memoryBytes: Int {
        var sum = cs_usable_size(head) + head.pointee.item.memoryBytes + head.pointee.consumers.memoryBytes
        sum += head.pointee.pending.memoryBytes
        if let numbers = head.pointee.numbers { sum += cs_usable_size(numbers) }
        for i in 0..<consumerCount {
            let consumer = consumer(i)
            sum += cs_usable_size(consumer.raw) + consumer.pointee.item.memoryBytes
            sum += consumer.pointee.owned.memoryBytes
        }
        return sum
    }

    /// Whether freeing it takes so long that it should happen elsewhere.
    var isLarge: Bool { head.pointee.pending.spine.pieceCount > 64 }
}
