import Base

/// Replies of a client that cannot all be sent yet, in the order of its requests: some wait for other nodes.
///
/// Belongs to the session; its loop's alone.
struct ReplyQueue {
    private enum Reply {
        case awaited
        case ready([UInt8])
    }

    private var replies: [Reply] = []
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
        replies.append(.awaited)
        return first &+ UInt64(count - 1)
    }

    /// A reply that is there, behind those that are not.
    mutating func append(_ reply: [UInt8]) {
        if reply.isEmpty { return }
        bytes += reply.count
        if count > 0, case .ready(var last) = replies[replies.count - 1] {
            replies[replies.count - 1] = .awaited
            last += reply
            replies[replies.count - 1] = .ready(last)
        } else {
            replies.append(.ready(reply))
        }
    }

    /// The reply of this number has come.
    mutating func fill(_ number: UInt64, _ reply: [UInt8]) {
        precondition(number >= first && number - first < UInt64(count), "a reply that nobody awaits")
        replies[taken + Int(number - first)] = .ready(reply)
        bytes += reply.count
    }

    /// Moves what has its turn to the output.
    mutating func flush(to output: inout OutputBuffer) {
        while taken < replies.count, case .ready(let reply) = replies[taken] {
            reply.withUnsafeBufferPointer { if let start = $0.baseAddress { output.append(start, $0.count) } }
            bytes -= reply.count
            replies[taken] = .awaited
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
