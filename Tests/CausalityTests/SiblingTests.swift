import Base
import Testing

@testable import Causality

@Suite struct SiblingTests {
    private func write(
        _ actor: UInt64, _ counter: UInt64, _ value: Int?, at time: Int64 = 0,
        after context: CausalContext = CausalContext()
    ) -> WriteEvent<Int> {
        try! WriteEvent(Dot(actor: actor, counter: counter), at: time, value, superseding: context)
    }

    @Test func theLatestWinsThenTheHigherID() throws {
        var table = ActorTable()
        // The index order is not the ids'.
        for high in [3, 1, 2] as [UInt64] { _ = try table.intern(ActorID(high: high, low: 0)) }
        var (clock, key) = (SlotClock(), StoredSiblings<Int>())
        key.apply(write(1, 1, 10, at: 5), clock: &clock)
        key.apply(write(2, 1, 20, at: 5), clock: &clock)
        #expect(key.filled(by: clock).winner(by: table)?.payload == 20)
        key.apply(write(0, 1, 30, at: 4), clock: &clock)
        #expect(key.filled(by: clock).winner(by: table)?.payload == 20)
        key.apply(write(1, 2, 40, at: 6), clock: &clock)
        #expect(key.filled(by: clock).winner(by: table)?.payload == 40)
        key.apply(write(1, 3, 50, at: 6), clock: &clock)
        #expect(key.filled(by: clock).winner(by: table)?.payload == 50)
        #expect(SiblingSet<Int>().winner(by: table) == nil)
    }

    /// SPEC C4. Repair does not ask.
    @Test func limits() {
        let limits = SiblingLimits()
        var (clock, key) = (SlotClock(), StoredSiblings<Int>())
        for counter in 1...100 as ClosedRange<UInt64> {
            let expected: SiblingLimits.Verdict = counter < 25 ? .fine : counter < 100 ? .warn : .refuse
            #expect(limits.verdict(siblings: key.siblings(after: CausalContext())) == expected)
            key.apply(write(0, counter, 1), clock: &clock)
        }
        #expect(key.count == 100)
        let all = key.filled(by: clock).context
        #expect(limits.verdict(siblings: key.siblings(after: all)) == .fine)
        #expect(key.siblings(after: all, adds: false) == 0)
    }

    /// SPEC A4, A5: what a context covers goes, and nothing else.
    @Test func deletionsRemoveWhatTheyCover() {
        var (clock, key) = (SlotClock(), StoredSiblings<Int>())
        key.apply(write(0, 1, 10), clock: &clock)
        let seen = key.filled(by: clock).context
        key.apply(write(1, 1, 20), clock: &clock)
        key.apply(write(0, 2, nil, after: seen), clock: &clock)
        #expect(key.filled(by: clock).versions.map(\.payload) == [20])
        #expect(key.isSettled)
        key.apply(write(0, 3, nil, after: key.filled(by: clock).context), clock: &clock)
        #expect(key.isGone)
        // The same again, late and out of order.
        for late in [write(1, 1, 20), write(0, 1, 10)] {
            let applied = key.apply(late, clock: &clock)
            #expect(applied == .held)
        }
        #expect(key.isGone)
    }

    /// Rule 2: a deletion that comes before what it deletes is remembered with the key until the clock has it.
    @Test func deletionsBeforeTheirWrites() {
        var (clock, key) = (SlotClock(), StoredSiblings<Int>())
        var seen = CausalContext()
        seen.insert(ClockEntry(Dot(actor: 0, counter: 3), at: 0))
        key.apply(write(1, 1, nil, after: seen), clock: &clock)
        #expect(key.count == 0 && !key.isGone && !key.isSettled)
        let early = key.apply(write(0, 3, 10), clock: &clock)
        #expect(early == .superseded)
        #expect(key.count == 0 && !key.isGone)
        for counter in [1, 2] as [UInt64] { clock.noteNothing(Dot(actor: 0, counter: counter), at: 0) }
        key.strip(by: clock)
        #expect(key.isGone)
        let again = key.apply(write(0, 3, 10), clock: &clock)
        #expect(again == .held)
    }

    /// FLUSHALL is one write, also for keys that are yet to come.
    @Test func flushes() {
        var (clock, key, late) = (SlotClock(), StoredSiblings<Int>(), StoredSiblings<Int>())
        key.apply(write(0, 1, 10), clock: &clock)
        var known = clock.context()
        known.insert(ClockEntry(Dot(actor: 2, counter: 2), at: 0))
        let isNew = clock.flush(Dot(actor: 1, counter: 1), at: 0, superseding: known)
        #expect(isNew)
        key.removeVersions(coveredBy: known)
        let isNewAgain = clock.flush(Dot(actor: 1, counter: 1), at: 0, superseding: known)
        #expect(!isNewAgain)
        #expect(key.isGone)
        let covered = late.apply(write(2, 2, 20), clock: &clock)
        #expect(covered == .superseded)
        let uncovered = late.apply(write(2, 1, 30), clock: &clock)
        #expect(uncovered == .done)
        #expect(late.dots == [Dot(actor: 2, counter: 1)])
        #expect(clock.superseded.isEmpty)
        late.strip(by: clock)
        #expect(late.isSettled)
    }

    /// Rule 3: with equal clocks everywhere, what is there wins over what is not, and is counted.
    @Test func lostCopiesComeBack() {
        var (clock, key) = (SlotClock(), StoredSiblings<Int>())
        for actor in 0..<3 as Range<UInt64> { key.apply(write(actor, 1, Int(actor)), clock: &clock) }
        let whole = key.filled(by: clock)
        var damaged = StoredSiblings<Int>().filled(by: clock)
        var merged = damaged
        merged.merge(whole)
        #expect(merged.versions.isEmpty)
        let restored = damaged.restore(from: whole)
        #expect(restored == 3)
        #expect(damaged == whole)
        let restoredAgain = damaged.restore(from: whole)
        #expect(restoredAgain == 0)
    }

    /// What rule 3 may not be used for: two replicas with equal clocks may differ while a third has a deletion of which one
    /// of them knows only the effect. Its dot is missing at both, and comes.
    @Test func equalClocksOfTwoProveNothing() {
        var clocks = [SlotClock(), SlotClock(), SlotClock()]
        var keys = [StoredSiblings<Int>(), StoredSiblings<Int>(), StoredSiblings<Int>()]
        for i in 0..<3 { keys[i].apply(write(0, 1, 10), clock: &clocks[i]) }
        let deletion = write(0, 2, nil, after: keys[0].filled(by: clocks[0]).context)
        keys[0].apply(deletion, clock: &clocks[0])
        keys[1].absorb(keys[0].filled(by: clocks[0]), clock: &clocks[1])
        #expect(clocks[1].holdsTheSame(as: clocks[2]))
        #expect(keys[1].count == 0 && keys[2].count == 1)
        #expect(clocks[1].missing(from: clocks[0]) == [DotRange(actor: 0, 2...2)])
        keys[2].apply(deletion, clock: &clocks[2])
        #expect(keys[2].isGone)
    }

    /// Every slot of every node has one: it must be small.
    @Test func sizes() {
        #expect(MemoryLayout<Dot>.size == 8)
        #expect(MemoryLayout<ClockEntry>.size == 16)
        #expect(MemoryLayout<DotRange>.size == 16)
        #expect(MemoryLayout<SlotClock>.size == 40)
    }
}
