import Base

/// A part of somebody's member map, to be compared.
struct SyncPage {
    struct Entry {
        var id: NodeID
        var incarnation: UInt64
        var described: UInt64
        var liveness: Liveness
    }

    /// Ids from this one on, in order; to the last entry's, or all that come after it.
    var from: NodeID
    var isLast: Bool
    var entries: [Entry]

    /// Entries are at most so long.
    static let entryBytes = NodeID.bytes + 10 + 10 + 1
    static let wantedMax = 16

    init(_ reader: inout WireReader) throws(MalformedBytes) {
        let flag = try reader.byte()
        if flag > 1 { throw MalformedBytes() }
        isLast = flag == 1
        from = try reader.id()
        let count = try reader.byte()
        entries = []
        for _ in 0..<count {
            let id = try reader.id()
            let incarnation = try Update.incarnation(&reader)
            let described = try Update.incarnation(&reader)
            guard let liveness = Liveness(rawValue: try reader.byte()), described <= incarnation,
                id >= from, entries.last.map({ $0.id < id }) != false
            else { throw MalformedBytes() }
            entries.append(Entry(id: id, incarnation: incarnation, described: described, liveness: liveness))
        }
        if entries.isEmpty && !isLast { throw MalformedBytes() }
    }

    static func wanted(_ reader: inout WireReader) throws(MalformedBytes) -> [NodeID] {
        let count = try reader.varint()
        if count > UInt64(wantedMax) { throw MalformedBytes() }
        var ids: [NodeID] = []
        for _ in 0..<count { ids.append(try reader.id()) }
        return ids
    }
}

/// Anti-entropy: what gossip missed is found by comparing parts of the map, as much as fits one datagram each time. Now
/// and then; in every period while others' maps turn out to be different.
extension Membership {
    /// Different maps in a row that are more than news on its way.
    private static let differencesMin = 4

    /// Another member's digest of its map.
    mutating func compare(_ digest: UInt64, _ sender: Int) {
        if digest == mapDigest {
            differing = 0
        } else {
            differing += 1
            differs = sender
        }
    }

    /// At the beginning of a period.
    mutating func syncIfDue(_ directives: inout [MembershipDirective]) {
        if differing >= Self.differencesMin && known[differs].liveness == .alive {
            sync(with: differs, &directives)
        } else if (periods &+ Int64(id.folded & 0xffff)) % options.syncPeriods == 0,
            let partner = pick({ $0.liveness == .alive })
        {
            // Not all nodes in the same period.
            sync(with: partner, &directives)
        }
    }

    /// Sends the next part of the map.
    private mutating func sync(with partner: Int, _ directives: inout [MembershipDirective]) {
        begin(.syncPage, to: partner, nonce: random.next())
        let flag = writer.count
        writer.append(byte: 0)
        writer.append(id: syncFrom)
        let count = writer.count
        writer.append(byte: 0)
        var place = sorted.firstIndex { known[$0].member.id >= syncFrom } ?? sorted.count
        var entries: UInt8 = 0
        while place < sorted.count && entries < 255 && writer.left >= SyncPage.entryBytes {
            let known = known[sorted[place]]
            writer.append(id: known.member.id)
            writer.append(varint: known.incarnation)
            writer.append(varint: known.member.incarnation)
            writer.append(byte: known.liveness.rawValue)
            entries += 1
            place += 1
        }
        writer.replace(at: flag, byte: place == sorted.count ? 1 : 0)
        writer.replace(at: count, byte: entries)
        syncFrom = place == sorted.count ? .nobody : known[sorted[place]].member.id
        send(to: partner, &directives)
    }

    /// Answers with what is newer here, and asks for what is newer there.
    mutating func reply(
        to page: SyncPage, _ sender: Int, _ nonce: UInt64, _ directives: inout [MembershipDirective]
    ) {
        let (wanted, newer) = compare(page)
        if wanted.isEmpty && newer.isEmpty { return }
        begin(.syncReply, to: sender, nonce: nonce)
        writer.append(varint: UInt64(wanted.count))
        for id in wanted { writer.append(id: id) }
        appendBeliefs(newer)
        send(to: sender, &directives)
    }

    /// Which records are wanted, and which members are newer here.
    private func compare(_ page: SyncPage) -> (wanted: [NodeID], newer: [Int]) {
        var (wanted, newer): ([NodeID], [Int]) = ([], [])
        var entries = page.entries[...]
        for index in sorted {
            let known = known[index]
            if known.member.id < page.from { continue }
            while let entry = entries.first, entry.id < known.member.id { entries.removeFirst() }
            guard let entry = entries.first, entry.id == known.member.id else {
                if entries.isEmpty && !page.isLast { break }
                continue
            }
            let mine = (known.incarnation, known.liveness.rawValue, known.member.incarnation)
            let theirs = (entry.incarnation, entry.liveness.rawValue, entry.described)
            if mine < theirs && wanted.count < SyncPage.wantedMax { wanted.append(entry.id) }
            if mine > theirs || known.member.incarnation > entry.described { newer.append(index) }
        }
        return (wanted, newer)
    }

    mutating func tell(
        _ sender: Int, of wanted: [NodeID], _ nonce: UInt64, _ directives: inout [MembershipDirective]
    ) {
        if wanted.isEmpty { return }
        begin(.gossip, to: sender, nonce: nonce)
        appendBeliefs(wanted.compactMap { indices[$0] })
        send(to: sender, &directives)
    }

    /// Adds what this node knows of members, as far as there is room.
    private mutating func appendBeliefs(_ indices: [Int]) {
        for index in indices {
            if !writer.append(Update.record(known[index].member)) { return }
            if let accusation = accusation(of: index), !writer.append(accusation) { return }
        }
    }
}
