import Base

extension SlotClock {
    /// The actors in it, some more than once.
    public var actors: [UInt64] {
        base.entries.map(\.actor) + beyond.ranges.map(\.range.actor) + superseded.actors + dropped.entries.map(\.actor)
    }

    /// The base; what is beyond it; what is superseded; who has been dropped. `dictionary` has its actors.
    public func encode(to output: inout ByteBuffer, _ dictionary: ActorDictionary) {
        dictionary.encode(base.entries, to: &output)
        encodeBeyond(to: &output, dictionary)
        superseded.encode(to: &output, dictionary)
        let gone = dropped.entries.map { dictionary.place(of: $0.actor) }.sorted()
        output.append(varint: UInt64(gone.count))
        for place in gone { output.append(varint: UInt64(place)) }
    }

    /// Place, first counter, how many more, time of each, by ascending place and counter.
    private func encodeBeyond(to output: inout ByteBuffer, _ dictionary: ActorDictionary) {
        output.append(varint: UInt64(beyond.ranges.count))
        let placed = beyond.ranges.map { (place: dictionary.place(of: $0.range.actor), held: $0) }
        for (place, held) in placed.sorted(by: {
            ($0.place, $0.held.range.first.counter) < ($1.place, $1.held.range.first.counter)
        }) {
            output.append(varint: UInt64(place))
            output.append(varint: held.range.first.counter)
            output.append(varint: held.range.count - 1)
            output.append(timestamp: held.timestamp)
        }
    }

    public init(_ reader: inout CausalReader, _ dictionary: borrowing ActorDictionary) throws(CausalityError) {
        let base = VersionVector(each: try dictionary.entries(&reader, isVector: true))
        let held = try SlotClock.readBeyond(&reader, dictionary)
        let superseded = try CausalContext(&reader, dictionary)
        var last: UInt64?
        var gone = Few<ClockEntry>()
        for _ in 0..<(try reader.count(bytesEach: 1)) {
            let place = try reader.varint()
            if let last, last >= place { throw .corrupt }
            last = place
            gone.append(ActorTable.everyDot(of: try dictionary.actor(at: place)))
        }
        guard let beyond = HeldRanges(held, above: base),
            let clock = SlotClock(base, beyond, superseded: superseded, dropped: VersionVector(each: gone))
        else { throw .corrupt }
        self = clock
    }

    private static func readBeyond(
        _ reader: inout CausalReader, _ dictionary: ActorDictionary
    ) throws(CausalityError) -> [HeldRanges.Held] {
        var held: [HeldRanges.Held] = []
        var last: (place: UInt64, counter: UInt64)?
        for _ in 0..<(try reader.count(bytesEach: 4)) {
            let place = try reader.varint()
            let actor = try dictionary.actor(at: place)
            let first = try reader.counter()
            let more = try reader.varint()
            if more > Dot.counterMax - first { throw .corrupt }
            if let last, (place, first) <= last { throw .corrupt }
            last = (place, first + more)
            held.append(
                HeldRanges.Held(range: DotRange(actor: actor, first...first + more), timestamp: try reader.timestamp()))
        }
        return held
    }

    /// Standing alone.
    public func encode(to output: inout ByteBuffer, _ table: ActorTable) {
        let dictionary = ActorDictionary(of: actors, table)
        CausalFrame.clock.encode(to: &output) {
            dictionary.encode(to: &$0)
            encode(to: &$0, dictionary)
        }
    }

    /// What `encode` wrote, and nothing behind it.
    public init(_ bytes: ByteView, _ table: inout ActorTable) throws(CausalityError) {
        var reader = try CausalFrame.clock.open(bytes)
        let dictionary = try ActorDictionary(&reader, &table)
        try self.init(&reader, dictionary)
        try reader.finish()
    }
}
