import Base

/// Whether foreign bytes are a node of a stream (see `StreamPiece.writeNode`): every element of every entry where
/// it should be, IDs ascending, the counters right.
struct StreamPieceCheck {
    private let bytes: ByteView
    private let pack: Listpack
    private let master: StreamID
    private let skipsDeleted: Bool
    private var at: Int

    /// `first`: the ID that the entries' distances are from. `skipsDeleted`: deleted entries may have any IDs (after
    /// XSETID to an ID before theirs, entries follow with lesser ones).
    init(_ bytes: ByteView, first: StreamID, skipsDeleted: Bool = false) {
        self.bytes = bytes
        self.skipsDeleted = skipsDeleted
        pack = Listpack(bytes)
        master = first
        at = Listpack.headerBytes
    }

    struct Summary {
        /// The IDs of the first and the last entry, be they deleted (unless those are skipped).
        var first: StreamID
        var last: StreamID
        /// Entries that are not deleted, and all.
        var live: Int
        var entries: Int
    }

    /// Nil if something is wrong, or no entry is live.
    func summary() -> Summary? {
        guard Listpack.isValid(bytes) else { return nil }
        var check = self
        return check.run()
    }

    private mutating func run() -> Summary? {
        guard let live = integer(), let deleted = integer(), let fields = integer(), live > 0, deleted >= 0,
            skip(fields), integer() == 0
        else { return nil }
        var (first, last): (StreamID?, StreamID?) = (nil, nil)
        var counts: (live: Int64, deleted: Int64) = (0, 0)
        while at < pack.end {
            guard let (id, isDeleted) = entry(fields) else { return nil }
            if isDeleted { counts.deleted += 1 } else { counts.live += 1 }
            if id < master { return nil }
            if isDeleted && skipsDeleted { continue }
            if let last, id <= last { return nil }
            first = first ?? id
            last = id
        }
        guard counts.live == live, counts.deleted == deleted, let first, let last else { return nil }
        return Summary(first: first, last: last, live: Int(live), entries: Int(live + deleted))
    }

    /// The entry here: its ID, and whether it is deleted.
    private mutating func entry(_ shared: Int64) -> (StreamID, Bool)? {
        // Flags are looked at where they lie: an element of one byte.
        guard at < pack.end, bytes[at] <= 3, let flags = integer(), let ms = integer(), let seq = integer() else {
            return nil
        }
        var fields = shared
        var elements = fields &+ 3
        if flags & Int64(StreamPiece.Flag.sameFields) == 0 {
            guard let own = integer(), own >= 0, own <= Int64(bytes.count), skip(own) else { return nil }
            fields = own
            elements = own * 2 + 4
        }
        guard skip(fields), integer() == elements else { return nil }
        return (master.advanced(ms: ms, seq: seq), flags & Int64(StreamPiece.Flag.deleted) != 0)
    }

    private mutating func integer() -> Int64? {
        if at >= pack.end { return nil }
        let element = pack.element(at)
        if element.view != nil { return nil }
        at = pack.next(at)
        return element.integer
    }

    /// Passes over so many elements; false if they are not there.
    private mutating func skip(_ count: Int64) -> Bool {
        if count < 0 { return false }
        for _ in 0..<count {
            if at >= pack.end { return false }
            at = pack.next(at)
        }
        return true
    }
}
