import Base
import CSystem
import Keyspace
import RESP

/// How a command waits for keys (Redis: blocking operations), and how it goes on.
///
/// A blocking command is written as one function that looks at its keys in order and, at the first that has
/// something, replies and is done. If none has, it calls `call.wait`, replies nothing and returns:
///
///     func popFirst() {
///         guard let deadline = secondsDeadline(count - 1) else { return }
///         for word in 1..<count - 1 where looksAt(word) {
///             let key = key(word)
///             guard let slot = access(key).find(key) else { continue }
///             guard access(key).entry(slot).type == .list else {
///                 if isServing { return }
///                 return fail(ErrorText.wrongType)
///             }
///             return reply...
///         }
///         wait(Wait(.list, keys: 1..<count - 1, deadline: deadline))
///     }
///
/// What the node does with it: the client's requests stop, the words are copied, and the client queues for every
/// key, first come first served, while the keys' partitions are locked (so the command declares them as its keys).
/// When a key gets what may be waited for (`Access.signalReady`, which everything that installs a list, sorted set
/// or stream calls), the loop that did it runs the function again at the end of its command, for each client of
/// the key's queue in turn, with `isServing` set and `looksAt` true for that key's words only. `reply` writes to
/// the client that waits, in its protocol version. Then:
///
/// - it replied (a value or an error): the client goes on, the call is counted;
/// - it wrote nothing, or called `wait` again (which does nothing while serving): the client keeps its place.
///
/// So, while serving, a key that is gone or of another type must not be answered with an error unless the command
/// says so (XREADGROUP does: `onRemoval`). Inside MULTI and scripts `wait` replies null at once.
public struct Wait {
    /// A key serves the client only while it holds this type (or is gone, with `onRemoval`).
    public var type: ValueType
    /// The words that are keys to wait for.
    public var keys: Range<Int>
    /// ms since 1970; 0: for ever.
    public var deadline: Int64
    /// Other words that are keys, whose partitions must be locked too when the client is served (a destination).
    public var others: Range<Int> = 0..<0
    /// The client is served, too, when the key has been deleted or replaced by another type.
    public var onRemoval = false
    /// Inside MULTI and scripts the reply is a null array, or else a null.
    public var repliesArray = true
    /// Words that must read otherwise when the command is run again ("$" as the id that it meant).
    public var replacements: [(word: Int, bytes: [UInt8])] = []

    public init(_ type: ValueType, keys: Range<Int>, deadline: Int64) {
        self.type = type
        self.keys = keys
        self.deadline = deadline
    }
}

/// What a command leaves to be done by whoever called its function.
public struct Aftermath: OptionSet, Sendable {
    public let rawValue: UInt32

    @inline(__always)
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Keys have got what clients wait for.
    public static let ready = Aftermath(rawValue: 1)
    /// The client waits: the command is not finished.
    public static let waits = Aftermath(rawValue: 2)
    /// It took a key for absent whose value cannot be read: what it has replied is not true.
    public static let unreadable = Aftermath(rawValue: 4)
}

extension Call {
    /// The command is run again for a client that waits.
    @inline(__always)
    public var isServing: Bool { state.pointee.isServing }

    /// Whether a blocking command looks at the key at this word: when it is run again, only at the key that serves.
    @inline(__always)
    public func looksAt(_ word: Int) -> Bool { !isServing || self[word] == state.pointee.servedKey.view }

    /// Has the client wait for keys. Nothing has been replied, and nothing will be by this call. While serving,
    /// the client keeps waiting. Where nobody may wait, replies null.
    public func wait(_ wait: Wait) {
        if isServing { return }
        if state.pointee.inTransaction || state.pointee.deniesWaiting {
            if wait.repliesArray { reply.nullArray() } else { reply.null() }
            return
        }
        withUnsafePointer(to: wait) { state.pointee.wait(UnsafeMutableRawPointer(state), UnsafeRawPointer($0)) }
    }

    /// A timeout in seconds, a fraction perhaps, as a deadline in ms since 1970; 0 stays 0. Replies and answers
    /// nil if it is none. While serving, the deadline is not looked at any more.
    public func secondsDeadline(_ word: Int) -> Int64? {
        if isServing { return 0 }
        var milliseconds: Int64 = 0
        let view = self[word]
        let status = view.start.withMemoryRebound(to: CChar.self, capacity: view.count) {
            cs_parse_seconds($0, view.count, &milliseconds)
        }
        if status == -1 {
            fail("ERR timeout is not a float or out of range")
            return nil
        }
        // What does not fit counts as negative in Redis, too.
        return deadline(after: status == 0 ? milliseconds : -1)
    }

    /// The same for a timeout in whole milliseconds (XREAD's BLOCK).
    public func millisecondsDeadline(_ word: Int) -> Int64? {
        if isServing { return 0 }
        guard let duration = integer(word, error: "ERR timeout is not an integer or out of range") else { return nil }
        return deadline(after: duration)
    }

    private func deadline(after milliseconds: Int64) -> Int64? {
        if milliseconds < 0 {
            fail("ERR timeout is negative")
            return nil
        }
        if milliseconds == 0 { return 0 }
        let (deadline, overflow) = milliseconds.addingReportingOverflow(now)
        return overflow ? Int64.max : deadline
    }
}
