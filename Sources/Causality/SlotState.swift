/// What a node is to a slot, and what it may claim and issue there.
///
/// The counter that it issues from is no part of the clock: it survives the clock's being forgotten, and a stand-in
/// has it without a clock.
public struct SlotState: Equatable, Sendable {
    public enum Role: Equatable, Sendable {
        /// A replica: answers for the slot.
        case member(SlotClock)
        /// Not yet one, or no longer: it knows some writes, and does not answer. Waits for a source.
        case newcomer(SlotClock)
        /// Being streamed to.
        case joining(JoiningClock)
        /// Not its slot: it takes writes for others, and claims nothing but their dots.
        case standIn
    }

    public var role: Role
    /// The last dot that this node issued in the slot. Counter 0: none yet under the actor.
    public private(set) var issued: Dot

    public init(_ role: Role = .standIn, issued: Dot = Dot(packed: 0)) {
        self.role = role
        self.issued = issued
    }

    /// A replica's after an orderly end: it goes on under the same actor where its clock ends, which has all it issued.
    /// Under a new one (`ActorIdentity`) it begins at 1.
    public init(restored clock: SlotClock, actor: UInt64) {
        self.init(.member(clock), issued: Dot(actor: actor, counter: clock.highest(of: actor)))
    }

    /// The clock for the slot's keys, to fill from and to strip by. A stand-in's is empty. A slot that is being streamed
    /// has two, and a key belongs to one of them: `JoiningClock.clock`.
    public var clock: SlotClock {
        switch role {
        case .member(let clock), .newcomer(let clock): clock
        case .joining: preconditionFailure("a joining slot has two clocks")
        case .standIn: SlotClock()
        }
    }

    /// Whether the node may answer for the slot.
    public var answers: Bool { if case .member = role { true } else { false } }

    /// The next dot of this node, whose actor index this is. It is issued for good: if its write fails, it is noted and
    /// sent as one that did nothing.
    public mutating func issue(by actor: UInt64) -> Dot {
        let last = issued.actor == actor ? issued.counter : 0
        precondition(last < Dot.counterMax, "48 bits of counter are used up")
        issued = Dot(actor: actor, counter: last + 1)
        return issued
    }

    /// Whether somebody holds dots of this actor that this node does not remember issuing: its counters are
    /// those of another time (a restored backup, a copied directory), and it must take a new actor id before it writes
    /// (rule 6). To be asked of every peer's clock before the first write under an id that is not new.
    public func hasForgottenIssuing(actor: UInt64, says clock: SlotClock) -> Bool {
        clock.highest(of: actor) > (issued.actor == actor ? issued.counter : 0)
    }

    /// The replica has found that data of the slot is lost (rule 3): it stops answering, and knows nothing from now on.
    ///
    /// A stream that is under way is abandoned first.
    ///
    /// - Returns: the old clock. What it says is true of keys that survive and of no others: they are to be kept by
    ///   `StoredSiblings.rebase(from: old, to: SlotClock())`, and their dots noted with `keep`.
    public mutating func forget() -> SlotClock {
        let old = clock
        role = .newcomer(SlotClock())
        return old
    }

    /// A newcomer notes the versions of a key that has survived.
    public mutating func keep<Payload>(_ key: StoredSiblings<Payload>) {
        guard case .newcomer(var clock) = role else { preconditionFailure("only a newcomer keeps survivors") }
        key.forEachVersion { clock.add($0.dot, at: $0.timestamp) }
        role = .newcomer(clock)
    }
}
