import Base

/// What of the pending changes a power failure leaves. The changes are those of `SimulatedFileSystem.pending`, by their
/// place there.
public struct Keeping: Sendable {
    private enum Choice {
        case everything
        case first(Int)
        case only(Set<Int>)
        case each(UInt64)
    }

    private let choice: Choice
    private var sectorsOfLast: Int?

    /// What was never synced is gone.
    public static let nothing = Keeping(choice: .only([]))
    /// The power failed just after the system had written everything.
    public static let everything = Keeping(choice: .everything)

    /// The oldest changes only.
    public static func first(_ count: Int) -> Keeping { Keeping(choice: .first(count)) }

    public static func only(_ changes: some Sequence<Int>) -> Keeping { Keeping(choice: .only(Set(changes))) }

    /// Those whose bits are set: 0 ..< 1 << count are all subsets.
    public static func subset(_ bits: UInt64) -> Keeping {
        .only((0..<64).filter { bits >> UInt64($0) & 1 != 0 })
    }

    /// Each by lot, and some pages torn, any of their sectors old. How many stay differs from seed to seed.
    public static func each(seed: UInt64) -> Keeping { Keeping(choice: .each(seed)) }

    /// Of the last page that stays, only the first sectors (0 to 8, of 512 bytes) are new.
    public func tearingLast(after sectors: Int) -> Keeping {
        var torn = self
        torn.sectorsOfLast = sectors
        return torn
    }

    private init(choice: Choice) { self.choice = choice }

    /// For each change which of its eight sectors stay; for what is no page, all or none.
    func sectors(_ changes: [PendingChange]) -> [UInt8] {
        var kept: [UInt8]
        switch choice {
        case .everything: kept = changes.map { _ in FileImage.allSectors }
        case .first(let count): kept = changes.indices.map { $0 < count ? FileImage.allSectors : 0 }
        case .only(let some): kept = changes.indices.map { some.contains($0) ? FileImage.allSectors : 0 }
        case .each(let seed): kept = Self.drawn(changes, PRNG(seed: seed))
        }
        if let sectorsOfLast, let last = changes.indices.last(where: { changes[$0].isPage && kept[$0] != 0 }) {
            kept[last] &= UInt8(truncatingIfNeeded: (1 << min(max(sectorsOfLast, 0), 8)) - 1)
        }
        return kept
    }

    private static func drawn(_ changes: [PendingChange], _ start: PRNG) -> [UInt8] {
        var random = start
        let outOfEight = [1, 4, 7][random.below(3)]
        return changes.map { change in
            if random.below(8) >= outOfEight { return 0 }
            return change.isPage && random.below(4) == 0 ? UInt8(random.below(256)) : FileImage.allSectors
        }
    }
}

/// Something that a crash may undo.
struct PendingChange {
    enum Target {
        case file(Int, change: Int)
        case entry(Int)
    }

    let target: Target
    let isPage: Bool
    let stamp: Int
    let text: String
}
