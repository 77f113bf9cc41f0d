import Base

@testable import Causality

/// Small random causal things over few actors, so that they overlap.
struct RandomCausality {
    var random: PRNG
    let actors: UInt64
    let counters: UInt64

    init(seed: UInt64, actors: UInt64 = 3, counters: UInt64 = 9) {
        random = PRNG(seed: seed)
        self.actors = actors
        self.counters = counters
    }

    mutating func below(_ bound: UInt64) -> UInt64 { random.below(bound) }

    mutating func dot() -> Dot { Dot(actor: below(actors), counter: 1 + below(counters)) }

    /// A dot's time is the same wherever it is met.
    static func time(_ dot: Dot) -> Int64 { Int64(dot.packed % 1009) }

    mutating func entry() -> ClockEntry {
        let dot = dot()
        return ClockEntry(dot, at: Self.time(dot))
    }

    mutating func vector() -> VersionVector { VersionVector((0..<below(4)).map { _ in entry() }) }

    mutating func context() -> CausalContext {
        var context = CausalContext(vector())
        for _ in 0..<below(5) { context.insert(entry()) }
        return context
    }

    mutating func clock() -> SlotClock {
        var clock = SlotClock()
        for _ in 0..<below(14) {
            let entry = entry()
            clock.add(entry.dot, at: entry.timestamp)
        }
        for _ in 0..<below(3) {
            let first = dot()
            let last = min(counters, first.counter + below(3))
            clock.claim(DotRange(actor: first.actor, first.counter...last), at: Self.time(first))
        }
        return clock
    }

    /// Of writes whose contexts are sets of dots, as a replica makes them.
    mutating func siblings() -> SiblingSet<Int> {
        var clock = SlotClock()
        var key = StoredSiblings<Int>()
        for _ in 0..<below(5) {
            let dot = dot()
            guard let write = event(dot) else { continue }
            key.apply(write, clock: &clock)
        }
        return key.filled(by: SlotClock())
    }

    /// The same dot is the same write wherever it is met.
    mutating func event(_ dot: Dot) -> WriteEvent<Int>? {
        var fixed = RandomCausality(seed: dot.packed &* 77, actors: actors, counters: counters)
        let context = fixed.context()
        return try? WriteEvent(
            dot, at: Self.time(dot), fixed.below(4) == 0 ? nil : Int(dot.packed % 100), superseding: context)
    }

    /// All dots there can be.
    var universe: [Dot] {
        (0..<actors).flatMap { actor in (1...counters).map { Dot(actor: actor, counter: $0) } }
    }
}

extension CausalContext {
    func set(_ universe: [Dot]) -> Set<Dot> { Set(universe.filter { covers($0) }) }
}

extension SlotClock {
    func set(_ universe: [Dot]) -> Set<Dot> { Set(universe.filter { contains($0) }) }
}
