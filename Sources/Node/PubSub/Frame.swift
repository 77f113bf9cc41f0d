import Base
import CSystem

/// The bytes of a message to clients, built once for all who get it: as RESP2. RESP3's differ in the first
/// byte, which says "push" instead of "array". Lives as long as its loop and grows to the longest message.
struct Frame {
    private var bytes: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    private var count = 0

    /// A frame larger than this is not kept for the next message.
    private static let keptBytes = 1 << 20

    /// The first byte of a push in RESP3.
    static let pushByte = UInt8(ascii: ">")

    var view: ByteView { bytes.map { ByteView(UnsafePointer($0), count) } ?? ByteView("") }

    /// Begins a new one.
    mutating func start() {
        if capacity > Frame.keptBytes { free() }
        count = 0
    }

    mutating func free() {
        if let bytes { cs_release(bytes, capacity) }
        bytes = nil
        capacity = 0
        count = 0
    }

    /// A place for `more` bytes; follow with `advance`.
    @inline(__always)
    mutating func reserve(_ more: Int) -> UnsafeMutablePointer<UInt8> {
        if _slowPath(capacity &- count < more) { grow(more) }
        return bytes.unsafelyUnwrapped + count
    }

    @inline(__always)
    mutating func advance(_ more: Int) { count &+= more }

    private mutating func grow(_ more: Int) {
        var size = max(1024, capacity * 2)
        while size < count + more { size *= 2 }
        let grown = cs_allocate(size).unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
        if let old = bytes {
            memcpy(grown, old, count)
            cs_release(old, capacity)
        }
        bytes = grown
        capacity = size
    }

    mutating func raw(_ view: ByteView) {
        memcpy(reserve(view.count), view.start, view.count)
        count &+= view.count
    }

    mutating func raw(_ text: StaticString) { raw(ByteView(text)) }

    mutating func bulk(_ view: ByteView) {
        count &+= Frame.bulk(view, at: reserve(Frame.bulkMax(view)))
    }

    mutating func integer(_ value: Int64) {
        let place = reserve(Decimal.lengthMax + 3)
        place[0] = UInt8(ascii: ":")
        let length = 1 + Decimal.write(value, place + 1)
        place[length] = 13
        place[length + 1] = 10
        count &+= length + 2
    }

    // MARK: messages

    /// The most bytes that a message takes.
    @inline(__always)
    static func messageMax(_ pattern: ByteView, _ channel: ByteView, _ message: ByteView) -> Int {
        24 &+ bulkMax(pattern) &+ bulkMax(channel) &+ bulkMax(message)
    }

    /// Writes a message for a topic's listeners; answers its length.
    @inline(__always)
    static func writeMessage(
        _ topic: TopicPointer, _ channel: ByteView, _ message: ByteView, at place: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var length: Int
        switch topic.pointee.kind {
        case .channel: length = copy("*3\r\n$7\r\nmessage\r\n", place)
        case .shard: length = copy("*3\r\n$8\r\nsmessage\r\n", place)
        case .pattern:
            length = copy("*4\r\n$8\r\npmessage\r\n", place)
            length &+= bulk(topic.pointee.name, at: place + length)
        }
        length &+= bulk(channel, at: place + length)
        return length &+ bulk(message, at: place + length)
    }

    @inline(__always)
    private static func copy(_ text: StaticString, _ place: UnsafeMutablePointer<UInt8>) -> Int {
        memcpy(place, text.utf8Start, text.utf8CodeUnitCount)
        return text.utf8CodeUnitCount
    }

    @inline(__always)
    private static func bulkMax(_ view: ByteView) -> Int { view.count &+ Decimal.lengthMax &+ 5 }

    @inline(__always)
    private static func bulk(_ view: ByteView, at place: UnsafeMutablePointer<UInt8>) -> Int {
        place[0] = UInt8(ascii: "$")
        var length = 1 &+ Decimal.write(Int64(view.count), place + 1)
        place[length] = 13
        place[length &+ 1] = 10
        memcpy(place + (length &+ 2), view.start, view.count)
        length &+= 2 &+ view.count
        place[length] = 13
        place[length &+ 1] = 10
        return length &+ 2
    }
}
