import Base
import CSystem
import Commands
import Keyspace

/// A client's wait: for keys (a blocking command), or for time only (WAIT).
///
/// Whoever serves it, by any loop, claims it first; its own loop ends it when the time is up, the client goes, or
/// CLIENT UNBLOCK says so. What is not a constant says who may touch it.
final class Waiter: @unchecked Sendable {
    let clientID: UInt64
    /// The loop that the client belongs to.
    let loop: Int
    /// The command with its words, to be run again; nil: nothing to run (WAIT).
    let request: QueuedCommand?
    /// What is counted when the wait is over.
    let command: CommandPointer
    let type: ValueType
    let onRemoval: Bool
    let database: Int
    let version: UInt8
    let noTouch: Bool
    /// ms since 1970; 0: never.
    let deadline: Int64
    /// Partitions that must be locked to serve it, beside the ready key's.
    let needs: PartitionSet
    /// What the slow log says of the client.
    let address: String
    let name: [UInt8]
    /// Ticks that the command took until it waited.
    let spent: UInt64
    /// The client; nil once it is gone or goes on. Its own loop's.
    var session: SessionPointer?
    /// Where it queues. Its own loop's, after it has been entered.
    var places: [WaitPlace] = []
    /// Its place in its loop's heap of deadlines, -1: none. Its own loop's.
    var heapIndex = -1
    /// When its loop looks whether its time is up. Its own loop's.
    var due: Int64
    private let word: UnsafeMutablePointer<UInt32>

    /// What `request` and the rest are made from.
    struct Terms {
        var type = ValueType.string
        var onRemoval = false
        var deadline: Int64
        var needs = PartitionSet()
        var request: QueuedCommand?
        var spent: UInt64 = 0
    }

    init(_ session: SessionPointer, loop: Int, command: CommandPointer, _ terms: Terms) {
        self.session = session
        self.loop = loop
        self.command = command
        clientID = session.pointee.id
        request = terms.request
        type = terms.type
        onRemoval = terms.onRemoval
        deadline = terms.deadline
        // Past the deadline, as in Redis: whole milliseconds would otherwise let it end up to one too early.
        due = terms.deadline == .max ? .max : terms.deadline + 1
        needs = terms.needs
        spent = terms.spent
        database = session.pointee.database
        version = session.pointee.version
        noTouch = session.pointee.noTouch
        address = session.pointee.details.address
        name = session.pointee.details.name
        word = .allocate(capacity: 1)
        word.initialize(to: Claim.free)
    }

    deinit {
        request?.free()
        word.deallocate()
    }

    // MARK: claiming

    private enum Claim {
        static let free: UInt32 = 0
        /// Somebody is trying to serve it.
        static let claimed: UInt32 = 1
        /// The same, and meanwhile another key has become ready, whose loop could not have it.
        static let missed: UInt32 = 2
        static let over: UInt32 = 3
    }

    /// Takes it, to try to serve it. If somebody else is trying just now, he learns that he has to look at its
    /// other keys, should he not succeed.
    func claim() -> Bool {
        while true {
            switch cs_swap_u32(word, Claim.free, Claim.claimed) {
            case Claim.free: return true
            case Claim.claimed:
                let found = cs_swap_u32(word, Claim.claimed, Claim.missed)
                if found != Claim.free { return false }
            default: return false
            }
        }
    }

    /// Gives it back unserved. Answers true if another key became ready meanwhile.
    func giveBack() -> Bool {
        if cs_swap_u32(word, Claim.claimed, Claim.free) == Claim.claimed { return false }
        _ = cs_swap_u32(word, Claim.missed, Claim.free)
        return true
    }

    /// It has been served, by whoever claimed it.
    func conclude() {
        if cs_swap_u32(word, Claim.claimed, Claim.over) != Claim.claimed {
            _ = cs_swap_u32(word, Claim.missed, Claim.over)
        }
    }

    /// Ends it unserved. Answers false if it is over, or somebody is trying to serve it.
    func cancel() -> Bool { cs_swap_u32(word, Claim.free, Claim.over) == Claim.free }

    /// Nobody has served it, or tries to.
    var isFree: Bool { cs_load_acquire_u32(word) == Claim.free }

    var isOver: Bool { cs_load_acquire_u32(word) == Claim.over }
}
