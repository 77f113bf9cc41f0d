import Base

/// The actor ids that a message or a record uses, once each: what is in it names them by their place.
///
/// Ids ascend, so that the same things have the same bytes on every node, whatever its indexes.
public final class ActorDictionary: Sendable {
    /// The actors' indexes in this node's table, by ascending id.
    private let indexes: [UInt64]
    /// How many ids; the ids.
    private let encoded: [UInt8]

    /// Of all actors in what will be encoded with it.
    public init(of actors: some Sequence<UInt64>, _ table: ActorTable) {
        indexes = Set(actors).sorted { table.id(at: $0) < table.id(at: $1) }
        var output = ByteBuffer()
        output.append(varint: UInt64(indexes.count))
        for index in indexes { table.id(at: index).encode(to: &output) }
        encoded = output.view.bytes
    }

    /// What `encode` wrote. Its ids get indexes: check what cannot be trusted first.
    public init(_ reader: inout CausalReader, _ table: inout ActorTable) throws(CausalityError) {
        let start = reader
        let count = try reader.count(bytesEach: ActorID.byteCount)
        if count > ActorTable.capacityMax { throw .corrupt }
        var ids: [ActorID] = []
        for _ in 0..<count {
            let id = try reader.actorID()
            if let last = ids.last, last >= id { throw .corrupt }
            ids.append(id)
        }
        var indexes: [UInt64] = []
        for id in ids { indexes.append(try table.intern(id)) }
        self.indexes = indexes
        encoded = start.bytes(upTo: reader).bytes
    }

    public func encode(to output: inout ByteBuffer) { encoded.withView { output.append($0) } }

    /// Whether it is of these actors, each of which is there once, and of no others.
    func isOf(_ actors: [UInt64]) -> Bool { indexes.count == actors.count && indexes.allSatisfy(actors.contains) }

    /// Whether it comes next.
    func comesNext(_ reader: CausalReader) -> Bool { encoded.withView { reader.comesNext($0) } }

    func skip(_ reader: inout CausalReader) throws(CausalityError) { _ = try reader.take(encoded.count) }

    /// The place of an actor that it was made of. Few actors write in a slot: looking at each is quickest.
    public func place(of actor: UInt64) -> Int {
        var place = 0
        while place < indexes.count && indexes[place] != actor { place += 1 }
        precondition(place < indexes.count, "an actor that is not in the dictionary")
        return place
    }

    /// The index of the actor at a place that has been read.
    public func actor(at place: UInt64) throws(CausalityError) -> UInt64 {
        if place >= UInt64(indexes.count) { throw .corrupt }
        return indexes[Int(place)]
    }

    /// Appends a dot: its actor's place, its counter.
    public func encode(_ dot: Dot, to output: inout ByteBuffer) {
        output.append(varint: UInt64(place(of: dot.actor)))
        output.append(varint: dot.counter)
    }

    /// Reads what `encode` wrote.
    public func dot(_ reader: inout CausalReader) throws(CausalityError) -> Dot {
        Dot(actor: try actor(at: try reader.varint()), counter: try reader.counter())
    }

    // MARK: entries

    /// Place, counter, time of each, by ascending place and counter.
    func encode(_ entries: some RandomAccessCollection<ClockEntry>, to output: inout ByteBuffer) {
        output.append(varint: UInt64(entries.count))
        if entries.isEmpty { return }
        if entries.count == 1, let only = entries.first { return encode(only, at: place(of: only.actor), to: &output) }
        let placed = entries.map { (place: place(of: $0.actor), entry: $0) }
        for (place, entry) in placed.sorted(by: { ($0.place, $0.entry.counter) < ($1.place, $1.entry.counter) }) {
            encode(entry, at: place, to: &output)
        }
    }

    private func encode(_ entry: ClockEntry, at place: Int, to output: inout ByteBuffer) {
        output.append(varint: UInt64(place))
        output.append(varint: entry.counter)
        output.append(timestamp: entry.timestamp)
    }

    /// `isVector`: one entry for each actor at most.
    func entries(_ reader: inout CausalReader, isVector: Bool) throws(CausalityError) -> Few<ClockEntry> {
        let count = try reader.count(bytesEach: 3)
        var entries = Few<ClockEntry>()
        var last: (place: UInt64, counter: UInt64)?
        for _ in 0..<count {
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

/// Dictionaries that have been made or read lately: nodes that talk to each other name the same few actors in one message
/// after the other. An index is given out for good, so what was right once stays right. Belongs to one thread.
public struct ActorDictionaryCache {
    private var kept: [ActorDictionary] = []
    /// Where the last one was found, and where the next one goes.
    private var latest = 0
    private var next = 0
    /// What has been asked for.
    private var wanted: [UInt64] = []

    private static let capacity = 16

    public init() {}

    /// A dictionary of all actors in what `collect` hands over. `table` has them.
    public mutating func dictionary(
        _ table: @autoclosure () -> ActorTable, of collect: (inout ActorCollection) -> Void
    ) -> ActorDictionary {
        var actors = ActorCollection(actors: wanted)
        wanted = []
        collect(&actors)
        defer {
            actors.actors.removeAll(keepingCapacity: true)
            wanted = actors.actors
        }
        for i in 0..<kept.count {
            let place = (latest + i) % kept.count
            let known = kept[place]
            if !known.isOf(actors.actors) { continue }
            latest = place
            return known
        }
        let made = ActorDictionary(of: actors.actors, table())
        keep(made)
        return made
    }

    /// The dictionary that comes next, if it is kept here; it has been read then.
    public mutating func read(_ reader: inout CausalReader) throws(CausalityError) -> ActorDictionary? {
        for i in 0..<kept.count {
            let place = (latest + i) % kept.count
            let known = kept[place]
            if !known.comesNext(reader) { continue }
            latest = place
            try known.skip(&reader)
            return known
        }
        return nil
    }

    /// One that has been read elsewhere.
    public mutating func keep(_ dictionary: ActorDictionary) {
        if next < kept.count { kept[next] = dictionary } else { kept.append(dictionary) }
        next = (next + 1) % ActorDictionaryCache.capacity
    }
}

/// Some actors, each once.
public struct ActorCollection {
    fileprivate(set) var actors: [UInt64]

    public mutating func insert(_ actor: UInt64) {
        if !actors.contains(actor) { actors.append(actor) }
    }

    public mutating func insert(_ context: CausalContext) {
        for entry in context.base.entries { insert(entry.actor) }
        for entry in context.dots { insert(entry.actor) }
    }
}
