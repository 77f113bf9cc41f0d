/// The clocks of a slot whose keys are being streamed to this replica in the order of their keys (rule 4).
///
/// The source's clock says what has been superseded and deleted: it may be believed for a key only once the
/// key's state has come, and for the slot only once all have. So there are two clocks, one for keys that the stream has
/// passed and one for those that it has not, and neither is the slot's: `finish` makes that of the first one, and there is
/// no other way to get at it. Writes that arrive meanwhile go through `apply`, which notes them in both.
///
/// The stream begins with the source's clock and, of the same moment, the states of all its keys that have a residue
/// (`absorb`). They say what the writes in the clock did to writes that are not in it; by the time their turn comes the
/// source may have those too, have stripped the residue, and the key be gone.
public struct JoiningClock: Equatable, Sendable {
    /// What is held of keys that are still to come: what arrived here by itself.
    public private(set) var ahead: SlotClock
    /// What is held of keys that the stream has passed: that, and the source's base when the stream began. Not what the
    /// source held beyond gaps: of keys that are gone, it remembered that with the keys, and may have forgotten it by the
    /// time their turn comes, as its base advanced. Those dots are asked for later.
    public private(set) var behind: SlotClock
    /// What the source knew of keys it did not have when the stream began.
    private let gone: CausalContext

    /// `held`: this replica's clock so far, empty for a newcomer. `source`: the clock of the replica that streams,
    /// taken before its first key was read.
    public init(held: SlotClock = SlotClock(), source: SlotClock) {
        ahead = held
        behind = held
        behind.join(source.withoutBeyond)
        gone = source.context()
    }

    /// The clock that a key belongs to.
    public func clock(isBehind: Bool) -> SlotClock { isBehind ? behind : ahead }

    /// A write that arrives while the stream is under way. `isBehind`: whether the stream has passed its key.
    @discardableResult
    public mutating func apply<Payload>(
        _ write: WriteEvent<Payload>, to key: inout StoredSiblings<Payload>, isBehind: Bool
    ) -> StoredSiblings<Payload>.Applied {
        let applied =
            isBehind
            ? key.apply(write, clock: &behind) : key.apply(write, clock: &ahead)
        noteInBoth(write.dot, write.timestamp)
        return applied
    }

    /// A state that arrives while the stream is under way, and not by it.
    @discardableResult
    public mutating func absorb<Payload>(
        _ state: SiblingSet<Payload>, into key: inout StoredSiblings<Payload>, isBehind: Bool
    ) -> Bool {
        let changed =
            isBehind
            ? key.absorb(state, clock: &behind)
            : key.absorb(state, clock: &ahead)
        for version in state.versions { noteInBoth(version.dot, version.timestamp) }
        return changed
    }

    private mutating func noteInBoth(_ dot: Dot, _ timestamp: Int64) {
        ahead.add(dot, at: timestamp)
        behind.add(dot, at: timestamp)
    }

    /// The stream passes a key, which is behind from now on. `state`: what the stream says of it; nil: nothing. Every key
    /// that is here is to be passed, also one that the source has not.
    public mutating func pass<Payload>(_ key: inout StoredSiblings<Payload>, state: SiblingSet<Payload>?) {
        key.absorb(state ?? SiblingSet(context: gone), clock: &ahead)
        for version in state?.versions ?? [] { noteInBoth(version.dot, version.timestamp) }
        key.strip(by: behind)
    }

    /// Notes a write that did nothing (`SlotClock.noteNothing`).
    public mutating func noteNothing(_ dot: Dot, at timestamp: Int64) {
        ahead.noteNothing(dot, at: timestamp)
        behind.noteNothing(dot, at: timestamp)
    }

    /// Notes a write that deletes in every key (`SlotClock.flush`).
    public mutating func flush(_ dot: Dot, at timestamp: Int64, superseding context: CausalContext) -> Bool {
        // A key behind may lack what only the source had superseded by it: it is removed there in any case.
        let isNew = ahead.flush(dot, at: timestamp, superseding: context)
        return behind.flush(dot, at: timestamp, superseding: context) || isNew
    }

    /// The slot's clock, when the last key has been passed. Goes to disk together with that key (rule 3).
    public consuming func finish() -> SlotClock { behind }

    /// The slot's clock when the stream cannot be finished: what arrived by itself. Keys that it had passed are moved
    /// back by `StoredSiblings.rebase(from: behind, to: ahead)`, or what the source knew of them would be forgotten.
    public consuming func abandon() -> SlotClock { ahead }
}
