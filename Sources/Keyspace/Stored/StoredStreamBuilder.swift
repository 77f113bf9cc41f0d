import Base
import CSystem

/// Builds a stream.
final class StoredStreamBuilder: StoredValueBuilder {
    private struct Consumer {
        var name: [UInt8]
        var number: UInt64
        var seen: Int64
    }

    private struct Group {
        var header: PieceHeader
        var name: [UInt8]
        var lastID: StreamID
        var entriesRead: Int64?
        var consumers: [Consumer]
        var pending: [PendingPiece<PendingEntry>] = []
    }

    private let head: StoredHead
    private let lastID: StreamID
    private let maxDeletedID: StreamID
    private let entriesAdded: Int64
    private let groupCount: UInt64
    private let pendingCount: UInt64
    /// With the IDs of their first and last live entries.
    private var pieces: [(piece: StreamPiece, from: StreamID, to: StreamID)] = []
    private var groups: [Group] = []
    private var pending: [(group: UInt64, piece: PendingPiece<PendingEntry>)] = []
    private(set) var isDirty = false

    init(_ head: StoredHead, _ reader: inout PayloadReader) throws(PayloadError) {
        self.head = head
        lastID = try reader.streamID()
        maxDeletedID = try reader.streamID()
        entriesAdded = try reader.signedVarint()
        groupCount = try reader.varint()
        pendingCount = try reader.varint()
    }

    deinit {
        pieces.forEach { StreamPiece.drop($0.piece.base) }
        pending.forEach { PendingPiece<PendingEntry>.drop($0.piece.base) }
    }

    // MARK: reading pieces

    func add(_ id: UInt64, _ reader: inout PayloadReader) throws(PayloadError) {
        let kind = try reader.storedKind()
        var header = PieceHeader(id: id, version: try reader.varint())
        header.clean()
        switch kind {
        case .entries: try addEntries(header, &reader)
        case .group: try addGroup(header, &reader)
        case .pending: try addPending(header, &reader)
        default: throw .corrupt
        }
    }

    private func addEntries(_ header: PieceHeader, _ reader: inout PayloadReader) throws(PayloadError) {
        let first = try reader.streamID()
        let node = try reader.takeRest()
        // What is made of it, and its block, must be shorter than 4 GiB.
        guard node.count <= 3 << 29, let summary = StreamPieceCheck(node, first: first, skipsDeleted: true).summary()
        else {
            throw .corrupt
        }
        let piece = StreamPiece.make(
            node: node, entries: summary.entries, first: first, id: header.id, version: header.version)
        piece.base.header.pointee.clean()
        pieces.append((piece, summary.first, summary.last))
    }

    private func addGroup(_ header: PieceHeader, _ reader: inout PayloadReader) throws(PayloadError) {
        let name = try reader.counted().bytes
        let lastID = try reader.streamID()
        let read = Int64(bitPattern: try reader.varint())
        var group = Group(
            header: header, name: name, lastID: lastID, entriesRead: read == 0 ? nil : read &- 1, consumers: [])
        for _ in 0..<(try reader.storedCount(bytesEach: 3)) {
            let consumer = Consumer(
                name: try reader.counted().bytes, number: try reader.varint(), seen: try reader.signedVarint())
            if let last = group.consumers.last, !last.name.lexicographicallyPrecedes(consumer.name) { throw .corrupt }
            group.consumers.append(consumer)
        }
        groups.append(group)
    }

    private func addPending(_ header: PieceHeader, _ reader: inout PayloadReader) throws(PayloadError) {
        typealias Piece = PendingPiece<PendingEntry>
        let group = try reader.varint()
        let count = try reader.storedCount(bytesEach: 5)
        if count == 0 || count > Piece.capacityMax { throw .corrupt }
        let piece = Piece.make(id: header.id, version: header.version, capacity: count)
        piece.base.header.pointee.clean()
        pending.append((group, piece))
        var last = StreamID.zero
        for i in 0..<count {
            let id = StreamID(last.ms &+ (try reader.varint()), try reader.varint())
            let (time, deliveries) = (try reader.signedVarint(), try reader.signedVarint())
            guard i == 0 || id > last, let owner = UInt32(exactly: try reader.varint()) else { throw .corrupt }
            piece.insert(PendingEntry(id, time: time, deliveries: deliveries, owner: owner), at: i)
            last = id
        }
    }

    // MARK: putting them together

    func finish() throws(PayloadError) -> UnsafeMutableRawPointer {
        guard UInt64(groups.count) == groupCount, pending.reduce(0, { $0 + UInt64($1.piece.used) }) == pendingCount
        else { throw .corrupt }
        let stream = Stream.make()
        let memory = UnsafeMutableRawPointer(stream.head)
        stream.head.pointee.book = PieceBook(nextID: head.nextID)
        do throws(PayloadError) {
            try enterEntries(stream)
            try enterGroups(stream)
        } catch {
            StreamPieces.free(memory)
            throw error
        }
        stream.head.pointee.book.beginSave()
        return memory
    }

    private func enterEntries(_ stream: Stream) throws(PayloadError) {
        let ordered = pieces.sorted { $0.piece.first < $1.piece.first }
        pieces = []
        var last: StreamID?
        var isSound = true
        for (i, (piece, from, to)) in ordered.enumerated() {
            if let last, from <= last { isSound = false }
            if i > 0 && piece.first <= ordered[i - 1].piece.first { isSound = false }
            last = to
            // Entered in any case: the stream frees it.
            stream.head.pointee.spine.append(piece.base, count: piece.live, key: piece.first.ms)
        }
        stream.head.pointee.spine.setAllDirty(false)
        stream.head.pointee.tail = stream.spine.last?.piece
        guard isSound, stream.count == head.count, last ?? .zero <= lastID else { throw .corrupt }
        stream.set(lastID: lastID, entriesAdded: entriesAdded, maxDeletedID: maxDeletedID)
        stream.refreshFirstID()
    }

    private func enterGroups(_ stream: Stream) throws(PayloadError) {
        var places: [UInt64: Int] = [:]
        groups.sort { $0.name.lexicographicallyPrecedes($1.name) }
        for (i, group) in groups.enumerated() {
            if i > 0 && groups[i - 1].name == group.name { throw .corrupt }
            places[group.header.id] = i
        }
        for (group, _) in pending where places[group] == nil { throw .corrupt }
        for (group, piece) in pending { groups[places[group].unsafelyUnwrapped].pending.append(piece) }
        pending = []
        var isSound = true
        for group in groups {
            // Each is entered in any case: the stream frees it.
            isSound = enter(group, stream) && isSound
        }
        if !isSound { throw .corrupt }
    }

    private func enter(_ group: Group, _ stream: Stream) -> Bool {
        let version = group.header.version
        let made = group.name.withView {
            StreamGroup.make($0, group.lastID, group.entriesRead, id: group.header.id, version: version)
        }
        stream.head.pointee.groups.insert(made.head, at: stream.groupCount)
        made.head.pointee.header.clean()
        var isSound = made.adopt(group.pending.sorted { $0.records[0].id < $1.records[0].id })
        // Numbers are an array's indices: those of a group that had many more consumers once are given out anew.
        let isDense = group.consumers.allSatisfy { $0.number < UInt64(1024 + 4 * group.consumers.count) }
        var owners: [UInt64: ConsumerPointer] = [:]
        for (i, consumer) in group.consumers.enumerated() {
            if owners[consumer.number] != nil { isSound = false }
            let number = isDense ? Int(consumer.number) : i
            if !isSound && isDense { continue }
            owners[consumer.number] = consumer.name.withView {
                made.addConsumer($0, at: made.consumerCount, number: number, seen: consumer.seen)
            }
        }
        if !isDense {
            isDirty = true
            made.touch(version)
            made.pendingSpine.pointee.setAllDirty(true)
        }
        return isSound && made.own(owners, stream.mark(version))
    }
}

extension StreamGroup {
    /// Enters pieces with pending entries, clean. False if they are not in order.
    fileprivate func adopt(_ pieces: [PendingPiece<PendingEntry>]) -> Bool {
        var last: StreamID?
        var isSound = true
        for piece in pieces {
            if let last, piece.records[0].id <= last { isSound = false }
            last = piece.records[piece.used - 1].id
            pendingSpine.pointee.append(piece.base, count: piece.used, key: piece.records[0].id.ms)
        }
        pendingSpine.pointee.setAllDirty(false)
        return isSound
    }

    /// Gives pending entries to the consumers that their records name. False if one names none.
    fileprivate func own(_ owners: [UInt64: ConsumerPointer], _ mark: PieceMark) -> Bool {
        var place = pendingSpine.pointee.first
        while let here = place {
            let piece = PendingPiece<PendingEntry>(here.piece)
            for i in 0..<piece.used {
                guard let owner = owners[UInt64(piece.records[i].owner)] else { return false }
                piece.records[i].owner = owner.pointee.number
                owner.pointee.owned.insert(OwnedEntry(id: piece.records[i].id), mark)
            }
            place = pendingSpine.pointee.next(here)
        }
        return true
    }
}
