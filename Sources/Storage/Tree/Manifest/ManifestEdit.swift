import Base

/// A table's place in the tree, as the manifest has it.
struct TablePlace: Equatable, Sendable {
    /// 0: the newest; records of a level hide those of higher ones.
    var level: Int
    /// In level 0: which run the table belongs to; later runs hide earlier ones. 0 in other levels.
    var run: UInt64
    var number: UInt64
    var bytes: Int64
    var records: Int64
}

/// What changes at once: tables that come and go, and the state that the tree's owner keeps with them.
///
///     varint  1   varint: no table, run or manifest has this number yet, nor a higher one
///     varint  2   varint: bytes; these: the state
///     varint  3   a table that comes: varints level, run, number, bytes, records
///     varint  4   varint: the number of a table that goes
///
/// Each may come more than once, except 1 and 2, in any order.
struct ManifestEdit: Equatable {
    var nextNumber: UInt64
    /// Nil: stays as it is.
    var state: [UInt8]?
    var added: [TablePlace] = []
    var removed: [UInt64] = []

    static let lastLevel = 6

    func write(to output: inout ByteBuffer) {
        output.append(varint: 1)
        output.append(varint: nextNumber)
        if let state {
            output.append(varint: 2)
            state.withView { output.append(counted: $0) }
        }
        for number in removed {
            output.append(varint: 4)
            output.append(varint: number)
        }
        for place in added {
            output.append(varint: 3)
            output.append(varint: UInt64(place.level))
            output.append(varint: place.run)
            output.append(varint: place.number)
            output.append(varint: UInt64(place.bytes))
            output.append(varint: UInt64(place.records))
        }
    }

    init(nextNumber: UInt64, state: [UInt8]? = nil, added: [TablePlace] = [], removed: [UInt64] = []) {
        self.nextNumber = nextNumber
        self.state = state
        self.added = added
        self.removed = removed
    }

    /// Nil if this version does not write such an edit.
    init?(_ bytes: ByteView) {
        self.init(nextNumber: 0)
        var at = 0
        while at < bytes.count {
            guard let kind = bytes.varint(at: &at), read(kind, bytes, &at) else { return nil }
        }
        if nextNumber == 0 { return nil }
    }

    private mutating func read(_ kind: UInt64, _ bytes: ByteView, _ at: inout Int) -> Bool {
        guard let first = bytes.varint(at: &at) else { return false }
        switch kind {
        case 1:
            if nextNumber != 0 || first >= ManifestFormat.numberBound { return false }
            nextNumber = first
        case 2:
            guard state == nil, first <= UInt64(bytes.count - at) else { return false }
            state = bytes.slice(at, at + Int(first)).bytes
            at += Int(first)
        case 3:
            guard let run = bytes.varint(at: &at), let number = bytes.varint(at: &at),
                let size = bytes.varint(at: &at), let records = bytes.varint(at: &at),
                first <= UInt64(Self.lastLevel), (first == 0) == (run != 0), number != 0,
                size <= UInt64(Int64.max), records <= UInt64(Int64.max)
            else { return false }
            added.append(
                TablePlace(
                    level: Int(first), run: run, number: number, bytes: Int64(size), records: Int64(records)))
        case 4: removed.append(first)
        default: return false
        }
        return true
    }
}

/// What a manifest says after its edits: the tables, and the state.
struct ManifestContents: Equatable {
    var nextNumber: UInt64 = 1
    var state: [UInt8] = []
    /// By number.
    private(set) var tables: [UInt64: TablePlace] = [:]

    /// False if the edit does not fit what there is.
    mutating func apply(_ edit: ManifestEdit) -> Bool {
        if edit.nextNumber < nextNumber { return false }
        nextNumber = edit.nextNumber
        for number in edit.removed where tables.removeValue(forKey: number) == nil { return false }
        for place in edit.added {
            guard place.number < nextNumber, place.run < nextNumber,
                tables.updateValue(place, forKey: place.number) == nil
            else { return false }
        }
        if let state = edit.state { self.state = state }
        return true
    }

    /// The tables in the order in which they are written: same contents, same bytes.
    var places: [TablePlace] { tables.values.sorted { ($0.level, $0.run, $0.number) < ($1.level, $1.run, $1.number) } }

    /// All of it as one edit.
    var snapshot: ManifestEdit { ManifestEdit(nextNumber: nextNumber, state: state, added: places) }
}
