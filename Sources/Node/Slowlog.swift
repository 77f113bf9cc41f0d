import Base

/// Commands that took long, the latest first (SLOWLOG). Shared by all loops.
public final class Slowlog: @unchecked Sendable {
    struct Entry {
        var id: Int
        /// Seconds since 1970.
        var time: Int64
        var microseconds: Int
        var words: [[UInt8]]
        var address: String
        var name: [UInt8]
    }

    /// What is kept of a long command.
    static let wordsMax = 32
    static let wordBytesMax = 128

    private let lock = SpinLock()
    private var entries: [Entry] = []
    private var nextID = 0

    func add(
        _ words: [[UInt8]], microseconds: Int, time: Int64, address: String, name: [UInt8], limit: Int
    ) {
        lock.withLock {
            entries.insert(
                Entry(id: nextID, time: time, microseconds: microseconds, words: words, address: address, name: name),
                at: 0)
            nextID += 1
            if entries.count > max(0, limit) { entries.removeLast(entries.count - max(0, limit)) }
        }
    }

    /// The first `count` entries; negative: all.
    func latest(_ count: Int) -> [Entry] { lock.withLock { Array(count < 0 ? entries[...] : entries.prefix(count)) } }

    var count: Int { lock.withLock { entries.count } }

    func reset() { lock.withLock { entries = [] } }

    /// A command's words, shortened as Redis does. `hidden` says which of them nobody may see.
    static func words(
        _ words: UnsafeMutablePointer<ByteView>, _ count: Int, hidden: (Int) -> Bool = { _ in false }
    ) -> [[UInt8]] {
        let kept = min(count, wordsMax)
        return (0..<kept).map { i in
            if kept != count && i == kept - 1 {
                return Array("... (\(count - kept + 1) more arguments)".utf8)
            }
            if hidden(i) { return Array("(redacted)".utf8) }
            if words[i].count <= wordBytesMax { return words[i].bytes }
            let more = "... (\(words[i].count - wordBytesMax) more bytes)"
            return words[i].slice(0, wordBytesMax).bytes + Array(more.utf8)
        }
    }
}
