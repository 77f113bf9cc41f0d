import CSystem

/// The bytes a client has yet to receive: one growing block, and, past `Limits.replyBlockBytes`,
/// a chain of full blocks before it, so that a large backlog is never copied as it grows.
///
/// Owned by its Link; touched by the Link's loop thread only.
public struct OutputBuffer {
    @usableFromInline var block: UnsafeMutablePointer<UInt8>?
    @usableFromInline var length = 0
    @usableFromInline var capacity = 0
    /// How much of the first block has been sent.
    @usableFromInline var sent = 0
    @usableFromInline var sealed: UnsafeMutablePointer<SealedBlock>?
    @usableFromInline var sealedLast: UnsafeMutablePointer<SealedBlock>?
    @usableFromInline var sealedBytes = 0
    /// Blocks in the chain.
    public private(set) var sealedCount = 0
    /// Pending bytes past which `overLimit` is raised; 0: none. Looked at when a block fills up.
    public var hardLimit = 0
    /// The backlog has passed `hardLimit`: the owner closes the client.
    public private(set) var overLimit = false
    /// The largest backlog since the owner last looked.
    public var peak = 0
    /// Error replies written so far, and where the last one begins (a `mark`).
    public private(set) var errorCount = 0
    public private(set) var lastErrorMark = 0

    @usableFromInline
    struct SealedBlock {
        var next: UnsafeMutablePointer<SealedBlock>?
        var bytes: UnsafeMutablePointer<UInt8>
        var length: Int
        var capacity: Int
    }

    public init() {}

    /// Bytes waiting to be sent.
    @inline(__always)
    public var pending: Int { sealedBytes &+ length &- sent }

    /// Everything has been sent.
    @inline(__always)
    public var isEmpty: Bool { pending == 0 }

    /// Memory held, filled or not.
    public var allocated: Int { capacity + sealedBytes }

    /// Size of the current block, and what of it waits to be sent.
    public var blockCapacity: Int { capacity }
    public var blockPending: Int { sealedCount == 0 ? length - sent : length }

    /// Bytes in the chain of full blocks.
    public var chainedBytes: Int { sealedBytes }

    /// A place for `count` more bytes; follow with `advance`.
    @inline(__always)
    public mutating func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if _slowPath(capacity &- length < count) { grow(count) }
        return block.unsafelyUnwrapped + length
    }

    /// So many bytes have been written where `reserve` said.
    @inline(__always)
    public mutating func advance(_ count: Int) { length &+= count }

    /// Adds a copy of bytes at the end.
    @inline(__always)
    public mutating func append(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        memcpy(reserve(count), bytes, count)
        length &+= count
    }

    @inline(__always)
    public mutating func append(_ view: ByteView) { append(view.start, view.count) }

    @inline(__always)
    public mutating func append(_ text: StaticString) {
        append(text.utf8Start, text.utf8CodeUnitCount)
    }

    /// An error reply begins here.
    public mutating func noteError() {
        errorCount &+= 1
        lastErrorMark = mark
    }

    /// What was written from `mark` on, as far as it is in the current block.
    public func written(from mark: Int) -> ByteView? {
        guard let block, mark >= sealedBytes, mark <= sealedBytes + length else { return nil }
        return ByteView(block + (mark - sealedBytes), sealedBytes + length - mark)
    }

    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1).pointee = byte
        length &+= 1
    }

    @inline(never)
    @usableFromInline
    mutating func grow(_ count: Int) {
        if hardLimit > 0 && pending + count > hardLimit { overLimit = true }
        if let full = block, length >= Limits.replyBlockBytes / 2, length + count > Limits.replyBlockBytes {
            seal(full)
            install(max(Limits.replyBlockBytes, count))
            return
        }
        var wanted = max(Limits.replyBytesFirst, capacity * 2)
        while wanted < length + count { wanted *= 2 }
        let grown = cs_allocate(wanted)!.assumingMemoryBound(to: UInt8.self)
        if let old = block {
            memcpy(grown, old, length)
            cs_release(old, capacity)
        }
        block = grown
        capacity = wanted
    }

    private mutating func install(_ size: Int) {
        block = cs_allocate(size)!.assumingMemoryBound(to: UInt8.self)
        capacity = size
        length = 0
    }

    private mutating func seal(_ full: UnsafeMutablePointer<UInt8>) {
        let node = UnsafeMutablePointer<SealedBlock>.allocate(capacity: 1)
        node.initialize(to: SealedBlock(next: nil, bytes: full, length: length, capacity: capacity))
        if let last = sealedLast { last.pointee.next = node } else { sealed = node }
        sealedLast = node
        sealedBytes += length
        sealedCount += 1
    }

    /// The next run of bytes to send, or nil when all has gone.
    @inline(__always)
    public var unsent: ByteView? {
        if let first = sealed { return ByteView(first.pointee.bytes + sent, first.pointee.length - sent) }
        guard let block, length > sent else { return nil }
        return ByteView(block + sent, length &- sent)
    }

    /// `count` bytes of `unsent` have gone.
    @inline(__always)
    public mutating func consume(_ count: Int) {
        sent &+= count
        if let first = sealed {
            if sent == first.pointee.length { dropFirst(first) }
        } else if sent == length {
            if length > peak { peak = length }
            length = 0
            sent = 0
        }
    }

    @inline(never)
    @usableFromInline
    mutating func dropFirst(_ first: UnsafeMutablePointer<SealedBlock>) {
        sealed = first.pointee.next
        if sealed == nil { sealedLast = nil }
        sealedBytes -= first.pointee.length
        sealedCount -= 1
        cs_release(first.pointee.bytes, first.pointee.capacity)
        first.deallocate()
        sent = 0
    }

    /// Gives the current block back if it is larger than `keep` and nothing is in it.
    public mutating func shrink(keep: Int) {
        guard sealed == nil, length == 0, capacity > keep, let old = block else { return }
        cs_release(old, capacity)
        block = nil
        capacity = 0
    }

    /// Forgets everything from byte `mark` on (a position answered by `mark`).
    public mutating func rewind(to mark: Int) {
        precondition(mark <= sealedBytes + length, "rewinding forwards")
        if _fastPath(mark >= sealedBytes) {
            length = mark - sealedBytes
        } else {
            rewindChain(to: mark)
        }
    }

    /// The sealed block that `mark` is in becomes the current one again; what follows it is freed.
    @inline(never)
    private mutating func rewindChain(to mark: Int) {
        var before: UnsafeMutablePointer<SealedBlock>?
        var start = 0
        var reopened = sealed!
        while start + reopened.pointee.length < mark {
            start += reopened.pointee.length
            before = reopened
            reopened = reopened.pointee.next!
        }
        while let later = reopened.pointee.next {
            reopened.pointee.next = later.pointee.next
            cs_release(later.pointee.bytes, later.pointee.capacity)
            later.deallocate()
            sealedCount -= 1
        }
        if let old = block { cs_release(old, capacity) }
        block = reopened.pointee.bytes
        capacity = reopened.pointee.capacity
        length = mark - start
        reopened.deallocate()
        sealedCount -= 1
        sealedBytes = start
        sealedLast = before
        if let before { before.pointee.next = nil } else { sealed = nil }
    }

    /// The number of bytes written so far, counted from the first unsent block's start.
    public var mark: Int { sealedBytes + length }

    /// Answers all bytes, and forgets them.
    public mutating func takeAll() -> [UInt8] {
        var all: [UInt8] = []
        all.reserveCapacity(pending)
        while let run = unsent {
            all += UnsafeBufferPointer(start: run.start, count: run.count)
            consume(run.count)
        }
        overLimit = false
        return all
    }

    /// Drops all bytes, but keeps the current block.
    @inline(__always)
    public mutating func clear() {
        if _slowPath(sealed != nil) { rewind(to: 0) }
        length = 0
        sent = 0
    }

    /// Drops all bytes and memory.
    public mutating func reset() {
        while let first = sealed { dropFirst(first) }
        if let old = block { cs_release(old, capacity) }
        block = nil
        length = 0
        capacity = 0
        sent = 0
        overLimit = false
    }
}
