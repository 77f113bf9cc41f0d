import Base
import Causality

/// What a replica knows of a slot, for another one to find out what it lacks (docs/cluster.md: message `sync`).
///
///     dictionary of actors
///     to the end, of each slot: varint slot, clock, 8 bytes: a number for what is known of its keys beyond the clock;
///     varint how many of them that is, each after its length
public struct SlotKnowledge {
    public var slot: Int
    public var clock: SlotClock
    /// The same on two nodes that know the same of keys beyond their clocks.
    public var residue: UInt64
    /// Keys of which that is: what another replica has of them is to be told, also where it is one version that this clock knows;
    /// another one here may have been superseded there.
    public var unsettled: [[UInt8]]

    public init(slot: Int, _ clock: SlotClock, residue: UInt64, unsettled: [[UInt8]]) {
        (self.slot, self.clock, self.residue, self.unsettled) = (slot, clock, residue, unsettled)
    }

    public static func encode(_ slots: [SlotKnowledge], to output: inout ByteBuffer, _ actors: ActorTable) {
        let dictionary = ActorDictionary(of: slots.flatMap { $0.clock.actors }, actors)
        dictionary.encode(to: &output)
        for one in slots {
            output.append(varint: UInt64(one.slot))
            one.clock.encode(to: &output, dictionary)
            output.append(bigEndian: one.residue)
            output.append(varint: UInt64(one.unsettled.count))
            for name in one.unsettled { name.withView { output.append(counted: $0) } }
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
            let residue = try reader.word()
            var unsettled: [[UInt8]] = []
            for _ in 0..<(try reader.count(bytesEach: 1)) { unsettled.append(try reader.counted().bytes) }
            slots.append(SlotKnowledge(slot: Int(slot), clock, residue: residue, unsettled: unsettled))
        }
        return slots
    }
}

/// What the other replica has of a slot that the asker lacks something of.
///
///     dictionary of actors
///     varint slot, clock; to the end, of each key of the slot: the key after its length;
///     its state after its length (`SiblingSet`, standing alone), empty if the asker's clock says as much and it is settled on both
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
