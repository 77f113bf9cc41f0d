import Base
import CSystem

/// Records on their way into a block: these, then the places (4 bytes each) of those whose keys are whole, of which
/// the first record is one, then how many these are (4).
struct BlockWriter: ~Copyable {
    private(set) var bytes = ByteBuffer(capacity: 8 * 1024)
    private var restarts: [UInt32] = []
    private var sinceRestart = 0

    /// Every so many records a key is whole: there a search can begin.
    private static let restartInterval = 8

    var isEmpty: Bool { restarts.isEmpty }

    /// What the block's length would be with one more record, at most.
    func byteCount(with record: Int) -> Int { bytes.count + record + 4 * restarts.count + 28 }

    /// - Parameter shared: how many leading bytes of the key are also the previous key's.
    mutating func add(_ key: ByteView, shared: Int, stem: Int, _ value: ByteView?) {
        let isWhole = restarts.isEmpty || sinceRestart == BlockWriter.restartInterval
        if isWhole {
            restarts.append(UInt32(bytes.count))
            sinceRestart = 0
        }
        StoredRecord.append(shared: isWhole ? 0 : shared, key: key, stem: stem, value: value, to: &bytes)
        sinceRestart += 1
    }

    /// The whole block. `clear` is next.
    mutating func finish() -> ByteView {
        for restart in restarts { bytes.append(littleEndian: restart) }
        bytes.append(littleEndian: UInt32(restarts.count))
        return bytes.view
    }

    mutating func clear() {
        bytes.truncate(to: 0)
        restarts.removeAll(keepingCapacity: true)
    }
}

/// A block that is read.
struct Block {
    let bytes: ByteView
    /// Where the records end.
    let limit: Int
    private let restarts: Int

    enum Answer {
        case value(ByteView)
        case tombstone
        case absent
        case damaged
    }

    /// Nil if these bytes are none.
    @inline(__always)
    init?(_ bytes: ByteView) {
        let end = bytes.count &- 4
        if end <= 0 { return nil }
        restarts = Int(bytes.integer(at: end, UInt32.self))
        if restarts == 0 || restarts > end / 4 { return nil }
        limit = end &- restarts &* 4
        self.bytes = bytes
    }

    @inline(__always)
    private func restart(_ index: Int) -> Int { Int(bytes.integer(at: limit &+ index &* 4, UInt32.self)) }

    @inline(__always)
    func record(at offset: Int) -> StoredRecord? { StoredRecord(bytes, at: offset, limit: limit) }

    /// Looks a key up: a binary search of the whole keys, then one after the other, without putting keys together: of
    /// each only the bytes are compared that might make a difference.
    func find(_ key: ByteView) -> Answer {
        guard var at = lastRestart(notAfter: key) else { return .damaged }
        var matched = 0
        var previousBytes = 0
        while at < limit {
            guard let record = record(at: at), record.shared <= previousBytes else { return .damaged }
            at = record.end
            previousBytes = record.shared &+ record.suffix.count
            // It has more in common with its predecessor, which is before the key, than that has with the key.
            if record.shared > matched { continue }
            // It differs from its predecessor where that equals the key; or it is whole, and thus behind the key.
            if record.shared < matched { return .absent }
            let rest = key.slice(matched, key.count)
            let common = cs_common_prefix(rest.start, record.suffix.start, min(rest.count, record.suffix.count))
            if common == record.suffix.count {
                if common == rest.count { return record.value.map(Answer.value) ?? .tombstone }
            } else if common == rest.count || rest[common] < record.suffix[common] {
                return .absent
            }
            matched &+= common
        }
        return .absent
    }

    /// Where to begin looking for a key: at the last whole key that is not behind it, or at the first one.
    func lastRestart(notAfter key: ByteView) -> Int? {
        var low = 0
        var high = restarts
        while high &- low > 1 {
            let middle = (low &+ high) &>> 1
            guard let record = record(at: restart(middle)), record.shared == 0 else { return nil }
            if key < record.suffix { high = middle } else { low = middle }
        }
        let place = restart(low)
        return place < limit ? place : nil
    }
}
