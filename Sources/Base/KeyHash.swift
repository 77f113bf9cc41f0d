import CSystem

/// A key with what every access to it needs: its cluster slot and its table hash.
///
/// The slot is CRC16 mod 16384 with hash tags (Redis Cluster specification); the partition is the
/// slot's upper eight bits. The hash is seeded per process and never leaves it.
public struct Key {
    public let view: ByteView
    public let hash: UInt64
    public let slot: Int

    @inline(__always)
    public init(_ view: ByteView) {
        self.view = view
        hash = cs_hash(view.start, view.count)
        slot = Int(cs_key_slot(view.start, view.count))
    }

    /// Stands where there is no key; its slot is -1.
    @inline(__always)
    public init() {
        view = ByteView("")
        hash = 0
        slot = -1
    }

    /// Whether it was made of these very bytes, where they lie.
    @inline(__always)
    public func isMade(of bytes: ByteView) -> Bool {
        slot >= 0 && view.start == bytes.start && view.count == bytes.count
    }

    /// Which of the 256 partitions holds the key.
    @inline(__always)
    public var partition: Int { slot &>> 6 }
}
