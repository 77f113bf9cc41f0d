import Base
import Causality

/// One write as it goes from its coordinator to the other replicas. What it points to is lent.
public struct TravellingWrite {
    public enum Form {
        /// It did nothing, or not here; its dot travels, so that nobody waits for it (docs/causality.md, rule 4).
        case nothing
        /// A mutation as the log has it. One that says only what changed can be applied to `predecessor` and to nothing
        /// else.
        case mutation(ByteView)
        /// All the coordinator has of a key, as `SiblingSet.encode` writes it, after the key.
        case state(ByteView)
    }

    public var dot: Dot
    /// ms since 1970.
    public var timestamp: Int64
    /// The version that the coordinator had of the key; nil: none. The write supersedes it.
    public var predecessor: Dot?
    /// What else it supersedes, if more than the batch says: keys with siblings, or a past with gaps. Not empty.
    public var beyond: CausalContext?
    public var form: Form

    public init(
        _ dot: Dot, at timestamp: Int64, after predecessor: Dot?, beyond: CausalContext? = nil, _ form: Form
    ) {
        (self.dot, self.timestamp, self.predecessor, self.beyond) = (dot, timestamp, predecessor, beyond)
        self.form = form
    }
}

/// Writes to one slot by one coordinator, in the order in which it made them (docs/cluster.md: message `write`).
///
///     dictionary of actors
///     varint slot, varint the coordinator's place, context before the first write, varint how many writes
///     of each: varint counter, time, flags (1: a predecessor, 2: more context), the predecessor's place and counter, the
///     context, form, varint length, bytes
///
/// The context of a write is that of the batch, the coordinator's own writes before it, its predecessor and what it says
/// itself.
public struct WriteBatch {
    public let slot: Int
    /// What the coordinator knew of every key of the slot before the first write.
    public let context: CausalContext

    public init(slot: Int, context: CausalContext) { (self.slot, self.context) = (slot, context) }

    /// What a write supersedes.
    public func context(of write: TravellingWrite) -> CausalContext {
        var result = context
        result.raise(before: write)
        return result.joined(beyond: write)
    }

    enum Flag {
        static let predecessor: UInt8 = 1
        static let beyond: UInt8 = 2
    }

    enum FormByte {
        static let nothing: UInt8 = 0
        static let mutation: UInt8 = 1
        static let state: UInt8 = 2
    }

    /// The actors that a dictionary for these writes has to have.
    public func collectActors(of writes: some Collection<TravellingWrite>, into actors: inout ActorCollection) {
        actors.insert(context)
        for write in writes {
            actors.insert(write.dot.actor)
            if let predecessor = write.predecessor { actors.insert(predecessor.actor) }
            if let beyond = write.beyond { actors.insert(beyond) }
        }
    }

    /// Appends a batch. All writes are by one actor; `dictionary` has what `collectActors` says.
    public func encode(
        _ writes: some Collection<TravellingWrite>, to output: inout ByteBuffer, _ dictionary: ActorDictionary
    ) {
        guard let actor = writes.first?.dot.actor else { preconditionFailure("a batch of no writes") }
        dictionary.encode(to: &output)
        output.append(varint: UInt64(slot))
        output.append(varint: UInt64(dictionary.place(of: actor)))
        context.encode(to: &output, dictionary)
        output.append(varint: UInt64(writes.count))
        for write in writes {
            precondition(write.dot.actor == actor)
            output.append(varint: write.dot.counter)
            output.append(signedVarint: write.timestamp &- Limits.timestampEpoch)
            output.append(
                (write.predecessor == nil ? 0 : Flag.predecessor) | (write.beyond == nil ? 0 : Flag.beyond))
            if let predecessor = write.predecessor {
                dictionary.encode(predecessor, to: &output)
            }
            if let beyond = write.beyond { beyond.encode(to: &output, dictionary) }
            switch write.form {
            case .nothing:
                output.append(FormByte.nothing)
                output.append(varint: 0)
            case .mutation(let bytes):
                output.append(FormByte.mutation)
                output.append(counted: bytes)
            case .state(let bytes):
                output.append(FormByte.state)
                output.append(counted: bytes)
            }
        }
    }

    /// Reads a batch, and hands on its slot and each of its writes with what it supersedes. `dictionary` reads the one at
    /// its beginning.
    public static func read(
        _ bytes: ByteView, dictionary: (inout CausalReader) throws(CausalityError) -> ActorDictionary,
        _ body: (_ slot: Int, TravellingWrite, _ context: CausalContext) throws(CausalityError) -> Void
    ) throws(CausalityError) {
        var reader = CausalReader(bytes)
        let dictionary = try dictionary(&reader)
        let slot = try reader.varint()
        if slot >= UInt64(Limits.slots) { throw .corrupt }
        let actor = try dictionary.actor(at: try reader.varint())
        // Grows with the coordinator's own writes.
        var context = try CausalContext(&reader, dictionary)
        var last: UInt64 = 0
        for _ in 0..<(try reader.count(bytesEach: 5)) {
            let counter = try reader.counter()
            if counter <= last { throw .corrupt }
            last = counter
            let write = try TravellingWrite(&reader, Dot(actor: actor, counter: counter), dictionary)
            context.raise(before: write)
            if context.highest(of: actor) >= counter { throw .corrupt }
            if write.isPlain {
                try body(Int(slot), write, context)
                continue
            }
            let whole = context.joined(beyond: write)
            if whole.highest(of: actor) >= counter { throw .corrupt }
            try body(Int(slot), write, whole)
        }
        try reader.finish()
    }
}

extension CausalContext {
    /// Puts the coordinator's own writes before this one in.
    fileprivate mutating func raise(before write: TravellingWrite) {
        if write.dot.counter == 1 { return }
        raise(to: ClockEntry(Dot(actor: write.dot.actor, counter: write.dot.counter - 1), at: write.timestamp))
    }

    /// And what the write says itself.
    fileprivate func joined(beyond write: TravellingWrite) -> CausalContext {
        var result = self
        if let predecessor = write.predecessor { result.insert(ClockEntry(predecessor, at: write.timestamp)) }
        if let beyond = write.beyond { result.join(beyond) }
        return result
    }
}

extension TravellingWrite {
    /// It supersedes nothing but what its batch says.
    fileprivate var isPlain: Bool { predecessor == nil && beyond == nil }

    fileprivate init(
        _ reader: inout CausalReader, _ dot: Dot, _ dictionary: borrowing ActorDictionary
    ) throws(CausalityError) {
        let timestamp = try reader.timestamp()
        var predecessor: Dot?
        var beyond: CausalContext?
        let flags = try reader.byte()
        if flags > 3 { throw .corrupt }
        if flags & 1 != 0 {
            predecessor = try dictionary.dot(&reader)
        }
        if flags & 2 != 0 {
            let read = try CausalContext(&reader, dictionary)
            if read.isEmpty { throw .corrupt }
            beyond = read
        }
        let form = try reader.byte()
        let bytes = try reader.counted()
        switch form {
        case 0 where bytes.isEmpty: self.init(dot, at: timestamp, after: predecessor, beyond: beyond, .nothing)
        case 1: self.init(dot, at: timestamp, after: predecessor, beyond: beyond, .mutation(bytes))
        case 2: self.init(dot, at: timestamp, after: predecessor, beyond: beyond, .state(bytes))
        default: throw .corrupt
        }
    }
}
