import Base
import Causality

/// A number for what a clock holds, the same on every node: to find out cheaply which clocks differ.
public enum SlotDigest {
    /// Of a clock without gaps; what is beyond gaps counts, too.
    public static func of(_ clock: SlotClock, _ actors: ActorTable) -> UInt64 {
        var digest: UInt64 = 0
        for entry in clock.base.entries { digest &+= mix(actors.id(at: entry.actor), entry.counter, 1) }
        if clock.isDense { return digest }
        for range in clock.held { digest &+= mix(actors.id(at: range.actor), range.last, range.first.counter) }
        return digest
    }

    private static func mix(_ actor: ActorID, _ last: UInt64, _ first: UInt64) -> UInt64 {
        (actor.high ^ actor.low &* 0x9e37_79b9_7f4a_7c15 ^ last &* 0xbf58_476d_1ce4_e5b9 ^ first << 48).mixed
    }
}
