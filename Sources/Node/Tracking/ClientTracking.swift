import Base

/// What a client said with CLIENT TRACKING while tracking is on for it. Its loop's.
final class ClientTracking {
    /// The client that gets the messages in its place; 0: itself.
    var redirection: UInt64 = 0
    /// The loop of that client.
    var redirectionLoop = 0
    /// That client is gone: ids are never used twice, so it stays so.
    var isBroken = false
    /// BCAST: it hears of changes to all keys with its prefixes, read or not.
    var isBroadcast = false
    /// Only what it reads right after CLIENT CACHING YES is remembered.
    var isOptIn = false
    /// What it reads right after CLIENT CACHING NO is not remembered.
    var isOptOut = false
    /// It does not hear of its own changes.
    var skipsOwn = false
    /// CLIENT CACHING was said, for the next command or transaction.
    var isCachingGiven = false
    /// In ascending order.
    var prefixes: [[UInt8]] = []

    /// The way of messages about what it has read to a client of another loop than its own.
    func route(from loop: Int) -> Redirections.Route? {
        if redirection == 0 || redirectionLoop == loop || isBroken || isBroadcast { return nil }
        return Redirections.Route(target: redirection, loop: redirectionLoop)
    }

    /// Whether what it reads now is to be remembered.
    var remembers: Bool {
        if isBroadcast { return false }
        if isOptIn { return isCachingGiven }
        return !(isOptOut && isCachingGiven)
    }
}

/// The options of CLIENT TRACKING, as given.
struct TrackingOptions {
    var redirection: UInt64 = 0
    var redirectionLoop = 0
    var isBroadcast = false
    var isOptIn = false
    var isOptOut = false
    var skipsOwn = false
    var prefixes: [[UInt8]] = []
}

/// The name by which a partition knows a client that has read a key: its id, with its loop above it.
enum ReaderName {
    static func make(_ id: UInt64, loop: Int) -> UInt64 { UInt64(loop) << 48 | id }

    @inline(__always)
    static func loop(_ name: UInt64) -> Int { Int(name >> 48) }

    @inline(__always)
    static func id(_ name: UInt64) -> UInt64 { name & 0xffff_ffff_ffff }
}
