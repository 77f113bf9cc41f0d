import Base
import CSystem

/// Records for the tree, gathered in any order. Of several with the same key the last one counts.
public struct RecordBatch: ~Copyable {
    private var data = ByteBuffer(capacity: 4096)
    private var places: [Place] = []

    private struct Place {
        var offset: Int
        var keyCount: Int
        var stem: Int
        /// -1: the key is gone.
        var valueCount: Int
        /// The name begins with it: most comparisons need not look at the name.
        var slot: UInt16
    }

    /// One record. Valid until the batch changes.
    public struct Record {
        public var key: ByteView
        /// Bytes of the key without a piece's number.
        public var stem: Int
        /// Nil: the key is gone.
        public var value: ByteView?
    }

    public init() {}

    /// Bytes of keys and values.
    public var bytes: Int { data.count }
    public var isEmpty: Bool { places.isEmpty }

    /// Has room for so many more, so that nothing need be moved while they are added.
    mutating func makeRoom(records: Int, bytes: Int) {
        _ = data.reserve(bytes)
        if places.capacity - places.count < records { places.reserveCapacity(2 * places.count + records) }
    }

    mutating func add(key: (inout ByteBuffer) -> Void, value: (inout ByteBuffer) -> Void) {
        let offset = data.count
        key(&data)
        let middle = data.count
        value(&data)
        note(offset, keyCount: middle - offset, stem: middle - offset, valueCount: data.count - middle)
    }

    /// The name of what was added last.
    var lastKey: [UInt8] { places.last.map { record($0).key.bytes } ?? [] }

    /// Adds a piece of the key with this stem; nil: its record is to go.
    mutating func add(_ stem: ByteView, piece: UInt64, _ value: ByteView?) {
        let offset = data.count
        StoredKey.append(stem, piece: piece, to: &data)
        let middle = data.count
        if let value { data.append(value) }
        note(offset, keyCount: middle - offset, stem: stem.count, valueCount: value?.count ?? -1)
    }

    /// Adds that keys are gone, each with its length before it.
    mutating func addRemoved(_ names: ByteView) {
        var at = 0
        while let count = names.varint(at: &at) {
            let end = at + Int(count)
            let name = names.slice(at, end)
            let offset = data.count
            data.append(name)
            note(offset, keyCount: Int(count), stem: StoredKey.stem(name), valueCount: -1)
            at = end
        }
    }

    /// What has just been written is a record.
    @inline(__always)
    private mutating func note(_ offset: Int, keyCount: Int, stem: Int, valueCount: Int) {
        let slot = UInt16(data.view[offset]) << 8 | UInt16(data.view[offset + 1])
        places.append(
            Place(offset: offset, keyCount: keyCount, stem: stem, valueCount: valueCount, slot: slot))
    }

    private func record(_ place: Place) -> Record {
        let middle = place.offset + place.keyCount
        return Record(
            key: data.view.slice(place.offset, middle), stem: place.stem,
            value: place.valueCount < 0 ? nil : data.view.slice(middle, middle + place.valueCount))
    }

    /// All records, as they were added.
    public func forEach(_ body: (Record) -> Void) {
        for place in places { body(record(place)) }
    }

    /// All records that count, by key.
    public mutating func forEachInOrder<E: Error>(_ body: (Record) throws(E) -> Void) throws(E) {
        let view = data.view
        places.sort { a, b in
            let order = RecordBatch.compare(view, a, b)
            return order == 0 ? a.offset < b.offset : order < 0
        }
        for (i, place) in places.enumerated() {
            if i + 1 < places.count && RecordBatch.compare(view, place, places[i + 1]) == 0 { continue }
            try body(record(place))
        }
    }

    private static func compare(_ view: ByteView, _ a: Place, _ b: Place) -> Int {
        if a.slot != b.slot { return Int(a.slot) - Int(b.slot) }
        let order = Int(memcmp(view.start + a.offset, view.start + b.offset, min(a.keyCount, b.keyCount)))
        return order == 0 ? a.keyCount - b.keyCount : order
    }
}
