import Base

/// Which of the keys that a node keeps for others which member still lacks (SPEC D2): a hint is a key and a member. A value;
/// the keys' states are elsewhere (docs/cluster.md, "Stand-ins and hints").
public struct HintTable: Sendable {
    public struct Hint: Equatable, Sendable {
        public var key: [UInt8]
        /// Of the key's latest change: if it is another one by now, the member lacks that.
        public var change: UInt64
    }

    private struct Place: Hashable {
        var member: Int
        var slot: Int
    }

    /// By member, key and change.
    private var lacking: [Int: [[UInt8]: UInt64]] = [:]
    /// How many members lack a key.
    private var members: [[UInt8]: Int] = [:]
    /// How many keys of a slot a member lacks.
    private var keys: [Place: Int] = [:]
    private var lastChange: UInt64 = 0
    /// Hints that are held.
    public private(set) var count = 0
    /// Hints there have been, that were handed over, and that were not taken, since the start.
    public private(set) var stored: UInt64 = 0
    public private(set) var replayed: UInt64 = 0
    public private(set) var dropped: UInt64 = 0

    public init() {}

    /// The key has changed, and the member lacks it.
    /// - Parameter isNew: false: it was kept before the start.
    public mutating func add(_ key: ByteView, slot: Int, for member: Int, isNew: Bool = true) {
        lastChange += 1
        let key = key.bytes
        if lacking[member, default: [:]].updateValue(lastChange, forKey: key) != nil { return }
        count += 1
        if isNew { stored += 1 }
        members[key, default: 0] += 1
        keys[Place(member: member, slot: slot), default: 0] += 1
    }

    /// Some were not taken.
    public mutating func drop(_ count: Int = 1) { dropped += UInt64(count) }

    /// What a member lacks, up to so many; in no order.
    public func hints(for member: Int, max: Int) -> [Hint] {
        (lacking[member] ?? [:]).prefix(max).map { Hint(key: $0.key, change: $0.value) }
    }

    /// The member has the key as it was at this change, durably. Answers whether nobody lacks the key any more.
    public mutating func handed(_ hint: Hint, slot: Int, to member: Int) -> Bool {
        guard lacking[member]?[hint.key] == hint.change else { return false }
        lacking[member]?[hint.key] = nil
        count -= 1
        replayed += 1
        let place = Place(member: member, slot: slot)
        keys[place, default: 1] -= 1
        if keys[place] == 0 { keys[place] = nil }
        members[hint.key, default: 1] -= 1
        if members[hint.key] != 0 { return false }
        members[hint.key] = nil
        return true
    }

    /// Whether the member lacks nothing of the slot.
    public func isDrained(_ member: Int, slot: Int) -> Bool { keys[Place(member: member, slot: slot)] == nil }

    /// CONFIG RESETSTAT.
    public mutating func resetCounts() { (stored, replayed, dropped) = (0, 0, 0) }
}
