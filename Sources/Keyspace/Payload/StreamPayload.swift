import Base
import CSystem

extension Entry {
    /// Pieces as they are, what the stream knows of its past, groups with what is pending.
    func writeStream(to output: inout ByteBuffer) {
        let stream = stream
        output.appendKind(.stream2)
        output.appendCount(stream.pieceCount)
        stream.forEachPiece { output.append(StreamPiece($0)) }
        output.appendCount(stream.count)
        output.append(stream.lastID)
        output.append(stream.firstID)
        output.append(stream.maxDeletedID)
        output.appendNumber(UInt64(bitPattern: stream.entriesAdded))
        output.appendCount(stream.groupCount)
        for i in 0..<stream.groupCount { output.append(stream.group(i)) }
    }
}

extension ByteBuffer {
    /// An ID as two numbers.
    fileprivate mutating func append(_ id: StreamID) {
        appendNumber(id.ms)
        appendNumber(id.seq)
    }

    /// An ID as sixteen bytes.
    fileprivate mutating func append(rawID id: StreamID) {
        append(bigEndian: id.ms)
        append(bigEndian: id.seq)
    }

    fileprivate mutating func append(_ piece: StreamPiece) {
        appendCount(16)
        append(rawID: piece.first)
        let count = piece.nodeByteCount
        let node = cs_allocate(count)!.assumingMemoryBound(to: UInt8.self)
        piece.writeNode(to: node)
        appendText(ByteView(UnsafePointer(node), count))
        cs_release(node, count)
    }

    fileprivate mutating func append(_ group: StreamGroup) {
        appendText(group.name)
        append(group.lastID)
        appendNumber(UInt64(bitPattern: group.entriesRead ?? -1))
        appendCount(group.pendingCount)
        group.forEachPending { entry in
            append(rawID: entry.id)
            append(littleEndian: entry.time)
            appendNumber(UInt64(bitPattern: entry.deliveries))
            return true
        }
        appendCount(group.consumerCount)
        for i in 0..<group.consumerCount {
            let consumer = group.consumer(i)
            appendText(consumer.name)
            append(littleEndian: consumer.seen)
            appendCount(consumer.pendingCount)
            group.forEachPending(of: consumer) { entry in
                append(rawID: entry.id)
                return true
            }
        }
    }
}

extension PayloadTarget {
    /// A stream; before Redis 7 without what it knows of its past.
    func readStream(_ reader: inout PayloadReader, knowsPast: Bool) throws(PayloadError) -> Entry {
        let stream = Stream.make()
        do throws(PayloadError) {
            try readPieces(&reader, into: stream)
            try readPast(&reader, of: stream, knowsPast)
            var groups = StreamGroupReader(stream, version, knowsPast)
            try groups.readAll(&reader)
        } catch {
            StreamPieces.free(UnsafeMutableRawPointer(stream.head))
            throw error
        }
        return makePieces(.stream, UnsafeMutableRawPointer(stream.head))
    }

    private func readPieces(_ reader: inout PayloadReader, into stream: Stream) throws(PayloadError) {
        let version = version
        var last: StreamID?
        for _ in 0..<(try reader.elementCount(bytesEach: 19)) {
            let (name, text) = (try reader.text(), try reader.text())
            guard name.count == 16, let first = name.withView({ StreamID(raw: $0) }) else { throw .corrupt }
            try text.withView { bytes throws(PayloadError) in
                guard bytes.count <= StreamPiece.nodeBytesMax,
                    let summary = StreamPieceCheck(bytes, first: first).summary()
                else { throw .corrupt }
                if let last, summary.first <= last || first <= last { throw .corrupt }
                last = summary.last
                stream.append(bytes, first: first, summary, version)
            }
        }
        stream.head.pointee.lastID = last ?? .zero
    }

    private func readPast(
        _ reader: inout PayloadReader, of stream: Stream, _ knowsPast: Bool
    ) throws(PayloadError) {
        if try reader.number() != UInt64(stream.count) { throw .corrupt }
        let lastID = try reader.id()
        // What is added must come behind what is there.
        if lastID < stream.lastID { throw .corrupt }
        var maxDeletedID = StreamID.zero
        var entriesAdded = UInt64(stream.count)
        if knowsPast {
            _ = try reader.id()
            maxDeletedID = try reader.id()
            entriesAdded = try reader.number()
        }
        stream.set(lastID: lastID, entriesAdded: Int64(bitPattern: entriesAdded), maxDeletedID: maxDeletedID)
        stream.refreshFirstID()
    }
}

extension StreamID {
    /// Sixteen bytes, the highest first.
    fileprivate init?(raw bytes: ByteView) {
        if bytes.count != 16 { return nil }
        let start = UnsafeRawPointer(bytes.start)
        self.init(
            UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)),
            UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}

extension PayloadReader {
    /// An ID as two numbers.
    fileprivate mutating func id() throws(PayloadError) -> StreamID { StreamID(try number(), try number()) }

    /// An ID as sixteen bytes.
    fileprivate mutating func rawID() throws(PayloadError) -> StreamID {
        StreamID(try bigEndian(UInt64.self), try bigEndian(UInt64.self))
    }
}

extension Stream {
    /// Adds a piece behind all others: the contents of a node that has been checked.
    fileprivate func append(
        _ bytes: ByteView, first: StreamID, _ summary: StreamPieceCheck.Summary, _ version: UInt64
    ) {
        let piece = StreamPiece.make(
            node: bytes, entries: summary.entries, first: first, id: makePieceID(), version: version)
        head.pointee.spine.append(piece.base, count: summary.live, key: first.ms)
        head.pointee.tail = piece.base
    }
}

// MARK: groups

/// Reads a stream's groups. Names are sorted before they are entered, so that their order costs nothing.
private struct StreamGroupReader {
    private let stream: Stream
    private let version: UInt64
    private let knowsPast: Bool

    init(_ stream: Stream, _ version: UInt64, _ knowsPast: Bool) {
        self.stream = stream
        self.version = version
        self.knowsPast = knowsPast
    }

    /// What is known of a consumer before it is entered.
    private struct Consumer {
        var name: [UInt8]
        var seen: Int64
        /// Where its entries are among the group's.
        var owned: [Int]
    }

    private struct Group {
        var name: [UInt8]
        var lastID: StreamID
        var entriesRead: Int64?
        var pending: [PendingEntry] = []
        var consumers: [Consumer] = []
    }

    mutating func readAll(_ reader: inout PayloadReader) throws(PayloadError) {
        var groups: [Group] = []
        for _ in 0..<(try reader.elementCount(bytesEach: 5)) { groups.append(try read(&reader)) }
        groups.sort { $0.name.lexicographicallyPrecedes($1.name) }
        for i in 1..<max(1, groups.count) where groups[i - 1].name == groups[i].name { throw .corrupt }
        for group in groups { enter(group) }
    }

    private func read(_ reader: inout PayloadReader) throws(PayloadError) -> Group {
        let name = try reader.text().withView { $0.bytes }
        let lastID = try reader.id()
        var group = Group(name: name, lastID: lastID)
        if knowsPast {
            let read = Int64(bitPattern: try reader.number())
            group.entriesRead = read == -1 ? nil : read
        } else {
            group.entriesRead = stream.entriesAdded(upTo: lastID)
        }
        for _ in 0..<(try reader.elementCount(bytesEach: 25)) {
            let id = try reader.rawID()
            let time = try reader.littleEndian(Int64.self)
            let deliveries = Int64(bitPattern: try reader.number())
            if let last = group.pending.last, last.id >= id { throw .corrupt }
            group.pending.append(PendingEntry(id, time: time, deliveries: deliveries, owner: 0))
        }
        try readConsumers(&reader, &group)
        return group
    }

    /// Every pending entry belongs to one consumer.
    private func readConsumers(_ reader: inout PayloadReader, _ group: inout Group) throws(PayloadError) {
        var isOwned = [Bool](repeating: false, count: group.pending.count)
        var owned = 0
        for _ in 0..<(try reader.elementCount(bytesEach: 10)) {
            let name = try reader.text().withView { $0.bytes }
            let seen = try reader.littleEndian(Int64.self)
            var consumer = Consumer(name: name, seen: seen, owned: [])
            for _ in 0..<(try reader.elementCount(bytesEach: 16)) {
                let id = try reader.rawID()
                guard let place = StreamGroupReader.find(id, group.pending), !isOwned[place] else { throw .corrupt }
                isOwned[place] = true
                owned += 1
                consumer.owned.append(place)
            }
            group.consumers.append(consumer)
        }
        if owned != group.pending.count { throw .corrupt }
        group.consumers.sort { $0.name.lexicographicallyPrecedes($1.name) }
        for i in 1..<max(1, group.consumers.count) where group.consumers[i - 1].name == group.consumers[i].name {
            throw .corrupt
        }
    }

    private static func find(_ id: StreamID, _ pending: [PendingEntry]) -> Int? {
        var low = 0
        var high = pending.count
        while low < high {
            let middle = (low + high) / 2
            if pending[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < pending.count && pending[low].id == id ? low : nil
    }

    private func enter(_ group: Group) {
        let made = group.name.withView { stream.addGroup($0, group.lastID, group.entriesRead, version) }
        let mark = stream.mark(version)
        var owners = [ConsumerPointer?](repeating: nil, count: group.pending.count)
        for consumer in group.consumers {
            let entered = consumer.name.withView { made.addConsumer($0, seen: consumer.seen, version) }
            for place in consumer.owned { owners[place] = entered }
        }
        // In the order of IDs, which is that of both lists.
        for (entry, owner) in zip(group.pending, owners) {
            made.pend(
                entry.id, owner.unsafelyUnwrapped, time: entry.time, deliveries: entry.deliveries, mark)
        }
    }
}
