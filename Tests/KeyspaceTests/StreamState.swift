import Base

@testable import Keyspace

extension RecordedMutation {
    /// Lends the words as views.
    static func withViews<R>(_ words: [[UInt8]], _ body: (UnsafePointer<ByteView>) -> R) -> R {
        let copies = words.map { word in
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, word.count))
            copy.update(from: word, count: word.count)
            return copy
        }
        defer { copies.forEach { $0.deallocate() } }
        let views = zip(copies, words).map { ByteView(UnsafePointer($0), $1.count) }
        return views.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}

extension Stream {
    /// Everything that a client can see of a stream, but when consumers were last seen.
    var contentsShown: [UInt8] {
        var out = Array("\(lastID.shown) \(firstID.shown) \(maxDeletedID.shown) \(entriesAdded) \(count)\n".utf8)
        var cursor = entries()
        while cursor.next() {
            out += cursor.id.bytes
            cursor.forEachField { field, value in
                field.withView { out.show($0.bytes) }
                value.withView { out.show($0.bytes) }
            }
        }
        for i in 0..<groupCount {
            let group = group(i)
            out.show(group.name.bytes)
            out += Array("\(group.lastID.shown) \(group.entriesRead ?? -1)\n".utf8)
            for i in 0..<group.consumerCount {
                out.show(group.consumer(i).name.bytes)
                out += Array("\(group.consumer(i).pendingCount)\n".utf8)
            }
            group.forEachPending {
                out.show(group.owner(of: $0).name.bytes)
                out += Array("\($0.id.shown) \($0.time) \($0.deliveries)\n".utf8)
                return true
            }
        }
        return out
    }

    /// What is wrong with the stream's structure, nil if nothing.
    func brokenInvariant() -> String? {
        if let broken = spine.brokenInvariant() { return broken }
        var place = spine.first
        while let here = place {
            let piece = StreamPiece(here.piece)
            if here.key != piece.first.ms { return "a piece with a wrong key" }
            if piece.live == 0 { return "a piece without entries" }
            if piece.used > piece.capacity { return "a piece past its room" }
            if let broken = piece.brokenNode() { return broken }
            place = spine.next(here)
        }
        if head.pointee.tail != spine.last?.piece { return "a wrong tail" }
        var cursor = entries()
        if firstID != (cursor.next() ? cursor.id : .zero) { return "a wrong first ID" }
        for i in 0..<groupCount {
            if let broken = group(i).brokenInvariant() { return broken }
        }
        return nil
    }
}

extension StreamPiece {
    /// What is wrong with the piece as a node of Redis', nil if nothing.
    fileprivate func brokenNode() -> String? {
        let node = UnsafeMutablePointer<UInt8>.allocate(capacity: nodeByteCount)
        defer { node.deallocate() }
        writeNode(to: node)
        let view = ByteView(UnsafePointer(node), nodeByteCount)
        if Listpack(node).byteCount != nodeByteCount { return "a node of another length" }
        guard let summary = StreamPieceCheck(view, first: first).summary() else { return "a bad node" }
        if summary.live != live || summary.entries != live + deleted { return "a wrong number of entries" }
        return summary.last == last ? nil : "a wrong last ID"
    }
}

extension StreamID {
    var shown: String { "\(ms)-\(seq)" }
}

extension [UInt8] {
    /// Adds bytes with their length, so that it is clear where they end.
    mutating func show(_ bytes: [UInt8]) {
        self += Array(" \(bytes.count):".utf8)
        self += bytes
    }
}

extension StreamGroup {
    fileprivate func brokenInvariant() -> String? {
        if let broken = head.pointee.pending.brokenInvariant() { return broken }
        var owned = 0
        for i in 0..<consumerCount {
            let consumer = consumer(i)
            if let broken = consumer.pointee.owned.brokenInvariant() { return broken }
            owned += consumer.pendingCount
            var strange = false
            forEachPending(of: consumer) { entry in
                strange = strange || owner(of: entry) != consumer
                return true
            }
            if strange { return "a consumer has what another one owns" }
        }
        return owned == pendingCount ? nil : "\(owned) owned entries of \(pendingCount)"
    }
}
