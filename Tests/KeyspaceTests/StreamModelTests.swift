import Base
import CSystem
import Testing

@testable import Keyspace

/// What a stream is to be, kept plainly.
private struct ModelStream {
    struct Pending: Equatable {
        var owner: [UInt8]
        var time: Int64
        var deliveries: Int64
    }

    struct Group: Equatable {
        var last: StreamID
        var consumers: Set<[UInt8]> = []
        var pending: [StreamID: Pending] = [:]
    }

    var entries: [(id: StreamID, words: [[UInt8]])] = []
    var last = StreamID.zero
    var maxDeleted = StreamID.zero
    var added: Int64 = 0
    var groups: [[UInt8]: Group] = [:]

    /// The same as `Stream.contentsShown`.
    var shown: [UInt8] {
        let first = entries.first?.id ?? .zero
        var out = Array("\(last.shown) \(first.shown) \(maxDeleted.shown) \(added) \(entries.count)\n".utf8)
        for entry in entries {
            out += entry.id.bytes
            for word in entry.words { out.show(word) }
        }
        for (name, group) in groups.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            out.show(name)
            out += Array("\(group.last.shown) -1\n".utf8)
            for consumer in group.consumers.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                out.show(consumer)
                out += Array("\(group.pending.values.count { $0.owner == consumer })\n".utf8)
            }
            for (id, pending) in group.pending.sorted(by: { $0.key < $1.key }) {
                out.show(pending.owner)
                out += Array("\(id.shown) \(pending.time) \(pending.deliveries)\n".utf8)
            }
        }
        return out
    }
}

/// Random changes of streams against the model, with tiny pieces, copies that share them, and a replica that
/// replays the mutations.
@Suite struct StreamModelTests {
    private final class Play {
        let sink = RecordingSink()
        let test: TestKeyspace
        var random: PRNG
        var models: [[UInt8]: ModelStream] = [:]
        var names: [[UInt8]] = ["a", "{a}b", "c"].map { Array($0.utf8) }

        init(seed: UInt64) {
            random = PRNG(seed: seed)
            test = TestKeyspace(databases: 1, sink: sink)
        }

        func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

        func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

        func word() -> [UInt8] {
            switch below(6) {
            case 0: return Array("\(Int64(bitPattern: random.next()) >> Int64(below(64)))".utf8)
            case 1: return []
            default:
                return [UInt8](
                    repeating: UInt8(97 + below(26)), count: below(40) == 0 ? 5000 : pick([1, 3, 20, 63, 64, 200]))
            }
        }

        /// One of the model's IDs, or one near.
        func someID(_ model: ModelStream) -> StreamID {
            let pending = model.groups.values.flatMap { $0.pending.keys }.sorted()
            if !pending.isEmpty && below(3) == 0 { return pick(pending) }
            guard !model.entries.isEmpty else { return StreamID(UInt64(below(20)), 0) }
            let id = pick(model.entries).id
            return below(4) == 0 ? (below(2) == 0 ? id.successor : id.predecessor) ?? id : id
        }

        func with<R>(_ name: [UInt8], _ body: (Access, Key) -> R) -> R { test.with(name, 0, body) }

        func stream(_ name: [UInt8]) -> Stream? { with(name) { access, key in access.peek(key)?.stream } }
    }

    private static let consumers: [[UInt8]] = ["x", "y", "z", ""].map { Array($0.utf8) }
    private static let groups: [[UInt8]] = ["g", "h"].map { Array($0.utf8) }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func behavesLikeAModel(seed: UInt64) {
        let play = Play(seed: seed)
        let packing = play.test.keyspace.shared.pointee.packing
        packing[.streamNodeEntries] = play.pick([1, 2, 3, 5, 20, 0])
        packing[.streamNodeBytes] = play.pick([0, 150, 4096])
        let replica = TestKeyspace(databases: 1)
        replica.keyspace.shared.pointee.packing[.streamNodeEntries] = packing[.streamNodeEntries]
        replica.keyspace.shared.pointee.packing[.streamNodeBytes] = packing[.streamNodeBytes]
        for step in 0..<2000 {
            play.test.now += Int64(play.below(3))
            change(play)
            if step % 41 == 0 {
                for name in play.names { check(play, name, "seed \(seed), step \(step)") }
            }
        }
        for mutation in play.sink.mutations { #expect(mutation.apply(to: replica.keyspace)) }
        #expect(replica.state == play.test.state)
    }

    // MARK: changes

    private func change(_ play: Play) {
        let name = play.pick(play.names)
        switch play.below(40) {
        case 0...15: add(play, name)
        case 16, 17: delete(play, name)
        case 18: trim(play, name)
        case 19: copy(play, name)
        case 20: if play.below(8) == 0 { remove(play, name) }
        case 21: createGroup(play, name)
        default: changeGroup(play, name)
        }
    }

    private func add(_ play: Play, _ name: [UInt8]) {
        var model = play.models[name] ?? ModelStream()
        // IDs jump and wrap their sequence numbers, so that distances within a piece are of all sizes.
        var id = model.last.successor!
        switch play.below(6) {
        case 0: id = StreamID(id.ms + UInt64(play.below(3)), play.random.next() >> UInt64(play.below(64)))
        case 1: id = StreamID(id.ms + 1 + play.random.next() >> UInt64(30 + play.below(30)), 0)
        default: break
        }
        if id <= model.last { id = StreamID(id.ms + 1, id.seq) }
        var words: [[UInt8]] = []
        for i in 0..<1 + play.below(3) {
            words += [play.below(5) == 0 ? play.word() : Array("f\(i)".utf8), play.word()]
        }
        model.entries.append((id, words))
        model.last = id
        model.added += 1
        play.models[name] = model
        play.with(name) { access, key in
            let slot = access.find(key) ?? access.makeStream(key)
            RecordedMutation.withViews(words) {
                access.addStreamEntry(slot, key, id, StreamFields($0, count: words.count / 2))
            }
        }
    }

    private func delete(_ play: Play, _ name: [UInt8]) {
        guard var model = play.models[name] else { return }
        let id = play.someID(model)
        let found = model.entries.firstIndex { $0.id == id }
        if let found {
            model.entries.remove(at: found)
            model.maxDeleted = max(model.maxDeleted, id)
        }
        play.models[name] = model
        let deleted = play.with(name) { access, key in access.deleteStreamEntry(access.find(key)!, key, id) }
        #expect(deleted == (found != nil))
    }

    private func trim(_ play: Play, _ name: [UInt8]) {
        guard var model = play.models[name] else { return }
        let whole = play.below(2) == 0
        let limit = whole ? play.below(30) : 0
        let rule: StreamTrim
        var expected = 0
        switch play.below(3) {
        case 0:
            let wanted = play.below(model.entries.count + 2)
            rule = .toCount(wanted)
            expected = max(0, model.entries.count - wanted)
        case 1:
            let id = play.someID(model)
            rule = .before(id)
            expected = model.entries.prefix { $0.id < id }.count
        default:
            let wanted = play.below(model.entries.count + 2)
            rule = .oldest(wanted)
            expected = min(wanted, model.entries.count)
        }
        let removed = play.with(name) { access, key in
            access.trimStream(access.find(key)!, key, rule, whole: whole, limit: limit)
        }
        if whole {
            #expect(removed <= expected && (limit == 0 || removed <= limit))
        } else {
            #expect(removed == expected)
        }
        model.entries.removeFirst(removed)
        play.models[name] = model
    }

    private func copy(_ play: Play, _ name: [UInt8]) {
        let other = play.pick(play.names)
        guard other != name, let model = play.models[name] else { return }
        play.models[other] = model
        play.with(name) { access, key in
            play.with(other) { destination, newKey in
                let slot = destination.find(newKey)
                destination.putCopy(of: access.entry(access.find(key)!), newKey, slot)
            }
        }
    }

    private func remove(_ play: Play, _ name: [UInt8]) {
        guard play.models.removeValue(forKey: name) != nil else { return }
        play.with(name) { access, key in access.remove(access.find(key)!, key) }
    }

    private func createGroup(_ play: Play, _ name: [UInt8]) {
        guard var model = play.models[name] else { return }
        let groupName = play.pick(Self.groups)
        if model.groups[groupName] != nil { return }
        let last = play.someID(model)
        model.groups[groupName] = ModelStream.Group(last: last)
        play.models[name] = model
        play.with(name) { access, key in
            groupName.withView { access.createGroup(access.find(key)!, key, $0, last, nil) }
        }
    }

    private func changeGroup(_ play: Play, _ name: [UInt8]) {
        let groupName = play.pick(Self.groups)
        guard var model = play.models[name], var group = model.groups[groupName] else { return }
        let consumer = play.pick(Self.consumers)
        let id = play.someID(model)
        let kind = play.below(12)
        let batch = model.entries.filter { $0.id > group.last }.prefix(1 + play.below(9)).map(\.id)
        play.with(name) { access, key in
            let slot = access.find(key)!
            let handle = groupName.withView { access.entry(slot).stream.group($0)! }
            func owner() -> ConsumerPointer {
                if let known = consumer.withView({ handle.consumer($0) }) { return known }
                group.consumers.insert(consumer)
                return consumer.withView { access.createConsumer(slot, key, handle, $0) }
            }
            switch kind {
            case 0...4: deliver(access, key, handle, owner(), batch, &group, consumer)
            case 5...7:
                let isPending = group.pending.removeValue(forKey: id) != nil
                #expect(access.acknowledge(slot, key, handle, id) == isPending)
            case 8, 9:
                let pending = ModelStream.Pending(owner: consumer, time: access.moment.wall, deliveries: Int64(kind))
                access.claim(
                    slot, key, handle, owner(), id, time: pending.time, deliveries: pending.deliveries)
                group.pending[id] = pending
            case 10:
                group.last = id
                access.setGroup(slot, key, handle, id, nil)
            default:
                guard play.below(6) == 0, group.consumers.remove(consumer) != nil else { return }
                group.pending = group.pending.filter { $0.value.owner != consumer }
                consumer.withView { access.deleteConsumer(slot, key, handle, $0) }
            }
        }
        model.groups[groupName] = group
        if kind == 11 && play.below(20) == 0 {
            model.groups[groupName] = nil
            play.with(name) { access, key in
                #expect(groupName.withView { access.destroyGroup(access.find(key)!, key, $0) })
            }
        }
        play.models[name] = model
    }

    private func deliver(
        _ access: Access, _ key: Key, _ handle: StreamGroup, _ owner: ConsumerPointer, _ ids: [StreamID],
        _ group: inout ModelStream.Group, _ consumer: [UInt8]
    ) {
        guard let last = ids.last else { return }
        group.last = last
        let time = access.moment.wall
        for id in ids { group.pending[id] = ModelStream.Pending(owner: consumer, time: time, deliveries: 1) }
        ids.withUnsafeBufferPointer { ids in
            let delivery = StreamDelivery(
                group: handle.name, consumer: owner.name, ids: ids, time: time, lastID: last, entriesRead: nil)
            access.deliver(access.find(key)!, key, handle, owner, delivery)
        }
    }

    // MARK: checks

    private func check(_ play: Play, _ name: [UInt8], _ when: Comment) {
        guard let model = play.models[name] else {
            #expect(play.stream(name) == nil, when)
            return
        }
        let stream = play.stream(name)!
        #expect(stream.brokenInvariant() == nil, when)
        #expect(stream.contentsShown == model.shown, when)
        let (from, to) = (play.someID(model), play.someID(model))
        let expected = model.entries.map(\.id).filter { from <= $0 && $0 <= to }
        #expect(ids(stream.entries(from: from, to: to)) == expected, when)
        #expect(ids(stream.entries(from: from, to: to, reversed: true)) == expected.reversed(), when)
        #expect(
            words(stream.entries(from: from, to: to, reversed: true))
                == model.entries.filter {
                    from <= $0.id && $0.id <= to
                }.reversed().map(\.words), when)
        #expect(stream.contains(from) == model.entries.contains { $0.id == from }, when)
        #expect(stream.lastLiveID == model.entries.last?.id, when)
        for (groupName, group) in model.groups {
            let handle = groupName.withView { stream.group($0)! }
            let first = group.pending.keys.filter { $0 >= from }.min()
            #expect(handle.pending(from: from)?.id == first, when)
            for name in group.consumers {
                var owned: [StreamID] = []
                handle.forEachPending(from: from, of: name.withView { handle.consumer($0) }) {
                    owned.append($0.id)
                    return true
                }
                #expect(owned == group.pending.filter { $0.value.owner == name && $0.key >= from }.keys.sorted(), when)
            }
        }
    }

    private func ids(_ cursor: StreamCursor) -> [StreamID] {
        var cursor = cursor
        var found: [StreamID] = []
        while cursor.next() { found.append(cursor.id) }
        return found
    }

    private func words(_ cursor: StreamCursor) -> [[[UInt8]]] {
        var cursor = cursor
        var found: [[[UInt8]]] = []
        while cursor.next() {
            var words: [[UInt8]] = []
            cursor.forEachField { words += [$0.withView { $0.bytes }, $1.withView { $0.bytes }] }
            found.append(words)
        }
        return found
    }
}
