import Base
import Testing

@testable import Causality

@Suite struct ActorTableTests {
    @Test func idsHaveATextForm() {
        let id = ActorID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
        #expect(id.description == "0123456789abcdeffedcba9876543210")
        #expect(ActorID(text: ByteView("0123456789abcdeffedcba9876543210")) == id)
        for wrong in [
            "0123456789ABCDEFfedcba9876543210", "", "0123456789abcdeffedcba98765432", "g" + id.description.dropFirst(),
        ] {
            #expect(wrong.withView { ActorID(text: $0) } == nil)
        }
        #expect(ActorID(high: 0, low: .max) < ActorID(high: 1, low: 0))
    }

    @Test func indexesAreForGood() throws {
        var table = ActorTable(capacity: 2)
        let (a, b) = (ActorID(high: 1, low: 1), ActorID(high: 0, low: 0))
        let first = try table.intern(a)
        #expect(first == 0)
        let second = try table.intern(b)
        #expect(second == 1)
        let again = try table.intern(a)
        #expect(again == 0)
        #expect(throws: CausalityError.tooManyActors) { try table.intern(ActorID(high: 2, low: 2)) }
        let still = try table.intern(b)
        #expect(still == 1)
        table.close(0)
        table.drop(0)
        #expect(table.state(of: 0) == .dropped && table.id(at: 0) == a)
        #expect(throws: CausalityError.tooManyActors) { try table.intern(ActorID(high: 2, low: 2)) }
    }

    /// Rule 6, at the start of a server.
    @Test func onlyAnOrderlyEndKeepsTheID() {
        let (old, fresh) = (ActorID(high: 1, low: 1), ActorID(high: 2, low: 2))
        func started(_ previous: ActorIdentity?, directory: UInt64 = 5, lastRecord: UInt64 = 7) -> ActorID {
            let identity = ActorIdentity(
                after: previous, directory: directory, lastRecord: lastRecord, fresh: fresh)
            #expect(identity.state == .inUse)
            return identity.actor
        }
        let running = ActorIdentity(after: nil, directory: 5, lastRecord: 0, fresh: old)
        #expect(running.actor == old)
        #expect(started(nil) == fresh)
        #expect(started(running) == fresh)
        #expect(started(running.ended(lastRecord: 7)) == old)
        #expect(started(running.ended(lastRecord: 8)) == fresh)
        #expect(started(running.ended(lastRecord: 6)) == fresh)
        #expect(started(running.ended(lastRecord: 7), directory: 6) == fresh)
    }

    /// Rule 5: an actor goes when every replica has all it ever wrote, and is then as held as before.
    @Test func actorsAreDropped() throws {
        var (table, clocks) = (ActorTable(), [SlotClock(), SlotClock()])
        for i in 0..<2 as Range<UInt64> { _ = try table.intern(ActorID(high: i, low: 0)) }
        for counter in [1, 2] as [UInt64] { clocks[0].add(Dot(actor: 0, counter: counter), at: 0) }
        clocks[1].add(Dot(actor: 0, counter: 2), at: 0)
        #expect(SlotClock.finalCounter(of: 0, in: clocks) == nil)
        clocks[1].add(Dot(actor: 0, counter: 1), at: 0)
        #expect(SlotClock.finalCounter(of: 0, in: clocks) == 2)
        var ahead = clocks[1]
        ahead.add(Dot(actor: 0, counter: 4), at: 0)
        #expect(SlotClock.finalCounter(of: 0, in: [clocks[0], ahead]) == nil)
        table.close(0)
        table.drop(0)
        clocks[1].drop(table.dropped)
        #expect(clocks[1].base.isEmpty)
        #expect(clocks[1].contains(Dot(actor: 0, counter: 2)))
        let isNew = clocks[1].add(Dot(actor: 0, counter: 2), at: 0)
        #expect(!isNew)
        clocks[1].claim(DotRange(actor: 0, 1...2), at: 0)
        #expect(clocks[1].base.isEmpty)
        #expect(clocks[1].missing(from: clocks[0]).isEmpty)
        #expect(clocks[1].context().covers(Dot(actor: 0, counter: 1)))
        // What keys have of it settles, quickly too.
        var key = StoredSiblings(settled: Dot(actor: 0, counter: 2), at: 0, 1)
        let write = try WriteEvent(Dot(actor: 1, counter: 1), at: 0, 2, superseding: key.filled(by: clocks[1]).context)
        #expect(clocks[1].arrival(of: write.dot, superseding: write.context, at: key.dots[0]) == .settles)
        key.apply(write, clock: &clocks[1])
        #expect(key == StoredSiblings(settled: write.dot, at: 0, 2))
        _ = clocks[1].flush(Dot(actor: 1, counter: 2), at: 0, superseding: CausalContext(clocks[0].base))
        #expect(clocks[1].superseded.isEmpty)
        // Readers are not told of it.
        let set = SiblingSet<Int>(context: clocks[1].context())
        #expect(set.contextForClient(entriesMax: 10).context == CausalContext(clocks[1].base))
    }

    /// Counters are dense, and go on from nothing else than what the actor itself has issued.
    @Test func countersAreDense() {
        var state = SlotState()
        // A new actor begins anew.
        let issued = [state.issue(by: 3), state.issue(by: 3), state.issue(by: 5)]
        #expect(issued == [Dot(actor: 3, counter: 1), Dot(actor: 3, counter: 2), Dot(actor: 5, counter: 1)])
        var clock = SlotClock()
        clock.add(Dot(actor: 5, counter: 1), at: 0)
        clock.add(Dot(actor: 5, counter: 2), at: 0)
        #expect(state.hasForgottenIssuing(actor: 5, says: clock))
        var restored = SlotState(restored: clock, actor: 5)
        #expect(!restored.hasForgottenIssuing(actor: 5, says: clock))
        clock.add(Dot(actor: 5, counter: 9), at: 0)
        #expect(restored.hasForgottenIssuing(actor: 5, says: clock))
        let third = restored.issue(by: 5)
        #expect(third == Dot(actor: 5, counter: 3))
        #expect(restored.answers && !SlotState().answers)
        // What it forgets of the slot, it does not forget of its counting.
        _ = restored.forget()
        #expect(!restored.answers)
        let fourth = restored.issue(by: 5)
        #expect(fourth == Dot(actor: 5, counter: 4))
    }
}
