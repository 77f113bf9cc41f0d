import Base
import CSystem
import Commands
import Replication

/// Who wants the reply to a request.
enum Requester {
    /// A client of this loop.
    case client(SessionPointer)
    /// Another node, which a client sent the request to.
    case peer(PeerReturn, id: UInt64)
    /// The same, whose reply has its place already: the number of it (`ReplyQueue`).
    case waiting(SessionPointer, UInt64)
    /// One key's share of a client's request (`Gather`).
    case part(of: UInt64, Int, SessionPointer)
    /// Nobody: what the node does by itself.
    case nobody
}

/// Who has been served by a write, and what it gets once enough replicas have that.
struct ServedWaiter {
    let waiter: Waiter
    let reply: [UInt8]
}

/// A request that waits for other nodes.
struct Operation {
    enum Work {
        /// Made here, and on its way to the other replicas.
        case write(PutCoordinator)
        /// Answered here, and being compared with other replicas; the command is run again if they know better.
        case read(GetCoordinator, QueuedCommand)
        /// To be made here, once other replicas have been asked what they know; or it was, and would change nothing, if they
        /// know nothing else.
        case prepare(GetCoordinator, QueuedCommand, Consistency)
        /// Handed to the key's coordinator.
        case forward(writes: Bool)
        /// Asked which versions there are of keys that a client watches.
        case watch
        /// A member is asked for what this node lacks; -1: in which partitions that is.
        case catchUp(partition: Int)
        /// Keys that were kept for a member are on their way to it.
        case handOver([HintTable.Hint])
        /// A member is told that it has all that this node wrote in these slots.
        case account([Int])
    }

    var work: Work
    var requester: Requester
    /// 2 or 3.
    var version: UInt8
    /// What is answered if all goes well.
    var reply: Reply = []
    /// What other replicas have been asked to compare with (`Comparison.digest`). The reply tells of that, or of more.
    var compared: UInt64 = 0
    /// Clients that waited, and that the write has served.
    var served: [ServedWaiter] = []
    var slot: Int
    /// Who has been asked, by rank: a replica or who stands in for it, -1 for nobody. Empty: the slot's replicas.
    var seats: [Int] = []
    /// Of a forwarded request: to whom.
    var member = -1
    /// When it was begun, and when nobody waits any longer: ms on the monotonic clock.
    var began: Int64
    var deadline: Int64

    /// Who sits at this rank; -1: nobody.
    func member(_ rank: Int, _ view: ClusterView) -> Int { view.member(slot, rank, seats) }

    /// Whether who sits there stands in for a replica.
    func isStandIn(_ rank: Int, _ view: ClusterView) -> Bool { view.isStandIn(slot, rank, seats) }

    /// The client for whom something is being written.
    var writer: SessionPointer? {
        switch (work, requester) {
        case (.write, .waiting(let session, _)), (.write, .part(_, _, let session)): session
        case (.prepare, .waiting(let session, _)), (.prepare, .part(_, _, let session)): session
        case (.forward(true), .waiting(let session, _)), (.forward(true), .part(_, _, let session)): session
        default: nil
        }
    }

    /// What a read, or a write that asks first, is about.
    var comparison: (get: GetCoordinator, request: QueuedCommand)? {
        switch work {
        case .read(let get, let request), .prepare(let get, let request, _): (get, request)
        default: nil
        }
    }

    /// The same operation after an answer.
    mutating func set(_ get: GetCoordinator) {
        switch work {
        case .read(_, let request): work = .read(get, request)
        case .prepare(_, let request, let consistency): work = .prepare(get, request, consistency)
        default: break
        }
    }

    func free() { comparison?.request.free() }
}

extension ClusterView {
    /// `Operation.member`.
    func member(_ slot: Int, _ rank: Int, _ seats: [Int]) -> Int { seats.isEmpty ? replica(slot, rank) : seats[rank] }

    /// `Operation.isStandIn`.
    func isStandIn(_ slot: Int, _ rank: Int, _ seats: [Int]) -> Bool {
        !seats.isEmpty && seats[rank] != replica(slot, rank)
    }
}

/// A loop's operations. Ids say where an operation is, which of those that have been there it is, and, in the lowest bits,
/// which of its seats an answer is from.
struct OperationTable: ~Copyable {
    private struct Place {
        var operation: Operation?
        /// Counts up with everything that comes and goes: odd while an operation is there.
        var serial: UInt64 = 0
    }

    /// `used` of `capacity` have been of use.
    private var places: UnsafeMutablePointer<Place> = .allocate(capacity: 64)
    private var capacity = 64
    private var used = 0
    private var free: [Int] = []
    private(set) var count = 0

    private static let placeBits: UInt64 = 24
    private static let rankBits: UInt64 = 6
    private static let serialMask = UInt64.max >> (rankBits + placeBits)

    init() {}

    deinit {
        places.deinitialize(count: used)
        places.deallocate()
    }

    /// Answers the id, for rank 0.
    mutating func insert(_ operation: consuming Operation) -> UInt64 {
        count += 1
        let place = free.popLast() ?? addPlace()
        places[place].serial &+= 1
        places[place].operation = operation
        return id(of: place)
    }

    private mutating func addPlace() -> Int {
        precondition(used < 1 << OperationTable.placeBits, "more operations than a loop can have clients for")
        if used == capacity {
            let larger = UnsafeMutablePointer<Place>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: places, count: used)
            places.deallocate()
            (places, capacity) = (larger, capacity * 2)
        }
        (places + used).initialize(to: Place())
        used += 1
        return used - 1
    }

    private static let rankMask: UInt64 = 1 << rankBits - 1
    /// The operation's id for another rank.
    static func id(_ id: UInt64, rank: Int) -> UInt64 { id & ~rankMask | UInt64(rank) }
    static func rank(_ id: UInt64) -> Int { Int(id & (1 << rankBits - 1)) }

    private func id(of place: Int) -> UInt64 {
        (places[place].serial << OperationTable.placeBits | UInt64(place)) << OperationTable.rankBits
    }

    @inline(__always)
    private func place(_ id: UInt64) -> Int? {
        let place = Int(id >> OperationTable.rankBits & (1 << OperationTable.placeBits - 1))
        let serial = id >> (OperationTable.rankBits + OperationTable.placeBits)
        guard place < used, places[place].serial & OperationTable.serialMask == serial, serial & 1 == 1 else {
            return nil
        }
        return place
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
        places[place].serial &+= 1
        free.append(place)
        count -= 1
        return places[place].operation.take()
    }

    /// The operation is over, and there is nothing in it that is still wanted.
    mutating func drop(_ id: UInt64) {
        guard let place = place(id) else { return }
        places[place].serial &+= 1
        places[place].operation = nil
        free.append(place)
        count -= 1
    }

    /// Brings an operation towards the cache.
    func prefetch(_ id: UInt64) {
        let place = Int(id >> OperationTable.rankBits & (1 << OperationTable.placeBits - 1))
        if place >= used { return }
        let start = UnsafeRawPointer(places + place)
        for line in stride(from: 0, to: MemoryLayout<Place>.size, by: 64) { cs_prefetch(start + line) }
    }

    /// The ids of all that are under way.
    var ids: [UInt64] {
        if count == 0 { return [] }
        return (0..<used).filter { places[$0].operation != nil }.map { id(of: $0) }
    }

    /// The ids, and when each was begun and ends, ms.
    func forEachTime(_ body: (UInt64, _ began: Int64, _ deadline: Int64) -> Void) {
        if count == 0 { return }
        for place in 0..<used {
            guard let began = places[place].operation?.began, let deadline = places[place].operation?.deadline else {
                continue
            }
            body(id(of: place), began, deadline)
        }
    }
}
