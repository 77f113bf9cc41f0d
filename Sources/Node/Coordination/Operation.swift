import Base
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
