import Base
import Testing

@testable import Causality

/// The family of riak_kv issue 679: a coordinator forgets how far it had counted, issues a dot again, and the new
/// write is taken for the old one, or for one that is superseded, and disappears without a word. Each walk ends well because
/// of a rule of docs/causality.md, and each is walked once more without it, to see that it would end badly.
@Suite struct ReissuedDotTests {
    private func replicas(_ names: String...) -> ([Replica], ActorTable) {
        var table = ActorTable()
        return (names.map { Replica($0, &table, isStandIn: $0.hasPrefix("f")) }, table)
    }

    /// A whole directory is put back from a backup, clean by its own account. Its peers know better.
    @Test(arguments: [true, false]) func backupRestored(asRuled: Bool) throws {
        var (nodes, table) = replicas("a", "b")
        nodes[1].receive(try nodes[0].write("one"))
        let directory: UInt64 = 99
        let backup = (
            node: nodes[0],
            identity: ActorIdentity(
                after: nil, directory: directory, lastRecord: 0, fresh: table.id(at: nodes[0].actor)
            ).ended(lastRecord: 1)
        )
        nodes[1].receive(try nodes[0].write("two", after: nodes[0].filled.context))
        nodes[1].receive(try nodes[0].write("three", after: nodes[0].filled.context))
        // Back it comes: the log ends where the identity says.
        let fresh = ActorID(high: 5, low: 5)
        let identity = ActorIdentity(after: backup.identity, directory: directory, lastRecord: 1, fresh: fresh)
        #expect(identity.actor == table.id(at: nodes[0].actor))
        nodes[0] = backup.node
        #expect(nodes[0].state.hasForgottenIssuing(actor: nodes[0].actor, says: nodes[1].state.clock))
        if asRuled { nodes[0].actor = try table.intern(fresh) }
        #expect(!asRuled || !nodes[0].state.hasForgottenIssuing(actor: nodes[0].actor, says: nodes[1].state.clock))
        nodes[1].receive(try nodes[0].write("four"))
        nodes[0].receive(nodes[1].filled)
        // "one" and "four" do not know each other; "three" supersedes "one".
        let expected = asRuled ? ["four", "three"] : ["three"]
        #expect(nodes[1].values == expected)
        #expect(nodes[0].values == expected)
    }

    /// riak_test kv679_dataloss_fb: the coordinator loses the slot's data, and an old state from fallbacks makes it
    /// believe that it has counted less far than it has.
    @Test(arguments: [true, false]) func dataLostAndRepairedFromFallbacks(asRuled: Bool) throws {
        var (nodes, table) = replicas("a", "b", "f1")
        var hints: [WriteEvent<String>] = []
        for word in ["bob", "jim"] {
            hints.append(try nodes[0].write(word, after: nodes[0].filled.context))
            nodes[2].receive(hints.last!)
        }
        for word in ["jon", "joe"] { nodes[1].receive(try nodes[0].write(word, after: nodes[0].filled.context)) }
        // All is lost at a, its counters too.
        _ = nodes[0].state.forget()
        nodes[0].key = StoredSiblings()
        nodes[0].state = SlotState(.newcomer(SlotClock()), issued: Dot(actor: nodes[0].actor, counter: 0))
        nodes[0].receive(nodes[2].filled)
        #expect(nodes[0].values == ["jim"])
        if asRuled {
            nodes[0].actor = Replica.newActor(&table)
        } else {
            for _ in 0..<nodes[0].state.clock.highest(of: nodes[0].actor) {
                _ = nodes[0].state.issue(by: nodes[0].actor)
            }
        }
        let anne = try nodes[0].write("anne", after: nodes[0].filled.context)
        nodes[1].receive(anne)
        for hint in hints { nodes[1].receive(hint) }
        nodes[0].join(from: nodes[1])
        #expect(nodes[1].values == (asRuled ? ["anne", "joe"] : ["joe"]))
        #expect(nodes[0].values == nodes[1].values)
    }

    /// riak_test kv679_tombstone: a deletion lies at a fallback while the replicas have forgotten the key, and the key is
    /// written anew. What the slot's clock counts goes on when the key is gone.
    @Test(arguments: [true, false]) func deletionAfterTheKeyIsForgotten(asRuled: Bool) throws {
        var (nodes, _) = replicas("a", "b", "c", "f1")
        for word in ["bob", "phil"] {
            let write = try nodes[0].write(word, after: nodes[0].filled.context)
            for i in 1...2 { nodes[i].receive(write) }
        }
        let deletion = try nodes[0].write(nil, after: nodes[0].filled.context)
        nodes[1].receive(deletion)
        nodes[3].receive(deletion)
        // c learns it by read repair.
        nodes[2].receive(nodes[0].filled)
        for i in 0...2 { #expect(nodes[i].values == []) }
        #expect(nodes[0].key.isGone && nodes[1].key.isGone)
        if asRuled {
            let jon = try nodes[0].write("jon")
            for i in 1...2 { nodes[i].receive(jon) }
            nodes[2].receive(deletion)
            nodes[1].receive(nodes[3].filled)
            for i in 0...2 { #expect(nodes[i].values == ["jon"]) }
            nodes[2].receive(nodes[1].filled)
            nodes[0].receive(nodes[2].filled)
            for i in 0...2 { #expect(nodes[i].values == ["jon"]) }
        } else {
            // Counters of the key, forgotten with it: its new version has a dot that the deletion covers.
            nodes[0].state = SlotState(.member(SlotClock()))
            nodes[2].state = SlotState(.member(SlotClock()))
            nodes[2].key = StoredSiblings()
            nodes[2].receive(try nodes[0].write("jon"))
            #expect(nodes[2].values == ["jon"])
            nodes[2].receive(deletion)
            #expect(nodes[2].values == [])
        }
    }

    /// riak_test kv679_dataloss_fb2: three fallbacks hold writes of both sides of a split; a replica finds its
    /// data lost while it takes in one of them, and the others hand off before and after its next write.
    @Test(arguments: [true, false]) func handOffsWithConcurrentDots(asRuled: Bool) throws {
        var (nodes, table) = replicas("p1", "p2", "f1", "f2", "f3")
        let alice = try nodes[0].write("alice")
        nodes[2].receive(alice)
        let bob = try nodes[0].write("bob", after: nodes[0].filled.context)
        let charlie = try nodes[0].write("charlie", after: nodes[0].filled.context)
        for write in [bob, charlie] { nodes[3].receive(write) }
        let dave = try nodes[1].write("dave")
        nodes[4].receive(dave)
        // p1 cannot read what it has when f3 hands off to it.
        _ = nodes[0].state.forget()
        nodes[0].key = StoredSiblings()
        nodes[0].state = SlotState(nodes[0].state.role)
        nodes[0].receive(dave)
        // f1 hands off to p2, from which p1 joins.
        nodes[1].receive(alice)
        nodes[0].join(from: nodes[1])
        #expect(nodes[0].values == ["alice", "dave"])
        if asRuled {
            nodes[0].actor = Replica.newActor(&table)
        } else {
            for _ in 0..<nodes[0].state.clock.highest(of: nodes[0].actor) {
                _ = nodes[0].state.issue(by: nodes[0].actor)
            }
        }
        nodes[1].receive(try nodes[0].write("emma", after: nodes[0].filled.context))
        #expect(nodes[1].values == ["emma"])
        // f2 hands off at last.
        for write in [bob, charlie] { nodes[1].receive(write) }
        nodes[0].receive(nodes[1].filled)
        #expect(nodes[1].values == (asRuled ? ["charlie", "emma"] : ["charlie"]))
        #expect(nodes[0].values == nodes[1].values)
    }

    /// The machine stops when the log's last second is not durable, and the counters of that second have been sent:
    /// what Riak leases counters for. An unclean start takes a new id.
    @Test(arguments: [true, false]) func countersBeyondTheLastSync(asRuled: Bool) throws {
        var (nodes, table) = replicas("a", "b")
        nodes[1].receive(try nodes[0].write("durable"))
        let durable = nodes[0]
        for word in ["two", "three"] { nodes[1].receive(try nodes[0].write(word, after: nodes[0].filled.context)) }
        let running = ActorIdentity(
            after: nil, directory: 1, lastRecord: 0, fresh: table.id(at: nodes[0].actor))
        // It starts again from what was durable; the identity still says `inUse`.
        nodes[0] = durable
        let identity = ActorIdentity(after: running, directory: 1, lastRecord: 1, fresh: ActorID(high: 8, low: 8))
        #expect(identity.actor == ActorID(high: 8, low: 8))
        if asRuled { nodes[0].actor = try table.intern(identity.actor) }
        nodes[1].receive(try nodes[0].write("late"))
        #expect(nodes[1].values == (asRuled ? ["late", "three"] : ["three"]))
    }

    /// A client's context gives a reissued dot away before anything is written.
    @Test func contextsGiveReissuedDotsAway() throws {
        var (nodes, _) = replicas("a")
        let backup = nodes[0]
        for word in ["one", "two"] { _ = try nodes[0].write(word) }
        let context = nodes[0].filled.context
        nodes[0] = backup
        #expect(throws: ReissuedDot(dot: Dot(actor: nodes[0].actor, counter: 1))) {
            try nodes[0].write("three", after: context)
        }
        // A dot that comes after it is as telling.
        var later = CausalContext()
        later.insert(ClockEntry(Dot(actor: nodes[0].actor, counter: 9), at: 0))
        #expect(throws: ReissuedDot(dot: Dot(actor: nodes[0].actor, counter: 2))) {
            try nodes[0].write("three", after: later)
        }
        #expect(nodes[0].values == [])
    }
}
