import Base

/// The 22 bits of an entry that remember how it is used.
///
/// Recency (LRU and all other policies): seconds, modulo 2^22 (48 days).
/// Frequency (LFU, as Redis: a logarithmic counter that decays): minutes modulo 2^14 | counter 8 bits.
public enum AccessStamp {
    public static let bits: UInt32 = 0x3f_ffff
    /// A new key's frequency counter (Redis: LFU_INIT_VAL).
    public static let frequencyInitial: UInt32 = 5
    /// lfu-log-factor's and lfu-decay-time's defaults.
    public static let logFactor = 10.0
    public static let decayMinutes: UInt32 = 1

    /// What a write or plain read leaves at this time.
    public static func fresh(frequency: Bool, now: Int64) -> UInt32 {
        if frequency { return minutes(now) << 8 | frequencyInitial }
        return UInt32(truncatingIfNeeded: now / 1000) & bits
    }

    /// The stamp of a key with this access counter.
    public static func counted(_ frequency: UInt32, now: Int64) -> UInt32 { minutes(now) << 8 | frequency & 0xff }

    private static func minutes(_ now: Int64) -> UInt32 { UInt32(truncatingIfNeeded: now / 60_000) & 0x3fff }

    /// The stamp after one more access.
    public static func touched(_ stamp: UInt32, frequency: Bool, now: Int64, _ random: inout PRNG) -> UInt32 {
        if !frequency { return fresh(frequency: false, now: now) }
        var counter = self.frequency(stamp, now: now)
        if counter < 255 {
            let base = Double(max(0, Int(counter) - Int(frequencyInitial)))
            let chance = 1.0 / (base * logFactor + 1)
            if Double(random.next() >> 11) * 0x1p-53 < chance { counter += 1 }
        }
        return minutes(now) << 8 | counter
    }

    /// Seconds since the last access.
    public static func idleSeconds(_ stamp: UInt32, now: Int64) -> Int {
        Int((UInt32(truncatingIfNeeded: now / 1000) &- stamp) & bits)
    }

    /// The access counter, decayed to this time.
    public static func frequency(_ stamp: UInt32, now: Int64) -> UInt32 {
        let passed = (minutes(now) &- (stamp >> 8)) & 0x3fff
        let decay = passed / decayMinutes
        let counter = stamp & 0xff
        return counter > decay ? counter - decay : 0
    }
}
