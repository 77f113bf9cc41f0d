import Base

/// Replies of a client that cannot all be sent yet, in the order of its requests: some wait for other nodes.
///
/// Belongs to the session; its loop's alone.
struct ReplyQueue {
    private struct Place {
        var reply: Reply = []
        var isAwaited: Bool
    }

    private var replies: [Place] = []
    /// Replies that have been taken from `replies` but are still there, at its beginning.
    private var taken = 0
    /// How many have been taken, ever: the number of the first one in the queue.
    private var first: UInt64 = 0
    /// Bytes that are ready, behind a reply that is not.
    private(set) var bytes = 0

    var isEmpty: Bool { taken == replies.count }
    /// Replies in the queue.
    var count: Int { replies.count - taken }

    /// A place for a reply that comes later; answers its number.
    mutating func await() -> UInt64 {
        replies.append(Place(isAwaited: true))
        return first &+ UInt64(count - 1)
    }

    /// A reply that is there, behind those that are not.
    mutating func append(_ reply: Reply) {
        if reply.isEmpty { return }
        bytes += reply.count
        replies.append(Place(reply: reply, isAwaited: false))
    }

    /// The reply of this number has come.
    mutating func fill(_ number: UInt64, _ reply: Reply) {
        precondition(number >= first && number - first < UInt64(count), "a reply that nobody awaits")
        replies[taken + Int(number - first)] = Place(reply: reply, isAwaited: false)
        bytes += reply.count
    }

    /// Moves what has its turn to the output.
    mutating func flush(to output: inout OutputBuffer) {
        while taken < replies.count, !replies[taken].isAwaited {
            bytes -= replies[taken].reply.count
            output.append(replies[taken].reply)
            replies[taken].reply = []
            taken += 1
            first &+= 1
        }
        if taken == replies.count {
            replies.removeAll(keepingCapacity: replies.count <= 64)
            taken = 0
        } else if taken > 64 && taken > replies.count / 2 {
            replies.removeFirst(taken)
            taken = 0
        }
    }
}
