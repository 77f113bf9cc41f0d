import Base

/// The actor ids that a message or a record uses, once each: what is in it names them by their place.
///
/// Ids ascend, so that the same things have the same bytes on every node, whatever its indexes.
public struct ActorDictionary {
    /// By ascending id.
    private var ids: [ActorID] = []
    /// The actors' indexes in this node's table, in the same order.
    private var indexes: [UInt64] = []

    /// Of all actors in what will be encoded with it.
    public init(of actors: some Sequence<UInt64>, _ table: ActorTable) {
        indexes = Set(actors).sorted { table.id(at: $0) < table.id(at: $1) }
        ids = indexes.map { table.id(at: $0) }
    }

    /// What `encode` wrote. Its ids get indexes: check what cannot be trusted first.
    public init(_ reader: inout CausalReader, _ table: inout ActorTable) throws(CausalityError) {
        let count = try reader.count(bytesEach: ActorID.byteCount)
        if count > ActorTable.capacityMax { throw .corrupt }
        for _ in 0..<count {
            let id = try reader.actorID()
            if let last = ids.last, last >= id { throw .corrupt }
            ids.append(id)
        }
        for id in ids { indexes.append(try table.intern(id)) }
    }

    public func encode(to output: inout ByteBuffer) {
        output.append(varint: UInt64(ids.count))
        for id in ids { id.encode(to: &output) }
    }

    /// The place of an actor that it was made of.
    public func place(of actor: UInt64, _ table: ActorTable) -> Int {
        let id = table.id(at: actor)
        var (low, high) = (0, ids.count)
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        precondition(low < ids.count && ids[low] == id, "an actor that is not in the dictionary")
        return low
    }

    /// The index of the actor at a place that has been read.
    public func actor(at place: UInt64) throws(CausalityError) -> UInt64 {
        if place >= UInt64(indexes.count) { throw .corrupt }
        return indexes[Int(place)]
    }

    /// Appends a dot: its actor's place, its counter.
    public func encode(_ dot: Dot, to output: inout ByteBuffer, _ table: ActorTable) {
        output.append(varint: UInt64(place(of: dot.actor, table)))
        output.append(varint: dot.counter)
    }

    /// Reads what `encode` wrote.
    public func dot(_ reader: inout CausalReader) throws(CausalityError) -> Dot {
        Dot(actor: try actor(at: try reader.varint()), counter: try reader.counter())
    }

    // MARK: entries

    /// Place, counter, time of each, by ascending place and counter.
    func encode(_ entries: [ClockEntry], to output: inout ByteBuffer, _ table: ActorTable) {
        output.append(varint: UInt64(entries.count))
        let placed = entries.map { (place: place(of: $0.actor, table), entry: $0) }
        for (place, entry) in placed.sorted(by: { ($0.place, $0.entry.counter) < ($1.place, $1.entry.counter) }) {
            output.append(varint: UInt64(place))
            output.append(varint: entry.counter)
            output.append(timestamp: entry.timestamp)
        }
    }

    /// `isVector`: one entry for each actor at most.
    func entries(_ reader: inout CausalReader, isVector: Bool) throws(CausalityError) -> [ClockEntry] {
        var entries: [ClockEntry] = []
        var last: (place: UInt64, counter: UInt64)?
        for _ in 0..<(try reader.count(bytesEach: 3)) {
            let place = try reader.varint()
            let dot = Dot(actor: try actor(at: place), counter: try reader.counter())
            if let last, (place, isVector ? 0 : dot.counter) <= (last.place, isVector ? 0 : last.counter) {
                throw .corrupt
            }
            last = (place, dot.counter)
            entries.append(ClockEntry(dot, at: try reader.timestamp()))
        }
        return entries
    }
}
