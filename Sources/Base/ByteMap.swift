import CSystem

/// A map from byte strings to values, looked up by view without an allocation: channels, waited-for keys,
/// scripts. Keys are copied. Open addressing, linear probing, deletion by shifting back.
///
/// Not synchronised: its owner says by which thread or under which lock it is used.
public final class ByteMap<Value> {
    @usableFromInline
    struct Cell {
        /// nil: free.
        @usableFromInline var name: UnsafeMutablePointer<UInt8>?
        @usableFromInline var nameCount = 0
        @usableFromInline var hash: UInt64 = 0
    }

    /// Keys in it.
    @usableFromInline var cells: UnsafeMutablePointer<Cell>
    @usableFromInline var values: UnsafeMutablePointer<Value>
    @usableFromInline var capacity: Int
    public private(set) var count = 0

    public init() {
        capacity = 8
        cells = .allocate(capacity: 8)
        cells.initialize(repeating: Cell(), count: 8)
        values = .allocate(capacity: 8)
    }

    deinit {
        removeAll()
        cells.deallocate()
        values.deallocate()
    }

    public var isEmpty: Bool { count == 0 }

    /// Bytes held: cells, values and names.
    public var memoryBytes: Int {
        var total = capacity * (MemoryLayout<Cell>.stride + MemoryLayout<Value>.stride)
        for i in 0..<capacity where cells[i].name != nil { total += cells[i].nameCount }
        return total
    }

    /// Where the key's value is, valid until the next insertion or removal.
    @inlinable
    public func find(_ key: ByteView) -> UnsafeMutablePointer<Value>? { find(key, hash: cs_hash(key.start, key.count)) }

    /// The same for a caller who knows the key's `cs_hash` already.
    @inlinable
    @inline(__always)
    public func find(_ key: ByteView, hash: UInt64) -> UnsafeMutablePointer<Value>? {
        if count == 0 { return nil }
        let i = index(key, hash)
        return cells[i].name == nil ? nil : values + i
    }

    /// Some key and its value: the first at or after a cell that `number` picks. Valid until the next
    /// insertion or removal.
    public func some(_ number: UInt64) -> (ByteView, UnsafeMutablePointer<Value>)? {
        if count == 0 { return nil }
        var i = Int(truncatingIfNeeded: number) & (capacity &- 1)
        while cells[i].name == nil { i = (i &+ 1) & (capacity &- 1) }
        return (ByteView(UnsafePointer(cells[i].name.unsafelyUnwrapped), cells[i].nameCount), values + i)
    }

    public subscript(key: ByteView) -> Value? { find(key)?.pointee }

    /// The key's cell, or the free one where it belongs.
    @inlinable
    func index(_ key: ByteView, _ hash: UInt64) -> Int {
        var i = Int(truncatingIfNeeded: hash) & (capacity &- 1)
        while let name = cells[i].name {
            if cells[i].hash == hash && cells[i].nameCount == key.count
                && cs_equal(name, key.start, key.count) != 0
            {
                return i
            }
            i = (i &+ 1) & (capacity &- 1)
        }
        return i
    }

    /// The key's value, made with `initial` if it is not there. Valid until the next insertion or removal.
    public func findOrInsert(_ key: ByteView, _ initial: @autoclosure () -> Value) -> UnsafeMutablePointer<Value> {
        let hash = cs_hash(key.start, key.count)
        var i = index(key, hash)
        if cells[i].name != nil { return values + i }
        if (count + 1) * 4 > capacity * 3 {
            resize(to: capacity * 2)
            i = index(key, hash)
        }
        let name = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, key.count))
        memcpy(name, key.start, key.count)
        cells[i] = Cell(name: name, nameCount: key.count, hash: hash)
        (values + i).initialize(to: initial())
        count += 1
        return values + i
    }

    /// Puts a value in the key's place; answers the one that was there.
    @discardableResult
    public func set(_ key: ByteView, _ value: Value) -> Value? {
        if let place = find(key) {
            let old = place.pointee
            place.pointee = value
            return old
        }
        _ = findOrInsert(key, value)
        return nil
    }

    /// Takes a key out; answers what it led to.
    @discardableResult
    public func remove(_ key: ByteView) -> Value? {
        if count == 0 { return nil }
        var hole = index(key, cs_hash(key.start, key.count))
        guard let name = cells[hole].name else { return nil }
        name.deallocate()
        let value = (values + hole).move()
        count -= 1
        var i = hole
        while true {
            i = (i + 1) & (capacity - 1)
            if cells[i].name == nil { break }
            let home = Int(truncatingIfNeeded: cells[i].hash) & (capacity - 1)
            // A cell may move back only as far as its home.
            if (i - home) & (capacity - 1) < (i - hole) & (capacity - 1) { continue }
            cells[hole] = cells[i]
            (values + hole).moveInitialize(from: values + i, count: 1)
            hole = i
        }
        cells[hole] = Cell()
        if capacity > 8 && count * 8 < capacity { resize(to: capacity / 4) }
        return value
    }

    /// Takes all keys out; the cells stay.
    public func removeAll() {
        for i in 0..<capacity {
            guard let name = cells[i].name else { continue }
            name.deallocate()
            (values + i).deinitialize(count: 1)
            cells[i] = Cell()
        }
        count = 0
        if capacity > 8 { resize(to: 8) }
    }

    /// Visits all pairs, in no order. The map must not be changed meanwhile.
    public func forEach(_ body: (ByteView, UnsafeMutablePointer<Value>) -> Void) {
        for i in 0..<capacity {
            if let name = cells[i].name { body(ByteView(UnsafePointer(name), cells[i].nameCount), values + i) }
        }
    }

    private func resize(to size: Int) {
        let (oldCells, oldValues, oldCapacity) = (cells, values, capacity)
        capacity = max(8, size)
        cells = .allocate(capacity: capacity)
        cells.initialize(repeating: Cell(), count: capacity)
        values = .allocate(capacity: capacity)
        for i in 0..<oldCapacity where oldCells[i].name != nil {
            var at = Int(truncatingIfNeeded: oldCells[i].hash) & (capacity - 1)
            while cells[at].name != nil { at = (at + 1) & (capacity - 1) }
            cells[at] = oldCells[i]
            (values + at).moveInitialize(from: oldValues + i, count: 1)
        }
        oldCells.deallocate()
        oldValues.deallocate()
    }
}
