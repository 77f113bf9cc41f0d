/// Which writes to a slot a replica holds: a bitmapped version vector (Gonçalves, Almeida, Baquero, Fonte: "Concise
/// Server-Wide Causality Management for Eventually Consistent Data Stores", DAIS 2015), one for each slot.
///
/// That a dot is in it says: what this write did is done here. Its version is here, or has been superseded here by what
/// is. A key whose version is not here, though its dot is in the clock, has been deleted. So the clock must never have
/// a dot whose write is not here: dots come in one by one with their writes (`StoredSiblings`), as ranges when all keys
/// that they may concern have been brought up to date (`claim`), or with a whole slot (`JoiningClock`).
///
/// 32 bytes as long as one actor writes in the slot and nothing is missing, which is nearly always; 16 for each other actor,
/// gaps 24 each, in blocks of memory of their own.
public struct SlotClock: Equatable, Hashable, Sendable {
    /// All writes of some actors up to a counter: those without a gap before them.
    public private(set) var base = VersionVector()
    /// What few clocks have: once, or not at all.
    private var rare: [Rare] = []

    private struct Rare: Equatable, Hashable, Sendable {
        var beyond = HeldRanges()
        var superseded = CausalContext()
        var dropped = VersionVector()

        var isEmpty: Bool { beyond.isEmpty && superseded.isEmpty && dropped.isEmpty }
    }

    /// What is held beyond a gap.
    private(set) var beyond: HeldRanges {
        get { rare.isEmpty ? HeldRanges() : rare[0].beyond }
        set { changeRare { $0.beyond = newValue } }
    }

    /// What has been superseded in all keys of the slot (FLUSHALL), as far as it reaches beyond the base: its
    /// writes may still arrive, and must not appear then.
    public private(set) var superseded: CausalContext {
        get { rare.isEmpty ? CausalContext() : rare[0].superseded }
        set { changeRare { $0.superseded = newValue } }
    }

    /// Actors of whom every write is held, and who have no entry in the base any more: `ActorTable.dropped`.
    public private(set) var dropped: VersionVector {
        get { rare.isEmpty ? VersionVector() : rare[0].dropped }
        set { changeRare { $0.dropped = newValue } }
    }

    private mutating func changeRare<R>(_ change: (inout Rare) -> R) -> R {
        if rare.isEmpty { rare = [Rare()] }
        defer { if rare[0].isEmpty { rare = [] } }
        return change(&rare[0])
    }

    public init() {}

    /// nil if something is said twice.
    init?(_ base: VersionVector, _ beyond: HeldRanges, superseded: CausalContext, dropped: VersionVector) {
        self.base = base
        self.beyond = beyond
        self.superseded = superseded
        tidy()
        let before = self
        drop(dropped)
        if superseded != self.superseded || base != before.base || beyond != before.beyond { return nil }
    }

    public var isEmpty: Bool { base.isEmpty && rare.isEmpty }

    /// Whether the write is held. Takes no memory.
    @inline(__always)
    public func contains(_ dot: Dot) -> Bool {
        base.covers(dot) || (_slowPath(!rare.isEmpty) && containsElsewhere(dot))
    }

    private func containsElsewhere(_ dot: Dot) -> Bool { beyond.contains(dot) || dropped.covers(dot) }

    /// Notes one write. `timestamp`: when it was written, ms since 1970.
    ///
    /// - Returns: whether it was not there before.
    @inline(__always)
    @discardableResult
    mutating func add(_ dot: Dot, at timestamp: Int64) -> Bool {
        let held = base.counter(of: dot.actor)
        if dot.counter <= held { return false }
        if _fastPath(dot.counter == held + 1 && raisesPlainly(from: held)) {
            base.raise(to: ClockEntry(dot, at: timestamp))
            return true
        }
        if containsElsewhere(dot) { return false }
        insert(DotRange(actor: dot.actor, dot.counter...dot.counter), at: timestamp)
        return true
    }

    /// Whether an actor's writes right behind those that are held change nothing but the base. Whoever is in the base has
    /// not been dropped.
    @inline(__always)
    private func raisesPlainly(from held: UInt64) -> Bool {
        rare.isEmpty || rare[0].beyond.isEmpty && superseded.isEmpty && (held > 0 || dropped.isEmpty)
    }

    private mutating func insert(_ range: DotRange, at timestamp: Int64) {
        if dropped.covers(range.first) { return }
        let held = base.counter(of: range.actor)
        if range.first.counter > held + 1 {
            changeRare { $0.beyond.insert(range, at: timestamp) }
            return
        }
        // Also if the base has them all: the time may be later.
        let end = ClockEntry(Dot(actor: range.actor, counter: range.last), at: timestamp)
        base.raise(to: rare.isEmpty ? end : changeRare { $0.beyond.takeUp(to: end) })
        tidy()
    }

    private mutating func tidy() {
        if rare.isEmpty { return }
        superseded.strip(by: base)
        superseded.strip(by: dropped)
    }

    /// Notes writes of which it is known that all they did is done here: the last step of catching up, after the
    /// states of all the keys concerned have been taken in. `timestamp`: of the latest of them, ms since 1970.
    public mutating func claim(_ range: DotRange, at timestamp: Int64) {
        let held = base.counter(of: range.actor)
        if _fastPath(range.first.counter == held + 1 && raisesPlainly(from: held)) {
            base.raise(to: ClockEntry(Dot(actor: range.actor, counter: range.last), at: timestamp))
        } else {
            insert(range, at: timestamp)
        }
    }

    /// Notes a write that did nothing, or not here: one that failed at its coordinator still travels, so that
    /// nobody waits for its dot (rule 4).
    @discardableResult
    public mutating func noteNothing(_ dot: Dot, at timestamp: Int64) -> Bool { add(dot, at: timestamp) }

    /// Notes a write that deletes in every key of the slot what `context` covers (FLUSHALL). The keys themselves are
    /// the caller's (`StoredSiblings.removeVersions(coveredBy:)`); at the coordinator the context is `context()` and the dots of
    /// all versions.
    ///
    /// - Returns: whether it was not held before. If not, nothing has changed, and nothing is to be removed.
    public mutating func flush(_ dot: Dot, at timestamp: Int64, superseding context: CausalContext) -> Bool {
        if contains(dot) { return false }
        superseded.join(context)
        add(dot, at: timestamp)
        tidy()
        return true
    }

    /// Notes that everything in the context has been superseded in all keys of the slot, as `flush` does, without a dot: the
    /// caller's own, which follows in the same step, is this node's.
    public mutating func supersede(_ context: CausalContext) {
        superseded.join(context)
        tidy()
    }

    /// Everything that either has. Only for who has taken over all that the other one's replica holds: `JoiningClock`.
    mutating func join(_ other: SlotClock) {
        drop(other.dropped)
        for entry in other.base.entries {
            insert(DotRange(actor: entry.actor, 1...entry.counter), at: entry.timestamp)
        }
        for held in other.beyond.ranges { insert(held.range, at: held.timestamp) }
        superseded.join(other.superseded)
        tidy()
    }

    /// Everything that either has, when both are this replica's own: one of them is older, or was read from its log.
    public mutating func join(heldHere other: SlotClock) { join(other) }

    /// The clock without what is beyond gaps.
    var withoutBeyond: SlotClock {
        var clock = self
        clock.beyond = HeldRanges()
        return clock
    }

    /// What a replica with this clock knows of any key, without the key's own: context that goes out begins with it.
    public func context() -> CausalContext {
        var context = CausalContext(base)
        if rare.isEmpty { return context }
        context.join(dropped)
        context.join(superseded)
        return context
    }

    // MARK: counters

    /// The highest counter of an actor that is held; 0: none.
    public func highest(of actor: UInt64) -> UInt64 {
        max(base.counter(of: actor), beyond.of(actor).last?.range.last ?? dropped.counter(of: actor))
    }

    /// What is held beyond gaps, by ascending actor index and counter.
    public var held: [DotRange] { beyond.ranges.map(\.range) }

    /// Whether the dot is in the base, or of a dropped actor: contexts that go out cover it without a key's saying so.
    public func hasInBase(_ dot: Dot) -> Bool { hasWithoutGap(dot) }

    /// Whether nothing is missing below anything that is held.
    public var isDense: Bool { rare.isEmpty || rare[0].beyond.isEmpty }

    // MARK: comparing

    /// What is missing below what is held, by ascending actor index and counter.
    public var gaps: [DotRange] {
        var gaps: [DotRange] = []
        var actor = UInt64.max
        var held: UInt64 = 0
        for entry in beyond.ranges {
            if entry.range.actor != actor {
                actor = entry.range.actor
                held = base.counter(of: actor)
            }
            gaps.append(DotRange(actor: actor, held + 1...entry.range.first.counter - 1))
            held = entry.range.last
        }
        return gaps
    }

    /// What the other one has and this one lacks, by ascending actor index and counter: what to ask its replica for.
    public func missing(from other: SlotClock) -> [DotRange] {
        var missing: [DotRange] = []
        for entry in other.base.entries where !dropped.covers(entry.dot) {
            appendMissing(of: DotRange(actor: entry.actor, 1...entry.counter), to: &missing)
        }
        for held in other.beyond.ranges where !dropped.covers(held.range.first) {
            appendMissing(of: held.range, to: &missing)
        }
        return missing.sorted { $0.first.packed < $1.first.packed }
    }

    private func appendMissing(of range: DotRange, to missing: inout [DotRange]) {
        var next = max(range.first.counter, base.counter(of: range.actor) + 1)
        if next > range.last { return }
        for held in beyond.of(range.actor) where held.range.last >= next {
            if held.range.first.counter > range.last { break }
            if held.range.first.counter > next {
                missing.append(DotRange(actor: range.actor, next...held.range.first.counter - 1))
            }
            next = held.range.last + 1
            if next > range.last { return }
        }
        missing.append(DotRange(actor: range.actor, next...range.last))
    }

    /// Whether it has all that the other one has.
    public func covers(_ other: SlotClock) -> Bool { missing(from: other).isEmpty }

    /// Whether both hold the same writes; times do not matter.
    public func holdsTheSame(as other: SlotClock) -> Bool { covers(other) && other.covers(self) }

    // MARK: actors that are gone (rule 5)

    /// The last counter of an actor that will write no more, if every replica of the slot holds all its writes up to
    /// the same one: then they may drop it. nil: they may not yet.
    public static func finalCounter(of actor: UInt64, in clocks: some Collection<SlotClock>) -> UInt64? {
        guard let first = clocks.first else { return nil }
        let final = first.base.counter(of: actor)
        return clocks.allSatisfy { $0.base.counter(of: actor) == final && $0.beyond.of(actor).isEmpty } ? final : nil
    }

    /// Takes over which actors have been dropped (`ActorTable.dropped`): every replica of the slot holds all their
    /// writes (`finalCounter`), and needs no entry to say so.
    public mutating func drop(_ actors: VersionVector) {
        if actors.isEmpty { return }
        if dropped.isEmpty { dropped = actors } else { dropped.join(actors) }
        base.remove(coveredBy: dropped)
        changeRare { rare in
            for entry in actors.entries { rare.beyond.remove(actor: entry.actor) }
        }
        tidy()
    }
}

extension SlotClock {
    /// What a write does to a key that has at most one version and nothing else to remember.
    public enum Arrival: Equatable, Sendable {
        /// The write is held: it changes nothing.
        case held
        /// It takes the key over: its dot is all there is to remember of it.
        case settles
        /// Anything else (siblings, a gap, a late write): `StoredSiblings` says what.
        case mixes
    }

    /// Looks at a write to such a key, whose version has the dot `current` (nil: no version), before anything is
    /// changed. Takes no memory. After `settles` the caller adds the dot (`settle`).
    public func arrival(of dot: Dot, superseding context: CausalContext, at current: Dot?) -> Arrival {
        if contains(dot) { return .held }
        if !rare.isEmpty && !superseded.isEmpty { return .mixes }
        if let current, !context.covers(current) { return .mixes }
        for entry in context.base.entries where !hasWithoutGap(entry.dot) { return .mixes }
        for entry in context.dots where !hasWithoutGap(entry.dot) { return .mixes }
        return .settles
    }

    private func hasWithoutGap(_ dot: Dot) -> Bool { base.covers(dot) || (!rare.isEmpty && dropped.covers(dot)) }

    /// Notes the dot of a write that `arrival` said settles; its data is stored in the same step.
    public mutating func settle(_ dot: Dot, at timestamp: Int64) { add(dot, at: timestamp) }
}
