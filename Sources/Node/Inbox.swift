import Base
import CSystem

/// What loops tell each other in great numbers: messages for subscribers, lines for monitors, invalidated
/// keys. Unlike mail it is data, packed into one buffer, so that a letter costs a copy under a lock; and the
/// loop is woken only by the first letter since it last looked.
///
/// Letters of one sender arrive in order. Any thread may post; the loop takes.
final class Inbox: @unchecked Sendable {
    enum Kind: UInt64 {
        /// PUBLISH: channel, message.
        case message
        /// SPUBLISH: channel, message.
        case shardMessage
        /// A line for MONITOR's clients, complete.
        case monitorLine
        /// A client (a) has a key in its cache that has changed.
        case invalidate
        /// Everything that tracking clients have in their caches is gone.
        case flushed
        /// Keys with a prefix (first) have changed: the array of them (second).
        case broadcast
        /// An invalidation message's payload (first) for a client (a) to which another one (b) redirects.
        case redirected
        /// The client to which this one (a) redirects does not exist any more.
        case redirectionBroken
    }

    /// One letter; the views are valid while it is being handled.
    struct Letter {
        var kind: Kind
        var a: UInt64
        var b: UInt64
        var first: ByteView
        var second: ByteView
    }

    private struct Header {
        var kind: UInt64
        var a: UInt64
        var b: UInt64
        var firstCount: Int
        var secondCount: Int
    }

    private struct Buffer {
        var bytes: UnsafeMutableRawPointer?
        var capacity = 0
        var count = 0

        mutating func reserve(_ more: Int) -> UnsafeMutableRawPointer {
            if capacity - count < more {
                var size = max(4096, capacity * 2)
                while size < count + more { size *= 2 }
                let grown = cs_allocate(size).unsafelyUnwrapped
                if let old = bytes {
                    memcpy(grown, old, count)
                    cs_release(old, capacity)
                }
                bytes = grown
                capacity = size
            }
            return bytes.unsafelyUnwrapped + count
        }

        mutating func free() {
            if let bytes { cs_release(bytes, capacity) }
            self = Buffer()
        }
    }

    /// A buffer that has grown past this is not kept.
    private static let keptBytes = 1 << 20

    private let lock = SpinLock()
    private var filling = Buffer()
    /// The loop's own, while it handles what it has taken.
    private var taken = Buffer()
    private let flag: UnsafeMutablePointer<UInt32>
    private var wake: @Sendable () -> Void = {}

    init() {
        flag = .allocate(capacity: 1)
        flag.initialize(to: 0)
    }

    deinit {
        filling.free()
        taken.free()
        flag.deallocate()
    }

    func connect(_ wake: @escaping @Sendable () -> Void) { lock.withLock { self.wake = wake } }

    /// Whether there may be letters. A relaxed read.
    @inline(__always)
    var hasLetters: Bool { cs_load_u32(flag) != 0 }

    func post(
        _ kind: Kind, a: UInt64 = 0, b: UInt64 = 0, _ first: ByteView = ByteView(""), _ second: ByteView = ByteView("")
    ) {
        let wake: (@Sendable () -> Void)? = lock.withLock {
            write(
                Header(kind: kind.rawValue, a: a, b: b, firstCount: first.count, secondCount: second.count), first,
                second)
            if cs_load_u32(flag) != 0 { return nil }
            cs_store_u32(flag, 1)
            return self.wake
        }
        wake?()
    }

    private func write(_ header: Header, _ first: ByteView, _ second: ByteView) {
        let size = MemoryLayout<Header>.size
        // Headers are aligned.
        let total = (size + first.count + second.count + 7) & ~7
        let place = filling.reserve(total)
        place.storeBytes(of: header, as: Header.self)
        memcpy(place + size, first.start, first.count)
        memcpy(place + size + first.count, second.start, second.count)
        filling.count += total
    }

    /// Hands over all letters that are there, oldest first. On the loop's thread; `body` does not take.
    func take(_ body: (Letter) -> Void) {
        lock.withLock {
            swap(&filling, &taken)
            cs_store_u32(flag, 0)
        }
        var at = 0
        while at < taken.count {
            let place = UnsafeRawPointer(taken.bytes.unsafelyUnwrapped + at)
            let header = place.load(as: Header.self)
            let first = place + MemoryLayout<Header>.size
            body(
                Letter(
                    kind: Kind(rawValue: header.kind).unsafelyUnwrapped, a: header.a, b: header.b,
                    first: ByteView(raw: first, header.firstCount),
                    second: ByteView(raw: first + header.firstCount, header.secondCount)))
            at += (MemoryLayout<Header>.size + header.firstCount + header.secondCount + 7) & ~7
        }
        taken.count = 0
        if taken.capacity > Inbox.keptBytes { taken.free() }
    }
}
