import Base

/// One probe: a member is pinged; if it does not answer in time, helpers are asked to ping it too; if no answer has
/// come by the end of the period, it is suspected (SWIM, section 3.1).
struct Probe {
    /// Index; nil: nobody is being probed.
    var target: Int?
    var incarnation: UInt64 = 0
    var nonce: UInt64 = 0
    /// When helpers are asked; `.max`: they have been, or there is no need.
    var deadline = Int64.max
    var periodEnd: Int64 = 0
    var helpersAsked = 0
    /// Helpers that got no answer either.
    var nacks: [NodeID] = []
    /// Members in the order in which they are probed, each once before any is again (section 4.3).
    var order: [Int] = []
}

/// A probe on somebody else's behalf.
struct Relay {
    /// At once, for all others.
    static let max = 128

    let target: Int
    /// Of this node's own ping.
    let nonce: UInt64
    let asker: Int
    let askerNonce: UInt64
    /// When the asker is told that there was no answer.
    let nackAt: Int64
}

extension Membership {
    /// Everything takes so many times as long while this node seems slow itself (Lifeguard's local health multiplier).
    private var slowness: Int64 { Int64(health + 1) }

    mutating func probeOthers(_ now: Int64, _ directives: inout [MembershipDirective]) {
        if probe.deadline <= now { askHelpers(&directives) }
        if probe.periodEnd > now { return }
        if let target = probe.target { failed(target, now, &directives) }
        probe.target = nil
        probe.deadline = .max
        probe.periodEnd = now + options.period * slowness
        periods += 1
        probeNext(now, &directives)
        syncIfDue(&directives)
    }

    private mutating func probeNext(_ now: Int64, _ directives: inout [MembershipDirective]) {
        for _ in 0..<known.count {
            if probe.order.isEmpty { shuffleOrder() }
            guard let target = probe.order.popLast() else { return }
            if known[target].liveness == .down || known[target].member.state == .left { continue }
            probe.target = target
            probe.incarnation = known[target].incarnation
            probe.nonce = random.next()
            probe.deadline = now + options.probeTimeout * slowness
            probe.helpersAsked = 0
            probe.nacks = []
            begin(.ping, to: target, nonce: probe.nonce)
            return send(to: target, &directives)
        }
    }

    private mutating func shuffleOrder() {
        probe.order = Array(1..<known.count)
        for i in probe.order.indices.dropFirst() { probe.order.swapAt(i, Int(random.below(UInt64(i + 1)))) }
    }

    private mutating func askHelpers(_ directives: inout [MembershipDirective]) {
        probe.deadline = .max
        guard let target = probe.target else { return }
        let targetID = known[target].member.id
        var helpers: [Int] = []
        for _ in 0..<options.helpers {
            guard
                let helper = pick({ $0.liveness == .alive && $0.member.id != targetID }),
                !helpers.contains(helper)
            else { continue }
            helpers.append(helper)
        }
        for helper in helpers {
            begin(.indirectPing, to: helper, nonce: probe.nonce)
            writer.append(id: targetID)
            send(to: helper, &directives)
        }
        probe.helpersAsked = helpers.count
    }

    /// The period is over, and there was no answer.
    private mutating func failed(_ target: Int, _ now: Int64, _ directives: inout [MembershipDirective]) {
        statistics.probesFailed += 1
        // Helpers that say nothing at all: it may well be this node that does not hear.
        if probe.helpersAsked == 0 {
            health = min(health + 1, MembershipOptions.healthMax)
        } else {
            health = min(health + probe.helpersAsked - probe.nacks.count, MembershipOptions.healthMax)
        }
        if known[target].incarnation != probe.incarnation { return }
        suspect(target, known[target].incarnation, [id] + probe.nacks, now, &directives)
    }

    /// A member has answered a ping of this node's.
    mutating func answered(_ index: Int, _ nonce: UInt64, _ directives: inout [MembershipDirective]) {
        if probe.target == index && probe.nonce == nonce {
            probe.target = nil
            probe.deadline = .max
            health = max(health - 1, 0)
        }
        guard let place = relays.firstIndex(where: { $0.nonce == nonce && $0.target == index }) else { return }
        let relay = relays.remove(at: place)
        begin(.ack, to: relay.asker, nonce: relay.askerNonce)
        send(to: relay.asker, &directives)
    }

    /// A helper has passed an answer on.
    mutating func answeredThroughHelper(_ nonce: UInt64) {
        guard probe.target != nil, probe.nonce == nonce else { return }
        probe.target = nil
        probe.deadline = .max
        health = max(health - 1, 0)
    }

    mutating func nacked(_ helper: NodeID, _ nonce: UInt64) {
        guard probe.target != nil, probe.nonce == nonce, probe.nacks.count < probe.helpersAsked,
            !probe.nacks.contains(helper)
        else { return }
        probe.nacks.append(helper)
    }

    /// Pings a member because another one asks for it.
    mutating func relay(
        _ target: Int, for asker: Int, _ nonce: UInt64, _ now: Int64, _ directives: inout [MembershipDirective]
    ) {
        if target == 0 || relays.count >= Relay.max { return }
        let relay = Relay(
            target: target, nonce: random.next(), asker: asker, askerNonce: nonce, nackAt: now + options.probeTimeout)
        relays.append(relay)
        begin(.ping, to: target, nonce: relay.nonce)
        send(to: target, &directives)
    }

    mutating func nackRelays(_ now: Int64, _ directives: inout [MembershipDirective]) {
        var i = 0
        while i < relays.count {
            let relay = relays[i]
            if relay.nackAt > now {
                i += 1
                continue
            }
            relays.remove(at: i)
            begin(.nack, to: relay.asker, nonce: relay.askerNonce)
            send(to: relay.asker, &directives)
        }
    }

    /// Members that are down are pinged about three times in a period by all others together, so that they, and both
    /// sides of a split that is over, find together again. A slow node does not do it less often: nobody is accused by it.
    mutating func reconnect(_ now: Int64, _ directives: inout [MembershipDirective]) {
        let (alive, _, down) = counts
        if down == 0 || now < nextReconnect { return }
        nextReconnect = now + options.period
        if random.below(UInt64(alive + 1)) >= 3 * UInt64(down) { return }
        let candidates = known.indices.filter { known[$0].liveness == .down && known[$0].member.state != .left }
        if candidates.isEmpty { return }
        let target = candidates[Int(random.below(UInt64(candidates.count)))]
        begin(.ping, to: target, nonce: random.next())
        send(to: target, &directives)
    }

    mutating func gossip(_ now: Int64, _ directives: inout [MembershipDirective]) {
        if rumours.isEmpty || nextGossip > now { return }
        nextGossip = now + options.gossipInterval
        for _ in 0..<options.gossipTargets where !rumours.isEmpty {
            guard let target = pick({ $0.liveness != .down && $0.member.state != .left }) else {
                // Nobody to tell: who comes back learns it by comparing maps.
                return
            }
            begin(.gossip, to: target, nonce: random.next())
            send(to: target, &directives)
        }
    }

    /// This node did nothing for a while. Whatever it waited for may have come, and was not looked at.
    mutating func wokeUp(_ now: Int64, after milliseconds: Int64) {
        probe.target = nil
        probe.deadline = .max
        probe.periodEnd = now
        relays = []
        health = min(health + 1, MembershipOptions.healthMax)
        for index in suspects { known[index].suspicion?.postpone(by: milliseconds) }
    }
}
