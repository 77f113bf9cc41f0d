import Base
import CSystem

/// Splits a client's bytes into requests, without copying: arguments are views of those bytes.
///
/// Two paths give the same result (the fuzzer holds them against each other): a fast one for a
/// request that is there as a whole, and a resumable one that keeps its place, so that a large
/// request arriving in small pieces costs linear time. Declared lengths never allocate.
///
/// One parser per client, on its loop's thread.
public struct RequestParser {
    /// What the bytes at hand turned out to be.
    public enum Outcome {
        /// A request of `argumentCount` arguments at `arguments`; `length` bytes are used up.
        case request(length: Int)
        /// Nothing to run (an empty line, `*0`); `length` bytes are used up.
        case empty(length: Int)
        /// More bytes are needed. All given bytes must be given again, with more after them.
        case incomplete
        case failed(ProtocolError)
    }

    /// What the parser enforces; the node changes these as configuration and AUTH say.
    public struct Rules {
        /// Longest argument (proto-max-bulk-len).
        public var bulkBytesMax = Limits.stringBytes
        /// Otherwise far smaller limits hold (Limits.unauthenticated...).
        public var authenticated = true

        public init() {}
    }

    /// Where an argument lies, relative to the request's first byte.
    private struct Range {
        var offset: Int
        var count: Int
    }

    /// The arguments of the request just answered.
    public private(set) var arguments: UnsafeMutablePointer<ByteView>
    public private(set) var argumentCount = 0
    /// The offending byte, when `.expectedBulk` was answered.
    public private(set) var unexpected: UInt8 = 0

    // The resumable path's place.
    private var resuming = false
    private var position = 0
    private var scanned = 0
    private var argumentsLeft = 0
    private var bulkCount = -1
    private var ranges: [Range] = []
    private var owned: UnsafeMutablePointer<ByteView>?
    private var ownedCapacity = 0
    private var unquoted: UnsafeMutablePointer<UInt8>?

    public init() {
        arguments = UnsafeMutablePointer(bitPattern: 8)!
    }

    /// Frees what the parser owns. The parser is fresh afterwards.
    public mutating func reset() {
        owned?.deallocate()
        unquoted?.deallocate()
        self = RequestParser()
    }

    /// Forgets the place inside a request: its bytes will be presented from its start again.
    public mutating func restart() {
        resuming = false
        scanned = 0
    }

    /// Memory the parser holds for arguments of an unfinished request, in bytes.
    public var pendingArgumentBytes: Int { ranges.capacity * 16 + ownedCapacity * 16 }

    /// Parses one request from the `count` bytes at `bytes`.
    ///
    /// A whole request of ordinary size has its argument views placed at `room`, which has room for
    /// `Limits.requestArgumentsInBatch` of them; others are placed in storage of the parser's own,
    /// valid until its next call.
    @inline(__always)
    public mutating func next(
        _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, rules: Rules, room: UnsafeMutablePointer<ByteView>
    ) -> Outcome {
        // A request whose first line has been looked at in vain stays on the other path, which forgets its
        // place when the request is complete.
        if _fastPath(!resuming && scanned == 0 && rules.authenticated) {
            let length = fast(bytes, count, rules.bulkBytesMax, room)
            if _fastPath(length > 0) { return .request(length: length) }
        }
        return resume(bytes, count, rules)
    }

    /// The whole-request path: answers the request's length, 0 when the other path must look at it.
    @inline(__always)
    private mutating func fast(
        _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ bulkMax: Int, _ room: UnsafeMutablePointer<ByteView>
    ) -> Int {
        guard count >= 4, bytes[0] == 42 else { return 0 }
        var at = 1
        let wanted = Self.shortLength(bytes, &at, count)
        guard wanted > 0 && wanted <= Limits.requestArgumentsInBatch else { return 0 }
        var i = 0
        while i < wanted {
            guard at &+ 4 <= count, bytes[at] == 36 else { return 0 }
            at &+= 1
            let length = Self.shortLength(bytes, &at, count)
            guard length >= 0 && length <= bulkMax && at &+ length &+ 2 <= count else { return 0 }
            room[i] = ByteView(UnsafePointer(bytes) + at, length)
            at &+= length &+ 2
            i &+= 1
        }
        arguments = room
        argumentCount = wanted
        return at
    }

    /// A length line's number with up to nine digits and its CRLF, or -1 (not like that, or not whole).
    @inline(__always)
    private static func shortLength(_ bytes: UnsafeMutablePointer<UInt8>, _ at: inout Int, _ count: Int) -> Int {
        // The caller has checked that three bytes follow.
        let first = bytes[at] &- 48
        if first > 9 { return -1 }
        if bytes[at &+ 1] == 13 {
            if bytes[at &+ 2] != 10 { return -1 }
            at &+= 3
            return Int(first)
        }
        if first == 0 { return -1 }
        var value = Int(first)
        var i = at &+ 1
        while i &+ 1 < count {
            let digit = bytes[i] &- 48
            if digit > 9 {
                if bytes[i] != 13 || bytes[i &+ 1] != 10 { return -1 }
                at = i &+ 2
                return value
            }
            value = value &* 10 &+ Int(digit)
            i &+= 1
            if i &- at > 9 { return -1 }
        }
        return -1
    }

    // MARK: the resumable path

    @inline(never)
    private mutating func resume(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ rules: Rules) -> Outcome {
        if count == 0 { return .incomplete }
        if bytes[0] != 42 { return inline(bytes, count) }
        if !resuming {
            guard let line = line(bytes, from: 1, count) else {
                return count > Limits.inlineBytes ? .failed(.tooBigArrayLine) : .incomplete
            }
            guard let declared = ByteView(bytes + 1, line - 1).integer, declared <= Int64(Int32.max) else {
                return .failed(.invalidArrayLength)
            }
            if declared > Int64(Limits.unauthenticatedArguments) && !rules.authenticated {
                return .failed(.unauthenticatedArrayLength)
            }
            scanned = 0
            if declared <= 0 { return .empty(length: line + 2) }
            resuming = true
            argumentsLeft = Int(declared)
            position = line + 2
            bulkCount = -1
            ranges.removeAll(keepingCapacity: true)
        }
        return bulks(bytes, count, rules)
    }

    private mutating func bulks(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ rules: Rules) -> Outcome {
        while argumentsLeft > 0 {
            if bulkCount < 0 {
                if position >= count { return .incomplete }
                guard let line = line(bytes, from: position + 1, count) else {
                    return count - position > Limits.inlineBytes ? fail(.tooBigBulkLine) : .incomplete
                }
                if bytes[position] != 36 {
                    unexpected = bytes[position]
                    return fail(.expectedBulk)
                }
                guard let declared = ByteView(bytes + position + 1, line - position - 1).integer, declared >= 0,
                    declared <= Int64(rules.bulkBytesMax)
                else { return fail(.invalidBulkLength) }
                if declared > Int64(Limits.unauthenticatedBulkBytes) && !rules.authenticated {
                    return fail(.unauthenticatedBulkLength)
                }
                bulkCount = Int(declared)
                position = line + 2
                scanned = 0
            }
            if count - position < bulkCount + 2 { return .incomplete }
            ranges.append(Range(offset: position, count: bulkCount))
            position += bulkCount + 2
            bulkCount = -1
            argumentsLeft -= 1
        }
        resuming = false
        present(bytes)
        return .request(length: position)
    }

    private mutating func fail(_ error: ProtocolError) -> Outcome {
        resuming = false
        return .failed(error)
    }

    /// The position of the next CR that has a byte after it. Remembers how far it has looked.
    private mutating func line(_ bytes: UnsafeMutablePointer<UInt8>, from start: Int, _ count: Int) -> Int? {
        let begin = max(start, scanned)
        guard begin < count, let found = memchr(bytes + begin, 13, count - begin) else {
            scanned = max(begin, count)
            return nil
        }
        let at = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - UnsafePointer(bytes)
        scanned = at
        return at + 1 < count ? at : nil
    }

    private mutating func present(_ bytes: UnsafeMutablePointer<UInt8>) {
        prepareOwned(ranges.count)
        for (i, range) in ranges.enumerated() {
            owned![i] = ByteView(UnsafePointer(bytes) + range.offset, range.count)
        }
        arguments = owned!
        argumentCount = ranges.count
        if ranges.capacity > 4096 { ranges = [] }
    }

    private mutating func prepareOwned(_ wanted: Int) {
        if ownedCapacity >= wanted && ownedCapacity <= 4096 { return }
        owned?.deallocate()
        ownedCapacity = max(16, wanted)
        owned = .allocate(capacity: ownedCapacity)
    }

    // MARK: inline requests

    private mutating func inline(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Outcome {
        let begin = min(scanned, count)
        guard let found = memchr(bytes + begin, 10, count - begin) else {
            scanned = count
            return count > Limits.inlineBytes ? .failed(.tooBigInline) : .incomplete
        }
        scanned = 0
        let newline = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - UnsafePointer(bytes)
        var end = newline
        if end > 0 && bytes[end - 1] == 13 { end -= 1 }
        unquoted?.deallocate()
        unquoted = .allocate(capacity: end + 1)
        guard let words = InlineRequest.split(ByteView(bytes, end), into: unquoted!) else {
            return .failed(.unbalancedQuotes)
        }
        if words.isEmpty { return .empty(length: newline + 1) }
        prepareOwned(words.count)
        for (i, word) in words.enumerated() { owned![i] = word }
        arguments = owned!
        argumentCount = words.count
        return .request(length: newline + 1)
    }
}
