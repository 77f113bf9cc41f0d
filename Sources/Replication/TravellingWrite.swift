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
    /// What else it supersedes, if more than the batch says: keys with siblings, or a past with gaps.
    public var beyond: CausalContext
    public var form: Form

    public init(
        _ dot: Dot, at timestamp: Int64, after predecessor: Dot?, beyond: CausalContext = CausalContext(), _ form: Form
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
        if write.dot.counter > 1 {
            result.raise(
                to: ClockEntry(Dot(actor: write.dot.actor, counter: write.dot.counter - 1), at: write.timestamp))
        }
        if let predecessor = write.predecessor { result.insert(ClockEntry(predecessor, at: write.timestamp)) }
        if !write.beyond.isEmpty { result.join(write.beyond) }
        return result
    }

    private enum Flag {
        static let predecessor: UInt8 = 1
        static let beyond: UInt8 = 2
    }

    private enum FormByte {
        static let nothing: UInt8 = 0
        static let mutation: UInt8 = 1
        static let state: UInt8 = 2
    }

    /// Appends a batch. All writes are by one actor.
    public func encode(_ writes: [TravellingWrite], to output: inout ByteBuffer, _ table: ActorTable) {
        let actor = writes[0].dot.actor
        let dictionary = ActorDictionary(
            of: context.actors + [actor]
                + writes.flatMap { [$0.predecessor?.actor].compactMap { $0 } + $0.beyond.actors },
            table)
        dictionary.encode(to: &output)
        output.append(varint: UInt64(slot))
        output.append(varint: UInt64(dictionary.place(of: actor, table)))
        context.encode(to: &output, dictionary, table)
        output.append(varint: UInt64(writes.count))
        for write in writes {
            precondition(write.dot.actor == actor)
            output.append(varint: write.dot.counter)
            output.append(signedVarint: write.timestamp &- Limits.timestampEpoch)
            output.append(
                (write.predecessor == nil ? 0 : Flag.predecessor) | (write.beyond.isEmpty ? 0 : Flag.beyond))
            if let predecessor = write.predecessor {
                dictionary.encode(predecessor, to: &output, table)
            }
            if !write.beyond.isEmpty { write.beyond.encode(to: &output, dictionary, table) }
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

    /// Reads a batch, and hands on each of its writes. `dictionary` reads the one at its beginning.
    public static func read(
        _ bytes: ByteView, dictionary: (inout CausalReader) throws(CausalityError) -> ActorDictionary,
        _ body: (WriteBatch, TravellingWrite) throws(CausalityError) -> Void
    ) throws(CausalityError) {
        var reader = CausalReader(bytes)
        let dictionary = try dictionary(&reader)
        let slot = try reader.varint()
        if slot >= UInt64(Limits.slots) { throw .corrupt }
        let actor = try dictionary.actor(at: try reader.varint())
        let batch = WriteBatch(slot: Int(slot), context: try CausalContext(&reader, dictionary))
        var last: UInt64 = 0
        for _ in 0..<(try reader.count(bytesEach: 5)) {
            let counter = try reader.counter()
            if counter <= last { throw .corrupt }
            last = counter
            let write = try TravellingWrite(&reader, Dot(actor: actor, counter: counter), dictionary)
            if batch.context(of: write).highest(of: actor) >= counter { throw .corrupt }
            try body(batch, write)
        }
        try reader.finish()
    }
}

extension TravellingWrite {
    fileprivate init(
        _ reader: inout CausalReader, _ dot: Dot, _ dictionary: ActorDictionary
    ) throws(CausalityError) {
        let timestamp = try reader.timestamp()
        var predecessor: Dot?
        var beyond = CausalContext()
        let flags = try reader.byte()
        if flags > 3 { throw .corrupt }
        if flags & 1 != 0 {
            predecessor = try dictionary.dot(&reader)
        }
        if flags & 2 != 0 { beyond = try CausalContext(&reader, dictionary) }
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
