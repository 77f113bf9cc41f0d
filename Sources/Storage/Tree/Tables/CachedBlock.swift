import Base
import CSystem

/// A block's bytes behind this header, in one piece of memory. Who holds one lets it go in the end; the last one
/// to do so frees it.
struct CachedBlock {
    struct Header {
        var holders: UInt32
        /// The rest is the shard's, under its lock: hits since it came into its queue, at most 3,
        var hits: UInt8
        var isInMain: Bool
        var byteCount: Int
        var table: UInt64
        var block: Int
        /// the next one with the same bucket,
        var chained: UnsafeMutablePointer<Header>?
        /// and the next one to leave its queue.
        var queued: UnsafeMutablePointer<Header>?
    }

    let header: UnsafeMutablePointer<Header>

    @inline(__always)
    init(_ header: UnsafeMutablePointer<Header>) { self.header = header }

    /// With one holder, the caller, who fills in the bytes.
    init(byteCount: Int) {
        let memory = cs_allocate(MemoryLayout<Header>.stride + byteCount)!
        header = memory.bindMemory(to: Header.self, capacity: 1)
        header.initialize(
            to: Header(
                holders: 1, hits: 0, isInMain: false, byteCount: byteCount, table: 0, block: 0, chained: nil,
                queued: nil))
    }

    @inline(__always)
    var byteCount: Int { header.pointee.byteCount }

    @inline(__always)
    var start: UnsafeMutablePointer<UInt8> { UnsafeMutableRawPointer(header + 1).assumingMemoryBound(to: UInt8.self) }

    @inline(__always)
    var bytes: ByteView { ByteView(UnsafePointer(start), byteCount) }

    var memoryBytes: Int { cs_usable_size(header) }

    @inline(__always)
    func hold() { cs_retain(header) }

    @inline(__always)
    func letGo() { if cs_let_go(header) == 0 { free() } }

    private func free() { cs_release(header, MemoryLayout<Header>.stride + byteCount) }
}

/// Blocks in the order in which they came.
struct BlockQueue {
    private var first: UnsafeMutablePointer<CachedBlock.Header>?
    private var last: UnsafeMutablePointer<CachedBlock.Header>?
    private(set) var count = 0
    private(set) var memoryBytes = 0

    mutating func append(_ block: CachedBlock) {
        let header = block.header
        header.pointee.queued = nil
        if let last { last.pointee.queued = header } else { first = header }
        last = header
        count += 1
        memoryBytes += block.memoryBytes
    }

    mutating func removeFirst() -> CachedBlock? {
        guard let header = first else { return nil }
        let block = CachedBlock(header)
        first = header.pointee.queued
        if first == nil { last = nil }
        count -= 1
        memoryBytes -= block.memoryBytes
        return block
    }
}
