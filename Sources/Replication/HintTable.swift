import Base

/// Which of the keys that a node keeps for others which member still lacks (SPEC D2): a hint is a key and a member. A value;
/// the keys' states are elsewhere (docs/cluster.md, "Stand-ins and hints").
public struct HintTable: Sendable {
    public struct Hint: Equatable, Sendable {
        public var key: [UInt8]
        /// Of the key's latest change: if it is another one by now, the member lacks that.
        public var change: UInt64
    }

    /// What one member lacks.
    private struct Lack: Sendable {
        /// By key, its latest change.
        var changes: [[UInt8]: UInt64] = [:]
        /// In the order of changes, the same on every run; some are not the latest of their keys.
        private var queue: ArraySlice<Hint> = []

        private func isLatest(_ hint: Hint) -> Bool { changes[hint.key] == hint.change }

        /// Answers whether it did not lack the key before.
        mutating func add(_ hint: Hint) -> Bool {
            queue.append(hint)
            let isNew = changes.updateValue(hint.change, forKey: hint.key) == nil
            if queue.count > 2 * changes.count + 64 { queue = queue.filter(isLatest)[...] }
            return isNew
        }

        mutating func first(_ max: Int) -> [Hint] {
            queue = queue.drop { !isLatest($0) }
            // The slice keeps what is before it.
            if queue.startIndex > queue.count + 64 { queue = Array(queue)[...] }
            return Array(queue.lazy.filter(isLatest).prefix(max))
        }
    }

    private struct Place: Hashable {
        var member: Int
        var slot: Int
    }

    /// By member.
    private var lacks: [Int: Lack] = [:]
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
        if !lacks[member, default: Lack()].add(Hint(key: key, change: lastChange)) { return }
        count += 1
        if isNew { stored += 1 }
        members[key, default: 0] += 1
        keys[Place(member: member, slot: slot), default: 0] += 1
    }

    /// Some were not taken.
    public mutating func drop(_ count: Int = 1) { dropped += UInt64(count) }

    /// What a member lacks, up to so many, in the order in which it changed.
    public mutating func hints(for member: Int, max: Int) -> [Hint] {
        if lacks[member]?.changes.isEmpty ?? true {
            lacks[member] = nil
            return []
        }
        return lacks[member]!.first(max)
    }

    /// The member has the key as it was at this change, durably. Answers whether nobody lacks the key any more.
    public mutating func handed(_ hint: Hint, slot: Int, to member: Int) -> Bool {
        guard lacks[member]?.changes[hint.key] == hint.change else { return false }
        lacks[member]?.changes[hint.key] = nil
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
