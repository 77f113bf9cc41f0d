import Base
import Keyspace
import RESP

extension Call {
    /// Writes a string entry as a bulk, an integer as its decimal text.
    @inline(__always)
    func replyString(_ entry: Entry) {
        if let bytes = entry.stringBytes {
            reply.bulk(bytes)
        } else {
            reply.bulkInteger(entry.integer)
        }
    }

    /// GET key
    @inline(__always)
    func get() {
        guard let entry = read(key(1)) else { return reply.null() }
        guard isString(entry) else { return }
        replyString(entry)
    }

    /// The key at a word, which is the `ordinal`th the command names.
    @inline(__always)
    func key(_ word: Int, ordinal: Int) -> Key {
        if _fastPath(ordinal < state.pointee.keyCount) { return state.pointee.keys[ordinal] }
        return Key(self[word])
    }

    /// Brings the entry of the `ordinal`th key towards the cache, if the command has so many keys.
    @inline(__always)
    func prefetchEntry(ordinal: Int) {
        guard ordinal < state.pointee.keyCount else { return }
        let key = state.pointee.keys[ordinal]
        Table.prefetchEntry(of: access(key).tables, key.hash)
    }

    /// How many keys ahead of the one at hand MGET and MSET fetch: enough to hide a miss to memory,
    /// few enough that the first is still in the cache when its turn comes.
    static var prefetchDistance: Int { 12 }

    /// MGET key [key ...]. What is no string counts as missing.
    func getMany() {
        let keys = count &- 1
        reply.array(keys)
        var ahead = 0
        while ahead < min(keys, Call.prefetchDistance) {
            prefetchEntry(ordinal: ahead)
            ahead &+= 1
        }
        var i = 0
        while i < keys {
            prefetchEntry(ordinal: i &+ Call.prefetchDistance)
            if let entry = read(key(i &+ 1, ordinal: i)), entry.type == .string {
                replyString(entry)
            } else {
                reply.null()
            }
            i &+= 1
        }
    }

    /// STRLEN key
    func stringLength() {
        guard let entry = read(key(1)) else { return reply.integer(0) }
        guard isString(entry) else { return }
        reply.integer(entry.stringCount)
    }

    /// GETRANGE (SUBSTR) key start end: both inclusive, negative ones from the end.
    func getRange() {
        guard let start = integer(2), let end = integer(3) else { return }
        guard let entry = read(key(1)) else { return reply.bulk("") }
        guard isString(entry) else { return }
        entry.withString { bytes in
            guard let range = Call.range(start, end, within: bytes.count) else { return reply.bulk("") }
            reply.bulk(bytes.slice(range.from, range.to &+ 1))
        }
    }

    /// An inclusive range with negative positions from the end, cut to what there is; nil when empty.
    static func range(_ start: Int64, _ end: Int64, within count: Int) -> (from: Int, to: Int)? {
        if start < 0 && end < 0 && start > end { return nil }
        let count = Int64(count)
        let from = max(0, start < 0 ? start + count : start)
        let to = min(max(0, end < 0 ? end + count : end), count - 1)
        return from > to ? nil : (Int(from), Int(to))
    }
}
