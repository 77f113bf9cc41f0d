import Base
import CSystem

/// The three name spaces of publishing (redis.io, "Redis Pub/Sub").
enum TopicKind: Int, CaseIterable {
    case channel, shard, pattern
}

/// A channel or pattern that somebody listens to, with its listeners loop by loop.
struct Topic {
    /// Its own copy.
    let name: ByteView
    let hash: UInt64
    let kind: TopicKind
    /// Listeners on all loops. Under the table's lock.
    var total = 0
    /// One per loop.
    let loops: UnsafeMutablePointer<Listeners>
}

typealias TopicPointer = UnsafeMutablePointer<Topic>

/// A topic's listeners on one loop. Only that loop looks at `members`, and it alone changes any of it;
/// `count` it changes under the table's lock, so that others may read it there.
struct Listeners {
    var count = 0
    var capacity = 0
    var members: UnsafeMutablePointer<SubscriptionPointer>?
}

/// One client's interest in one topic. Owned by the client's loop.
struct Subscription {
    let session: SessionPointer
    let topic: TopicPointer
    /// Among the topic's listeners of the loop.
    var position: Int
}

typealias SubscriptionPointer = UnsafeMutablePointer<Subscription>

/// A set of loops.
struct LoopSet {
    private var words: (UInt64, UInt64) = (0, 0)

    var isEmpty: Bool { words.0 | words.1 == 0 }

    @inline(__always)
    mutating func insert(_ loop: Int) {
        if loop < 64 { words.0 |= 1 << UInt64(loop) } else { words.1 |= 1 << UInt64(loop - 64) }
    }

    func forEach(_ body: (Int) -> Void) {
        for (word, base) in [(words.0, 0), (words.1, 64)] {
            var rest = word
            while rest != 0 {
                body(base + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
    }
}

/// A part of the topics, with the lock that guards it. Its lock's cache line holds nothing else that is written.
struct TopicTable {
    private var word: UInt32 = 0
    private let map = Unmanaged.passRetained(ByteMap<TopicPointer>())
    private var padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

    /// Looks into the table without counting references.
    @inline(__always)
    func withTopics<R>(_ body: (ByteMap<TopicPointer>) -> R) -> R { map._withUnsafeGuaranteedRef(body) }

    func free() { map.release() }

    @inline(__always)
    static func lock(_ table: UnsafeMutablePointer<TopicTable>) {
        cs_lock(UnsafeMutableRawPointer(table).assumingMemoryBound(to: UInt32.self))
    }

    @inline(__always)
    static func unlock(_ table: UnsafeMutablePointer<TopicTable>) {
        cs_unlock(UnsafeMutableRawPointer(table).assumingMemoryBound(to: UInt32.self))
    }
}

/// Who listens to what, on all loops: an index of topics. Each loop delivers to its own listeners; the
/// index tells it which other loops have some, and how many.
///
/// Channels are spread by hash over several tables with a lock each; patterns are in one, because every
/// message has to be matched with all of them. The locks are held for a lookup or the matching; nothing
/// else is locked meanwhile. A value of raw pointers that loops hold without reference counting; the node
/// frees it.
struct Broker: @unchecked Sendable {
    /// Tables per kind of channel.
    private static let spread = 16

    private let loops: Int
    private let tables: UnsafeMutablePointer<TopicTable>
    /// Topics of each kind; changed under their tables' locks, read without.
    private let counts: UnsafeMutablePointer<UInt64>

    init(loops: Int) {
        self.loops = loops
        let count = Broker.spread * 2 + 1
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<TopicTable>.stride * count, alignment: 64)
        tables = raw.bindMemory(to: TopicTable.self, capacity: count)
        for i in 0..<count { (tables + i).initialize(to: TopicTable()) }
        counts = .allocate(capacity: TopicKind.allCases.count)
        counts.initialize(repeating: 0, count: TopicKind.allCases.count)
    }

    /// After all sessions are gone.
    func free() {
        for i in 0..<Broker.spread * 2 + 1 { tables[i].free() }
        tables.deallocate()
        counts.deallocate()
    }

    /// Topics of a kind that have listeners.
    @inline(__always)
    func count(_ kind: TopicKind) -> Int { Int(cs_load_u64(counts + kind.rawValue)) }

    /// The table that a topic is in.
    @inline(__always)
    private func table(_ kind: TopicKind, _ hash: UInt64) -> UnsafeMutablePointer<TopicTable> {
        let part = kind == .pattern ? 0 : Int(truncatingIfNeeded: hash >> 40) & (Broker.spread - 1)
        return tables + (kind.rawValue &* Broker.spread &+ part)
    }

    // A lone loop needs no locks: no other thread listens or publishes.
    @inline(__always)
    private func locked<R>(_ table: UnsafeMutablePointer<TopicTable>, _ body: () -> R) -> R {
        if loops > 1 { TopicTable.lock(table) }
        defer { if loops > 1 { TopicTable.unlock(table) } }
        return body()
    }

    // MARK: listening

    /// Adds a session's interest in a topic, which it does not have yet.
    func add(_ session: SessionPointer, loop: Int, _ kind: TopicKind, _ name: ByteView, _ hash: UInt64)
        -> SubscriptionPointer
    {
        let table = table(kind, hash)
        return locked(table) {
            let topic = table.pointee.withTopics { $0.find(name, hash: hash)?.pointee } ?? make(table, kind, name, hash)
            let subscription = SubscriptionPointer.allocate(capacity: 1)
            let listeners = topic.pointee.loops + loop
            subscription.initialize(
                to: Subscription(session: session, topic: topic, position: listeners.pointee.count))
            Broker.append(subscription, to: listeners)
            topic.pointee.total += 1
            return subscription
        }
    }

    private func make(
        _ table: UnsafeMutablePointer<TopicTable>, _ kind: TopicKind, _ name: ByteView, _ hash: UInt64
    ) -> TopicPointer {
        let topic = TopicPointer.allocate(capacity: 1)
        let listeners = UnsafeMutablePointer<Listeners>.allocate(capacity: loops)
        listeners.initialize(repeating: Listeners(), count: loops)
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, name.count))
        memcpy(copy, name.start, name.count)
        topic.initialize(
            to: Topic(name: ByteView(UnsafePointer(copy), name.count), hash: hash, kind: kind, loops: listeners))
        table.pointee.withTopics { _ = $0.set(name, topic) }
        _ = cs_add_u64(counts + kind.rawValue, 1)
        return topic
    }

    private static func append(_ subscription: SubscriptionPointer, to listeners: UnsafeMutablePointer<Listeners>) {
        let count = listeners.pointee.count
        if count == listeners.pointee.capacity {
            let grown = UnsafeMutablePointer<SubscriptionPointer>.allocate(capacity: max(1, count * 2))
            if let old = listeners.pointee.members {
                grown.update(from: old, count: count)
                old.deallocate()
            }
            listeners.pointee.members = grown
            listeners.pointee.capacity = max(1, count * 2)
        }
        listeners.pointee.members.unsafelyUnwrapped[count] = subscription
        listeners.pointee.count = count + 1
    }

    /// Takes an interest back and frees it.
    func remove(_ subscription: SubscriptionPointer, loop: Int) {
        let topic = subscription.pointee.topic
        let table = table(topic.pointee.kind, topic.pointee.hash)
        locked(table) {
            let listeners = topic.pointee.loops + loop
            let members = listeners.pointee.members.unsafelyUnwrapped
            let position = subscription.pointee.position
            let last = listeners.pointee.count - 1
            members[position] = members[last]
            members[position].pointee.position = position
            listeners.pointee.count = last
            if last == 0 {
                members.deallocate()
                listeners.pointee = Listeners()
            }
            topic.pointee.total -= 1
            if topic.pointee.total == 0 { drop(topic, table) }
        }
        subscription.deallocate()
    }

    private func drop(_ topic: TopicPointer, _ table: UnsafeMutablePointer<TopicTable>) {
        let kind = topic.pointee.kind
        table.pointee.withTopics { _ = $0.remove(topic.pointee.name) }
        topic.pointee.name.start.deallocate()
        topic.pointee.loops.deallocate()
        topic.deallocate()
        _ = cs_add_u64(counts + kind.rawValue, .max)
    }

    // MARK: publishing

    /// Who gets a message, as one loop sees it.
    struct Audience {
        /// Receivers on all loops.
        var total = 0
        /// The topic, if this loop has listeners of it. It stays as long as it has.
        var topic: TopicPointer?
        /// The other loops that have some.
        var others = LoopSet()

        @inline(__always)
        fileprivate mutating func add(_ topic: TopicPointer, loop: Int, of loops: Int) -> Bool {
            let mine = topic.pointee.loops[loop].count
            total &+= topic.pointee.total
            if _slowPath(topic.pointee.total != mine) {
                for other in 0..<loops where other != loop && topic.pointee.loops[other].count > 0 {
                    others.insert(other)
                }
            }
            return mine > 0
        }
    }

    /// Who listens to this very channel.
    @inline(__always)
    func audience(_ kind: TopicKind, _ name: ByteView, loop: Int) -> Audience {
        var audience = Audience()
        if count(kind) == 0 { return audience }
        let hash = cs_hash(name.start, name.count)
        let table = table(kind, hash)
        if loops > 1 { TopicTable.lock(table) }
        table.pointee.withTopics { topics in
            if let found = topics.find(name, hash: hash), audience.add(found.pointee, loop: loop, of: loops) {
                audience.topic = found.pointee
            }
        }
        if loops > 1 { TopicTable.unlock(table) }
        return audience
    }

    /// Adds those who listen to a pattern that the channel matches. `body` gets the patterns that this loop
    /// has listeners of, under the lock.
    func addPatterns(_ channel: ByteView, loop: Int, to audience: inout Audience, _ body: (TopicPointer) -> Void) {
        let table = table(.pattern, 0)
        locked(table) {
            table.pointee.withTopics { topics in
                topics.forEach { pattern, topic in
                    if Glob.matches(pattern, channel), audience.add(topic.pointee, loop: loop, of: loops) {
                        body(topic.pointee)
                    }
                }
            }
        }
    }

    // MARK: looking

    /// Listeners of a topic.
    func listeners(_ kind: TopicKind, _ name: ByteView) -> Int {
        let hash = cs_hash(name.start, name.count)
        let table = table(kind, hash)
        return locked(table) {
            table.pointee.withTopics { $0.find(name, hash: hash)?.pointee.pointee.total ?? 0 }
        }
    }

    /// The names of all topics of a kind, in no order, each under its table's lock.
    func forEachTopic(_ kind: TopicKind, _ body: (ByteView) -> Void) {
        for part in 0..<(kind == .pattern ? 1 : Broker.spread) {
            let table = tables + (kind.rawValue * Broker.spread + part)
            locked(table) { table.pointee.withTopics { $0.forEach { name, _ in body(name) } } }
        }
    }
}
