import Base
import CSystem
import Causality

/// A key and its value: one block of memory, whatever the value's size class allows to live inside.
///
///     offset 0   meta word: type 4 bits | encoding 4 | wide 1 | deadline 1 | unsaved 1 | saved 1 | away 1
///                           | round 2 (of the save that the tree has it from: `SaveRound`) | 1 unused
///                           | key length 8 | value length 10 | dot: actor 6, counter 24
///            8   write time 42 bits (ms since 2020) | access stamp 22 bits
///           16   only if wide: dot 8 bytes, key length 4, value length 4
///           ..   only with a deadline: 8 bytes, ms since 1970
///           ..   key
///           ..   value: bytes; an Int64; a packed collection; a StringBlock; the address of a head with pieces
///
/// `EntryLayoutTests` pins this. An entry belongs to its partition: all access under its lock.
public struct Entry {
    public let base: UnsafeMutableRawPointer

    @inline(__always)
    public init(_ base: UnsafeMutableRawPointer) { self.base = base }

    public static let headerBytes = 16
    public static let wideBytes = 16

    enum Bit {
        static let wide: UInt64 = 1 << 8
        static let deadline: UInt64 = 1 << 9
        static let unsaved: UInt64 = 1 << 10
        static let saved: UInt64 = 1 << 11
        static let marks = unsaved | saved
        static let away: UInt64 = 1 << 12
        static let roundShift: UInt64 = 13
        static let round: UInt64 = 3 << roundShift
        /// All that says what the tree has of the entry.
        static let saving = marks | round
        static let keyShift: UInt64 = 16
        static let valueShift: UInt64 = 24
        static let actorShift: UInt64 = 34
        static let counterShift: UInt64 = 40
        static let keyMax = 255
        static let valueMax = 1023
        static let actorMax: UInt64 = 63
        static let counterMax: UInt64 = 1 << 24 - 1
        static let stampBits: UInt64 = 22
    }

    @inline(__always)
    public var meta: UInt64 { base.load(as: UInt64.self) }

    @inline(__always)
    public var isWide: Bool { meta & Bit.wide != 0 }

    /// Whether the key ever expires.
    @inline(__always)
    public var hasDeadline: Bool { meta & Bit.deadline != 0 }

    @inline(__always)
    public var type: ValueType { ValueType(rawValue: UInt8(truncatingIfNeeded: meta & 15)).unsafelyUnwrapped }

    @inline(__always)
    public var encoding: Encoding {
        Encoding(rawValue: UInt8(truncatingIfNeeded: (meta >> 4) & 15)).unsafelyUnwrapped
    }

    /// Bytes before the key.
    @inline(__always)
    static func keyOffset(_ meta: UInt64) -> Int {
        16 &+ Int(truncatingIfNeeded: (meta >> 4) & 16) &+ Int(truncatingIfNeeded: (meta >> 6) & 8)
    }

    /// Bytes of the key.
    @inline(__always)
    public var keyCount: Int {
        let meta = meta
        if _slowPath(meta & Bit.wide != 0) { return Int(base.load(fromByteOffset: 24, as: UInt32.self)) }
        return Int(truncatingIfNeeded: (meta >> Bit.keyShift) & 0xff)
    }

    /// Bytes of the value area inside the entry.
    @inline(__always)
    public var valueCount: Int {
        let meta = meta
        if _slowPath(meta & Bit.wide != 0) { return Int(base.load(fromByteOffset: 28, as: UInt32.self)) }
        return Int(truncatingIfNeeded: (meta >> Bit.valueShift) & 0x3ff)
    }

    /// The key where it lies: valid until the entry is rewritten or freed.
    @inline(__always)
    public var key: ByteView { ByteView(raw: UnsafeRawPointer(base) + Entry.keyOffset(meta), keyCount) }

    /// The value area.
    @inline(__always)
    public var value: UnsafeMutableRawPointer { base + (Entry.keyOffset(meta) &+ keyCount) }

    /// Whether the entry is this key's.
    @inline(__always)
    public func hasKey(_ key: ByteView) -> Bool {
        let meta = meta
        if _fastPath(meta & Bit.wide == 0) {
            return Int(truncatingIfNeeded: (meta >> Bit.keyShift) & 0xff) == key.count
                && cs_equal(
                    (base + Entry.keyOffset(meta)).assumingMemoryBound(to: UInt8.self), key.start, key.count) != 0
        }
        return self.key == key
    }

    /// The whole block's size in bytes, as asked of the allocator.
    @inline(__always)
    public var size: Int { Entry.keyOffset(meta) &+ keyCount &+ valueCount }

    // MARK: causality and clocks

    /// The write that made the value what it is.
    public var dot: Dot {
        if isWide { return Dot(packed: base.load(fromByteOffset: 16, as: UInt64.self)) }
        return Dot(actor: (meta >> Bit.actorShift) & Bit.actorMax, counter: meta >> Bit.counterShift)
    }

    /// When the value was last written, ms since 1970.
    public var timestamp: Int64 {
        Int64(base.load(fromByteOffset: 8, as: UInt64.self) >> Bit.stampBits) + Limits.timestampEpoch
    }

    /// The access stamp: 22 bits whose meaning the eviction policy gives (see AccessStamp).
    @inline(__always)
    public var accessStamp: UInt32 {
        UInt32(truncatingIfNeeded: base.load(fromByteOffset: 8, as: UInt64.self)) & 0x3f_ffff
    }

    @inline(__always)
    public func setAccessStamp(_ stamp: UInt32) {
        let word = base.load(fromByteOffset: 8, as: UInt64.self)
        let wanted = word & ~0x3f_ffff | UInt64(stamp & AccessStamp.bits)
        if wanted != word { base.storeBytes(of: wanted, toByteOffset: 8, as: UInt64.self) }
    }

    /// When the key expires, ms since 1970; nil: never.
    @inline(__always)
    public var deadline: Int64? {
        let meta = meta
        if meta & Bit.deadline == 0 { return nil }
        return base.load(fromByteOffset: Entry.keyOffset(meta) &- 8, as: Int64.self)
    }

    /// Whether the deadline, if there is one, lies before this time (ms since 1970).
    @inline(__always)
    public func isExpired(_ now: Int64) -> Bool {
        let meta = meta
        if _fastPath(meta & Bit.deadline == 0) { return false }
        return now > base.load(fromByteOffset: Entry.keyOffset(meta) &- 8, as: Int64.self)
    }

    /// Changes the deadline of an entry that has room for one.
    func storeDeadline(_ deadline: Int64) {
        base.storeBytes(of: deadline, toByteOffset: Entry.keyOffset(meta) - 8, as: Int64.self)
    }

    // MARK: making and freeing

    /// What an entry's header says besides its lengths.
    struct Header {
        var type: ValueType
        var encoding: Encoding
        var dot: Dot
        var moment: Moment
        var deadline: Int64?
    }

    @inline(__always)
    static func needsWide(_ keyCount: Int, _ valueCount: Int, _ dot: Dot) -> Bool {
        keyCount > Bit.keyMax || valueCount > Bit.valueMax || dot.counter > Bit.counterMax
            || dot.actor > Bit.actorMax
    }

    @inline(__always)
    static func metaWord(_ header: Header, _ wide: Bool, _ keyCount: Int, _ valueCount: Int) -> UInt64 {
        var meta = UInt64(header.type.rawValue) | UInt64(header.encoding.rawValue) << 4
        if header.deadline != nil { meta |= Bit.deadline }
        if _slowPath(wide) { return meta | Bit.wide }
        meta |= UInt64(truncatingIfNeeded: keyCount) << Bit.keyShift
        meta |= UInt64(truncatingIfNeeded: valueCount) << Bit.valueShift
        return meta | header.dot.actor << Bit.actorShift | header.dot.counter << Bit.counterShift
    }

    @inline(__always)
    func writeHeader(_ header: Header, _ wide: Bool, _ keyCount: Int, _ valueCount: Int) {
        let meta = Entry.metaWord(header, wide, keyCount, valueCount)
        base.storeBytes(of: meta, as: UInt64.self)
        base.storeBytes(of: header.moment.clockWord, toByteOffset: 8, as: UInt64.self)
        if _slowPath(wide) {
            base.storeBytes(of: header.dot.packed, toByteOffset: 16, as: UInt64.self)
            base.storeBytes(of: UInt32(keyCount), toByteOffset: 24, as: UInt32.self)
            base.storeBytes(of: UInt32(valueCount), toByteOffset: 28, as: UInt32.self)
        }
        if let deadline = header.deadline {
            base.storeBytes(of: deadline, toByteOffset: Entry.keyOffset(meta) &- 8, as: Int64.self)
        }
    }

    /// A new entry with the key in place and `valueCount` bytes of value yet to be written.
    @inline(__always)
    static func make(_ header: Header, key: ByteView, valueCount: Int) -> Entry {
        let wide = needsWide(key.count, valueCount, header.dot)
        let offset = 16 &+ (wide ? 16 : 0) &+ (header.deadline != nil ? 8 : 0)
        let entry = Entry(cs_allocate(offset &+ key.count &+ valueCount).unsafelyUnwrapped)
        entry.writeHeader(header, wide, key.count, valueCount)
        memcpy(entry.base + offset, key.start, key.count)
        return entry
    }

    /// Stamps a new dot and time on an entry changed in place. Answers false when the dot does not
    /// fit the narrow header: the entry must be made anew.
    @inline(__always)
    func restamp(_ dot: Dot, _ moment: Moment) -> Bool {
        let meta = meta
        if _fastPath(meta & Bit.wide == 0) {
            if dot.counter > Bit.counterMax || dot.actor > Bit.actorMax { return false }
            let kept = meta & (1 << Bit.actorShift &- 1)
            base.storeBytes(
                of: kept | dot.actor << Bit.actorShift | dot.counter << Bit.counterShift, as: UInt64.self)
        } else {
            base.storeBytes(of: dot.packed, toByteOffset: 16, as: UInt64.self)
        }
        base.storeBytes(of: moment.clockWord, toByteOffset: 8, as: UInt64.self)
        return true
    }

    func setEncoding(_ encoding: Encoding) {
        base.storeBytes(of: meta & ~0xf0 | UInt64(encoding.rawValue) << 4, as: UInt64.self)
    }

    /// Changes the value area's length; the caller knows that the block is large enough.
    @inline(__always)
    func setValueCount(_ count: Int) {
        let meta = meta
        if _slowPath(meta & Bit.wide != 0) {
            base.storeBytes(of: UInt32(count), toByteOffset: 28, as: UInt32.self)
        } else {
            base.storeBytes(
                of: meta & ~(0x3ff << Bit.valueShift) | UInt64(truncatingIfNeeded: count) << Bit.valueShift,
                as: UInt64.self)
        }
    }

    /// Frees the block only; what the value points to is the caller's.
    @inline(__always)
    func release() { cs_release(base, size) }
}

/// Types of values, with Redis' names.
public enum ValueType: UInt8, Sendable {
    case string = 0, list, set, sortedSet, hash, stream

    /// What TYPE answers.
    public var name: StaticString {
        switch self {
        case .string: "string"
        case .list: "list"
        case .set: "set"
        case .sortedSet: "zset"
        case .hash: "hash"
        case .stream: "stream"
        }
    }
}

/// How a value is laid out in its entry.
public enum Encoding: UInt8, Sendable {
    /// An Int64 in the value area.
    case integer = 0
    /// Bytes in the value area.
    case bytes = 1
    /// The same, of a string that was changed in place (Redis calls these raw whatever their length).
    case rawBytes = 2
    /// A StringBlock in the value area: the bytes are elsewhere.
    case block = 3
    /// A small collection in the value area: a listpack; of a sorted set, a ScoreRun.
    case packed = 4
    /// A StringBlock in the value area: the small collection is elsewhere.
    case packedBlock = 5
    /// A set of integers in the value area, sorted, and the same in a StringBlock.
    case integers = 6
    case integersBlock = 7
    /// The address of a head with pieces (`PiecedValue`).
    case pieces = 8
}

/// The time of a command: the wall clock for deadlines and write times, and the access stamp.
public struct Moment {
    /// Milliseconds since 1970.
    public var wall: Int64
    /// What an access leaves in an entry, 22 bits; the highest of the 32: accesses are counted (`AccessStamp.fresh`).
    public var stamp: UInt32

    @inline(__always)
    public init(wall: Int64, stamp: UInt32) {
        self.wall = wall
        self.stamp = stamp
    }

    @inline(__always)
    var clockWord: UInt64 {
        UInt64(truncatingIfNeeded: wall &- Limits.timestampEpoch) << 22 | UInt64(stamp & AccessStamp.bits)
    }

    /// Writes and reads add to what is in an entry already.
    @inline(__always)
    var countsFrequency: Bool { stamp & AccessStamp.counts != 0 }
}

/// jemalloc's size classes (quantum 16, four per doubling), to tell whether a changed entry still fits.
@inline(__always)
func sizeClass(_ n: Int) -> Int {
    if n <= 16 { return n <= 8 ? 8 : 16 }
    if n <= 128 { return (n &+ 15) & ~15 }
    let log = 63 &- (n &- 1).leadingZeroBitCount
    let step = 1 << (log &- 2)
    return (n &+ step &- 1) & ~(step &- 1)
}
