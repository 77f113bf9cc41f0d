/// One write event: the `counter`-th write of `actor` in a slot (Almeida, Baquero, Gonçalves:
/// "Scalable and Accurate Causality Tracking for Eventually Consistent Stores", DAIS 2014; slot-wide
/// counters after Gonçalves et al., DAIS 2015).
///
/// Packed into 64 bits: 16 bits of a node-local actor index, 48 bits of counter. The index is an
/// internment of the 128-bit actor id and never leaves the node.
public struct Dot: Equatable, Hashable, Sendable {
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
