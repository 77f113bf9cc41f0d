import Base
import CSystem

/// What one client has subscribed to, by kind. Owned by the client's loop.
final class Subscriptions {
    private var maps = [ByteMap<SubscriptionPointer>?](repeating: nil, count: TopicKind.allCases.count)

    func count(_ kind: TopicKind) -> Int { maps[kind.rawValue]?.count ?? 0 }

    /// What a confirmation shows: channels and patterns count together, shard channels by themselves.
    func shownCount(_ kind: TopicKind) -> Int {
        kind == .shard ? count(.shard) : count(.channel) + count(.pattern)
    }

    var isEmpty: Bool { TopicKind.allCases.allSatisfy { count($0) == 0 } }

    /// Nothing happens if the client listens to it already.
    func add(_ session: SessionPointer, _ broker: Broker, loop: Int, _ kind: TopicKind, _ name: ByteView) {
        let map = maps[kind.rawValue] ?? ByteMap()
        maps[kind.rawValue] = map
        if map.find(name) != nil { return }
        map.set(name, broker.add(session, loop: loop, kind, name, cs_hash(name.start, name.count)))
    }

    /// Nothing happens if the client does not listen to it.
    func remove(_ broker: Broker, loop: Int, _ kind: TopicKind, _ name: ByteView) {
        if let subscription = maps[kind.rawValue]?.remove(name) { broker.remove(subscription, loop: loop) }
    }

    func removeAll(_ broker: Broker, loop: Int) {
        for kind in TopicKind.allCases {
            maps[kind.rawValue]?.forEach { _, subscription in broker.remove(subscription.pointee, loop: loop) }
            maps[kind.rawValue] = nil
        }
    }

    /// The names, copied, in no order.
    func names(_ kind: TopicKind) -> [[UInt8]] {
        var names: [[UInt8]] = []
        maps[kind.rawValue]?.forEach { name, _ in names.append(name.bytes) }
        return names
    }
}
