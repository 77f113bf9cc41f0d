import Base

/// A write as it travels: made once, by its coordinator, and the same for every replica.
public struct WriteEvent<Payload> {
    public let dot: Dot
    /// When the coordinator made it, ms since 1970.
    public let timestamp: Int64
    /// What it supersedes. Fixed when the write is made: filled in later it would cover what came in between.
    public let context: CausalContext
    /// The new version; nil: the write only deletes what the context covers.
    public let payload: Payload?

    /// A context with the write's own dot, or one after it of the same actor, was made by somebody who has seen other
    /// writes with them: this node has forgotten its counters, and must take a new actor id (rule 6).
    public init(
        _ dot: Dot, at timestamp: Int64, _ payload: Payload?, superseding context: CausalContext
    ) throws(ReissuedDot) {
        if context.highest(of: dot.actor) >= dot.counter { throw ReissuedDot(dot: dot) }
        self.dot = dot
        self.timestamp = timestamp
        self.payload = payload
        self.context = context
    }

    init(checked dot: Dot, at timestamp: Int64, _ payload: Payload?, superseding context: CausalContext) {
        self.dot = dot
        self.timestamp = timestamp
        self.payload = payload
        self.context = context
    }
}

/// What `StoredSiblings.apply` found.
public enum AppliedWrite: Equatable, Sendable {
    /// The write is held: nothing has changed.
    case held
    /// Something newer that is here supersedes it: its dot is noted, and what it superseded removed.
    case superseded
    /// Done.
    case done
}

/// A dot is being issued a second time: somebody knows it already, or one after it, as that of another write.
public struct ReissuedDot: Error, Equatable {
    public let dot: Dot
}

extension WriteEvent: Equatable where Payload: Equatable {}
extension WriteEvent: Sendable where Payload: Sendable {}

/// What a replica keeps of a key: its versions, without what the slot's clock says anyway.
///
/// Everything here is relative to one clock. It is filled from it on the way out (`filled`) and stripped on the way in
/// (`apply`, `absorb`), so that a settled key is its dot and nothing else. In a slot that is being handed over, keys
/// that the stream has passed belong to another clock than the others; `rebase` moves a key from one to the other.
public struct StoredSiblings<Payload> {
    struct Stored {
        var version: Sibling<Payload>
        /// Whether `version.context` is what the version was written with. It is not when there is only one
        /// version: then it is empty, and the clock's in its place.
        var isAccompanied: Bool
    }

    /// By ascending dot.
    var stored: [Stored] = []
    /// What is known to be superseded beyond the clock's base: its writes may still arrive, and must not appear.
    /// It stays also when no version is left, until the base has it (rule 2).
    public internal(set) var residue = CausalContext()

    public init() {}

    /// A settled key: one version, and nothing else to remember.
    public init(settled dot: Dot, at timestamp: Int64, _ payload: Payload) {
        stored = [
            Stored(
                version: Sibling(dot, at: timestamp, payload, after: CausalContext()), isAccompanied: false)
        ]
    }

    public var count: Int { stored.count }

    public var dots: [Dot] { stored.map(\.version.dot) }

    /// Whether the versions' dots (one, or none: the key is gone) say all there is to remember.
    public var isSettled: Bool { stored.count <= 1 && residue.isEmpty }

    /// Whether there is nothing to keep.
    public var isGone: Bool { stored.isEmpty && residue.isEmpty }

    /// The versions with what has been stored with them. For reading, `filled`.
    public func forEachVersion(_ body: (Sibling<Payload>) -> Void) {
        for one in stored { body(one.version) }
    }

    /// How many versions a client's write would leave (`SiblingLimits`). `adds`: it is no deletion.
    public func siblings(after context: CausalContext, adds: Bool = true) -> Int {
        stored.reduce(adds ? 1 : 0) { $0 + (context.covers($1.version.dot) ? 0 : 1) }
    }

    // MARK: out

    /// The key as it may leave the replica: with all that the replica knows of it.
    ///
    /// A stand-in has no clock for the slot: with an empty one it claims nothing but the key's own dots (rule 4).
    public func filled(by clock: SlotClock) -> SiblingSet<Payload> {
        var context = clock.context()
        context.join(residue)
        let versions = stored.map { one in
            var version = one.version
            if !one.isAccompanied { version.context = context }
            return version
        }
        return SiblingSet(versions, context: context)
    }

    // MARK: in

    public typealias Applied = AppliedWrite

    /// Does what a write says, and notes its dot, unless it is held.
    ///
    /// - Parameter claims: false: at a stand-in. `clock` is empty and stays so; all there is to know is kept with the key.
    @discardableResult
    public mutating func apply(
        _ write: WriteEvent<Payload>, clock: inout SlotClock, claims: Bool = true
    ) -> Applied {
        // A stand-in's empty clock has not even the dots of what is here.
        if clock.contains(write.dot) || stored.contains(where: { $0.version.dot == write.dot }) { return .held }
        let isSuperseded = residue.covers(write.dot) || clock.superseded.covers(write.dot)
        removeVersions(coveredBy: write.context)
        if let payload = write.payload, !isSuperseded {
            // Before this write is in the clock or the residue: siblings do not know each other.
            accompany(by: clock)
            let version = Sibling(write.dot, at: write.timestamp, payload, after: write.context)
            let place = stored.firstIndex { $0.version.dot.packed > write.dot.packed } ?? stored.count
            stored.insert(Stored(version: version, isAccompanied: true), at: place)
        }
        residue.join(write.context)
        if claims {
            clock.add(write.dot, at: write.timestamp)
        } else if write.payload == nil {
            // The dot says to others that something was deleted: who takes over the state may be the only one to have it.
            residue.insert(ClockEntry(write.dot, at: write.timestamp))
        }
        strip(by: clock)
        return isSuperseded ? .superseded : .done
    }

    /// Takes in what another node knows of the key, and notes the dots of its versions.
    ///
    /// - Parameter claims: as for `apply`.
    /// - Returns: whether the versions have changed.
    @discardableResult
    public mutating func absorb(
        _ other: SiblingSet<Payload>, clock: inout SlotClock, claims: Bool = true
    ) -> Bool {
        let before = dots
        var mine = filled(by: clock)
        mine.merge(other)
        if claims { for version in other.versions { clock.add(version.dot, at: version.timestamp) } }
        self = StoredSiblings(unstripped: mine)
        strip(by: clock)
        return before != dots
    }

    private init(unstripped set: SiblingSet<Payload>) {
        stored = set.versions.map { Stored(version: $0, isAccompanied: true) }
        residue = set.context
    }

    /// Of what was kept, in any order.
    init(kept versions: [Sibling<Payload>], _ residue: CausalContext) {
        stored = versions.sorted { $0.dot.packed < $1.dot.packed }.map {
            Stored(version: $0, isAccompanied: versions.count > 1)
        }
        self.residue = residue
    }

    /// Remembers that these are superseded: what was written to the key before, and is not here.
    public mutating func remember(_ gone: CausalContext) {
        residue.join(gone)
        for one in stored { residue.remove(exact: one.version.dot) }
    }

    /// Removes versions, and remembers nothing: for `SlotClock.flush`, whose context the clock remembers.
    public mutating func removeVersions(coveredBy context: CausalContext) {
        stored.removeAll { context.covers($0.version.dot) }
    }

    /// Takes away what the clock's base says by now. When it has advanced, keys with a residue may have become
    /// settled; until somebody calls this they are as right as before, and larger.
    public mutating func strip(by clock: SlotClock) {
        residue.strip(by: clock.base)
        residue.strip(by: clock.dropped)
        #if CANARIES
            if Canary.active == .dropBeyondBase { residue = CausalContext() }
        #endif
        // That they are here says the same.
        for one in stored { residue.remove(exact: one.version.dot) }
        if stored.count == 1 {
            stored[0].version.context = CausalContext()
            stored[0].isAccompanied = false
        }
    }

    /// Moves the key to another clock: it keeps all that the first one said of it. For keys that survive while their
    /// slot's clock is forgotten, and for those that a hand-over had passed when it was given up.
    public mutating func rebase(from old: SlotClock, to new: SlotClock) {
        self = StoredSiblings(unstripped: filled(by: old))
        strip(by: new)
    }

    /// A version that is about to get a sibling gets its context, which has been the clock's.
    private mutating func accompany(by clock: SlotClock) {
        guard stored.count == 1, !stored[0].isAccompanied else { return }
        stored[0].version.context = clock.context()
        stored[0].version.context.join(residue)
        stored[0].isAccompanied = true
    }
}

extension StoredSiblings.Stored: Equatable where Payload: Equatable {}
extension StoredSiblings.Stored: Sendable where Payload: Sendable {}
extension StoredSiblings: Equatable where Payload: Equatable {}
extension StoredSiblings: Sendable where Payload: Sendable {}
