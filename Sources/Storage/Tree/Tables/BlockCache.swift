import Base
import CSystem

/// Blocks that were read, for reading them again. Not written yet: it keeps none.
public final class BlockCache: @unchecked Sendable {
    public init(capacity: Int) {}

    static func newNumber() -> UInt64 { cs_add_u64(numbers, 1) }

    nonisolated(unsafe) private static let numbers = {
        let number = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        number.initialize(to: 1)
        return number
    }()

    func get(_ table: UInt64, _ block: Int) -> CachedBlock? { nil }
    func put(_ table: UInt64, _ block: Int, _ bytes: CachedBlock) {}
}

/// A block's bytes, which several may hold.
struct CachedBlock {
    let start: UnsafeMutablePointer<UInt8>
    let byteCount: Int

    init(byteCount: Int) {
        start = .allocate(capacity: byteCount)
        self.byteCount = byteCount
    }

    var bytes: ByteView { ByteView(UnsafePointer(start), byteCount) }

    func letGo() { start.deallocate() }
}
