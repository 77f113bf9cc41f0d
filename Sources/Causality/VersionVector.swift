/// One line of a clock: an actor's counter, and when that was.
public struct ClockEntry: Equatable, Hashable, Sendable {
    public let dot: Dot
    /// When it was written, ms since 1970; of several writes, the latest.
    public let timestamp: Int64

    @inline(__always)
    public init(_ dot: Dot, at timestamp: Int64) {
        self.dot = dot
        self.timestamp = timestamp
    }

    @inline(__always)
    public var actor: UInt64 { dot.actor }

    @inline(__always)
    public var counter: UInt64 { dot.counter }
}

/// For some actors, all their writes up to one: actor to counter (Parker et al., 1983), with times.
///
/// The times are there for people and for truncation; they decide nothing else. An actor's is the latest of its writes,
/// so joining takes the higher one, and is commutative, associative and idempotent with the times in.
public struct VersionVector: Equatable, Hashable, Sendable {
    /// By ascending actor index, one for each actor, counters from 1 on.
    public private(set) var entries = Few<ClockEntry>()

    public init() {}

    /// Of entries in any order; of an actor that has several, the highest counter and the latest time.
    public init(_ entries: some Sequence<ClockEntry>) {
        for entry in entries { raise(to: entry) }
    }

    /// Of one entry for each actor.
    init(each entries: Few<ClockEntry>) {
        self.entries = entries.count > 1 ? Few(entries.sorted { $0.actor < $1.actor }) : entries
    }

    @inline(__always)
    public var isEmpty: Bool { entries.isEmpty }

    /// Where the actor is, or would be. Few actors write in a slot: looking at each is quickest.
    @inline(__always)
    private func position(of actor: UInt64) -> Int {
        if _slowPath(entries.count > 16) { return positionAmongMany(of: actor) }
        var i = 0
        while i < entries.count && entries[i].actor < actor { i &+= 1 }
        return i
    }

    private func positionAmongMany(of actor: UInt64) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].actor < actor { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The actor's entry.
    @inline(__always)
    public func entry(of actor: UInt64) -> ClockEntry? {
        let i = position(of: actor)
        return i < entries.count && entries[i].actor == actor ? entries[i] : nil
    }

    /// Up to which counter the actor's writes are in it; 0: none.
    @inline(__always)
    public func counter(of actor: UInt64) -> UInt64 { entry(of: actor)?.counter ?? 0 }

    @inline(__always)
    public func covers(_ dot: Dot) -> Bool { counter(of: dot.actor) >= dot.counter }

    /// Whether all that is in the other is in this.
    public func covers(_ other: VersionVector) -> Bool { other.entries.allSatisfy { covers($0.dot) } }

    /// Puts all the actor's writes up to this one in.
    @inline(__always)
    public mutating func raise(to entry: ClockEntry) {
        let i = position(of: entry.actor)
        if _fastPath(i < entries.count && entries[i].actor == entry.actor) {
            let old = entries[i]
            entries[i] = ClockEntry(
                Dot(packed: max(old.dot.packed, entry.dot.packed)), at: max(old.timestamp, entry.timestamp))
        } else if entry.counter > 0 {
            entries.insert(entry, at: i)
        }
    }

    /// Puts all that is in the other in, too.
    public mutating func join(_ other: VersionVector) {
        if isEmpty {
            self = other
        } else {
            for entry in other.entries { raise(to: entry) }
        }
    }

    /// Takes out the actors that the other one covers.
    mutating func remove(coveredBy other: VersionVector) {
        if !entries.isEmpty { entries.removeAll { other.covers($0.dot) } }
    }

    /// Takes an actor out.
    mutating func remove(actor: UInt64) { entries.removeAll { $0.actor == actor } }

    /// Takes out the entry with the oldest time of those that may go; nil if none may.
    mutating func removeOldest(where mayGo: (ClockEntry) -> Bool) -> ClockEntry? {
        var oldest: Int?
        for i in entries.indices where mayGo(entries[i]) {
            if oldest == nil || entries[i].timestamp < entries[oldest!].timestamp { oldest = i }
        }
        return oldest.map { entries.remove(at: $0) }
    }
}
