import Base

/// Saves a large value in slices, between which it may change: what is dirty is written, then what has become dirty
/// meanwhile, until so little is left that it can be written under the lock that the head is written under, too. That
/// is the cut: head and records are the value of that instant. (Live migration's pre-copy: Clark et al., NSDI 2005.)
///
/// What has been saved waits here for the cut, since the head comes first on disk and a piece may have been saved more
/// than once. Used by one thread; each `slice` under the lock of the key's partition.
public struct ValueSaving: ~Copyable {
    private struct Record {
        var id: UInt64
        var offset: Int
        /// -1: the piece's record is to go.
        var count: Int
    }

    private let budget: Int
    private var finalBudget: Int
    private let finalBudgetAtFirst: Int
    private var value: UnsafeMutableRawPointer?
    private var cursor = 0
    private var written = 0
    private var writtenAtCheck = 0
    private var bytes = ByteBuffer(capacity: 4096)
    private var records: [Record] = []
    private var removed: [UInt64] = []
    private var headAt = 0
    private var headCount = 0

    /// `budget`: bytes of a slice, more or less. `finalBudget`: how many may be written in one go to come to the end.
    public init(budget: Int = 64 << 10, finalBudget: Int = 256 << 10) {
        self.budget = budget
        self.finalBudget = finalBudget
        finalBudgetAtFirst = finalBudget
    }

    /// Saves some of an entry's large value. Answers whether that was the cut; otherwise it is to be called again, with
    /// the key's entry of then. If that has another value by then (in pieces, too), it begins anew with that one.
    public mutating func slice(_ entry: Entry) -> Bool {
        let (pieces, head) = (entry.pieces, entry.head)
        if value != head || !pieces.isSaved(head) { begin(head) }
        if save(pieces, head, budget) && mustWait(pieces, head) { return false }
        _ = save(pieces, head, .max)
        removed = pieces.takeRemoved(head)
        for id in removed { records.append(Record(id: id, offset: 0, count: -1)) }
        headAt = bytes.count
        pieces.saveHead(head, into: &bytes)
        headCount = bytes.count - headAt
        return true
    }

    /// Has room for the next slice, without the lock: to grow means to copy all that waits here.
    mutating func makeRoom() {
        if value != nil { _ = bytes.reserve(2 * (budget + finalBudget)) }
    }

    /// The key that was being saved is gone, or its value is: the next slice begins anew, even if it finds another value
    /// in the same place.
    public mutating func abandon() { value = nil }

    private mutating func begin(_ head: UnsafeMutableRawPointer) {
        value = head
        finalBudget = finalBudgetAtFirst
        (cursor, written, writtenAtCheck) = (0, 0, 0)
        bytes.truncate(to: 0)
        records = []
        removed = []
    }

    private mutating func save(_ pieces: any PiecedValue.Type, _ head: UnsafeMutableRawPointer, _ budget: Int) -> Bool {
        var new: [Record] = []
        var end = bytes.count
        // `bytes` is not to be captured: it owns its memory.
        var next = cursor
        defer { cursor = next }
        let isLeft = withUnsafeMutablePointer(to: &bytes) { bytes in
            pieces.savePieces(head, from: &next, budget: budget) { id, record in
                bytes.pointee.append(record)
                new.append(Record(id: id, offset: end, count: record.count))
                end += record.count
            }
        }
        written += new.count
        records += new
        return isLeft
    }

    /// Whether too much is left for one go. A value that changes as fast as it is saved would never be done: each time
    /// that as many pieces have been written as it has, twice as much will do.
    private mutating func mustWait(_ pieces: any PiecedValue.Type, _ head: UnsafeMutableRawPointer) -> Bool {
        if written - writtenAtCheck >= pieces.pieceCount(head) {
            writtenAtCheck = written
            finalBudget *= 2
        }
        let average = max(1, bytes.count / max(1, written))
        return pieces.dirtyPieces(head) > finalBudget / average
    }

    // MARK: after the cut

    /// What the head's record is to hold.
    public var head: ByteView { bytes.view.slice(headAt, headAt + headCount) }

    /// Bytes that wait here.
    public var byteCount: Int { bytes.count }

    /// Visits each piece that is to be written (or whose record is to go: nil) once, in the order of ids. `gone`:
    /// records that an earlier value of the key may have left (`Entry.savedPieceIDs`).
    public func forEachRecord(gone: [UInt64] = [], _ body: (UInt64, ByteView?) -> Void) {
        // The latest of each id counts.
        let all = gone.map { Record(id: $0, offset: 0, count: -1) } + records
        let order = all.indices.sorted { all[$0].id != all[$1].id ? all[$0].id < all[$1].id : $0 < $1 }
        for (place, index) in order.enumerated() {
            let record = all[index]
            if place + 1 < order.count && all[order[place + 1]].id == record.id { continue }
            let end = record.offset + record.count
            body(record.id, record.count < 0 ? nil : bytes.view.slice(record.offset, end))
        }
    }

    /// What was saved has not become durable: the value, if the entry still has it, is as dirty as it was.
    public func giveBack(_ entry: Entry) {
        guard entry.encoding == .pieces, let value, entry.head == value else { return }
        entry.pieces.takeBack(value, pieces: Set(records.lazy.filter { $0.count >= 0 }.map(\.id)), removed: removed)
    }
}

extension Entry {
    /// The ids of all records that a large value may have: what must go when the value does, is another key's, or gets
    /// another form. A walk over its pieces, if it was ever saved.
    public var savedPieceIDs: [UInt64] { encoding == .pieces ? pieces.savedPieceIDs(head) : [] }

    /// Makes a large value one that was never saved (it has become another key's), and answers what `savedPieceIDs`
    /// would have.
    public func forgetSaved() -> [UInt64] { encoding == .pieces ? pieces.forgetSaved(head) : [] }
}
