import Base

extension SiblingSet {
    /// The actors in it, some more than once.
    public var actors: [UInt64] {
        versions.reduce(into: context.actors) { $0 += [$1.dot.actor] + $1.context.actors }
    }

    /// The context, then the versions. `dictionary` has its actors.
    public func encode(
        to output: inout ByteBuffer, _ dictionary: ActorDictionary,
        payload: (Payload, inout ByteBuffer) -> Void
    ) {
        context.encode(to: &output, dictionary)
        Sibling.encode(versions, to: &output, dictionary, payload: payload)
    }

    /// `payload` makes one of bytes that are there only as long as it runs.
    public init(
        _ reader: inout CausalReader, _ dictionary: ActorDictionary,
        payload: (ByteView) throws(CausalityError) -> Payload
    ) throws(CausalityError) {
        let context = try CausalContext(&reader, dictionary)
        var versions = try Sibling.decode(&reader, dictionary, payload: payload)
        if !versions.allSatisfy({ context.covers($0.dot) }) { throw .corrupt }
        if versions.count == 1 { versions[0].context = context }
        self.init(versions, context: context)
    }

    /// Standing alone.
    public func encode(
        to output: inout ByteBuffer, _ table: ActorTable, payload: (Payload, inout ByteBuffer) -> Void
    ) {
        let dictionary = ActorDictionary(of: actors, table)
        CausalFrame.siblings.encode(to: &output) {
            dictionary.encode(to: &$0)
            encode(to: &$0, dictionary, payload: payload)
        }
    }

    /// What `encode` wrote, and nothing behind it.
    public init(
        _ bytes: ByteView, _ table: inout ActorTable, payload: (ByteView) throws(CausalityError) -> Payload
    ) throws(CausalityError) {
        var reader = try CausalFrame.siblings.open(bytes)
        let dictionary = try ActorDictionary(&reader, &table)
        try self.init(&reader, dictionary, payload: payload)
        try reader.finish()
    }
}

extension StoredSiblings {
    /// The actors in it, some more than once.
    public var actors: [UInt64] {
        stored.reduce(into: residue.actors) { $0 += [$1.version.dot.actor] + $1.version.context.actors }
    }

    /// What is kept, as it is: the residue, then the versions. It means something with the clock that it was kept by,
    /// and goes to disk with it (rule 3).
    public func encode(
        to output: inout ByteBuffer, _ dictionary: ActorDictionary,
        payload: (Payload, inout ByteBuffer) -> Void
    ) {
        residue.encode(to: &output, dictionary)
        Sibling.encode(stored.map(\.version), to: &output, dictionary, payload: payload)
    }

    /// `payload` makes one of bytes that are there only as long as it runs.
    public init(
        _ reader: inout CausalReader, _ dictionary: ActorDictionary,
        payload: (ByteView) throws(CausalityError) -> Payload
    ) throws(CausalityError) {
        let residue = try CausalContext(&reader, dictionary)
        self.init(kept: try Sibling.decode(&reader, dictionary, payload: payload), residue)
    }
}

extension Sibling {
    /// How many; of each place, counter, time, its own context if it has siblings, its payload after its length.
    static func encode(
        _ versions: [Sibling], to output: inout ByteBuffer, _ dictionary: ActorDictionary,
        payload: (Payload, inout ByteBuffer) -> Void
    ) {
        output.append(varint: UInt64(versions.count))
        let placed = versions.map { (place: dictionary.place(of: $0.dot.actor), version: $0) }
        var bytes = ByteBuffer()
        for (place, version) in placed.sorted(by: {
            ($0.place, $0.version.dot.counter) < ($1.place, $1.version.dot.counter)
        }) {
            output.append(varint: UInt64(place))
            output.append(varint: version.dot.counter)
            output.append(timestamp: version.timestamp)
            if versions.count > 1 { version.context.encode(to: &output, dictionary) }
            bytes.truncate(to: 0)
            payload(version.payload, &bytes)
            output.append(counted: bytes.view)
        }
    }

    static func decode(
        _ reader: inout CausalReader, _ dictionary: ActorDictionary,
        payload: (ByteView) throws(CausalityError) -> Payload
    ) throws(CausalityError) -> [Sibling] {
        let count = try reader.count(bytesEach: 4)
        var versions: [Sibling] = []
        var last: (place: UInt64, counter: UInt64)?
        for _ in 0..<count {
            let place = try reader.varint()
            let dot = Dot(actor: try dictionary.actor(at: place), counter: try reader.counter())
            if let last, (place, dot.counter) <= last { throw .corrupt }
            last = (place, dot.counter)
            let timestamp = try reader.timestamp()
            let own = count > 1 ? try CausalContext(&reader, dictionary) : CausalContext()
            versions.append(Sibling(dot, at: timestamp, try payload(try reader.counted()), after: own))
        }
        return versions
    }
}

extension WriteEvent {
    /// The actors in it, some more than once.
    public var actors: [UInt64] { [dot.actor] + context.actors }

    /// Place, counter, time; the context; 0 for a deletion, or 1 and the payload after its length.
    public func encode(
        to output: inout ByteBuffer, _ dictionary: ActorDictionary,
        payload: (Payload, inout ByteBuffer) -> Void
    ) {
        dictionary.encode(dot, to: &output)
        output.append(timestamp: timestamp)
        context.encode(to: &output, dictionary)
        output.append(self.payload == nil ? 0 : 1)
        if let version = self.payload {
            var bytes = ByteBuffer()
            payload(version, &bytes)
            output.append(counted: bytes.view)
        }
    }

    public init(
        _ reader: inout CausalReader, _ dictionary: ActorDictionary,
        payload: (ByteView) throws(CausalityError) -> Payload
    ) throws(CausalityError) {
        let dot = try dictionary.dot(&reader)
        let timestamp = try reader.timestamp()
        let context = try CausalContext(&reader, dictionary)
        let version: Payload?
        switch try reader.byte() {
        case 0: version = nil
        case 1: version = try payload(try reader.counted())
        default: throw .corrupt
        }
        do throws(ReissuedDot) {
            try self.init(dot, at: timestamp, version, superseding: context)
        } catch {
            throw .corrupt
        }
    }

    /// Standing alone.
    public func encode(
        to output: inout ByteBuffer, _ table: ActorTable, payload: (Payload, inout ByteBuffer) -> Void
    ) {
        let dictionary = ActorDictionary(of: actors, table)
        CausalFrame.write.encode(to: &output) {
            dictionary.encode(to: &$0)
            encode(to: &$0, dictionary, payload: payload)
        }
    }

    /// What `encode` wrote, and nothing behind it.
    public init(
        _ bytes: ByteView, _ table: inout ActorTable, payload: (ByteView) throws(CausalityError) -> Payload
    ) throws(CausalityError) {
        var reader = try CausalFrame.write.open(bytes)
        let dictionary = try ActorDictionary(&reader, &table)
        try self.init(&reader, dictionary, payload: payload)
        try reader.finish()
    }
}
