import Base
import Causality
import Keyspace
import Replication

/// What a command changes under this node's own dots, gathered while it runs, for the other replicas.
struct WriteCapture: ~Copyable {
    struct Write {
        var slot: Int
        var dot: Dot
        var timestamp: Int64
        var predecessor: Dot?
        /// What it supersedes: what the node knew of the key when it was made.
        var context: CausalContext
        /// False: it cannot be made again from the mutation alone, and the key's state travels.
        var isMutation: Bool
        /// Where the key and the mutation are in `bytes`.
        var key: Range<Int>
        var mutation: Range<Int>
    }

    private(set) var writes: [Write] = []
    private var bytes = ByteBuffer()

    init() {}

    var isEmpty: Bool { writes.isEmpty }

    /// Called by the sink, under the partition's lock.
    /// `context`: what it supersedes, which a state says itself. `asState`: the key's state travels in any case.
    mutating func add(_ mutation: Mutation, asState: Bool, superseding context: () -> CausalContext) {
        let isMutation = mutation.travelsAlone && !asState
        let start = bytes.count
        bytes.append(mutation.key)
        let keyEnd = bytes.count
        mutation.encode(to: &bytes)
        let hasPredecessor = mutation.dependsOnValue && mutation.predecessor.counter != 0
        writes.append(
            Write(
                slot: mutation.slot, dot: mutation.dot, timestamp: mutation.timestamp,
                predecessor: hasPredecessor ? mutation.predecessor : nil,
                context: isMutation ? context() : CausalContext(), isMutation: isMutation,
                key: start..<keyEnd, mutation: keyEnd..<bytes.count))
    }

    func key(_ write: Write) -> ByteView { bytes.view.slice(write.key.lowerBound, write.key.upperBound) }
    func mutation(_ write: Write) -> ByteView { bytes.view.slice(write.mutation.lowerBound, write.mutation.upperBound) }

    /// The write as it travels if its mutation does.
    func travelling(_ write: Write) -> TravellingWrite {
        TravellingWrite(write.dot, at: write.timestamp, after: write.predecessor, .mutation(mutation(write)))
    }

    /// Whether something has been written in other slots; hardly ever.
    func hasOthers(than slot: Int) -> Bool { writes.contains { $0.slot != slot } }

    /// Takes that out, and answers it.
    mutating func takeAll(outside slot: Int) -> [Write] {
        defer { writes.removeAll { $0.slot != slot } }
        return writes.filter { $0.slot != slot }
    }

    mutating func reset() {
        writes.removeAll(keepingCapacity: writes.count <= 256)
        if bytes.capacity > 256 * 1024 { bytes = ByteBuffer() } else { bytes.truncate(to: 0) }
    }
}

extension Mutation {
    /// Whether another replica that has the same version can make the change.
    fileprivate var travelsAlone: Bool {
        switch change {
        case .siblings: false
        default: true
        }
    }

    /// Whether it is a change to keys at all, that other replicas have to know of.
    fileprivate var travels: Bool {
        switch change {
        case .clock, .actors, .libraries, .flush, .swap: false
        default: dot.counter != 0
        }
    }
}

/// Has a loop's own writes gathered for the other replicas, besides having them logged.
final class ReplicatingSink: MutationSink, @unchecked Sendable {
    /// The log; nil: there is none.
    private let log: MutationSink?

    init(_ log: MutationSink?) { self.log = log }

    override var savesChanges: Bool { log?.savesChanges ?? false }

    override func record(_ mutation: Mutation) {
        log?.record(mutation)
        if mutation.travels { Executor.reference?._withUnsafeGuaranteedRef { $0.captured(mutation) } }
    }

    override func commit() { log?.commit() }
}
