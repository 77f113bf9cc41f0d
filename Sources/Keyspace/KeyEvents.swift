import Base
import CSystem

/// Classes of keyspace events, with the letters of `notify-keyspace-events`
/// (redis.io, "Redis keyspace notifications").
public struct KeyEvents: OptionSet, Sendable {
    public let rawValue: UInt32

    @inline(__always)
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// K: publish to `__keyspace@<db>__:<key>`.
    public static let keyspace = KeyEvents(rawValue: 1 << 0)
    /// E: publish to `__keyevent@<db>__:<event>`.
    public static let keyevent = KeyEvents(rawValue: 1 << 1)
    /// g
    public static let generic = KeyEvents(rawValue: 1 << 2)
    /// $
    public static let string = KeyEvents(rawValue: 1 << 3)
    /// l
    public static let list = KeyEvents(rawValue: 1 << 4)
    /// s
    public static let set = KeyEvents(rawValue: 1 << 5)
    /// h
    public static let hash = KeyEvents(rawValue: 1 << 6)
    /// z
    public static let sortedSet = KeyEvents(rawValue: 1 << 7)
    /// x
    public static let expired = KeyEvents(rawValue: 1 << 8)
    /// e
    public static let evicted = KeyEvents(rawValue: 1 << 9)
    /// t
    public static let stream = KeyEvents(rawValue: 1 << 10)
    /// m: not part of A.
    public static let keyMiss = KeyEvents(rawValue: 1 << 11)
    /// d
    public static let module = KeyEvents(rawValue: 1 << 12)
    /// n: not part of A.
    public static let new = KeyEvents(rawValue: 1 << 13)
}

/// Who hears of keyspace events. Called on the thread that runs the command, under the key's partition lock.
open class KeyEventSink: @unchecked Sendable {
    public init() {}
    open func happened(_ kind: KeyEvents, _ event: StaticString, _ key: ByteView, database: Int) {}
    /// A key that `reader` has read (`Access.remember`) has changed, or been given up.
    open func becameStale(_ key: ByteView, reader: UInt64) {}
    /// Any key has changed, in a partition where `Access.tellEveryChange` asked for it.
    open func changed(_ key: ByteView, byClient: Bool) {}
    /// Whole databases have been emptied: nobody's reading is remembered any more.
    open func flushed() {}
    /// A client has emptied all databases. All locks are held.
    open func flushedEverything() {}
    /// A key that clients may block on has got what they wait for.
    open func becameReady(_ key: Key, database: Int) {}
    /// The same of whatever keys of a partition's database clients wait for: all of them may have changed.
    open func becameReady(allOf database: Int, partition: Int) {}
}

extension Keyspace {
    /// From now on these classes of events are told. Every loop sets them, too, when settings change.
    public func setEvents(_ events: KeyEvents) { cs_store_u32(&shared.pointee.eventMask, events.rawValue) }
}

extension Access {
    /// Announces an event of a key, as Redis names it. Costs one load while nobody asked for the class.
    @inline(__always)
    public func notify(_ kind: KeyEvents, _ event: StaticString, _ key: Key) {
        if _slowPath(cs_load_u32(&shared.pointee.eventMask) & kind.rawValue != 0) { announce(kind, event, key.view) }
    }

    @inline(never)
    func announce(_ kind: KeyEvents, _ event: StaticString, _ key: ByteView) {
        shared.pointee.events?.happened(kind, event, key, database: database)
    }
}
