import Base

/// What updates change (SWIM, section 4.2).
extension Membership {
    mutating func believe(_ update: Update, _ now: Int64, _ directives: inout [MembershipDirective]) {
        switch update {
        case .record(let member): believe(member, &directives)
        case .suspect(let accusation):
            guard let index = indices[accusation.id] else { return }
            if index == 0 { return object(accusation.incarnation, &directives) }
            suspect(index, accusation.incarnation, accusation.sources, now, &directives)
        case .down(let accusation):
            guard let index = indices[accusation.id] else { return }
            if index == 0 { return object(accusation.incarnation, &directives) }
            if accusation.incarnation < known[index].incarnation { return }
            // Who is alone with what it says may well be cut off itself.
            if accusation.sources.count < 2 {
                return suspect(index, accusation.incarnation, accusation.sources, now, &directives)
            }
            markDown(index, accusation.incarnation, accusation.sources, &directives)
        }
    }

    private mutating func believe(_ member: Member, _ directives: inout [MembershipDirective]) {
        guard let index = indices[member.id] else { return }
        if index == 0 {
            // An earlier life of this node's, which had counted further.
            if member.incarnation > known[0].incarnation {
                object(member.incarnation, &directives, isRefutation: false)
            }
            return
        }
        if known[index].member.state == .left { return }
        let isNewer = member.incarnation > known[index].incarnation
        let describes = member.incarnation > known[index].member.incarnation
        if !isNewer && !describes { return }
        if describes {
            var before = known[index].member
            before.incarnation = member.incarnation
            if before != member { directives.append(.event(.changed(member.id))) }
            known[index].member = member
            changed = true
            viewNumber += 1
        }
        if isNewer {
            setIncarnation(member.incarnation, of: index)
            setLiveness(.alive, of: index, &directives)
        }
        rumours.add(.record(member))
    }

    /// This node is said to be what it is not.
    private mutating func object(
        _ incarnation: UInt64, _ directives: inout [MembershipDirective], isRefutation: Bool = true
    ) {
        if incarnation < known[0].incarnation {
            // Objected to before; whoever still says it has not heard of that.
            owesRecord = true
            return
        }
        if incarnation + 1 >= Update.incarnationBound { return }
        setIncarnation(incarnation + 1, of: 0)
        known[0].member.incarnation = incarnation + 1
        changed = true
        rumours.add(.record(known[0].member))
        if !isRefutation { return }
        health = min(health + 1, MembershipOptions.healthMax)
        directives.append(.event(.refuted(incarnation: incarnation + 1)))
    }

    mutating func suspect(
        _ index: Int, _ incarnation: UInt64, _ sources: [NodeID], _ now: Int64,
        _ directives: inout [MembershipDirective]
    ) {
        if incarnation < known[index].incarnation || known[index].member.state == .left { return }
        if incarnation > known[index].incarnation {
            setIncarnation(incarnation, of: index)
            setLiveness(.alive, of: index, &directives)
        }
        if known[index].liveness == .down { return }
        var news = false
        if known[index].suspicion == nil {
            known[index].suspicion = Suspicion(source: sources[0], at: now)
            setLiveness(.suspect, of: index, &directives)
            directives.append(.event(.suspected(known[index].member.id, by: sources[0])))
            news = true
        }
        for source in sources { news = known[index].suspicion!.add(source) || news }
        if news, let accusation = accusation(of: index) { rumours.add(accusation) }
    }

    private mutating func markDown(
        _ index: Int, _ incarnation: UInt64, _ sources: [NodeID], _ directives: inout [MembershipDirective]
    ) {
        if known[index].member.state == .left { return }
        if known[index].liveness == .down && incarnation == known[index].incarnation { return }
        setIncarnation(incarnation, of: index)
        let wasDown = known[index].liveness == .down
        setLiveness(.down, of: index, &directives)
        known[index].accusers = sources
        let accusation = Update.Accusation(id: known[index].member.id, incarnation: incarnation, sources: sources)
        rumours.add(.down(accusation))
        if !wasDown { directives.append(.event(.down(accusation.id, sources: sources))) }
    }

    private mutating func setLiveness(
        _ liveness: Liveness, of index: Int, _ directives: inout [MembershipDirective]
    ) {
        let before = known[index].liveness
        if before == liveness { return }
        livenessCounts[Int(before.rawValue)] -= 1
        livenessCounts[Int(liveness.rawValue)] += 1
        mapDigest ^= known[index].digest
        known[index].liveness = liveness
        mapDigest ^= known[index].digest
        viewNumber += 1
        if liveness == .suspect {
            suspects.append(index)
        } else if before == .suspect {
            suspects.removeAll { $0 == index }
            known[index].suspicion = nil
        }
        if liveness == .alive { directives.append(.event(.returned(known[index].member.id))) }
    }

    /// Others that could say whether a suspect answers: as far as this node knows, they do themselves.
    private var confirmers: Int { max(counts.alive, 0) }

    func suspicionEnd(_ known: Known) -> Int64 {
        guard let suspicion = known.suspicion else { return .max }
        let shortest = options.shortestSuspicion(self.known.count)
        return suspicion.began
            + suspicion.duration(
                shortest: shortest, longest: shortest * options.suspicionStretch, confirmers: confirmers)
    }

    /// A suspect that did not object is down, once two members say so. While one alone says it, it stays a suspect,
    /// unless there is nobody left who could agree; others take that for a suspicion.
    mutating func endSuspicions(_ now: Int64, _ directives: inout [MembershipDirective]) {
        for index in suspects where suspicionEnd(known[index]) <= now {
            let sources = known[index].suspicion!.sources
            if sources.count < 2 && confirmers > 0 {
                known[index].suspicion!.postpone(by: options.shortestSuspicion(known.count))
            } else {
                markDown(index, known[index].incarnation, sources, &directives)
            }
        }
    }
}
