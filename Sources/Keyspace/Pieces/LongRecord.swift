import Base
import CSystem

/// A record too long for a piece: an immutable block that copies of its piece share.
///
///     8 bytes  holders (atomic, the first four)
///     8 bytes  length of the first part (a hash's field; a set's whole member)
///     8 bytes  length of the second part (a hash's value)
///     ..       the parts
public struct LongRecord {
    let base: UnsafeMutableRawPointer

    static let headerBytes = 24

    @inline(__always)
    init(_ base: UnsafeMutableRawPointer) { self.base = base }

    /// The one whose address is stored here.
    @inline(__always)
    init(at place: UnsafePointer<UInt8>) {
        let address = UnsafeRawPointer(place).loadUnaligned(as: UInt.self)
        base = UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    static func make(_ first: ByteView, _ second: ByteView) -> LongRecord {
        let record = LongRecord(cs_allocate(headerBytes + first.count + second.count)!)
        record.base.storeBytes(of: 1, as: UInt32.self)
        record.base.storeBytes(of: first.count, toByteOffset: 8, as: Int.self)
        record.base.storeBytes(of: second.count, toByteOffset: 16, as: Int.self)
        memcpy(record.base + headerBytes, first.start, first.count)
        memcpy(record.base + headerBytes + first.count, second.start, second.count)
        return record
    }

    func store(at place: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(place).storeBytes(of: UInt(bitPattern: base), as: UInt.self)
    }

    private var firstCount: Int { base.load(fromByteOffset: 8, as: Int.self) }
    private var secondCount: Int { base.load(fromByteOffset: 16, as: Int.self) }

    var first: ByteView { ByteView(raw: base + LongRecord.headerBytes, firstCount) }
    var second: ByteView { ByteView(raw: base + LongRecord.headerBytes + firstCount, secondCount) }

    var usableBytes: Int { cs_usable_size(base) }

    func retain() { cs_retain(base) }

    func release() {
        if cs_let_go(base) == 0 { cs_release(base, LongRecord.headerBytes + firstCount + secondCount) }
    }
}
