import Base
import Testing

@testable import Causality

/// Contexts and clocks are sets of dots, in a form that there is one of for each set; and joining is what joining sets is.
@Suite struct AlgebraTests {
    private static let seeds: Range<UInt64> = 0..<3_000

    @Test func contextsAreSets() {
        for seed in Self.seeds {
            var random = RandomCausality(seed: seed)
            let all = random.universe
            let (a, b, dot) = (random.context(), random.context(), random.entry())
            #expect(a.joined(b).set(all) == a.set(all).union(b.set(all)), "seed \(seed)")
            #expect(a.covers(b) == a.set(all).isSuperset(of: b.set(all)), "seed \(seed)")
            var c = a
            c.insert(dot)
            #expect(c.set(all) == a.set(all).union([dot.dot]), "seed \(seed)")
            // One form for one set, but for times.
            if a.set(all) == b.set(all) { #expect(a.base.entries.map(\.dot) == b.base.entries.map(\.dot)) }
            if a.set(all) == b.set(all) { #expect(a.dots.map(\.dot) == b.dots.map(\.dot), "seed \(seed)") }
        }
    }

    /// Stripping may leave more than the difference, never less, and filling brings all back.
    @Test func stripping() {
        for seed in Self.seeds {
            var random = RandomCausality(seed: seed)
            let all = random.universe
            let (a, base) = (random.context(), random.vector())
            var stripped = a
            stripped.strip(by: base)
            #expect(stripped.joined(base).set(all) == a.joined(base).set(all), "seed \(seed)")
            if base.covers(a.base) && a.dots.isEmpty { #expect(stripped.isEmpty, "seed \(seed)") }
        }
    }

    @Test func joiningIsASemilattice() {
        for seed in Self.seeds {
            var random = RandomCausality(seed: seed)
            let (a, b, c) = (random.context(), random.context(), random.context())
            #expect(a.joined(b) == b.joined(a), "seed \(seed)")
            #expect(a.joined(b).joined(c) == a.joined(b.joined(c)), "seed \(seed)")
            #expect(a.joined(a) == a, "seed \(seed)")
        }
    }

    private func joined(_ a: SlotClock, _ b: SlotClock) -> SlotClock {
        var result = a
        result.join(b)
        return result
    }

    @Test func clocksAreSets() {
        for seed in Self.seeds {
            var random = RandomCausality(seed: seed)
            let all = random.universe
            let (a, b, c) = (random.clock(), random.clock(), random.clock())
            let (x, y) = (a.set(all), b.set(all))
            #expect(joined(a, b).set(all) == x.union(y), "seed \(seed)")
            #expect(joined(a, b) == joined(b, a), "seed \(seed)")
            #expect(joined(joined(a, b), c) == joined(a, joined(b, c)), "seed \(seed)")
            #expect(joined(a, a) == a, "seed \(seed)")
            let missing = a.missing(from: b)
            #expect(Set(dots(missing)) == y.subtracting(x), "seed \(seed)")
            #expect(dots(missing).count == Set(dots(missing)).count, "seed \(seed)")
            #expect(missing.map(\.first.packed) == missing.map(\.first.packed).sorted(), "seed \(seed)")
            #expect(a.covers(b) == x.isSuperset(of: y), "seed \(seed)")
            #expect(a.holdsTheSame(as: b) == (x == y), "seed \(seed)")
            checkGaps(a, x, seed)
        }
    }

    private func dots(_ ranges: [DotRange]) -> [Dot] {
        ranges.flatMap { range in range.counters.map { Dot(actor: range.actor, counter: $0) } }
    }

    private func checkGaps(_ clock: SlotClock, _ held: Set<Dot>, _ seed: UInt64) {
        var expected: Set<Dot> = []
        for actor in 0..<3 as Range<UInt64> {
            let highest = held.filter { $0.actor == actor }.map(\.counter).max() ?? 0
            #expect(clock.highest(of: actor) == highest, "seed \(seed)")
            for counter in 1..<max(highest, 1) where !held.contains(Dot(actor: actor, counter: counter)) {
                expected.insert(Dot(actor: actor, counter: counter))
            }
        }
        #expect(Set(dots(clock.gaps)) == expected, "seed \(seed)")
        #expect(clock.isDense == expected.isEmpty, "seed \(seed)")
    }

    /// Adding dots in any order, some of them again, makes the same clock, times included.
    @Test func orderDoesNotMatter() {
        for seed in Self.seeds {
            var random = RandomCausality(seed: seed)
            var entries = (0..<12).map { _ in random.entry() }
            var (a, b) = (SlotClock(), SlotClock())
            for entry in entries { a.add(entry.dot, at: entry.timestamp) }
            for i in entries.indices.dropLast() {
                entries.swapAt(i, i + Int(random.below(UInt64(entries.count - i))))
            }
            var added = 0
            for entry in entries { added += b.add(entry.dot, at: entry.timestamp) ? 1 : 0 }
            #expect(a == b, "seed \(seed)")
            #expect(added == Set(entries.map(\.dot)).count, "seed \(seed)")
        }
    }

    private func merged(_ a: SiblingSet<Int>, _ b: SiblingSet<Int>) -> SiblingSet<Int> {
        var result = a
        result.merge(b)
        return result
    }

    @Test func mergingSiblingsIsASemilattice() {
        for seed in Self.seeds {
            var random = RandomCausality(seed: seed)
            let (a, b, c) = (random.siblings(), random.siblings(), random.siblings())
            #expect(merged(a, b) == merged(b, a), "seed \(seed)")
            #expect(merged(merged(a, b), c) == merged(a, merged(b, c)), "seed \(seed)")
            #expect(merged(a, a) == a, "seed \(seed)")
        }
    }

    /// A node that has lost a slot's clock, or has none, and one that strips and fills all the time, answer the same.
    @Test func anyClockWillDo() {
        for seed in Self.seeds {
            var random = RandomCausality(seed: seed)
            var (clock, empty) = (random.clock(), SlotClock())
            var (a, b) = (StoredSiblings<Int>(), StoredSiblings<Int>())
            let known = clock.context()
            for _ in 0..<4 {
                let dot = random.dot()
                guard !clock.contains(dot), let write = random.event(dot) else { continue }
                a.apply(write, clock: &clock)
                b.apply(write, clock: &empty)
            }
            var expected = b.filled(by: SlotClock())
            expected.merge(SiblingSet(context: known))
            #expect(a.dots.allSatisfy { expected.versions.map(\.dot).contains($0) }, "seed \(seed)")
            let other = random.clock()
            a.rebase(from: clock, to: other)
            #expect(a.filled(by: other).context.covers(expected.context), "seed \(seed)")
            #expect(a.dots == expected.versions.map(\.dot), "seed \(seed)")
        }
    }
}
