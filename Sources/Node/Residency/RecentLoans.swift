/// Which values have been lent lately: a few bits of each key's hash, in the place that other bits say, until another
/// key takes it. A loop's own; made when the first value is lent.
struct RecentLoans: ~Copyable {
    private static let places = 1 << 18
    private var tags: UnsafeMutablePointer<UInt16>?

    deinit { tags?.deallocate() }

    /// Whether the key of this hash was lent lately. If not, it is from now on.
    mutating func meets(_ hash: UInt64) -> Bool {
        let tags = tags ?? make()
        let place = Int(truncatingIfNeeded: hash >> 20) & (RecentLoans.places - 1)
        let tag = UInt16(truncatingIfNeeded: hash >> 48) | 1
        if tags[place] == tag { return true }
        tags[place] = tag
        return false
    }

    private mutating func make() -> UnsafeMutablePointer<UInt16> {
        let made = UnsafeMutablePointer<UInt16>.allocate(capacity: RecentLoans.places)
        made.initialize(repeating: 0, count: RecentLoans.places)
        tags = made
        return made
    }
}
