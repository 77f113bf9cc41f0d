import Base
import CSystem

/// Pieces as Redis' nodes, for payloads: one listpack each,
///
///     count | deleted | number of fields | field ... | 0
///     flags | ms | seq | value ... | elements                        an entry with these very fields
///     flags | ms | seq | n | field | value ... | elements            an entry with n fields of its own
///
/// where `ms` and `seq` are distances from the node's first ID, and `elements` is how many precede it in the entry.
extension StreamPiece {
    /// Writes the node; `nodeByteCount` bytes are free there.
    func writeNode(to out: UnsafeMutablePointer<UInt8>) {
        var node = NodeWriter(out)
        node.put(live)
        node.put(deleted)
        let bytes = bytes
        var at = 0
        let shared = Int(bytes.number(&at))
        node.put(shared)
        at = node.take(shared, bytes, at)
        node.put(0)
        var last = first
        while at < used {
            let entry = bytes.entryHead(at, after: last)
            last = entry.id
            node.put(Int(entry.flags & (Flag.deleted | Flag.sameFields)))
            let offset = entry.id.offset(from: first)
            node.put(Int(offset.ms))
            node.put(Int(offset.seq))
            let own = entry.ownFields
            if own >= 0 { node.put(own) }
            at = node.take(own < 0 ? shared : own * 2, bytes, entry.contentAt)
            node.put(own < 0 ? shared + 3 : own * 2 + 4)
        }
        node.finish()
    }

    /// The longest node that is let in: what is made of it must be shorter than 4 GiB.
    static let nodeBytesMax = 1 << 30

    /// A piece with the contents of a node that is known to be right, no larger than it must be.
    static func make(
        node bytes: ByteView, entries: Int, first: StreamID, id: UInt64, version: UInt64
    ) -> StreamPiece {
        let pack = Listpack(bytes)
        // An entry needs no more than so many bytes beyond those in the node, where it has at least eight.
        let piece = make(id: id, version: version, first: first, room: bytes.count + entries * 20 + 32)
        var at = pack.next(pack.next(pack.first))
        var writer = StreamPieceWriter(piece.head.pointee.bytes)
        let shared = Int(pack.element(at).integer)
        writer.put(number: UInt64(shared))
        at = writer.take(shared, pack, pack.next(at))
        piece.finishBeginning(writer, shared)
        at = pack.next(at)
        while at != pack.end { at = piece.append(pack, at, shared) }
        if !piece.isRoomy { return piece }
        defer { piece.free() }
        return piece.copy(room: piece.used)
    }

    /// Adds the node's entry at `at`; answers where the next one is.
    private func append(_ pack: Listpack, _ at: Int, _ shared: Int) -> Int {
        let flags = UInt8(pack.element(at).integer)
        let msAt = pack.next(at)
        let seqAt = pack.next(msAt)
        let id = first.advanced(ms: pack.element(msAt).integer, seq: pack.element(seqAt).integer)
        var next = pack.next(seqAt)
        let isSame = flags & Flag.sameFields != 0
        var fields = shared
        if !isSame {
            fields = Int(pack.element(next).integer)
            next = pack.next(next)
        }
        var writer = StreamPieceWriter(head.pointee.bytes + used)
        writer.putHead(id, after: last, first: first, flags, fields)
        next = writer.take(isSame ? fields : fields * 2, pack, next)
        finishEntry(writer, id)
        if flags & Flag.deleted != 0 { head.pointee.deleted += 1 } else { head.pointee.live += 1 }
        return pack.next(next)
    }
}

extension StreamPieceWriter {
    /// Copies so many elements of a listpack from `at` on; answers where the next one is.
    fileprivate mutating func take(_ count: Int, _ pack: Listpack, _ at: Int) -> Int {
        var at = at
        for _ in 0..<count {
            put(body: pack.start + at, pack.bodyCount(at))
            at = pack.next(at)
        }
        return at
    }
}

/// Writes a listpack's elements one after another.
private struct NodeWriter {
    private let start: UnsafeMutablePointer<UInt8>
    private var at = Listpack.headerBytes
    private var elements = 0

    init(_ start: UnsafeMutablePointer<UInt8>) { self.start = start }

    mutating func put(_ integer: Int) {
        let element = Listpack.NewElement(integer: Int64(integer))
        element.write(to: start + at)
        at += element.byteCount
        elements += 1
    }

    /// Copies so many elements of a piece from `from` on; answers where they end.
    mutating func take(_ count: Int, _ bytes: StreamBytes, _ from: Int) -> Int {
        var from = from
        for _ in 0..<count {
            let next = bytes.next(from)
            let body = next - from
            memcpy(start + at, bytes.start + from, body)
            Listpack.writeTail(start + at + body, body)
            at += body + Listpack.tailBytes(body)
            from = next
        }
        elements += count
        return from
    }

    func finish() {
        start[at] = 255
        let pack = Listpack(start)
        pack.setByteCount(at + 1)
        pack.setCount(elements)
    }
}
