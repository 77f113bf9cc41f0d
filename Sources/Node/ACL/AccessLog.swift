import Base

/// Requests and passwords that were refused, the latest first (ACL LOG). Shared by all loops.
final class AccessLog: @unchecked Sendable {
    enum Reason: Sendable {
        case command, key, channel, auth

        init(_ reason: Denial.Reason) {
            switch reason {
            case .command: self = .command
            case .key: self = .key
            case .channel: self = .channel
            }
        }

        var word: StaticString {
            switch self {
            case .command: "command"
            case .key: "key"
            case .channel: "channel"
            case .auth: "auth"
            }
        }
    }

    /// Where the request came from.
    enum Context: Sendable {
        case toplevel, multi, lua

        var word: StaticString {
            switch self {
            case .toplevel: "toplevel"
            case .multi: "multi"
            case .lua: "lua"
            }
        }
    }

    struct Entry: Sendable {
        var count = 1
        let reason: Reason
        let context: Context
        /// The command's name, the key or the channel (`object(_:)`).
        let object: [UInt8]
        let user: [UInt8]
        /// ms since 1970.
        var time: Int64
        /// A line of CLIENT LIST.
        var client: String

        /// Entries that say the same within a minute are one.
        func isLike(_ other: Entry) -> Bool {
            reason == other.reason && context == other.context && abs(time - other.time) <= 60_000
                && object == other.object && user == other.user
        }
    }

    /// How far back a new entry looks for one like it.
    private static let lookBack = 10

    /// What is kept of a key or channel: who may not use keys must not fill the memory with their names.
    static let objectBytesMax = 16384

    static func object(_ word: ByteView) -> [UInt8] { word.slice(0, min(word.count, objectBytesMax)).bytes }

    private let lock = SpinLock()
    /// The oldest first.
    private var entries: [Entry] = []

    func add(_ entry: Entry, limit: Int) {
        lock.withLock {
            let start = max(0, entries.count - AccessLog.lookBack)
            if let known = entries[start...].lastIndex(where: { $0.isLike(entry) }) {
                var merged = entries.remove(at: known)
                merged.count += 1
                merged.time = entry.time
                merged.client = entry.client
                entries.append(merged)
            } else {
                entries.append(entry)
                if entries.count > limit { entries.removeFirst(entries.count - limit) }
            }
        }
    }

    /// The latest `count` entries, the latest first.
    func latest(_ count: Int) -> [Entry] { lock.withLock { entries.suffix(count).reversed() } }

    func reset() { lock.withLock { entries = [] } }
}
