/// A set of writes to one key, or what is known of them: for each actor all up to a counter, and single ones beyond.
///
/// What a reader has seen, what a write supersedes, what a replica knows of a key. Because counters are those of
/// the slot, a context also covers writes to other keys; they mean nothing to this one. A context never covers a write
/// that its maker had not seen: that is why there are exact dots, and no rounding up (docs/causality.md, rule 2).
public struct CausalContext: Equatable, Hashable, Sendable {
    /// All writes of some actors up to a counter.
    public private(set) var base: VersionVector
    /// Writes beyond the base and not the next after it, by ascending actor index and counter.
    public private(set) var dots: [ClockEntry] = []

    public init() { base = VersionVector() }

    public init(_ base: VersionVector) { self.base = base }

    /// nil if the exact dots are not: the base has one, or would take it up. Each is there once.
    init?(_ base: VersionVector, exact dots: [ClockEntry]) {
        self.base = base
        if dots.isEmpty { return }
        if dots.contains(where: { $0.counter <= base.counter(of: $0.actor) + 1 }) { return nil }
        self.dots = dots.sorted { $0.dot.packed < $1.dot.packed }
    }

    @inline(__always)
    public var isEmpty: Bool { base.isEmpty && dots.isEmpty }

    /// Where the dot is, or would be, among the exact ones.
    private func position(of dot: Dot) -> Int {
        var (low, high) = (0, dots.count)
        while low < high {
            let middle = (low + high) / 2
            if dots[middle].dot.packed < dot.packed { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func holdsExactly(_ dot: Dot) -> Bool {
        let i = position(of: dot)
        return i < dots.count && dots[i].dot == dot
    }

    /// Whether the write is in it.
    @inline(__always)
    public func covers(_ dot: Dot) -> Bool { base.covers(dot) || (!dots.isEmpty && holdsExactly(dot)) }

    /// The highest counter of an actor's writes in it; 0: none.
    public func highest(of actor: UInt64) -> UInt64 {
        max(base.counter(of: actor), dots.last { $0.actor == actor }?.counter ?? 0)
    }

    /// Whether all that is in the other is in this.
    public func covers(_ other: CausalContext) -> Bool {
        // What is next after the base is in it: more than the base cannot be made up of exact dots.
        base.covers(other.base) && other.dots.allSatisfy { covers($0.dot) }
    }

    /// Puts one write in.
    public mutating func insert(_ entry: ClockEntry) {
        if entry.counter <= base.counter(of: entry.actor) + 1 {
            raise(to: entry)
            return
        }
        let i = position(of: entry.dot)
        if i < dots.count && dots[i].dot == entry.dot {
            dots[i] = ClockEntry(entry.dot, at: max(dots[i].timestamp, entry.timestamp))
        } else {
            dots.insert(entry, at: i)
        }
    }

    /// Puts all the actor's writes up to this one in.
    public mutating func raise(to entry: ClockEntry) {
        base.raise(to: entry)
        if !dots.isEmpty { absorb() }
    }

    /// Puts all that is in a version vector in.
    public mutating func join(_ other: VersionVector) {
        base.join(other)
        if !dots.isEmpty { absorb() }
    }

    /// Puts all that is in the other in, too.
    public mutating func join(_ other: CausalContext) {
        join(other.base)
        for entry in other.dots { insert(entry) }
    }

    public func joined(_ other: VersionVector) -> CausalContext {
        var result = self
        result.join(other)
        return result
    }

    public func joined(_ other: CausalContext) -> CausalContext {
        var result = self
        result.join(other)
        return result
    }

    /// Exact dots that the base has, or is just before, become part of it: one set has one form.
    private mutating func absorb() {
        var kept: [ClockEntry] = []
        for entry in dots {
            if entry.counter > base.counter(of: entry.actor) + 1 {
                kept.append(entry)
            } else {
                base.raise(to: entry)
            }
        }
        dots = kept
    }

    /// Takes out what the base of a slot's clock says anyway. Entries that go beyond it stay whole.
    mutating func strip(by base: VersionVector) {
        if isEmpty { return }
        self.base.remove(coveredBy: base)
        if !dots.isEmpty { dots.removeAll { base.covers($0.dot) } }
    }

    /// Takes out an exact dot; one that the base covers stays.
    mutating func remove(exact dot: Dot) {
        if dots.isEmpty { return }
        let i = position(of: dot)
        if i < dots.count && dots[i].dot == dot { dots.remove(at: i) }
    }

    /// Takes out what says that an actor has been dropped (`ActorTable.dropped`), but for actors of these versions.
    mutating func removeDropped(except versions: [Dot]) {
        for entry in base.entries where entry.counter == Dot.counterMax {
            if !versions.contains(where: { $0.actor == entry.actor }) { base.remove(actor: entry.actor) }
        }
    }

    /// Takes out the oldest entries until there are at most `entriesMax` (SPEC C2); never one of an actor of whom a
    /// version is being returned. What is left covers less: never too much, so that no write is lost by it.
    ///
    /// - Returns: how many went.
    public mutating func truncate(to entriesMax: Int, returning versions: some Collection<Dot>) -> Int {
        var removed = 0
        while base.entries.count + dots.count > entriesMax {
            let mayGo = { (entry: ClockEntry) in !versions.contains { $0.actor == entry.actor } }
            let oldest = dots.indices.filter { mayGo(dots[$0]) }.min { dots[$0].timestamp < dots[$1].timestamp }
            let oldestTime = oldest.map { dots[$0].timestamp }
            if base.removeOldest(where: { mayGo($0) && (oldestTime == nil || $0.timestamp <= oldestTime!) }) == nil {
                guard let oldest else { break }
                dots.remove(at: oldest)
            }
            removed += 1
        }
        return removed
    }
}
