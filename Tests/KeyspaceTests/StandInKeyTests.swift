import Base
import Causality
import Testing

@testable import Keyspace

/// A key space that keeps keys for others: without a clock, so it says nothing of keys that it does not have (docs/causality.md,
/// rule 4).
@Suite struct StandInKeyTests {
    private typealias Replica = VersionWorld.Replica

    private func with<R>(
        _ replica: Replica, _ name: [UInt8], at time: Int64, _ body: (Access, Key) throws -> R
    ) rethrows -> R {
        try name.withView { view in
            let key = Key(view)
            let partition = replica.keyspace.partition(of: key)
            Partition.lock(partition)
            defer { Partition.unlock(partition) }
            return try body(Access(partition, database: 0, moment: moment(time)), key)
        }
    }

    private func standIn(_ number: UInt64) -> Replica {
        let replica = Replica(number)
        replica.keyspace.standIn { _ in true }
        return replica
    }

    /// A state as another key space reads it.
    private func state(_ from: Replica, _ name: [UInt8], to: Replica, at time: Int64) throws -> SiblingSet<KeyVersion> {
        let set = try with(from, name, at: time) { access, key in try access.siblings(of: key) }
        var bytes = ByteBuffer()
        set.encode(to: &bytes, from.keyspace.actors.table) { $0.encode(to: &$1) }
        return try bytes.view.bytes.withView { view in
            try to.keyspace.actors.update {
                try SiblingSet<KeyVersion>(view, &$0) { (bytes) throws(CausalityError) in try KeyVersion(bytes) }
            }
        }
    }

    private func put(_ replica: Replica, _ name: [UInt8], _ value: String, at time: Int64) {
        with(replica, name, at: time) { access, key in
            let slot = access.find(key)
            value.withView { access.putString(key, $0, slot) }
        }
    }

    private func delete(_ replica: Replica, _ name: [UInt8], at time: Int64) {
        with(replica, name, at: time) { access, key in
            guard let slot = access.find(key) else { return }
            access.remove(slot, key)
            // The sink's part in a node.
            let dot = Partition.ownDot(access.partition, of: key.slot)
            access.rememberRemoval(key, dot, at: time)
        }
    }

    private let a = Array("{s}a".utf8), b = Array("{s}b".utf8)

    @Test func nothingIsClaimedOfOtherKeys() throws {
        let keeper = standIn(1)
        for i in 0..<5 { put(keeper, a, "\(i)", at: testNow) }
        let other = try with(keeper, b, at: testNow) { access, key in try access.siblings(of: key) }
        #expect(other.versions.isEmpty && other.context.isEmpty)
        // What it wrote to the key itself is superseded.
        let own = try with(keeper, a, at: testNow) { access, key in try access.siblings(of: key) }
        let actor = keeper.keyspace.actor
        #expect(own.versions.map(\.dot) == [Dot(actor: actor, counter: 5)] && own.context.highest(of: actor) == 5)
        with(keeper, a, at: testNow) { access, key in access.dropCopy(key) }
        let after = try with(keeper, a, at: testNow) { access, key in try access.siblings(of: key) }
        #expect(after.versions.isEmpty && after.context.isEmpty)
        #expect(keeper.keyspace.slotCountersAreRight)
    }

    /// What was deleted here stays away when the version it deleted comes again, from whomever.
    @Test func deletionsAreRemembered() throws {
        let (replica, keeper) = (Replica(0), standIn(1))
        put(replica, a, "theirs", at: testNow)
        let theirs = try state(replica, a, to: keeper, at: testNow)
        for plain in [false, true] {
            if plain {
                put(keeper, b, "ours", at: testNow)
            } else {
                try with(keeper, a, at: testNow) { access, key in _ = try access.absorb(theirs, key) }
            }
            let name = plain ? b : a
            let before = try state(keeper, name, to: replica, at: testNow)
            #expect(before.versions.count == 1)
            try with(replica, name, at: testNow) { access, key in _ = try access.absorb(before, key) }
            delete(keeper, name, at: testNow + 1)
            with(keeper, name, at: testNow) { access, key in
                #expect(access.knows(key) && access.versions(of: key).isEmpty)
            }
            let gone = try state(keeper, name, to: replica, at: testNow + 1)
            try with(replica, name, at: testNow + 1) { access, key in
                _ = try access.absorb(gone, key)
                #expect(access.versions(of: key).isEmpty)
                _ = try access.absorb(before, key)
                #expect(access.versions(of: key).isEmpty)
            }
        }
        try with(keeper, a, at: testNow + 2) { access, key in
            let changed = try access.absorb(theirs, key)
            #expect(!changed && access.versions(of: key).isEmpty)
        }
    }

    /// Random lives of two stand-ins and a replica: what a stand-in says of a key covers no write to another key, and its
    /// log, replayed, makes the same of every key, copies that were dropped among them.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func logsRebuildWhatIsKept(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let replicas = [Replica(0), standIn(1), standIn(2)]
        let names = [a, b, Array("{s}c".utf8)]
        // Of each key, the dots of writes to it, by actors' ids.
        var writes: [[UInt8]: Set<String>] = [:]
        func label(_ replica: Replica, _ dot: Dot) -> String {
            "\(replica.keyspace.actors.read { $0.id(at: dot.actor) }):\(dot.counter)"
        }
        for step in 0..<200 {
            let time = testNow + Int64(step)
            let replica = replicas[Int(random.below(3))], name = names[Int(random.below(3))]
            let before = with(replica, name, at: time) { Partition.ownDot($0.partition, of: $1.slot) }
            switch random.below(10) {
            case 0, 1: put(replica, name, "\(step)", at: time)
            case 2: delete(replica, name, at: time)
            case 3, 4:
                let deletes = random.below(4) == 0
                let context = try with(replica, name, at: time) { access, key in
                    random.below(2) == 0 ? CausalContext() : try access.siblings(of: key).context
                }
                try with(replica, name, at: time) { access, key in
                    let version = deletes ? nil : "v\(step)".withView { KeyVersion(string: $0) }
                    _ = try access.write(version, superseding: context, key)
                }
            case 5:
                with(replica, name, at: time) { access, key in if access.isStandIn(key) { access.dropCopy(key) } }
            default:
                let to = replicas[Int(random.below(3))]
                if to === replica { continue }
                let set = try state(replica, name, to: to, at: time)
                _ = try with(to, name, at: time) { access, key in try access.absorb(set, key) }
            }
            let after = with(replica, name, at: time) { Partition.ownDot($0.partition, of: $1.slot) }
            if after != before { writes[name, default: []].insert(label(replica, after)) }
            for keeper in replicas[1...] {
                let set = try with(keeper, name, at: time) { access, key in try access.siblings(of: key) }
                // A base may only be of who wrote plainly, and claims no more than the first dots, which are exact.
                for dot in set.context.dots.map(\.dot) + set.versions.map(\.dot) {
                    #expect(writes[name, default: []].contains(label(keeper, dot)), "seed \(seed) step \(step)")
                }
            }
        }
        for keeper in replicas[1...] { try checkReplay(of: keeper, names, at: testNow + 300, seed) }
    }

    private func checkReplay(of keeper: Replica, _ names: [[UInt8]], at time: Int64, _ seed: UInt64) throws {
        let copy = standIn(0)
        keeper.keyspace.withActorMutation(timestamp: time) { #expect(RecordedMutation($0).apply(to: copy.keyspace)) }
        for mutation in keeper.sink.log { mutation.apply(to: copy.keyspace) }
        for mutation in keeper.sink.log {
            let changed = mutation.apply(to: copy.keyspace)
            #expect(!changed, "seed \(seed): what is held must change nothing")
        }
        for name in names {
            let (old, new) = (
                try with(keeper, name, at: time) { access, key in try access.siblings(of: key) },
                try with(copy, name, at: time) { access, key in try access.siblings(of: key) }
            )
            #expect(old.versions.map(\.dot) == new.versions.map(\.dot), "seed \(seed)")
            #expect(old.versions.map(\.payload) == new.versions.map(\.payload), "seed \(seed)")
            #expect(old.context.covers(new.context) && new.context.covers(old.context), "seed \(seed)")
        }
    }
}
