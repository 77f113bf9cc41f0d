import Base
import CSystem

/// A loop's operations. Ids say where an operation is, which of those that have been in the table it is, and, in the lowest
/// bits, which of its seats an answer is from.
struct OperationTable: ~Copyable {
    private struct Place {
        var operation: Operation?
        /// The operation's number; 0: none is there.
        var serial: UInt64 = 0
        /// Among operations that end by themselves: those that were begun before and after this one; -1: none.
        var older: Int32 = -1
        var newer: Int32 = -1
    }

    /// `used` of `capacity` have been of use.
    private var places: UnsafeMutablePointer<Place>
    private var capacity = OperationTable.capacityMin
    private var used = 0
    private var free: [Int32] = []
    private(set) var count = 0
    /// The number of the latest operation.
    private var serial: UInt64 = 0
    private var oldest: Int32 = -1
    private var newest: Int32 = -1

    private static let placeBits: UInt64 = 24
    private static let rankBits: UInt64 = 6
    private static let serialMask = UInt64.max >> (rankBits + placeBits)
    private static let capacityMin = 64
    /// What a burst has needed beyond this is given back when it is over.
    private static let capacityKept = 4096

    init() { places = .allocate(capacity: OperationTable.capacityMin) }

    deinit {
        places.deinitialize(count: used)
        places.deallocate()
    }

    /// Answers the id, for rank 0.
    mutating func insert(_ operation: consuming Operation) -> UInt64 {
        count += 1
        serial = serial == OperationTable.serialMask ? 1 : serial + 1
        let ends = operation.deadline != .max
        let place = free.popLast().map { Int($0) } ?? addPlace()
        places[place].serial = serial
        places[place].operation = operation
        if ends { link(Int32(place)) }
        return id(of: place)
    }

    private mutating func addPlace() -> Int {
        precondition(used < 1 << OperationTable.placeBits, "more operations than a loop can have clients for")
        if used == capacity { move(to: capacity * 2) }
        (places + used).initialize(to: Place())
        used += 1
        return used - 1
    }

    private mutating func move(to larger: Int) {
        let moved = UnsafeMutablePointer<Place>.allocate(capacity: larger)
        moved.moveInitialize(from: places, count: used)
        places.deallocate()
        (places, capacity) = (moved, larger)
    }

    private mutating func link(_ place: Int32) {
        places[Int(place)].older = newest
        places[Int(place)].newer = -1
        if newest >= 0 { places[Int(newest)].newer = place } else { oldest = place }
        newest = place
    }

    private mutating func unlink(_ place: Int32) {
        let (older, newer) = (places[Int(place)].older, places[Int(place)].newer)
        if older < 0 && oldest != place { return }
        if older >= 0 { places[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { places[Int(newer)].older = older } else { newest = older }
        (places[Int(place)].older, places[Int(place)].newer) = (-1, -1)
    }

    /// What was there has been taken out, or is not wanted any more.
    private mutating func release(_ place: Int) {
        places[place].serial = 0
        unlink(Int32(place))
        free.append(Int32(place))
        count -= 1
        if _slowPath(count == 0 && capacity > OperationTable.capacityKept) { shrink() }
    }

    private mutating func shrink() {
        places.deinitialize(count: used)
        places.deallocate()
        (places, capacity, used, free) = (
            .allocate(capacity: OperationTable.capacityMin), OperationTable.capacityMin, 0, []
        )
    }

    private static let rankMask: UInt64 = 1 << rankBits - 1
    /// The operation's id for another rank.
    static func id(_ id: UInt64, rank: Int) -> UInt64 { id & ~rankMask | UInt64(rank) }
    static func rank(_ id: UInt64) -> Int { Int(id & (1 << rankBits - 1)) }

    private func id(of place: Int) -> UInt64 {
        (places[place].serial << OperationTable.placeBits | UInt64(place)) << OperationTable.rankBits
    }

    @inline(__always)
    private func anyPlace(_ id: UInt64) -> Int {
        Int(id >> OperationTable.rankBits & (1 << OperationTable.placeBits - 1))
    }

    @inline(__always)
    private func place(_ id: UInt64) -> Int? {
        let place = anyPlace(id)
        let serial = id >> (OperationTable.rankBits + OperationTable.placeBits)
        return place < used && serial != 0 && places[place].serial == serial ? place : nil
    }

    /// A copy of the operation; nil: it is over.
    subscript(id: UInt64) -> Operation? {
        get { place(id).flatMap { places[$0].operation } }
        set {
            guard let place = place(id), let newValue else { return }
            places[place].operation = newValue
        }
    }

    /// Looks at the operation, and changes it, where it is; nil: it is over. `body` must not come back here.
    @inline(__always)
    mutating func update<R>(_ id: UInt64, _ body: (inout Operation) -> R) -> R? {
        guard let place = place(id) else { return nil }
        return body(&places[place].operation!)
    }

    /// Takes the operation out.
    mutating func remove(_ id: UInt64) -> Operation? {
        guard let place = place(id) else { return nil }
        let taken = places[place].operation.take()
        release(place)
        return taken
    }

    /// The operation is over, and there is nothing in it that is still wanted.
    mutating func drop(_ id: UInt64) {
        guard let place = place(id) else { return }
        places[place].operation = nil
        release(place)
    }

    /// Brings an operation towards the cache.
    func prefetch(_ id: UInt64) {
        let place = anyPlace(id)
        if place >= used { return }
        let start = UnsafeRawPointer(places + place)
        for line in stride(from: 0, to: MemoryLayout<Place>.size, by: 64) { cs_prefetch(start + line) }
    }

    /// The ids of all that are under way.
    var ids: [UInt64] {
        if count == 0 { return [] }
        return (0..<used).filter { places[$0].serial != 0 }.map { id(of: $0) }
    }

    /// Whether any of them ends by itself.
    var mayEnd: Bool { oldest >= 0 }

    /// The ids, and when each ends, ms, of those that end by themselves and were begun by then: the oldest first.
    func forEach(begunBy latest: Int64, _ body: (UInt64, _ deadline: Int64) -> Void) {
        var next = oldest
        while next >= 0 {
            let place = places + Int(next)
            guard let began = place.pointee.operation?.began, let deadline = place.pointee.operation?.deadline,
                began <= latest
            else { return }
            body(id(of: Int(next)), deadline)
            next = place.pointee.newer
        }
    }
}
