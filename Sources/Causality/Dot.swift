/// One write event: the `counter`-th write of `actor` in a slot (Almeida, Baquero, Gonçalves:
/// "Scalable and Accurate Causality Tracking for Eventually Consistent Stores", DAIS 2014; slot-wide
/// counters after Gonçalves et al., DAIS 2015).
///
/// Packed into 64 bits: 16 bits of a node-local actor index, 48 bits of counter. The index is an
/// internment of the 128-bit actor id and never leaves the node.
public struct Dot: Equatable, Hashable, Sendable {
    /// The highest counter and the highest actor index that a dot has room for.
    public static let counterMax: UInt64 = 0xffff_ffff_ffff
    public static let actorMax: UInt64 = 0xffff

    public let packed: UInt64

    @inline(__always)
    public init(packed: UInt64) { self.packed = packed }

    @inline(__always)
    public init(actor: UInt64, counter: UInt64) { packed = actor << 48 | counter }

    /// Which node wrote: its index in the intern table.
    @inline(__always)
    public var actor: UInt64 { packed >> 48 }

    /// Which of the actor's writes in the slot, counted from 1.
    @inline(__always)
    public var counter: UInt64 { packed & 0xffff_ffff_ffff }
}

/// Some dots of one actor that follow each other, both ends included.
public struct DotRange: Equatable, Hashable, Sendable {
    /// The first dot; `last` is a counter of the same actor, not below its.
    public let first: Dot
    public let last: UInt64

    @inline(__always)
    public init(actor: UInt64, _ counters: ClosedRange<UInt64>) {
        first = Dot(actor: actor, counter: counters.lowerBound)
        last = counters.upperBound
    }

    @inline(__always)
    public var actor: UInt64 { first.actor }

    @inline(__always)
    public var counters: ClosedRange<UInt64> { first.counter...last }

    /// How many dots.
    public var count: UInt64 { last - first.counter + 1 }

    @inline(__always)
    public func contains(_ dot: Dot) -> Bool { dot.packed >= first.packed && dot.packed - first.packed < count }
}
