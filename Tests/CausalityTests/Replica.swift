import Base

@testable import Causality

/// A node with one key of one slot, whose values are words.
struct Replica {
    let name: String
    var actor: UInt64
    var state: SlotState
    var key = StoredSiblings<String>()

    init(_ name: String, _ actors: inout ActorTable, isStandIn: Bool = false) {
        self.name = name
        actor = Replica.newActor(&actors)
        state = SlotState(isStandIn ? .standIn : .member(SlotClock()))
    }

    static func newActor(_ actors: inout ActorTable) -> UInt64 {
        // Ids descend where indexes ascend.
        try! actors.intern(ActorID(high: 1000 - UInt64(actors.count), low: 7))
    }

    var filled: SiblingSet<String> { key.filled(by: state.clock) }

    var values: [String] { filled.versions.map(\.payload).sorted() }

    private mutating func withClock<R>(_ body: (inout SlotClock, inout StoredSiblings<String>) -> R) -> R {
        var clock = state.clock
        defer {
            switch state.role {
            case .member: state.role = .member(clock)
            case .newcomer: state.role = .newcomer(clock)
            default: break
            }
        }
        return body(&clock, &key)
    }

    /// A write that this node coordinates. `value` nil: a deletion.
    mutating func write(
        _ value: String?, after context: CausalContext = CausalContext(), at time: Int64 = 0
    ) throws(ReissuedDot) -> WriteEvent<String> {
        let write = try WriteEvent(state.issue(by: actor), at: time, value, superseding: context)
        receive(write)
        return write
    }

    @discardableResult
    mutating func receive(_ write: WriteEvent<String>) -> StoredSiblings<String>.Applied {
        withClock { clock, key in key.apply(write, clock: &clock) }
    }

    mutating func receive(_ set: SiblingSet<String>) { _ = withClock { clock, key in key.absorb(set, clock: &clock) } }

    /// This one, which waits for a source, becomes a replica again.
    mutating func join(from source: Replica) {
        guard case .newcomer(let held) = state.role else { return }
        var joining = JoiningClock(held: held, source: source.state.clock)
        joining.pass(&key, state: source.filled)
        state.role = .member(joining.finish())
    }
}
