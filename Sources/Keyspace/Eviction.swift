import Base
import CSystem

/// Picks keys that go when memory is short, about as Redis does (redis.io, "Key eviction"): a few keys are looked
/// at, the best of all that have been looked at lately goes. One per loop.
public struct Eviction {
    /// What makes a key the best one to go.
    public enum Measure: Sendable {
        /// The longest time without an access.
        case recency
        /// The fewest accesses.
        case frequency
        /// The next deadline.
        case deadline
        case none
    }

    /// Candidates kept from earlier looks.
    private static let poolSize = 16
    private static let triesMax = 100
    /// Values that can leave memory are among many that have left it: so many entries are looked at in one go, and while
    /// so many candidates are left nobody looks for others.
    private static let valueSamples = 32
    private static let valueCandidatesMin = 4
    /// Partitions in which values that can leave memory are looked for in one go.
    private static let partitionsInOneGo = 16

    private struct Candidate {
        var score: UInt64
        var database: Int
        var key: [UInt8]
    }

    private let keyspace: Keyspace
    /// The worst first.
    private var pool: [Candidate] = []
    private var measure = Measure.none
    private var victims = Victims.keys
    /// Where values are looked for next, and in how many partitions there were none, one after the other.
    private var nextPartition = 0
    private var fruitless = 0

    public init(_ keyspace: Keyspace) { self.keyspace = keyspace }

    /// Which keys are looked at, and what becomes of the one that is picked.
    public enum Victims: Sendable {
        /// All keys; the picked one is deleted.
        case keys
        /// Those with a deadline; the picked one is deleted.
        case volatileKeys
        /// Those whose values the tree has; the picked one's value leaves memory.
        case savedValues
    }

    public enum Outcome: Sendable {
        case evicted
        /// There is none.
        case none
        /// None was found so far: to look everywhere takes several calls.
        case unfinished
    }

    /// Evicts one of `victims`. `samples`: so many are looked at. No partition is locked by the caller.
    public mutating func evictOne(
        _ victims: Victims, by measure: Measure, samples: Int, _ moment: Moment, _ random: inout PRNG
    ) -> Outcome {
        if measure != self.measure || victims != self.victims {
            self.measure = measure
            self.victims = victims
            pool = []
        }
        // What is picked may be gone, or hidden by a pause that has just begun.
        for _ in 0..<Eviction.triesMax {
            if victims == .savedValues {
                if pool.count <= Eviction.valueCandidatesMin { lookForValues(moment, &random) }
                if pool.isEmpty { return fruitless >= Limits.partitions ? .none : .unfinished }
            } else if !look(samples: measure == .none ? 1 : samples, moment, &random) && pool.isEmpty {
                return .none
            }
            while let best = pool.popLast() {
                if evict(best, moment) { return .evicted }
            }
        }
        return .none
    }

    /// Looks at some keys, in as few partitions as have enough, from a random one on. Answers false if there is none.
    private mutating func look(samples: Int, _ moment: Moment, _ random: inout PRNG) -> Bool {
        let first = Int(random.below(UInt64(Limits.partitions)))
        var seen = 0
        for i in 0..<Limits.partitions where seen < samples {
            let partition = keyspace.partitions + (first + i) & (Limits.partitions - 1)
            Partition.lock(partition)
            for database in 0..<keyspace.databaseCount {
                let tables = partition.pointee.databases + database
                let table = victims == .volatileKeys ? tables.pointee.expiring : tables.pointee.entries
                for _ in 0..<min(samples, table.count) {
                    guard let entry = table.random(&random) else { break }
                    add(entry, database, moment)
                    seen += 1
                }
            }
            Partition.unlock(partition)
        }
        return seen > 0
    }

    /// Looks for values that may leave memory, partition by partition, until there are some, or it has taken long enough.
    /// From anywhere on, if there were some the last time; else, where that look ended.
    private mutating func lookForValues(_ moment: Moment, _ random: inout PRNG) {
        if fruitless == 0 { nextPartition = Int(random.below(UInt64(Limits.partitions))) }
        for _ in 0..<Eviction.partitionsInOneGo {
            let partition = keyspace.partitions + nextPartition
            nextPartition = (nextPartition + 1) & (Limits.partitions - 1)
            var isFound = false
            // There are others: nobody need wait for this one.
            guard Partition.tryLock(partition) else { continue }
            let open = keyspace.shared.pointee.openRound
            for database in 0..<keyspace.databaseCount {
                for entry in Eviction.someEntries(of: partition.pointee.databases + database, &random) {
                    if !entry.mayGo(open) { continue }
                    add(entry, database, moment)
                    isFound = true
                }
            }
            Partition.unlock(partition)
            fruitless = isFound ? 0 : min(fruitless + 1, Limits.partitions)
            if isFound { return }
        }
    }

    /// Entries are all over memory: all are asked for before the first is looked at.
    private static func someEntries(
        of tables: UnsafeMutablePointer<PartitionDatabase>, _ random: inout PRNG
    ) -> [Entry] {
        var entries: [Entry] = []
        let table = tables.pointee.entries
        if table.count == tables.pointee.awayCount { return entries }
        entries.reserveCapacity(valueSamples * 2)
        for _ in 0..<valueSamples where entries.count < valueSamples {
            table.visitRandomBucket(&random) { entry in
                cs_prefetch(entry.base)
                entries.append(entry)
            }
        }
        return entries
    }

    private func score(_ entry: Entry, _ moment: Moment) -> UInt64 {
        let rules = keyspace.shared.pointee.frequencyRules
        return switch measure {
        case .recency: UInt64(AccessStamp.idleSeconds(entry.accessStamp, now: moment.wall))
        case .frequency: 255 - UInt64(AccessStamp.frequency(entry.accessStamp, rules, now: moment.wall))
        case .deadline: UInt64.max - UInt64(bitPattern: entry.deadline ?? .max)
        case .none: 0
        }
    }

    private mutating func add(_ entry: Entry, _ database: Int, _ moment: Moment) {
        let score = score(entry, moment)
        let place = pool.firstIndex { $0.score > score } ?? pool.count
        if pool.count == Eviction.poolSize && place == 0 { return }
        if pool.contains(where: { $0.database == database && $0.key.withView { $0 == entry.key } }) { return }
        pool.insert(Candidate(score: score, database: database, key: entry.key.bytes), at: place)
        if pool.count > Eviction.poolSize { pool.removeFirst() }
    }

    /// Answers false if the key is not there any more, or none of `victims`.
    private func evict(_ candidate: Candidate, _ moment: Moment) -> Bool {
        candidate.key.withView { view in
            let key = Key(view)
            let access = Access(keyspace.partition(of: key), database: candidate.database, moment: moment)
            if victims == .savedValues {
                guard Partition.tryLock(access.partition) else { return false }
                defer { Partition.unlock(access.partition) }
                return access.setAside(key)
            }
            Partition.lock(access.partition)
            defer { Partition.unlock(access.partition) }
            guard let slot = access.find(key), access.entry(slot).hasDeadline || victims == .keys else { return false }
            access.remove(slot, key, byClient: false, .eviction)
            access.notify(.evicted, "evicted", key)
            return true
        }
    }
}
