import Base
import CSystem

extension Entry {
    func writeSortedSet(to output: inout ByteBuffer) {
        let set = SortedSet(self)
        if set.isSmall {
            let pack = set.listpack()
            output.appendKind(.sortedSetListpack)
            output.appendText(pack.pack.bytes)
            return pack.free()
        }
        output.appendKind(.sortedSet2)
        output.appendCount(set.count)
        // The last first, as Redis does: whoever reads adds in front, which costs least.
        set.forEach(0..<set.count, reversed: true) { member, score in
            member.withView { output.appendText($0) }
            output.append(littleEndian: score.bitPattern)
        }
    }
}

extension SortedSet {
    /// A small set as the listpack that it is in Redis: members and scores in turn, whole scores as integers. The
    /// caller frees it.
    func listpack() -> PackedBlock {
        var pack = PackedBlock()
        forEach(0..<count) { member, score in
            member.withView { pack.append(Listpack.NewElement($0)) }
            if abs(score) <= 0x1p62, let whole = Int64(exactly: score) {
                return pack.append(Listpack.NewElement(integer: whole))
            }
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
                let start = text.baseAddress.unsafelyUnwrapped
                let length = Int(cs_format_double(score, start, 64))
                pack.append(Listpack.NewElement(ByteView(raw: UnsafeRawPointer(start), length)))
            }
        }
        return pack
    }

    /// Bytes of the listpack that a small set is in Redis.
    public var listpackBytes: Int {
        let pack = listpack()
        defer { pack.free() }
        return pack.pack.byteCount
    }
}

extension PayloadTarget {
    /// Members and scores one after another; before Redis 4 the scores are text.
    func readSortedSet(_ reader: inout PayloadReader, scoresAreText: Bool) throws(PayloadError) -> Entry {
        let count = try reader.elementCount(bytesEach: 2)
        let table = ElementTable()
        defer { table.free() }
        for _ in 0..<count {
            let member = try reader.text()
            let score =
                scoresAreText ? try reader.scoreText() : Double(bitPattern: try reader.littleEndian(UInt64.self))
            if score.isNaN { throw .corrupt }
            let isNew = member.withView { table.find($0, orAdd: score).isNew }
            if !isNew { throw .corrupt }
        }
        return try finish(table)
    }

    /// A listpack or ziplist of members and scores in turn. Members stay packed however long they are.
    func readPackedSortedSet(_ reader: inout PayloadReader, _ kind: PayloadKind) throws(PayloadError) -> Entry {
        try (try reader.text()).withView { bytes throws(PayloadError) in
            if kind == .sortedSetZiplist { return try readPairs(Ziplist(bytes)) }
            return try readPairs(CheckedListpack(bytes))
        }
    }

    private func readPairs(_ elements: some ForeignElements) throws(PayloadError) -> Entry {
        let table = ElementTable()
        defer { table.free() }
        var member: Listpack.Element?
        var areSound = true
        let isSound = elements.forEach { element in
            guard let name = member else {
                member = element
                return
            }
            member = nil
            let score = element.score
            areSound = areSound && !score.isNaN && name.withView { table.find($0, orAdd: score).isNew }
        }
        if !isSound || !areSound || member != nil { throw .corrupt }
        return try finish(table, looksAtLengths: false)
    }

    private func finish(_ table: ElementTable, looksAtLengths: Bool = true) throws(PayloadError) -> Entry {
        if table.count == 0 { throw .empty }
        table.sort()
        return access.makeDetachedSet(key, table.elements, deadline: deadline, looksAtLengths: looksAtLengths)
    }
}

extension Listpack.Element {
    /// The score that a sorted set's listpack says here; what is no number is NaN.
    fileprivate var score: Double {
        guard let view else { return Double(integer) }
        var value = 0.0
        let start = UnsafeRawPointer(view.start).assumingMemoryBound(to: CChar.self)
        return cs_parse_bound(start, view.count, &value) == 0 ? value : .nan
    }
}

extension PayloadReader {
    /// A score as text with its length; three lengths stand for what has no text.
    fileprivate mutating func scoreText() throws(PayloadError) -> Double {
        switch try byte() {
        case 255: return -.infinity
        case 254: return .infinity
        case 253: return .nan
        case let count: return try take(Int(count)).double ?? .nan
        }
    }
}
