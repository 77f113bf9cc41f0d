import Base
import CSystem
import Causality

/// What a version of an unsettled key is kept as.
enum HeldVersion: Sendable {
    /// In the key's entry: this is the one that plain commands see.
    case inTable
    case bytes(KeyVersion)
}

/// All that a key has which its entry does not say: further versions, the contexts of all, what is known to be gone.
///
/// Its version that is `inTable` is the entry's, whatever a change that is under way has put there: every change of the
/// entry ends in `Access.supersedeSiblings`. Without such a version there is no entry.
struct KeySiblings {
    var stored: StoredSiblings<HeldVersion>
    /// The tree has, or will have, a record of it: if it goes, the tree must be told.
    var isSaved = false

    /// Bytes of memory, about.
    var bytes: Int {
        var sum = 64
        stored.forEachVersion { version in
            sum += 96 + 16 * (version.context.base.entries.count + version.context.dots.count)
            if case .bytes(let value) = version.payload { sum += value.bytes.count }
        }
        return sum + 16 * (stored.residue.base.entries.count + stored.residue.dots.count)
    }
}

/// The keys of a partition that are not settled, by database and name. Few: a key that nobody writes on two sides of a
/// split is none of them.
struct SiblingTable {
    private var databases: [Int: [[UInt8]: KeySiblings]] = [:]

    var isEmpty: Bool { databases.isEmpty }

    subscript(_ database: Int, _ key: ByteView) -> KeySiblings? {
        get { databases[database]?[key.bytes] }
        set {
            databases[database, default: [:]][key.bytes] = newValue
            if databases[database]?.isEmpty ?? false { databases[database] = nil }
        }
    }

    /// The unsettled keys of a database.
    func keys(_ database: Int) -> [[UInt8]] { databases[database].map { Array($0.keys) } ?? [] }

    func count(_ database: Int) -> Int { databases[database]?.count ?? 0 }

    mutating func exchange(_ a: Int, _ b: Int) {
        let (first, second) = (databases[a], databases[b])
        databases[a] = second
        databases[b] = first
    }
}

/// What there is of unsettled keys, and what clients' versions have come to, in all partitions: for INFO. Relaxed
/// atomics; the totals of keys and versions are of this moment, the others since the start.
public struct SiblingFigures: @unchecked Sendable {
    public enum Figure: Int, CaseIterable, Sendable {
        /// Keys with something besides their entry.
        case unsettledKeys
        /// Versions besides those that plain commands see.
        case siblings
        /// Entries that were left out of clients' contexts (`vector-clock-max-entries`).
        case truncatedEntries
        /// Writes that left as many siblings as are worth a warning.
        case warnings
        /// Writes that were refused because of too many siblings.
        case refusals
    }

    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: Figure.allCases.count)
        words.initialize(repeating: 0, count: Figure.allCases.count)
    }

    func free() { words.deallocate() }

    public subscript(_ figure: Figure) -> Int { Int(truncatingIfNeeded: cs_load_u64(words + figure.rawValue)) }

    public func add(_ figure: Figure, _ change: Int) {
        if change != 0 { _ = cs_add_u64(words + figure.rawValue, UInt64(bitPattern: Int64(change))) }
    }

    /// CONFIG RESETSTAT: what counts since the start begins anew.
    public func resetCounts() {
        for figure in [Figure.truncatedEntries, .warnings, .refusals] { cs_store_u64(words + figure.rawValue, 0) }
    }
}

extension Partition {
    /// Frees what there is of unsettled keys and of clocks.
    mutating func forgetVersions() {
        siblings?.deinitialize(count: 1)
        siblings?.deallocate()
        siblings = nil
        clocks?.deinitialize(count: 64)
        hasClocks = false
    }

    /// What of a key there is besides its entry.
    func siblings(_ database: Int, _ key: ByteView) -> KeySiblings? {
        guard let siblings else { return nil }
        return siblings.pointee[database, key]
    }

    /// Puts it there, or (nil) takes it away.
    mutating func setSiblings(_ database: Int, _ key: ByteView, _ new: KeySiblings?) {
        if new == nil && siblings == nil { return }
        let place = siblings ?? makeSiblings()
        let old = place.pointee[database, key]
        place.pointee[database, key] = new
        count(old, -1)
        count(new, 1)
        if place.pointee.isEmpty {
            place.deinitialize(count: 1)
            place.deallocate()
            siblings = nil
        }
        countObservers()
    }

    private mutating func makeSiblings() -> UnsafeMutablePointer<SiblingTable> {
        let place = UnsafeMutablePointer<SiblingTable>.allocate(capacity: 1)
        place.initialize(to: SiblingTable())
        siblings = place
        return place
    }

    private func count(_ key: KeySiblings?, _ sign: Int) {
        guard let key else { return }
        shared.pointee.siblingFigures.add(.unsettledKeys, sign)
        shared.pointee.siblingFigures.add(.siblings, sign * max(0, key.stored.count - 1))
    }

    /// The tree has nothing of the database's keys, at least not under their names. Answers those without an entry.
    mutating func forgetSavedSiblings(_ database: Int) -> [[UInt8]] {
        var withoutEntry: [[UInt8]] = []
        for name in siblings?.pointee.keys(database) ?? [] {
            name.withView { view in
                siblings?.pointee[database, view]?.isSaved = false
                if databases[database].entries.find(Key(view)) == nil { withoutEntry.append(name) }
            }
        }
        return withoutEntry
    }

    /// How many keys of a database are not settled.
    func siblingCount(_ database: Int) -> Int { siblings?.pointee.count(database) ?? 0 }

    /// Two databases change places.
    mutating func exchangeSiblings(_ a: Int, _ b: Int) { siblings?.pointee.exchange(a, b) }
}
