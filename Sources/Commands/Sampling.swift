import Base
import Keyspace

/// Drawing several different elements of a collection at random.
enum Sampling {
    /// Whether so many of so many are better drawn one by one: otherwise most draws would repeat earlier ones.
    static func drawsSingly(_ wanted: Int, of total: Int) -> Bool { wanted < total / 3 }

    /// Draws until `wanted` different places were met. `draw` answers one, `identity` its number, `body` takes it.
    static func distinct<Place>(
        _ wanted: Int, _ draw: () -> Place, _ identity: (Place) -> UInt64, _ body: (Place) -> Void
    ) {
        let bits = Int.bitWidth - (wanted * 2).leadingZeroBitCount
        let cells = 1 << bits
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: cells) { seen in
            seen.initialize(repeating: .max)
            var found = 0
            while found < wanted {
                let place = draw()
                let number = identity(place)
                var cell = Int(truncatingIfNeeded: (number &* 0x9e37_79b9_7f4a_7c15) >> UInt64(64 - bits))
                while seen[cell] != .max && seen[cell] != number { cell = (cell + 1) & (cells - 1) }
                if seen[cell] == number { continue }
                seen[cell] = number
                found += 1
                body(place)
            }
        }
    }
}

/// Chooses a number of elements while walking over all of them, any choice being equally likely
/// (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
struct Selection {
    private var wanted: Int
    private var left: Int

    init(_ wanted: Int, of total: Int) {
        self.wanted = wanted
        left = total
    }

    var isDone: Bool { wanted == 0 }

    /// Whether the next element is chosen.
    mutating func takesNext(_ random: inout PRNG) -> Bool {
        let takes = random.below(UInt64(left)) < UInt64(wanted)
        left &-= 1
        if takes { wanted &-= 1 }
        return takes
    }
}
