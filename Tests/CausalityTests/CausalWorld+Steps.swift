import Base

@testable import Causality

extension CausalWorld {
    private func everythingKnown(_ i: Int, _ key: Int) -> Events { known(nodes[i].effects[key], key) }

    /// Something happens.
    mutating func step() {
        time += Int64(below(3))
        let i = below(Self.memberCount + 1)
        let key = below(Self.keyCount)
        switch below(100) {
        case 0..<22: write(at: i, key)
        case 22..<26: flush(at: i)
        case 26..<29: fail(at: i)
        case 29..<37: read(at: i, key)
        case 37..<65: deliver()
        case 65..<72: sendState(from: i, key)
        case 72..<80: askForMissing(i, of: below(Self.memberCount))
        case 80..<84: handOff()
        case 84..<86: lose(i)
        case 86..<97: stream(i)
        case 97: stream(i, refreshes: true)
        default: dropActors()
        }
        checkEqualClocks("a step")
    }

    private mutating func newEvent(
        at i: Int, _ key: Int?, put: Bool, _ context: CausalContext, past: Events
    ) -> Int? {
        if events.count >= 100 { return nil }
        let dot = nodes[i].state.issue(by: nodes[i].actor)
        let number = events.count
        do {
            let write = try WriteEvent(dot, at: time, put ? number : nil, superseding: context)
            events.append(Event(dot: dot, past: past, isPut: put, key: key, write: write))
        } catch {
            problem = problem ?? "dot \(dot.actor):\(dot.counter) issued twice"
            return nil
        }
        eventOf[dot] = number
        if put, let key { putsOfKeys[key] |= 1 << Events(number) }
        return number
    }

    private mutating func broadcast(_ number: Int, from i: Int) {
        for to in 0..<Self.memberCount where to != i {
            network.append((to, .write(number)))
        }
    }

    /// VSET or VDEL with a context that somebody has read, or none; SET and DEL supersede what the coordinator knows.
    private mutating func write(at i: Int, _ key: Int) {
        if !nodes[i].state.answers && i != Self.standIn { return }
        let read = tokens.indices.filter { tokens[$0].key == key }
        var context = CausalContext()
        var past: Events = 0
        switch below(4) {
        case 0: count("without context")
        case 1 where !read.isEmpty:
            let token = tokens[read[below(read.count)]]
            (context, past) = (token.context, token.past)
            count("with context")
        default:
            (context, past) = (filled(i, key).context, everythingKnown(i, key))
            count("over all")
        }
        guard let number = newEvent(at: i, key, put: chance(75), context, past: past) else { return }
        apply(number, at: i)
        if i == Self.standIn {
            nodes[i].hints.append((number, Set(0..<Self.memberCount)))
            count("stand-in writes")
        } else {
            if mistakes.contains(.fillsLate) && chance(30) { refill(number, at: i, key) }
            broadcast(number, from: i)
        }
        check(i, "a write", key: key)
    }

    /// A mistake: the context is that of a later time.
    private mutating func refill(_ number: Int, at i: Int, _ key: Int) {
        for _ in 0..<5 { deliver() }
        let event = events[number]
        var context = filled(i, key).context
        context.truncate(without: event.dot)
        if let write = try? WriteEvent(event.dot, at: time, event.write.payload, superseding: context) {
            events[number].write = write
        }
    }

    private mutating func flush(at i: Int) {
        guard nodes[i].state.answers, chance(30) else { return }
        var context = nodes[i].state.clock.context()
        var past: Events = 0
        for key in 0..<Self.keyCount {
            nodes[i].keys[key].forEachVersion { context.insert(ClockEntry($0.dot, at: $0.timestamp)) }
            // What is known to be gone beyond the base stays known with the keys.
            past |= forEach(puts(of: key)).reduce(0) { $0 | (context.covers(events[$1].dot) ? 1 << Events($1) : 0) }
        }
        guard let number = newEvent(at: i, nil, put: false, context, past: past) else { return }
        apply(number, at: i)
        broadcast(number, from: i)
        count("flush")
        check(i, "a flush")
    }

    /// A write that failed: its dot is used up.
    private mutating func fail(at i: Int) {
        guard case .member(var clock) = nodes[i].state.role else { return }
        clock.noteNothing(nodes[i].state.issue(by: nodes[i].actor), at: time)
        nodes[i].state.role = .member(clock)
        count("failed write")
    }

    private mutating func read(at i: Int, _ key: Int) {
        guard nodes[i].state.answers else { return }
        var state = filled(i, key)
        var past = everythingKnown(i, key)
        let other = below(Self.memberCount + 1)
        if nodes[other].state.answers || other == Self.standIn {
            state.merge(filled(other, key))
            let both = nodes[i].effects[key] | nodes[other].effects[key]
            past = known(both, key)
            let shown = state.versions.reduce(Events(0)) { $0 | 1 << Events(eventOf[$1.dot]!) }
            if shown != live(both, key) { problem = problem ?? "a read of two shows \(forEach(shown))" }
            checkSiblings(state, "a read of two")
        }
        tokens.append((key, state.context, past))
    }

    private mutating func sendState(from i: Int, _ key: Int) {
        let to = below(Self.memberCount)
        if to != i && (nodes[i].state.answers || i == Self.standIn) {
            network.append((to, .state(key: key, filled(i, key), nodes[i].effects[key])))
        }
    }

    /// Catching up: the states of all keys that the missing dots concern, and then the dots.
    mutating func askForMissing(_ i: Int, of source: Int) {
        guard i != source, nodes[i].state.answers, nodes[source].state.answers else { return }
        let ranges = nodes[i].state.clock.missing(from: nodes[source].state.clock)
        var keys: Set<Int> = []
        var flushes: [Int] = []
        for range in ranges {
            for counter in range.counters {
                guard let number = eventOf[Dot(actor: range.actor, counter: counter)] else { continue }
                if let key = events[number].key { keys.insert(key) } else { flushes.append(number) }
            }
        }
        let states = keys.sorted().map { (key: $0, filled(source, $0), nodes[source].effects[$0]) }
        network.append((i, .answer(ranges, states, flushes: flushes, from: source)))
        if !ranges.isEmpty { count("catching up") }
    }

    /// A message arrives, or is lost; it may arrive again.
    mutating func deliver() {
        if network.isEmpty { return }
        let at = below(network.count)
        let (to, message) = network[at]
        if chance(75) { network.remove(at: at) }
        if chance(15) { return }
        receive(message, at: to)
        switch message {
        case .write(let number): check(to, "a message", key: events[number].key)
        case .state(let key, _, _): check(to, "a message", key: key)
        case .answer: check(to, "a message")
        }
    }

    private mutating func receive(_ message: Message, at i: Int) {
        switch message {
        case .write(let number): apply(number, at: i)
        case .state(let key, let state, let effects): absorb(key, state, effects, at: i)
        case .answer(let ranges, let states, let flushes, _):
            if mistakes.contains(.claimsBeforeStates) { claim(ranges, at: i) }
            for number in flushes { applyFlush(number, at: i) }
            for (key, state, effects) in states {
                if mistakes.contains(.claimsBeforeStates) && chance(20) { return }
                absorb(key, state, effects, at: i)
            }
            claim(ranges, at: i)
        }
    }

    private mutating func claim(_ ranges: [DotRange], at i: Int) {
        guard case .member(var clock) = nodes[i].state.role else { return }
        for range in ranges { clock.claim(range, at: time) }
        nodes[i].state.role = .member(clock)
    }

    /// A stand-in's hints reach somebody; when all have them, its copy goes.
    mutating func handOff() {
        let i = Self.standIn
        for h in nodes[i].hints.indices {
            // Mostly to somebody who has not got it, sometimes again.
            let missing = nodes[i].hints[h].missing.sorted()
            let to = missing.isEmpty || chance(20) ? below(Self.memberCount) : missing[below(missing.count)]
            if case .newcomer = nodes[to].state.role { continue }
            apply(nodes[i].hints[h].event, at: to)
            nodes[i].hints[h].missing.remove(to)
            check(to, "a hint", key: events[nodes[i].hints[h].event].key)
        }
        if !nodes[i].hints.isEmpty && nodes[i].hints.allSatisfy({ $0.missing.isEmpty }) {
            nodes[i].hints = []
            nodes[i].keys = [Key](repeating: Key(), count: Self.keyCount)
            nodes[i].effects = [Events](repeating: 0, count: Self.keyCount)
            count("handed off")
        }
    }

    // MARK: losing and joining

    /// Whether the other members have had all writes that this node has: as effects, and as dots. A deletion of which
    /// the others know the effect only (from a state) would be lost with its dot.
    private func hasNothingAlone(_ i: Int) -> Bool {
        let others = (0..<Self.memberCount).filter { $0 != i && nodes[$0].state.answers }
        if others.isEmpty { return false }
        for key in 0..<Self.keyCount {
            let elsewhere = others.reduce(Events(0)) { $0 | nodes[$1].effects[key] }
            if nodes[i].effects[key] & ~elsewhere != 0 { return false }
        }
        return events.allSatisfy { event in
            !clock(of: i, key: -1).contains(event.dot) || others.contains { nodes[$0].state.clock.contains(event.dot) }
        }
    }

    /// A replica loses data of the slot; never the last that has some write.
    private mutating func lose(_ i: Int) {
        if i == Self.standIn || !hasNothingAlone(i) { return }
        abandon(i)
        let keepsClock = chance(60)
        let old = nodes[i].state.forget()
        for key in 0..<Self.keyCount {
            if keepsClock && chance(50) {
                let from = mistakes.contains(.forgetsSurvivorsPast) ? SlotClock() : old
                nodes[i].keys[key].rebase(from: from, to: SlotClock())
                nodes[i].state.keep(nodes[i].keys[key])
                count("survivor")
            } else {
                nodes[i].keys[key] = Key()
                nodes[i].effects[key] = 0
            }
        }
        if !keepsClock { loseCounters(i) }
        count("loss")
        check(i, "a loss")
    }

    private mutating func loseCounters(_ i: Int) {
        if mistakes.contains(.reusesActors) {
            nodes[i].state = SlotState(nodes[i].state.role)
        } else {
            actors.close(nodes[i].actor)
            nodes[i].actor = newActor()
        }
    }

    private mutating func abandon(_ i: Int) {
        guard case .joining(let joining) = nodes[i].state.role else { return }
        for key in 0..<nodes[i].cursor {
            nodes[i].keys[key].rebase(from: joining.behind, to: joining.ahead)
        }
        nodes[i].state.role = nodes[i].isRefreshing ? .member(joining.abandon()) : .newcomer(joining.abandon())
        nodes[i].cursor = 0
        count(nodes[i].isRefreshing ? "refresh abandoned" : "abandoned")
        nodes[i].isRefreshing = false
        check(i, "giving up a stream")
    }

    /// A newcomer begins, goes on or ends; or a replica does whose source no longer knows which keys the missing dots
    /// concern, and streams the whole slot to it: it keeps its clock.
    mutating func stream(_ i: Int, refreshes: Bool = false) {
        switch nodes[i].state.role {
        case .standIn: return
        case .member(let held):
            if !refreshes { return }
            begin(i, held)
            if case .joining = nodes[i].state.role { nodes[i].isRefreshing = true }
        case .newcomer(let held): begin(i, held)
        case .joining(var joining):
            if chance(5) || !nodes[nodes[i].source].state.answers { return abandon(i) }
            passNext(i, &joining)
            nodes[i].state.role = .joining(joining)
            if nodes[i].cursor == Self.keyCount {
                nodes[i].state.role = .member(joining.finish())
                nodes[i].cursor = 0
                count(nodes[i].isRefreshing ? "refreshed" : "joined")
                nodes[i].isRefreshing = false
            }
        }
        check(i, "streaming")
    }

    private mutating func begin(_ i: Int, _ held: SlotClock) {
        let source = below(Self.memberCount)
        guard source != i, nodes[source].state.answers else { return }
        nodes[i].source = source
        nodes[i].cursor = 0
        let base = nodes[source].state.clock.context()
        nodes[i].knownAtStart = (0..<Self.keyCount).map { key in
            forEach(everythingKnown(source, key)).reduce(0) {
                $0 | (base.covers(events[$1].dot) ? 1 << Events($1) : 0)
            }
        }
        let joining = JoiningClock(held: held, source: nodes[source].state.clock)
        nodes[i].state.role = .joining(joining)
        // In the same moment: what the source remembers beyond its clock.
        for key in 0..<Self.keyCount where !nodes[source].keys[key].residue.isEmpty {
            absorb(key, filled(source, key), nodes[source].effects[key], at: i)
            count("residue at the start")
        }
        if mistakes.contains(.adoptsEarly) { nodes[i].state.role = .newcomer(joining.finish()) }
    }

    private mutating func passNext(_ i: Int, _ joining: inout JoiningClock) {
        let (key, source) = (nodes[i].cursor, nodes[i].source)
        let isGone = nodes[source].keys[key].isGone
        if isGone && events.count < 100 {
            // The stream says nothing of it: gone is what the source knew at the start.
            joining.pass(&nodes[i].keys[key], state: nil)
            let number = events.count
            let write = try! WriteEvent<Int>(Dot(packed: .max), at: 0, nil, superseding: CausalContext())
            events.append(
                Event(dot: write.dot, past: nodes[i].knownAtStart[key], isPut: false, key: key, write: write))
            nodes[i].effects[key] |= 1 << Events(number)
            count("gone at the source")
        } else {
            joining.pass(&nodes[i].keys[key], state: filled(source, key))
            nodes[i].effects[key] |= nodes[source].effects[key]
        }
        nodes[i].cursor += 1
    }

    // MARK: actors that are gone

    mutating func dropActors() {
        guard nodes[0..<Self.memberCount].allSatisfy({ $0.state.answers }) else { return }
        let clocks = nodes[0..<Self.memberCount].map(\.state.clock)
        for actor in 0..<actorsIssued where actors.state(of: actor) == .closed {
            guard SlotClock.finalCounter(of: actor, in: clocks) != nil,
                !nodes[Self.standIn].hints.contains(where: { events[$0.event].dot.actor == actor })
            else { continue }
            actors.drop(actor)
            for i in 0..<Self.memberCount {
                guard case .member(var clock) = nodes[i].state.role else { continue }
                clock.drop(actors.dropped)
                nodes[i].state.role = .member(clock)
                check(i, "dropping an actor")
            }
            count("dropped actor")
        }
    }

    // MARK: the end

    /// All is well again: streams are finished, hints handed off, what is missing is asked for by dots and by nothing
    /// else. Then every member has what nothing has superseded, of all that was ever acknowledged.
    mutating func heal() {
        network = []
        for _ in 0..<200 {
            for i in 0..<Self.memberCount { stream(i) }
            if nodes[0..<Self.memberCount].allSatisfy({ $0.state.answers }) { break }
        }
        for _ in 0..<100 where !nodes[Self.standIn].hints.isEmpty { handOff() }
        for _ in 0..<2 {
            for i in 0..<Self.memberCount {
                for j in 0..<Self.memberCount where i != j {
                    network = []
                    askForMissing(i, of: j)
                    for (to, message) in network { receive(message, at: to) }
                }
            }
        }
        for i in 0..<Self.memberCount { check(i, "healing") }
        checkEqualClocks("healing")
        if problem != nil { return }
        for i in 0..<Self.memberCount {
            if !nodes[i].state.clock.holdsTheSame(as: nodes[0].state.clock) { problem = "clocks differ at the end" }
            checkEnd(of: i)
        }
    }

    private mutating func checkEnd(of i: Int) {
        for key in 0..<Self.keyCount {
            let all = events.indices.reduce(Events(0)) { $0 | (events[$1].dot.packed == .max ? 0 : 1 << Events($1)) }
            let expected = live(all, key)
            let here = nodes[i].keys[key].dots.reduce(Events(0)) { $0 | 1 << Events(eventOf[$1]!) }
            if here != expected {
                problem = problem ?? "node \(i), key \(key) ends with \(forEach(here)), not \(forEach(expected))"
            }
        }
    }
}

extension CausalContext {
    /// Without a dot and what is after it of its actor. For mistakes.
    mutating func truncate(without dot: Dot) {
        var result = CausalContext()
        for entry in base.entries {
            if entry.actor != dot.actor || entry.counter < dot.counter {
                result.raise(to: entry)
            } else if dot.counter > 1 {
                result.raise(to: ClockEntry(Dot(actor: dot.actor, counter: dot.counter - 1), at: entry.timestamp))
            }
        }
        for entry in dots where entry.actor != dot.actor { result.insert(entry) }
        self = result
    }
}
