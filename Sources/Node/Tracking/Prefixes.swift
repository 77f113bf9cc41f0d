import Base
import CSystem

/// The key prefixes that clients in BCAST mode want to hear of, with the loops they are on. Shared by all loops,
/// each of which works with a copy as long as nothing changes.
final class Prefixes: @unchecked Sendable {
    private let lock = SpinLock()
    /// Clients per loop.
    private var counts: [[UInt8]: [Int]] = [:]
    private let words: UnsafeMutablePointer<UInt64>
    private let loops: Int

    init(loops: Int) {
        self.loops = loops
        words = .allocate(capacity: 2)
        words.initialize(repeating: 0, count: 2)
    }

    deinit { words.deallocate() }

    /// Different after every change. A relaxed read.
    var version: UInt64 { cs_load_u64(words) }

    /// Different prefixes. A relaxed read.
    var count: Int { Int(cs_load_u64(words + 1)) }

    func add(_ prefix: [UInt8], loop: Int) {
        lock.withLock {
            counts[prefix, default: [Int](repeating: 0, count: loops)][loop] += 1
            noteChange()
        }
    }

    func remove(_ prefix: [UInt8], loop: Int) {
        lock.withLock {
            counts[prefix]?[loop] -= 1
            if counts[prefix]?.allSatisfy({ $0 == 0 }) ?? false { counts[prefix] = nil }
            noteChange()
        }
    }

    private func noteChange() {
        cs_store_u64(words + 1, UInt64(counts.count))
        cs_store_release_u64(words, cs_load_u64(words) + 1)
    }

    /// All prefixes in ascending order, each with the other loops that have clients for it; and the version.
    func snapshot(loop: Int) -> (version: UInt64, prefixes: [(prefix: [UInt8], others: [Int])]) {
        lock.withLock {
            let all = counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { prefix, counts in
                (prefix: prefix, others: counts.indices.filter { $0 != loop && counts[$0] > 0 })
            }
            return (cs_load_u64(words), all)
        }
    }
}

/// One prefix, as a loop sees it.
final class PrefixState {
    let prefix: [UInt8]
    /// The other loops with clients for it.
    var others: [Int] = []
    /// This loop's.
    var clients: [SessionPointer] = []
    /// Keys that this loop has changed since it last told anybody, and the clients that did it last (0: none, it
    /// was the clock).
    var changed: [[UInt8]: UInt64] = [:]

    init(_ prefix: [UInt8]) { self.prefix = prefix }

    /// The changed keys as an array in RESP, in ascending order, but for those that `client` changed last; nil if
    /// there are none.
    func payload(sparing client: UInt64?) -> [UInt8]? {
        let keys = changed.filter { client == nil || $0.value != client }.keys
        if keys.isEmpty { return nil }
        var bytes = Array("*\(keys.count)\r\n".utf8)
        for key in keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            bytes += Array("$\(key.count)\r\n".utf8) + key + [13, 10]
        }
        return bytes
    }
}

/// A loop's part in BCAST mode.
struct Broadcasts {
    var version: UInt64 = 0
    /// By prefix, in ascending order.
    var states: [PrefixState] = []
    /// Keys have been collected.
    var arePending = false
}
