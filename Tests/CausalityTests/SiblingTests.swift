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

    /// Rule 4: a stand-in has no clock, and knows its versions all the same.
    @Test func standInsTakeWritesOnce() {
        var (none, key) = (SlotClock(), StoredSiblings<Int>())
        let one = write(0, 4, 10)
        key.apply(one, clock: &none)
        none = SlotClock()
        let again = key.apply(one, clock: &none)
        #expect(again == .held && key.count == 1)
        #expect(key.filled(by: SlotClock()).context.dots.map(\.dot) == [one.dot])
    }

    /// A version beyond a gap settles too: that it is here is all there is to remember.
    @Test func versionsBeyondGapsSettle() {
        var (clock, key, other) = (SlotClock(), StoredSiblings<Int>(), StoredSiblings<Int>())
        key.apply(write(0, 4, 10), clock: &clock)
        #expect(key.isSettled)
        var elsewhere = SlotClock()
        other.absorb(key.filled(by: clock), clock: &elsewhere)
        #expect(other == key && elsewhere == clock)
    }

    /// Rule 4: what the stream says of a key it passes settles there, and nowhere before.
    @Test func streamedKeysSettle() {
        var (clock, source) = (SlotClock(), [StoredSiblings<Int>(), StoredSiblings<Int>(), StoredSiblings<Int>()])
        for i in 0..<3 { source[i].apply(write(0, UInt64(i + 1), i), clock: &clock) }
        let seen = source[1].filled(by: clock).context
        source[1].apply(write(1, 1, 10, after: seen), clock: &clock)
        source[2].apply(write(1, 2, nil, after: clock.context()), clock: &clock)
        var keys = [StoredSiblings<Int>(), StoredSiblings<Int>(), StoredSiblings<Int>()]
        var joining = JoiningClock(source: clock)
        for i in 0..<3 {
            joining.pass(&keys[i], state: source[i].isGone ? nil : source[i].filled(by: clock))
            #expect(keys[i] == source[i])
            // Late ones of what it has passed are held; what is to come is not yet.
            #expect(joining.clock(isBehind: true).contains(Dot(actor: 0, counter: 3)))
            #expect(!joining.clock(isBehind: false).contains(Dot(actor: 0, counter: 3)))
        }
        #expect(joining.finish() == clock)
    }

    /// Rule 4: the stream begins with what the source's clock alone does not say. A deletion that the clock has reaches beyond
    /// it; by the time the stream passes the key, the source has what it reached, and nothing is left of the key.
    @Test(arguments: [true, false]) func streamsBeginWithResidues(asRuled: Bool) throws {
        var (clock, source) = (SlotClock(), StoredSiblings<Int>())
        let put = write(0, 1, 10)
        var seen = CausalContext()
        seen.insert(ClockEntry(put.dot, at: 0))
        source.apply(write(1, 1, nil, after: seen), clock: &clock)
        #expect(!source.residue.isEmpty)
        var (joining, key) = (JoiningClock(source: clock), StoredSiblings<Int>())
        if asRuled { joining.absorb(source.filled(by: clock), into: &key, isBehind: false) }
        source.apply(put, clock: &clock)
        #expect(source.isGone)
        joining.pass(&key, state: nil)
        var joined = joining.finish()
        // It holds the deletion: the write that this deleted must not appear, however late it comes.
        #expect(joined.contains(Dot(actor: 1, counter: 1)))
        key.apply(put, clock: &joined)
        #expect(key.count == (asRuled ? 0 : 1))
    }

    /// Rule 4: what the source holds beyond a gap when the stream begins, it remembers with the keys, and no longer does
    /// when it passes one and the gap has been closed. The newcomer must not hold it, or would never ask for it.
    @Test func streamsClaimNothingBeyondGaps() {
        var (clock, source) = (SlotClock(), StoredSiblings<Int>())
        source.apply(write(0, 2, 10), clock: &clock)
        let other = source
        let otherClock = clock
        source.apply(write(1, 1, nil, after: source.filled(by: clock).context), clock: &clock)
        #expect(source.count == 0 && !source.isGone)
        var (joining, key) = (JoiningClock(source: clock), StoredSiblings<Int>())
        clock.noteNothing(Dot(actor: 0, counter: 1), at: 0)
        source.strip(by: clock)
        #expect(source.isGone)
        joining.pass(&key, state: nil)
        var joined = joining.finish()
        // A replica that has not heard of the deletion tells its version; catching up with the source removes it.
        key.absorb(other.filled(by: otherClock), clock: &joined)
        #expect(joined.missing(from: clock).first == DotRange(actor: 0, 1...1))
        key.absorb(source.filled(by: clock), clock: &joined)
        #expect(key.count == 0)
        // Before: it does not hold a write of which it knows nothing.
        #expect(!JoiningClock(source: otherClock).finish().contains(Dot(actor: 0, counter: 2)))
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
        #expect(MemoryLayout<SlotClock>.size == 32)
    }
}
