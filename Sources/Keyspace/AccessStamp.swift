import Base
import CSystem
import Causality

/// The 22 bits of an entry that remember how it is used.
///
/// Recency (LRU and all other policies): seconds, modulo 2^22 (48 days).
/// Frequency (LFU, as Redis: a logarithmic counter that decays): minutes modulo 2^14 | counter 8 bits.
public enum AccessStamp {
    public static let bits: UInt32 = 0x3f_ffff
    /// A new key's frequency counter (Redis: LFU_INIT_VAL).
    public static let frequencyInitial: UInt32 = 5
    /// Beside the 22 bits, in a `Moment`: accesses are counted.
    static let counts: UInt32 = 1 << 31

    /// Beside the 22 bits, in a `Moment`: whoever finds keys does not look at their values.
    public static let needsNoValue: UInt32 = 1 << 30

    /// What a new key is given at this time, and what a read leaves unless accesses are counted: for a `Moment`.
    public static func fresh(frequency: Bool, now: Int64) -> UInt32 {
        if frequency { return counts | minutes(now) << 8 | frequencyInitial }
        return UInt32(truncatingIfNeeded: now / 1000) & bits
    }

    /// The stamp of a key with this access counter.
    public static func counted(_ frequency: UInt32, now: Int64) -> UInt32 { minutes(now) << 8 | frequency & 0xff }

    private static func minutes(_ now: Int64) -> UInt32 { UInt32(truncatingIfNeeded: now / 60_000) & 0x3fff }

    /// The stamp after one more access.
    public static func touched(
        _ stamp: UInt32, _ rules: FrequencyRules, now: Int64, _ random: inout PRNG
    ) -> UInt32 {
        var counter = self.frequency(stamp, rules, now: now)
        if counter < 255 {
            let base = Double(max(0, Int(counter) - Int(frequencyInitial)))
            let chance = 1.0 / (base * Double(rules.logFactor) + 1)
            if Double(random.next() >> 11) * 0x1p-53 < chance { counter += 1 }
        }
        return minutes(now) << 8 | counter
    }

    /// Seconds since the last access.
    public static func idleSeconds(_ stamp: UInt32, now: Int64) -> Int {
        Int((UInt32(truncatingIfNeeded: now / 1000) &- stamp) & bits)
    }

    /// The access counter, decayed to this time.
    public static func frequency(_ stamp: UInt32, _ rules: FrequencyRules, now: Int64) -> UInt32 {
        let passed = (minutes(now) &- (stamp >> 8)) & 0x3fff
        let decay = rules.decayMinutes == 0 ? 0 : passed / rules.decayMinutes
        let counter = stamp & 0xff
        return counter > decay ? counter - decay : 0
    }
}

/// How fast counters of accesses grow and decay.
public struct FrequencyRules: Sendable, Equatable {
    /// lfu-log-factor: the higher, the more accesses a step of the counter takes; 0: one.
    public let logFactor: UInt32
    /// lfu-decay-time: minutes without an access that take one off; 0: never.
    public let decayMinutes: UInt32

    public init(logFactor: Int, decayMinutes: Int) {
        self.logFactor = UInt32(clamping: logFactor)
        self.decayMinutes = UInt32(clamping: decayMinutes)
    }

    fileprivate init(_ word: UInt64) {
        logFactor = UInt32(truncatingIfNeeded: word)
        decayMinutes = UInt32(truncatingIfNeeded: word >> 32)
    }

    fileprivate var word: UInt64 { UInt64(decayMinutes) << 32 | UInt64(logFactor) }

    /// Redis' defaults.
    static let initial = FrequencyRules(logFactor: 10, decayMinutes: 1).word
}

extension KeyspaceShared {
    /// Every loop sets it when settings change: a relaxed atomic.
    public var frequencyRules: FrequencyRules {
        mutating get { FrequencyRules(cs_load_u64(&frequencyWord)) }
        set { cs_store_u64(&frequencyWord, newValue.word) }
    }
}

extension Access {
    /// How fast counters of accesses grow and decay.
    public var frequencyRules: FrequencyRules { shared.pointee.frequencyRules }

    /// After a write to a key whose stamp was `stamp`, while accesses are counted: one more. (A write that is
    /// several changes counts as several; which of them moves the counter is up to their dots.)
    @inline(never)
    func countWrite(_ entry: Entry, after stamp: UInt32) {
        var random = PRNG(seed: entry.dot.packed ^ UInt64(truncatingIfNeeded: moment.wall))
        entry.setAccessStamp(AccessStamp.touched(stamp, frequencyRules, now: moment.wall, &random))
    }
}
