/// A server's reply, RESP2.
public enum Reply: Equatable {
    case status(String)
    case error(String)
    case number(Int)
    /// nil: nothing is there.
    case text(String?)
    /// nil: EXEC did not run.
    case list([Reply]?)

    /// The replies that bytes begin with, and how many bytes those are.
    static func read(_ bytes: [UInt8]) -> (replies: [Reply], count: Int) {
        var replies: [Reply] = []
        var at = 0
        while true {
            var next = at
            guard let reply = one(bytes, &next) else { return (replies, at) }
            replies.append(reply)
            at = next
        }
    }

    private static func one(_ bytes: [UInt8], _ at: inout Int) -> Reply? {
        guard at < bytes.count, let end = bytes[at...].firstIndex(of: 10) else { return nil }
        let kind = bytes[at]
        let line = String(decoding: bytes[(at + 1)..<(end - 1)], as: UTF8.self)
        at = end + 1
        switch kind {
        case UInt8(ascii: "+"): return .status(line)
        case UInt8(ascii: "-"): return .error(line)
        case UInt8(ascii: ":"): return .number(Int(line) ?? 0)
        case UInt8(ascii: "$"):
            guard let count = Int(line), count >= 0 else { return .text(nil) }
            if bytes.count < at + count + 2 { return nil }
            defer { at += count + 2 }
            return .text(String(decoding: bytes[at..<at + count], as: UTF8.self))
        case UInt8(ascii: "*"):
            guard let count = Int(line), count >= 0 else { return .list(nil) }
            var parts: [Reply] = []
            for _ in 0..<count {
                guard let part = one(bytes, &at) else { return nil }
                parts.append(part)
            }
            return .list(parts)
        default: return .error("a reply that cannot be read: \(line)")
        }
    }
}

/// What an answer says about a write.
enum Fate {
    /// It is there, as the quorum promises.
    case acknowledged(Reply)
    /// It was not made, and never will be.
    case refused
    /// It may have been made, or still be.
    case unknown

    /// nil: no answer came.
    init(_ reply: Reply?) {
        switch reply {
        case nil: self = .unknown
        case .error(let text): self = Fate.isUncertain(text) ? .unknown : .refused
        case let reply?: self = .acknowledged(reply)
        }
    }

    private static func isUncertain(_ text: String) -> Bool { text.hasSuffix("may still take effect") }
}
