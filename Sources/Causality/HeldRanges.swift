/// Dots beyond a base: what a slot's clock has above gaps. Usually none, which takes no memory.
struct HeldRanges: Equatable, Hashable, Sendable {
    struct Held: Equatable, Hashable, Sendable {
        var range: DotRange
        /// The latest time of its writes, ms since 1970.
        var timestamp: Int64
    }

    /// By ascending first dot; ranges of one actor neither overlap nor touch.
    private(set) var ranges: [Held] = []

    init() {}

    /// nil if some overlap or touch, or the base has some or would take it up.
    init?(_ ranges: [Held], above base: VersionVector) {
        self.ranges = ranges.sorted { $0.range.first.packed < $1.range.first.packed }
        var before: DotRange?
        for range in self.ranges.map(\.range) {
            let held = before?.actor == range.actor ? before!.last : base.counter(of: range.actor)
            if range.first.counter <= held + 1 { return nil }
            before = range
        }
    }

    var isEmpty: Bool { ranges.isEmpty }

    /// The first range that ends at the dot or later, of its actor or one after it.
    private func position(of dot: Dot) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            let range = ranges[middle].range
            if Dot(actor: range.actor, counter: range.last).packed < dot.packed {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    func contains(_ dot: Dot) -> Bool {
        let i = position(of: dot)
        return i < ranges.count && ranges[i].range.contains(dot)
    }

    /// Those of one actor.
    func of(_ actor: UInt64) -> ArraySlice<Held> {
        let from = position(of: Dot(actor: actor, counter: 0))
        var to = from
        while to < ranges.count && ranges[to].range.actor == actor { to += 1 }
        return ranges[from..<to]
    }

    /// Puts dots in, and makes one range of what overlaps or touches.
    mutating func insert(_ range: DotRange, at timestamp: Int64) {
        let actor = range.actor
        var (low, high, time) = (range.first.counter, range.last, timestamp)
        let from = position(of: Dot(actor: actor, counter: low - 1))
        var to = from
        while to < ranges.count && ranges[to].range.actor == actor && ranges[to].range.first.counter <= high + 1 {
            low = min(low, ranges[to].range.first.counter)
            high = max(high, ranges[to].range.last)
            time = max(time, ranges[to].timestamp)
            to += 1
        }
        ranges.replaceSubrange(from..<to, with: [Held(range: DotRange(actor: actor, low...high), timestamp: time)])
    }

    /// Takes out what the base has or is just before.
    ///
    /// - Returns: how far the actor's base reaches with it.
    mutating func takeUp(to base: ClockEntry) -> ClockEntry {
        var (counter, time) = (base.counter, base.timestamp)
        let touching = of(base.actor).prefix { $0.range.first.counter <= base.counter + 1 }
        for held in touching {
            counter = max(counter, held.range.last)
            time = max(time, held.timestamp)
        }
        ranges.removeSubrange(touching.indices)
        return ClockEntry(Dot(actor: base.actor, counter: counter), at: time)
    }

    mutating func remove(actor: UInt64) { ranges.removeAll { $0.range.actor == actor } }
}
