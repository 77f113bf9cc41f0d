import CSystem

/// Bytes of a client whose request is not complete yet, kept between turns. Most clients have
/// none: whole requests are parsed where the turn's shared arena received them.
///
/// Owned by its Link; touched by the Link's loop thread only.
public struct InputBuffer {
    /// The memory, nil while there is none; `count` of its `capacity` bytes are filled.
    public private(set) var bytes: UnsafeMutablePointer<UInt8>?
    public private(set) var count = 0
    public private(set) var capacity = 0
    /// Bytes at the front that have been parsed.
    public private(set) var consumed = 0

    public init() {}

    /// Nothing is left to parse.
    @inline(__always)
    public var isEmpty: Bool { count == consumed }

    /// The bytes not parsed yet.
    @inline(__always)
    public var unparsed: UnsafeMutablePointer<UInt8>? { bytes.map { $0 + consumed } }

    /// How many bytes are not parsed yet.
    @inline(__always)
    public var unparsedCount: Int { count &- consumed }

    /// So many more bytes have been parsed.
    public mutating func consume(_ n: Int) { consumed += n }

    /// Room for at least `minimum` bytes at the end. Memory follows what has arrived (doubling),
    /// never what a client announced.
    public mutating func prepare(_ minimum: Int) -> (start: UnsafeMutablePointer<UInt8>, room: Int) {
        if consumed > 0 {
            memmove(bytes!, bytes! + consumed, count - consumed)
            count -= consumed
            consumed = 0
        }
        if capacity - count < minimum { resize(max(count + minimum, capacity * 2)) }
        return (bytes! + count, capacity - count)
    }

    /// `n` bytes have been placed where `prepare` said.
    public mutating func filled(_ n: Int) { count += n }

    /// Keeps a copy of `n` bytes that do not lie in this buffer.
    public mutating func append(_ source: UnsafePointer<UInt8>, _ n: Int) {
        if n == 0 { return }
        if capacity - count < n { resize(max(count + n, min(capacity * 2, count + n + 1 << 20))) }
        memcpy(bytes! + count, source, n)
        count += n
    }

    /// Puts bytes in front of what is not parsed yet.
    public mutating func prepend(_ source: UnsafePointer<UInt8>, _ n: Int) {
        var joined = InputBuffer()
        joined.append(source, n)
        if let rest = unparsed { joined.append(rest, unparsedCount) }
        reset()
        self = joined
    }

    private mutating func resize(_ wanted: Int) {
        let grown = cs_allocate(wanted)!.assumingMemoryBound(to: UInt8.self)
        if let old = bytes {
            memcpy(grown, old, count)
            cs_release(old, capacity)
        }
        bytes = grown
        capacity = wanted
    }

    /// Steps back over parsed bytes, to have them parsed again.
    public mutating func rewind(to position: UnsafePointer<UInt8>) {
        consumed = position - UnsafePointer(bytes!)
        precondition(consumed >= 0 && consumed <= count, "rewinding outside the buffer")
    }

    /// Whether a position lies in the filled part, or at its end.
    public func contains(_ position: UnsafePointer<UInt8>) -> Bool {
        guard let bytes else { return false }
        return position >= UnsafePointer(bytes) && position <= UnsafePointer(bytes + count)
    }

    /// Gives the memory back, whatever is in it.
    public mutating func reset() {
        if let old = bytes { cs_release(old, capacity) }
        self = InputBuffer()
    }
}
