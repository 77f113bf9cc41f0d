import Base

@testable import Causality

/// Some replicas of one slot with a few keys, a stand-in, and a network that loses, repeats and reorders, driven by a
/// seed; and beside them the naive truth: every write with the set of writes in its past, and for each
/// node and key the set of writes that have had their effect there. What is live, what is known, follows from these
/// sets alone, without a counter or a clock. `problem` says the first difference.
struct CausalWorld {
    /// Writes by number.
    typealias Events = UInt128
    typealias Key = StoredSiblings<Int>

    static let keyCount = 3
    static let memberCount = 3
    static let standIn = 3

    struct Event {
        var dot: Dot
        /// All writes that it supersedes or knew to be superseded.
        var past: Events
        var isPut: Bool
        /// nil: all keys.
        var key: Int?
        var write: WriteEvent<Int>
    }

    struct Node {
        var actor: UInt64
        var state: SlotState
        var keys = [Key](repeating: Key(), count: CausalWorld.keyCount)
        /// The truth: what has had its effect on each key.
        var effects = [Events](repeating: 0, count: CausalWorld.keyCount)
        /// Joining: from whom, how far, and what the source knew at the start.
        var source = 0
        var cursor = 0
        /// It was a replica before, and is one again if the stream is given up.
        var isRefreshing = false
        var knownAtStart = [Events](repeating: 0, count: CausalWorld.keyCount)
        /// A stand-in's writes, and who has not got them yet.
        var hints: [(event: Int, missing: Set<Int>)] = []
    }

    enum Message {
        case write(Int)
        case state(key: Int, SiblingSet<Int>, Events)
        case answer([DotRange], [(key: Int, SiblingSet<Int>, Events)], flushes: [Int], from: Int)
    }

    /// Mistakes to make, each of which must be noticed.
    struct Mistakes: OptionSet {
        let rawValue: Int
        static let reusesActors = Mistakes(rawValue: 1)
        static let adoptsEarly = Mistakes(rawValue: 2)
        static let dropsResidues = Mistakes(rawValue: 4)
        static let fillsNothing = Mistakes(rawValue: 8)
        static let standInClaims = Mistakes(rawValue: 16)
        static let claimsBeforeStates = Mistakes(rawValue: 32)
        static let forgetsSurvivorsPast = Mistakes(rawValue: 64)
        static let fillsLate = Mistakes(rawValue: 128)
    }

    var random: PRNG
    var mistakes: Mistakes
    var nodes: [Node] = []
    var events: [Event] = []
    var eventOf: [Dot: Int] = [:]
    var putsOfKeys = [Events](repeating: 0, count: CausalWorld.keyCount)
    var network: [(to: Int, Message)] = []
    /// What clients have read: key, context, and what that is in truth.
    var tokens: [(key: Int, context: CausalContext, past: Events)] = []
    var actorsIssued: UInt64 = 0
    var actors = ActorTable()
    var time: Int64 = 1_000
    var problem: String?
    /// Only what a client could see is checked, not what replicas claim to know.
    var seesOnlyVersions = false
    /// What has happened how often, so that the test can say that everything has.
    var happened: [String: Int] = [:]

    init(seed: UInt64, mistakes: Mistakes = []) {
        random = PRNG(seed: seed)
        self.mistakes = mistakes
        for i in 0...Self.memberCount {
            let actor = newActor()
            nodes.append(
                Node(actor: actor, state: SlotState(i == Self.standIn ? .standIn : .member(SlotClock()))))
        }
    }

    mutating func newActor() -> UInt64 {
        actorsIssued += 1
        // Ids in no order of their indexes.
        return try! actors.intern(ActorID(high: actorsIssued &* 0x9e37_79b9_7f4a_7c15, low: actorsIssued))
    }

    mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func count(_ what: String) { happened[what, default: 0] += 1 }

    // MARK: the truth

    func superseded(_ effects: Events) -> Events {
        var result: Events = 0
        for event in forEach(effects) { result |= events[event].past }
        return result
    }

    func forEach(_ set: Events) -> [Int] {
        var result: [Int] = []
        for (word, offset) in [(UInt64(truncatingIfNeeded: set), 0), (UInt64(truncatingIfNeeded: set >> 64), 64)] {
            var rest = word
            while rest != 0 {
                result.append(rest.trailingZeroBitCount + offset)
                rest &= rest - 1
            }
        }
        return result
    }

    func puts(of key: Int) -> Events { putsOfKeys[key] }

    func known(_ effects: Events, _ key: Int) -> Events { (effects | superseded(effects)) & puts(of: key) }

    func live(_ effects: Events, _ key: Int) -> Events { effects & puts(of: key) & ~superseded(effects) }

    // MARK: a node

    func clock(of i: Int, key: Int) -> SlotClock {
        if case .joining(let joining) = nodes[i].state.role { return joining.clock(isBehind: key < nodes[i].cursor) }
        return nodes[i].state.clock
    }

    func filled(_ i: Int, _ key: Int) -> SiblingSet<Int> {
        if mistakes.contains(.fillsNothing) { return nodes[i].keys[key].filled(by: SlotClock()) }
        if mistakes.contains(.standInClaims) && i == Self.standIn {
            var clock = SlotClock()
            if nodes[i].state.issued.counter > 0 {
                clock.claim(DotRange(actor: nodes[i].actor, 1...nodes[i].state.issued.counter), at: 0)
            }
            return nodes[i].keys[key].filled(by: clock)
        }
        return nodes[i].keys[key].filled(by: clock(of: i, key: key))
    }

    mutating func apply(_ number: Int, at i: Int) {
        let event = events[number]
        guard let key = event.key else { return applyFlush(number, at: i) }
        if case .joining(var joining) = nodes[i].state.role {
            joining.apply(event.write, to: &nodes[i].keys[key], isBehind: key < nodes[i].cursor)
            nodes[i].state.role = .joining(joining)
        } else {
            var clock = nodes[i].state.clock
            checkArrival(event, nodes[i].keys[key], clock)
            nodes[i].keys[key].apply(event.write, clock: &clock)
            store(clock, at: i)
        }
        nodes[i].effects[key] |= 1 << Events(number)
    }

    /// The quick look at settled keys must agree with what is done.
    mutating func checkArrival(_ event: Event, _ key: Key, _ clock: SlotClock) {
        guard key.isSettled, let payload = event.write.payload else { return }
        let arrival = clock.arrival(of: event.dot, superseding: event.write.context, at: key.dots.first)
        var (after, clockAfter) = (key, clock)
        let applied = after.apply(event.write, clock: &clockAfter)
        if (arrival == .held) != (applied == .held) { problem = problem ?? "arrival says \(arrival), not \(applied)" }
        if arrival == .settles {
            count("settles")
            var quick = clock
            quick.settle(event.dot, at: event.write.timestamp)
            if after != Key(settled: event.dot, at: event.write.timestamp, payload) || quick != clockAfter {
                problem = problem ?? "arrival settles \(event.dot), and does not"
            }
        }
    }

    mutating func applyFlush(_ number: Int, at i: Int) {
        let event = events[number]
        let (dot, at, context) = (event.dot, event.write.timestamp, event.write.context)
        var isNew = false
        if case .joining(var joining) = nodes[i].state.role {
            isNew = joining.flush(dot, at: at, superseding: context)
            nodes[i].state.role = .joining(joining)
        } else {
            var clock = nodes[i].state.clock
            isNew = clock.flush(dot, at: at, superseding: context)
            store(clock, at: i)
        }
        for key in 0..<Self.keyCount {
            if isNew { nodes[i].keys[key].removeVersions(coveredBy: context) }
            nodes[i].effects[key] |= 1 << Events(number)
        }
    }

    mutating func store(_ clock: SlotClock, at i: Int) {
        switch nodes[i].state.role {
        case .member: nodes[i].state.role = .member(clock)
        case .newcomer: nodes[i].state.role = .newcomer(clock)
        default: break
        }
        for key in 0..<Self.keyCount {
            if chance(30) { nodes[i].keys[key].strip(by: clock) }
            if mistakes.contains(.dropsResidues) {
                let kept = nodes[i].keys[key].filled(by: SlotClock()).versions
                var bare = Key()
                var empty = SlotClock()
                for version in kept {
                    bare.apply(
                        try! WriteEvent(
                            version.dot, at: version.timestamp, version.payload, superseding: CausalContext()),
                        clock: &empty)
                }
                nodes[i].keys[key] = bare
                nodes[i].keys[key].strip(by: clock)
            }
        }
    }

    mutating func absorb(_ key: Int, _ state: SiblingSet<Int>, _ effects: Events, at i: Int) {
        if case .joining(var joining) = nodes[i].state.role {
            joining.absorb(state, into: &nodes[i].keys[key], isBehind: key < nodes[i].cursor)
            nodes[i].state.role = .joining(joining)
        } else {
            var clock = nodes[i].state.clock
            nodes[i].keys[key].absorb(state, clock: &clock)
            store(clock, at: i)
        }
        nodes[i].effects[key] |= effects
    }

    // MARK: checks

    /// `key`: the only one that may have changed; nil: all.
    mutating func check(_ i: Int, _ after: @autoclosure () -> String, key only: Int? = nil) {
        if problem != nil { return }
        for key in 0..<Self.keyCount where only == nil || only == key {
            let effects = nodes[i].effects[key]
            var here: Events = 0
            for dot in nodes[i].keys[key].dots { here |= 1 << Events(eventOf[dot]!) }
            if here != live(effects, key) {
                problem =
                    "after \(after()): node \(i), key \(key) has \(forEach(here)), not \(forEach(live(effects, key)))"
                return
            }
            if seesOnlyVersions { continue }
            let state = filled(i, key)
            var covered: Events = 0
            for e in forEach(puts(of: key)) where state.context.covers(events[e].dot) { covered |= 1 << Events(e) }
            if covered != known(effects, key) {
                problem =
                    "after \(after()): node \(i), key \(key) claims \(forEach(covered)), not \(forEach(known(effects, key)))"
                return
            }
            checkSiblings(state, after())
            checkClock(i, key, after())
        }
    }

    /// What a clock says: of each dot in it, that what the write did is done here; and it has the dots of all versions.
    mutating func checkClock(_ i: Int, _ key: Int, _ after: @autoclosure () -> String) {
        if i == Self.standIn { return }
        let clock = clock(of: i, key: key)
        if !nodes[i].keys[key].dots.allSatisfy({ clock.contains($0) }) {
            problem = "after \(after()): node \(i), key \(key) has a version that its clock has not"
        }
        let known = known(nodes[i].effects[key], key)
        for (number, event) in events.enumerated() where event.key == key || event.key == nil {
            if event.dot.packed == .max || !clock.contains(event.dot) { continue }
            let done = event.past & puts(of: key) | (event.isPut ? 1 << Events(number) : 0)
            if done & ~known != 0 {
                problem = "after \(after()): node \(i) holds write \(number), whose effect on key \(key) is not there"
            }
        }
    }

    /// A version's own clock has its past, and none of its siblings.
    mutating func checkSiblings(_ state: SiblingSet<Int>, _ after: @autoclosure () -> String) {
        if seesOnlyVersions { return }
        for version in state.versions {
            let past = events[eventOf[version.dot]!].past
            for sibling in state.versions where sibling.dot != version.dot {
                if version.context.covers(sibling.dot) { problem = "after \(after()): siblings know each other" }
            }
            for e in forEach(past) where events[e].isPut && !version.context.covers(events[e].dot) {
                problem = "after \(after()): a version does not know write \(e) of its past"
            }
        }
    }

    /// All replicas that hold the same writes hold the same data: if every member has the same clock, and no stand-in has
    /// a deletion of which somebody may know the effect only.
    mutating func checkEqualClocks(_ after: String) {
        let members = nodes.indices.filter { nodes[$0].state.answers }
        guard problem == nil, members.count == Self.memberCount, nodes[Self.standIn].hints.isEmpty else { return }
        let first = nodes[0].state.clock
        guard members.allSatisfy({ first.base.entries.count == nodes[$0].state.clock.base.entries.count }),
            members.allSatisfy({ first.holdsTheSame(as: nodes[$0].state.clock) })
        else { return }
        count("equal clocks")
        for key in 0..<Self.keyCount {
            if !members.allSatisfy({ nodes[$0].keys[key].dots == nodes[0].keys[key].dots }) {
                problem = "after \(after): equal clocks, and key \(key) differs"
            }
        }
    }
}
