import Base
import CSystem
import Causality
import Testing

@testable import Keyspace

/// Replaying the mutations of random changes into an empty key space rebuilds it in full.
@Suite struct MutationReplayTests {
    /// Random changes through Access, as commands make them.
    private struct Writer {
        let test: TestKeyspace
        var random: PRNG
        var expiry: ActiveExpiry
        let databases: Int

        mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

        mutating func name() -> [UInt8] {
            let tag = ["a", "b", "{x}1", "{x}2", "{y}1"][below(5)]
            return Array("\(tag):\(below(12))\(below(10) == 0 ? String(repeating: "k", count: 300) : "")".utf8)
        }

        mutating func value() -> [UInt8] {
            if below(3) == 0 { return Array("\(Int64(bitPattern: random.next()) >> Int64(below(60)))".utf8) }
            let lengths = [0, 1, 19, 20, 44, 45, 300, 1023, 1024, 2048, 2049, 6000]
            return [UInt8](repeating: UInt8(97 + below(26)), count: lengths[below(lengths.count)])
        }

        mutating func deadline() -> Access.DeadlineChange {
            switch below(4) {
            case 0: .set(test.now + 1 + Int64(below(400)))
            case 1: .keep
            default: .clear
            }
        }

        mutating func step() {
            test.now += Int64(below(6))
            let (name, other) = (name(), name())
            let (database, target) = (below(databases), below(databases))
            switch below(90) {
            case 0: test.keyspace.flush(database: below(3) == 0 ? nil : database, moment: moment(test.now))
            case 1, 2: if database != target { test.keyspace.swap(database, target, moment: moment(test.now)) }
            case 3, 4: _ = expiry.slice(moment(test.now), budget: 20_000)
            case 5...24: put(name, database)
            case 25...44: change(name, database)
            case 60...74: changeSet(name, database)
            case 75...89: changeHash(name, database)
            default: pair(name, database, other, target)
            }
        }

        private mutating func put(_ name: [UInt8], _ database: Int) {
            let (value, deadline, kind) = (value(), deadline(), below(4))
            test.with(name, database) { access, key in
                let slot = access.find(key)
                switch kind {
                case 0: value.withView { access.putRawString(key, $0, slot, deadline: deadline) }
                case 1: access.putInteger(key, Int64(value.count), slot, deadline: deadline)
                case 2: value.withView { access.putText(key, $0, slot, deadline: deadline) }
                default: value.withView { access.putString(key, $0, slot, deadline: deadline) }
                }
            }
        }

        private mutating func change(_ name: [UInt8], _ database: Int) {
            let (kind, offset, bytes) = (below(5), below(5000), value())
            let deadline: Int64? = below(3) == 0 ? nil : test.now + Int64(below(300))
            test.with(name, database) { access, key in
                let slot = access.find(key)
                if kind != 1 && kind != 2, let slot, access.entry(slot).type != .string { return }
                if kind == 0 {
                    _ = bytes.withView { access.splice(key, slot, offset: offset, $0) }
                    return
                }
                guard let slot else { return }
                switch kind {
                case 1: access.remove(slot, key)
                case 2: access.setDeadline(slot, key, deadline)
                case 3: _ = bytes.withView { access.splice(key, slot, offset: access.entry(slot).stringCount, $0) }
                default: if access.entry(slot).encoding == .integer { access.addInteger(key, slot, Int64(offset)) }
                }
            }
        }

        /// Members that repeat, integers and long ones among them.
        private mutating func element() -> [UInt8] {
            switch below(12) {
            case 0...5: Array("\(below(40) - 9)".utf8)
            case 6: Array("\(Int64(bitPattern: random.next()))".utf8)
            case 7: [UInt8](repeating: 120, count: [0, 64, 65, 300, 1024, 1025, 3000][below(7)])
            default: Array("m\(below(30))".utf8)
            }
        }

        private mutating func changeSet(_ name: [UInt8], _ database: Int) {
            let elements = (0..<1 + below(8)).map { _ in element() }
            let kind = below(8)
            var random = PRNG(seed: random.next())
            test.with(name, database) { access, key in
                let slot = access.find(key)
                if let slot, access.entry(slot).type != .set {
                    if kind == 0 { access.remove(slot, key) }
                    return
                }
                if kind == 7 {
                    var result = SetBuilder()
                    for element in elements { element.withView { _ = result.add(Listpack.Element($0)) } }
                    return result.put(access, key, slot)
                }
                var set = SetValue(access, key, slot)
                for element in elements {
                    switch kind {
                    case 4, 5: _ = element.withView { set.remove($0) }
                    case 6: if set.slot != nil { set.pop(&random) { _ in } }
                    default: _ = element.withView { set.add($0) }
                    }
                }
            }
        }

        private mutating func changeHash(_ name: [UInt8], _ database: Int) {
            let fields = (0..<1 + below(8)).map { _ in (element(), element()) }
            let kind = below(8)
            test.with(name, database) { access, key in
                let slot = access.find(key)
                if let slot, access.entry(slot).type != .hash {
                    if kind == 0 { access.remove(slot, key) }
                    return
                }
                var hash = HashValue(access, key, slot)
                for (field, value) in fields {
                    if kind > 4 {
                        _ = field.withView { hash.remove($0) }
                    } else {
                        _ = field.withView { field in value.withView { hash.set(field, $0) } }
                    }
                }
            }
        }

        private mutating func pair(_ name: [UInt8], _ database: Int, _ other: [UInt8], _ target: Int) {
            if name == other && database == target { return }
            let isCopy = below(2) == 0
            test.with(name, database) { access, key in
                test.with(other, target) { destination, newKey in
                    let slot = destination.find(newKey)
                    guard let source = access.find(key) else { return }
                    if isCopy {
                        destination.putCopy(of: access.entry(source), newKey, slot)
                    } else {
                        access.transfer(source, key, to: destination, newKey)
                    }
                }
            }
        }
    }

    /// Low limits, so that values change their form all the time.
    private func limit(_ test: TestKeyspace, _ seed: UInt64) {
        if seed % 3 == 0 { return }
        for limit in PackingLimits.Limit.allCases {
            test.keyspace.shared.pointee.packing[limit] = limit == .hashValue || limit == .setValue ? 64 : 4
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func replayRebuildsTheKeyspace(seed: UInt64) {
        let sink = RecordingSink()
        let original = TestKeyspace(databases: 3, sink: sink)
        var writer = Writer(
            test: original, random: PRNG(seed: seed), expiry: ActiveExpiry(original.keyspace, loop: 0, of: 1),
            databases: 3)
        limit(original, seed)
        // One slot whose dots outgrow the narrow header on the way.
        original.setNextCounter(1 << 24 - 40, of: "{x}1")
        original.put("{x}1:0", "first")
        for step in 0..<1500 {
            writer.step()
            if step % 300 == 0 { #expect(original.brokenInvariant() == nil, "seed \(seed), step \(step)") }
        }
        let mutations = sink.mutations
        let replica = TestKeyspace(databases: 3)
        limit(replica, seed)
        for mutation in mutations {
            #expect(mutation.apply(to: replica.keyspace))
            #expect(!mutation.apply(to: replica.keyspace), "a dot that is held must change nothing")
        }
        let (expected, found) = (original.state, replica.state)
        #expect(found.counters == expected.counters, "seed \(seed)")
        #expect(found.keys == expected.keys, "seed \(seed)")
        #expect(original.brokenInvariant() == nil && replica.brokenInvariant() == nil)
        #expect(mutations.allSatisfy { !$0.apply(to: replica.keyspace) })
        #expect(replica.state == expected)
    }

    /// Dots are dense: each slot's mutations count up by one.
    @Test func dotsAreDense() {
        let sink = RecordingSink()
        let original = TestKeyspace(databases: 3, sink: sink)
        var writer = Writer(
            test: original, random: PRNG(seed: 99), expiry: ActiveExpiry(original.keyspace, loop: 0, of: 1),
            databases: 3)
        for _ in 0..<3000 { writer.step() }
        var counters: [Int: UInt64] = [:]
        for mutation in sink.mutations {
            #expect(mutation.dot.counter == counters[mutation.slot, default: 0] + 1)
            counters[mutation.slot] = mutation.dot.counter
        }
        #expect(counters.count > 20)
    }

    /// What a replica relays is what it was told.
    @Test func replayEmitsTheSameMutations() {
        let (sink, relayed) = (RecordingSink(), RecordingSink())
        let original = TestKeyspace(databases: 3, sink: sink)
        var writer = Writer(
            test: original, random: PRNG(seed: 7), expiry: ActiveExpiry(original.keyspace, loop: 0, of: 1),
            databases: 3)
        for _ in 0..<800 { writer.step() }
        let middle = TestKeyspace(databases: 3, sink: relayed)
        for mutation in sink.mutations { mutation.apply(to: middle.keyspace) }
        let last = TestKeyspace(databases: 3)
        for mutation in relayed.mutations { mutation.apply(to: last.keyspace) }
        #expect(relayed.mutations.map(\.dot) == sink.mutations.map(\.dot))
        #expect(last.state == original.state)
    }
}
