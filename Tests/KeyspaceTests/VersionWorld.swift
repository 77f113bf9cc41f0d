import Base
import Causality

@testable import Keyspace

/// Some key spaces as replicas of each other, and a network that loses, repeats and reorders. Beside each key space a map
/// of `StoredSiblings`, which says what every key must be: that is tested against causal histories elsewhere.
final class VersionWorld {
    /// A key space whose changes travel.
    final class Replica {
        let keyspace: Keyspace
        let sink = Recorder()
        var clocks: [Int: SlotClock] = [:]
        var keys: [[UInt8]: StoredSiblings<KeyVersion>] = [:]

        init(_ number: UInt64) {
            keyspace = Keyspace(
                databases: 1, reclaimer: Reclaimer(readers: 1), disposer: Disposer(),
                actor: ActorID(high: 7, low: 100 - number))
            keyspace.notePredecessors()
            sink.keyspace = keyspace
            keyspace.shared.pointee.sink = sink
        }
    }

    /// What a sink hears of, as a node that replicates would.
    final class Recorder: MutationSink, @unchecked Sendable {
        unowned var keyspace: Keyspace!
        var log: [RecordedMutation] = []
        /// The latest plain change of the node's own.
        var latest: (mutation: RecordedMutation, predecessor: Dot, context: CausalContext)?

        override func record(_ mutation: Mutation) {
            log.append(RecordedMutation(mutation))
            if mutation.dot.actor != keyspace.actor { return }
            if case .siblings = mutation.change { return }
            latest = (RecordedMutation(mutation), mutation.predecessor, keyspace.context(of: mutation))
        }
    }

    /// What travels: bytes, since indexes of actors mean nothing elsewhere.
    struct Message {
        var key: [UInt8]
        var event: [UInt8]
        /// Of a change to a value.
        var delta: (mutation: RecordedMutation, from: ActorID, predecessor: Dot, context: [UInt8])?
    }

    let replicas: [Replica]
    var random: PRNG
    var messages: [Message] = []
    var contexts: [(key: [UInt8], bytes: [UInt8])] = []
    var happened: [String: Int] = [:]
    var problem: String?
    var now = testNow
    var value: Int64 = 0
    private var steps = 0
    /// Whose key the step was about.
    private var touched: (replica: Replica, name: [UInt8])?

    /// All in one slot, but for one.
    static let names = ["{s}a", "{s}b", "{s}c", "other"].map { Array($0.utf8) }

    init(seed: UInt64, replicas count: Int = 3) {
        random = PRNG(seed: seed)
        replicas = (0..<count).map { Replica(UInt64($0)) }
    }

    private func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }
    private func name() -> [UInt8] { VersionWorld.names[below(VersionWorld.names.count)] }
    private func replica() -> Replica { replicas[below(replicas.count)] }
    private func note(_ what: String) { happened[what, default: 0] += 1 }

    private func with<R>(_ replica: Replica, _ name: [UInt8], _ body: (Access, Key) throws -> R) -> R {
        touched = (replica, name)
        return name.withView { view in
            let key = Key(view)
            let partition = replica.keyspace.partition(of: key)
            Partition.lock(partition)
            defer { Partition.unlock(partition) }
            do {
                return try body(Access(partition, database: 0, moment: moment(now)), key)
            } catch {
                fatalError("\(error)")
            }
        }
    }

    func step() {
        now += Int64(below(3))
        steps += 1
        touched = nil
        switch below(20) {
        case 0...2: plainWrite()
        case 3, 4: change()
        case 5...7: versionWrite()
        case 8: remember()
        case 9: repair(replica(), replica(), name())
        case 10: if !messages.isEmpty && below(2) == 0 { messages.remove(at: below(messages.count)) }
        default: deliver()
        }
        // To look at everything each time would take most of the time.
        if let touched, steps % 8 != 0 { check(touched.name, touched.replica) } else { check() }
    }

    // MARK: at a coordinator

    private func freshValue() -> [UInt8] {
        value += 1
        return Array((below(3) == 0 ? "\(value)" : "v\(value)").utf8)
    }

    private func plainWrite() {
        let (replica, name, deletes, bytes) = (replica(), name(), below(4) == 0, freshValue())
        replica.sink.latest = nil
        with(replica, name) { access, key in
            let slot = access.find(key)
            if deletes {
                if let slot { access.remove(slot, key) }
            } else {
                bytes.withView { access.putString(key, $0, slot) }
            }
        }
        note(deletes ? "plain delete" : "plain write")
        travel(replica, name, deletes ? nil : bytes.withView { KeyVersion(string: $0) }, isDelta: false)
    }

    /// A change to a value that is there.
    private func change() {
        let (replica, name) = (replica(), name())
        replica.sink.latest = nil
        let after = with(replica, name) { access, key -> KeyVersion? in
            guard let slot = access.find(key), access.entry(slot).encoding == .integer else { return nil }
            access.addInteger(key, slot, 1000)
            return KeyVersion(access.peek(key)!)
        }
        guard let after else { return }
        note("change")
        travel(replica, name, after, isDelta: true)
    }

    /// What a plain change has become is sent to everybody, and the reference makes the same one.
    private func travel(_ replica: Replica, _ name: [UInt8], _ version: KeyVersion?, isDelta: Bool) {
        guard let latest = replica.sink.latest else { return }
        let slot = Key.slot(of: name)
        let expected = replica.keys[name, default: StoredSiblings()].filled(
            by: replica.clocks[slot, default: SlotClock()])
        if shape(expected.context) != shape(latest.context) { problem = "a plain write has another context" }
        do {
            let event = try WriteEvent(latest.mutation.dot, at: now, version, superseding: latest.context)
            apply(event, name, replica)
            send(event, name, replica)
            if !isDelta { return }
            let context = bytes { latest.context.encode(to: &$0, replica.keyspace.actors.table) }
            let own = replica.keyspace.actors.read { $0.id(at: replica.keyspace.actor) }
            messages[messages.count - 1].delta = (latest.mutation, own, latest.predecessor, context)
        } catch {
            problem = "\(error)"
        }
    }

    private func versionWrite() {
        let (replica, name, deletes, kind) = (replica(), name(), below(4) == 0, below(3))
        var context = CausalContext()
        let known = contexts.filter { $0.key == name }
        if kind == 0, !known.isEmpty {
            context = read(known[below(known.count)].bytes, replica)
        } else if kind == 1 {
            context =
                replica.keys[name, default: StoredSiblings()]
                .filled(by: replica.clocks[Key.slot(of: name), default: SlotClock()]).context
        }
        let fresh = freshValue()
        let version = deletes ? nil : fresh.withView { KeyVersion(string: $0) }
        let event = with(replica, name) { access, key in try access.write(version, superseding: context, key) }
        note(deletes ? "version delete" : "version write")
        apply(event, name, replica)
        send(event, name, replica)
    }

    private func send(_ event: WriteEvent<KeyVersion>, _ name: [UInt8], _ replica: Replica) {
        let encoded = bytes { output in
            event.encode(to: &output, replica.keyspace.actors.table) { $0.encode(to: &$1) }
        }
        messages.append(Message(key: name, event: encoded))
    }

    private func remember() {
        let (replica, name) = (replica(), name())
        let set = with(replica, name) { access, key in try access.siblings(of: key) }
        contexts.append((name, bytes { set.context.encode(to: &$0, replica.keyspace.actors.table) }))
    }

    private func read(_ context: [UInt8], _ replica: Replica) -> CausalContext {
        context.withView { view in
            do {
                return try replica.keyspace.actors.update { try CausalContext(view, &$0) }
            } catch {
                fatalError("\(error)")
            }
        }
    }

    // MARK: at a replica

    /// Messages stay: they may arrive again.
    private func deliver() {
        guard !messages.isEmpty else { return }
        let (message, replica) = (messages[below(messages.count)], replica())
        deliver(message, to: replica)
    }

    private func deliver(_ message: Message, to replica: Replica) {
        let event = message.event.withView { view in
            do {
                return try replica.keyspace.actors.update {
                    try WriteEvent<KeyVersion>(view, &$0) { (bytes) throws(CausalityError) in try KeyVersion(bytes) }
                }
            } catch {
                fatalError("\(error)")
            }
        }
        if let delta = message.delta, deliver(delta, event, message.key, replica) { return }
        let applied = with(replica, message.key) { access, key in try access.apply(event, key) }
        note("arrival: \(applied)")
        if apply(event, message.key, replica) != applied { problem = "a write was taken otherwise" }
    }

    private func deliver(
        _ delta: (mutation: RecordedMutation, from: ActorID, predecessor: Dot, context: [UInt8]),
        _ event: WriteEvent<KeyVersion>, _ name: [UInt8], _ replica: Replica
    ) -> Bool {
        let context = read(delta.context, replica)
        let origin = replicas.first { $0.keyspace.actors.read { $0.id(at: 1) } == delta.from }!
        func local(_ dot: Dot) -> Dot {
            if dot.counter == 0 { return dot }
            let id = origin.keyspace.actors.read { $0.id(at: dot.actor) }
            do {
                return Dot(actor: try replica.keyspace.actors.intern(id), counter: dot.counter)
            } catch {
                fatalError("\(error)")
            }
        }
        let applied = with(replica, name) { access, key in
            delta.mutation.read { mutation in
                var mutation = mutation
                mutation.dot = local(mutation.dot)
                return access.apply(mutation, to: local(delta.predecessor), superseding: context, key)
            }!
        }
        note("delta: \(applied)")
        switch applied {
        case .mismatch: return false
        case .held: if apply(event, name, replica) != .held { problem = "a change was not held" }
        case .done: if apply(event, name, replica) != .done { problem = "a change was not to be made" }
        }
        return true
    }

    private func repair(_ from: Replica, _ to: Replica, _ name: [UInt8]) {
        if from === to { return }
        let set = with(from, name) { access, key in try access.siblings(of: key) }
        let encoded = bytes { output in
            set.encode(to: &output, from.keyspace.actors.table) { $0.encode(to: &$1) }
        }
        let received = encoded.withView { view in
            do {
                return try to.keyspace.actors.update {
                    try SiblingSet<KeyVersion>(view, &$0) { (bytes) throws(CausalityError) in try KeyVersion(bytes) }
                }
            } catch {
                fatalError("\(error)")
            }
        }
        let changed = with(to, name) { access, key in try access.absorb(received, key) }
        note(changed ? "repair" : "repair of nothing")
        let slot = Key.slot(of: name)
        let (clock, before) = (to.clocks[slot, default: SlotClock()], to.keys[name, default: StoredSiblings()])
        let expected = to.keys[name, default: StoredSiblings()].absorb(
            received, clock: &to.clocks[slot, default: SlotClock()])
        if expected != changed { problem = "a state was taken otherwise" }
        // Versions that are here keep their own contexts as they are if nothing else is new.
        let isKnown = received.versions.allSatisfy { clock.contains($0.dot) }
        if !expected && isKnown && to.keys[name]!.residue == before.residue { to.keys[name] = before }
    }

    // MARK: what must be

    @discardableResult
    private func apply(_ event: WriteEvent<KeyVersion>, _ name: [UInt8], _ replica: Replica) -> AppliedWrite {
        replica.keys[name, default: StoredSiblings()].apply(
            event, clock: &replica.clocks[Key.slot(of: name), default: SlotClock()])
    }

    private func shape(_ context: CausalContext) -> [Set<Dot>] {
        [Set(context.base.entries.map(\.dot)), Set(context.dots.map(\.dot))]
    }

    private func check() {
        for replica in replicas where problem == nil {
            for name in VersionWorld.names { check(name, replica) }
            if replica.keyspace.slotCountersAreRight == false { problem = "a slot's key counter is wrong" }
        }
    }

    private func check(_ name: [UInt8], _ replica: Replica) {
        let slot = Key.slot(of: name)
        let clock = replica.clocks[slot, default: SlotClock()]
        let expected = replica.keys[name, default: StoredSiblings()].filled(by: clock)
        let (set, shown, mine, isPlain) = with(replica, name) { access, key in
            (
                try access.siblings(of: key), access.peekAny(key).map { KeyVersion($0) },
                replica.keyspace.clock(of: slot, now: now), !access.hasSiblings(key)
            )
        }
        if !mine.holdsTheSame(as: clock) { problem = "a clock has other dots" }
        if shape(set.context) != shape(expected.context) { problem = "a context is another one" }
        if set.versions.map(\.dot) != expected.versions.map(\.dot)
            || set.versions.map(\.payload) != expected.versions.map(\.payload)
            || set.versions.map(\.timestamp) != expected.versions.map(\.timestamp)
            || set.versions.map({ shape($0.context) }) != expected.versions.map({ shape($0.context) })
        {
            problem = "versions are others"
        }
        if expected.winner(by: replica.keyspace.actors.table)?.payload != shown { problem = "another version wins" }
        if set.versions.count > 1 { note("siblings") }
        if isPlain && set.versions.count > 1 { problem = "siblings that are nowhere" }
        if !isPlain && set.versions.isEmpty { note("residue without versions") }
    }

    /// Everybody tells everybody everything: then all are equal.
    func heal() {
        for replica in replicas { for message in messages { deliver(message, to: replica) } }
        for _ in 0..<2 {
            for a in replicas { for b in replicas { for name in VersionWorld.names { repair(a, b, name) } } }
        }
        let all = replicas.map { replica in
            VersionWorld.names.map { name in
                with(replica, name) { access, key in
                    Set(
                        try access.siblings(of: key).versions.map { version in
                            "\(replica.keyspace.actors.read { $0.id(at: version.dot.actor) }):\(version.dot.counter)"
                        })
                }
            }
        }
        if all.contains(where: { $0 != all[0] }) { problem = "replicas differ in the end" }
        check()
    }

    private func bytes(_ body: (inout ByteBuffer) -> Void) -> [UInt8] {
        var output = ByteBuffer()
        body(&output)
        return output.view.bytes
    }
}

extension Key {
    static func slot(of name: [UInt8]) -> Int { name.withView { Key($0).slot } }
}
