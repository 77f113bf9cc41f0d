/// A replica may keep payloads in another form than they travel in: the one that is in the key's entry is nowhere twice.

extension Sibling {
    /// The same version with its payload in another form.
    public func with<New, E: Error>(_ payload: (Sibling) throws(E) -> New) throws(E) -> Sibling<New> {
        Sibling<New>(dot, at: timestamp, try payload(self), after: context)
    }

    /// The order in which versions win (SPEC A7): the latest time, then the higher actor id, then the higher counter.
    static func isBefore(_ a: Sibling, _ b: Sibling, _ actors: ActorTable) -> Bool {
        if a.timestamp != b.timestamp { return a.timestamp < b.timestamp }
        let (x, y) = (actors.id(at: a.dot.actor), actors.id(at: b.dot.actor))
        return x != y ? x < y : a.dot.counter < b.dot.counter
    }
}

extension SiblingSet {
    /// The same set with its payloads in another form.
    public func mapVersions<New, E: Error>(_ payload: (Sibling<Payload>) throws(E) -> New) throws(E) -> SiblingSet<New>
    {
        var mapped: [Sibling<New>] = []
        for version in versions { mapped.append(try version.with(payload)) }
        return SiblingSet<New>(mapped, context: context)
    }
}

extension WriteEvent {
    /// The same write with its payload in another form.
    public func map<New>(_ payload: (Payload) -> New) -> WriteEvent<New> {
        WriteEvent<New>(checked: dot, at: timestamp, self.payload.map(payload), superseding: context)
    }
}

extension StoredSiblings {
    /// The same key with its payloads in another form.
    public func mapVersions<New, E: Error>(
        _ payload: (Sibling<Payload>) throws(E) -> New
    ) throws(E) -> StoredSiblings<New> {
        var mapped = StoredSiblings<New>()
        for one in stored {
            mapped.stored.append(
                StoredSiblings<New>.Stored(version: try one.version.with(payload), isAccompanied: one.isAccompanied))
        }
        mapped.residue = residue
        return mapped
    }

    /// The version of this dot.
    public func version(of dot: Dot) -> Sibling<Payload>? { stored.first { $0.version.dot == dot }?.version }

    /// Keeps the payload of a version that is there in another form.
    public mutating func setPayload(_ payload: Payload, of dot: Dot) {
        guard let i = stored.firstIndex(where: { $0.version.dot == dot }) else { return }
        stored[i].version.payload = payload
    }

    /// The version that a plain GET answers: of those that are preferred, if there are any, the latest, then that of the
    /// higher actor id (SPEC A7).
    public func winner(by actors: ActorTable, preferring isPreferred: (Payload) -> Bool) -> Sibling<Payload>? {
        let preferred = stored.filter { isPreferred($0.version.payload) }
        return (preferred.isEmpty ? stored : preferred).map(\.version).max { Sibling.isBefore($0, $1, actors) }
    }
}
