import Base

/// The actors that a node has heard of, and the 16-bit indexes that stand for them in its dots.
///
/// One for each node; indexes mean nothing elsewhere. An index is given out for good: entries, residues and tables on disk
/// hold dots with it. So the table is bounded, and full some day; that an actor is dropped frees the
/// clocks' memory, not its index.
public struct ActorTable: Sendable {
    /// No dot has room for more.
    public static let capacityMax = 1 << 16

    /// What is known of an actor's end (rule 5).
    public enum State: UInt8, Sendable {
        case live = 0
        /// Gone for good, says the administrator: it issues no more dots. Its last ones may still be on their way.
        case closed = 1
        /// All replicas of all slots hold all its dots, and their clocks name it no longer.
        case dropped = 2
    }

    public let capacity: Int
    private var ids: [ActorID] = []
    private var states: [State] = []
    private var indexes: [ActorID: UInt64] = [:]
    /// All dots of dropped actors: what `SlotClock.drop` takes.
    public private(set) var dropped = VersionVector()

    public init(capacity: Int = ActorTable.capacityMax) {
        precondition(capacity > 0 && capacity <= ActorTable.capacityMax)
        self.capacity = capacity
    }

    public var count: Int { ids.count }

    /// The actor's index, which it gets if it has none.
    public mutating func intern(_ id: ActorID) throws(CausalityError) -> UInt64 {
        if let index = indexes[id] { return index }
        if ids.count >= capacity { throw .tooManyActors }
        let index = UInt64(ids.count)
        ids.append(id)
        states.append(.live)
        indexes[id] = index
        return index
    }

    public func index(of id: ActorID) -> UInt64? { indexes[id] }

    /// The id of an index that this table has given out.
    public func id(at index: UInt64) -> ActorID { ids[Int(index)] }

    public func state(of index: UInt64) -> State { states[Int(index)] }

    /// The actor will issue no more dots: the administrator says so, or it was this node's own before the one it has now.
    public mutating func close(_ index: UInt64) {
        if states[Int(index)] == .live { states[Int(index)] = .closed }
    }

    /// Every replica of every slot holds all dots of the closed actor (`SlotClock.finalCounter`), none is joining, and
    /// no hint with one is left. Then the clocks of this node's slots drop it, too.
    public mutating func drop(_ index: UInt64) {
        precondition(states[Int(index)] != .live, "an actor is closed before it is dropped")
        states[Int(index)] = .dropped
        dropped.raise(to: ActorTable.everyDot(of: index))
    }

    static func everyDot(of index: UInt64) -> ClockEntry {
        ClockEntry(Dot(actor: index, counter: Dot.counterMax), at: Limits.timestampEpoch)
    }

    // MARK: encoding

    /// How many; of each, by ascending index, its id and state. Standing alone.
    public func encode(to output: inout ByteBuffer) {
        CausalFrame.actors.encode(to: &output) {
            $0.append(varint: UInt64(ids.count))
            for (id, state) in zip(ids, states) {
                id.encode(to: &$0)
                $0.append(state.rawValue)
            }
        }
    }

    /// What `encode` wrote, and nothing behind it.
    public init(_ bytes: ByteView, capacity: Int = ActorTable.capacityMax) throws(CausalityError) {
        self.init(capacity: capacity)
        var reader = try CausalFrame.actors.open(bytes)
        for index in 0..<(try reader.count(bytesEach: ActorID.byteCount + 1)) {
            let id = try reader.actorID()
            guard let state = State(rawValue: try reader.byte()), try intern(id) == UInt64(index) else {
                throw .corrupt
            }
            if state != .live { close(UInt64(index)) }
            if state == .dropped { drop(UInt64(index)) }
        }
        try reader.finish()
    }
}

extension ActorTable: Equatable {
    public static func == (a: ActorTable, b: ActorTable) -> Bool {
        a.capacity == b.capacity && a.ids == b.ids && a.states == b.states
    }
}
