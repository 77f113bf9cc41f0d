import Base
import Causality

/// What a replica knows of a slot, for another one to find out what it lacks (docs/cluster.md: message `sync`).
///
///     dictionary of actors
///     to the end, of each slot: varint slot, clock, 8 bytes: a number for what is remembered of its keys beyond the clock
public struct SlotKnowledge {
    public var slot: Int
    public var clock: SlotClock
    /// The same on two nodes that remember the same of keys beyond their clocks.
    public var residue: UInt64

    public init(slot: Int, _ clock: SlotClock, residue: UInt64) {
        (self.slot, self.clock, self.residue) = (slot, clock, residue)
    }

    public static func encode(_ slots: [SlotKnowledge], to output: inout ByteBuffer, _ actors: ActorTable) {
        let dictionary = ActorDictionary(of: slots.flatMap { $0.clock.actors }, actors)
        dictionary.encode(to: &output)
        for one in slots {
            output.append(varint: UInt64(one.slot))
            one.clock.encode(to: &output, dictionary)
            output.append(bigEndian: one.residue)
        }
    }

    public static func read(
        _ bytes: ByteView, dictionary: (inout CausalReader) throws(CausalityError) -> ActorDictionary
    ) throws(CausalityError) -> [SlotKnowledge] {
        var reader = CausalReader(bytes)
        let dictionary = try dictionary(&reader)
        var slots: [SlotKnowledge] = []
        while reader.rest > 0 {
            let slot = try reader.varint()
            if slot >= UInt64(Limits.slots) { throw .corrupt }
            let clock = try SlotClock(&reader, dictionary)
            slots.append(SlotKnowledge(slot: Int(slot), clock, residue: try reader.word()))
        }
        return slots
    }
}

/// What the other replica has of a slot that the asker lacks something of.
///
///     dictionary of actors
///     varint slot, clock; to the end, of each key of the slot: the key after its length;
///     its state after its length (`SiblingSet`, standing alone), empty if the asker's clock says as much
///
/// A key that is not listed has been deleted there, as far as the clock goes.
public struct SlotAnswer {
    public var slot: Int
    public var clock: SlotClock
    /// `state`: empty if there is nothing new.
    public var keys: [(key: ByteView, state: ByteView)]

    public init(
        _ bytes: ByteView, dictionary: (inout CausalReader) throws(CausalityError) -> ActorDictionary
    ) throws(CausalityError) {
        var reader = CausalReader(bytes)
        let dictionary = try dictionary(&reader)
        let number = try reader.varint()
        if number >= UInt64(Limits.slots) { throw .corrupt }
        slot = Int(number)
        clock = try SlotClock(&reader, dictionary)
        keys = []
        while reader.rest > 0 { keys.append((try reader.counted(), try reader.counted())) }
    }

    /// What comes before the keys.
    public static func encodeHead(slot: Int, _ clock: SlotClock, to output: inout ByteBuffer, _ actors: ActorTable) {
        let dictionary = ActorDictionary(of: clock.actors, actors)
        dictionary.encode(to: &output)
        output.append(varint: UInt64(slot))
        clock.encode(to: &output, dictionary)
    }
}
