import Base
import CSystem

/// A string too long to live inside its entry: the value area holds where it is.
/// Owned by its entry; grows by doubling up to a megabyte at a time (as Redis' strings do).
struct StringBlock {
    var bytes: UnsafeMutablePointer<UInt8>
    var count: Int
    var capacity: Int

    static let stride = 24
    static let growthMax = 1 << 20

    static func make(capacity: Int) -> StringBlock {
        StringBlock(bytes: cs_allocate(capacity)!.assumingMemoryBound(to: UInt8.self), count: 0, capacity: capacity)
    }

    /// Room for `wanted` bytes, with some to spare for the next change.
    mutating func grow(to wanted: Int) {
        if wanted <= capacity { return }
        let larger = wanted < StringBlock.growthMax ? wanted * 2 : wanted + StringBlock.growthMax
        let grown = cs_allocate(larger)!.assumingMemoryBound(to: UInt8.self)
        memcpy(grown, bytes, count)
        cs_release(bytes, capacity)
        bytes = grown
        capacity = larger
    }
}

extension Entry {
    /// The block of a `.block` string. The entry is not 8-byte aligned there.
    var block: StringBlock {
        get {
            StringBlock(
                bytes: UnsafeMutablePointer(
                    bitPattern: value.loadUnaligned(as: UInt.self))!,
                count: value.loadUnaligned(fromByteOffset: 8, as: Int.self),
                capacity: value.loadUnaligned(fromByteOffset: 16, as: Int.self))
        }
        nonmutating set {
            value.storeBytes(of: UInt(bitPattern: newValue.bytes), as: UInt.self)
            value.storeBytes(of: newValue.count, toByteOffset: 8, as: Int.self)
            value.storeBytes(of: newValue.capacity, toByteOffset: 16, as: Int.self)
        }
    }

    /// The integer of an `.integer` string.
    @inline(__always)
    public var integer: Int64 {
        get { value.loadUnaligned(as: Int64.self) }
        nonmutating set { value.storeBytes(of: newValue, as: Int64.self) }
    }

    /// A string's bytes where they are; nil for an integer, which has none.
    @inline(__always)
    public var stringBytes: ByteView? {
        switch encoding {
        case .integer: return nil
        case .bytes, .rawBytes: return ByteView(raw: UnsafeRawPointer(value), valueCount)
        case .block:
            let block = block
            return ByteView(UnsafePointer(block.bytes), block.count)
        case .packed, .packedBlock, .integers, .integersBlock, .pieces:
            preconditionFailure("a collection taken for a string")
        }
    }

    /// Lends a string's bytes, an integer's as decimal text.
    @inline(__always)
    public func withString<R>(_ body: (ByteView) throws -> R) rethrows -> R {
        if let bytes = stringBytes { return try body(bytes) }
        return try Decimal.withText(integer, body)
    }

    /// The length of a string, an integer's as decimal text.
    public var stringCount: Int {
        switch encoding {
        case .integer: Decimal.length(integer)
        case .bytes, .rawBytes: valueCount
        case .block: block.count
        case .packed, .packedBlock, .integers, .integersBlock, .pieces:
            preconditionFailure("a collection taken for a string")
        }
    }

    /// The length that a string can have without being moved.
    public var stringRoom: Int { encoding == .block ? block.capacity : stringCount }
}
