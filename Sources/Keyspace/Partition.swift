import Base
import CSystem
import Causality

/// 64 consecutive slots of the key space, in all databases: the unit of locking, and later of
/// flushing, repair and hand-over.
///
/// Everything in it is read and changed under its lock, except by `Table.prefetch...`.
/// Several locks are taken in ascending order of index only.
public struct Partition {
    // What nearly all writes look at comes first, in two cache lines (`Keyspace.prefetchSlot`).
    var lockWord: UInt32 = 0
    /// Clients' waits for keys of this partition (blocking commands). While 0, no key serves anybody.
    public var waiting: UInt32 = 0
    /// How many want to know of changes: watched keys; one more while clients cache keys, one while some want to
    /// know of all, and one while keys are not settled (`KeySiblings`). While 0, a write has nobody to tell.
    var observers: UInt32 = 0
    /// The index of the actor whose dots changes take: this node's own, but for a moment while another's is applied.
    var actor: UInt32
    public let databases: PartitionDatabases
    public let slots: UnsafeMutablePointer<SlotCounters>
    public let shared: UnsafeMutablePointer<KeyspaceShared>
    /// Room for the slots' clocks.
    let clockPlaces: UnsafeMutablePointer<SlotClock>
    var hasClocks = false
    /// Keys that are there have been hidden: past their deadline while nothing may be removed (CLIENT PAUSE), or with
    /// a value that cannot be read. Never taken back: it costs an insertion one look.
    var hidesKeys = false
    /// Mutations have been recorded that the sink was not told to commit.
    var hasOpenRecord = false
    /// Changes are not handed to the sink: they are part of one that is, as it is.
    var isMuted = false
    /// Changes to values note which version they were made to (`predecessor`).
    var notesPredecessors = false
    /// The sink hears of every change (`KeyEventSink.changed`).
    var tellsEveryChange = false
    /// What keys have besides their entries; nil: all are settled.
    var siblings: UnsafeMutablePointer<SiblingTable>?
    /// Slots of which this node is no replica, a bit for each: it keeps keys for others there, and has no clock (docs/causality.md,
    /// rule 4).
    public internal(set) var standInSlots: UInt64 = 0
    /// The version that the value at hand had before its latest change in place.
    var predecessor = Dot(packed: 0)
    /// While another actor's change is applied: the slot whose counter it uses, and what that was.
    var lent: (slot: Int, writes: UInt64)?
    /// Lookups by reading commands that found a key, and that did not.
    public var hits: UInt64 = 0
    public var misses: UInt64 = 0
    /// No deadline in any database is earlier than this. Written under the lock, read without.
    var earliestDeadline = Int64.max
    /// Keys removed because their deadline passed.
    public var expired: UInt64 = 0
    var watched: [WatchedKey] = []
    /// Keys that clients have read and may cache, by name, whatever the database.
    var readers: ByteMap<KeyReaders>?
    /// While its changes are being saved: names of keys and pieces that have gone since the cut, for this very save
    /// (a later one would take what this one writes again under the same names).
    var lateRemovals: UnsafeMutablePointer<ByteBuffer>?
    /// The number of the next space (`PartitionDatabase.space`).
    var nextSpace: UInt64 = 1 << 32
    /// Counts changes of unsettled keys, so that replaying knows which it has seen: they need have no dot.
    var revision: UInt64 = 0

    /// Which writes the 64 slots hold, this node's own up to some counter; nil: only this node's own.
    var clocks: UnsafeMutablePointer<SlotClock>? { hasClocks ? clockPlaces : nil }

    /// Takes the lock, spinning first, then sleeping. Nobody locks a lower partition while holding a higher one.
    @inline(__always)
    public static func lock(_ partition: UnsafeMutablePointer<Partition>) {
        cs_lock(UnsafeMutableRawPointer(partition).assumingMemoryBound(to: UInt32.self))
    }

    /// Takes the lock if it is free; answers whether it was.
    @inline(__always)
    public static func tryLock(_ partition: UnsafeMutablePointer<Partition>) -> Bool {
        cs_try_lock(UnsafeMutableRawPointer(partition).assumingMemoryBound(to: UInt32.self)) != 0
    }

    /// Waits at most so long. Answers whether the lock is held now.
    public static func lock(_ partition: UnsafeMutablePointer<Partition>, microseconds: UInt32) -> Bool {
        cs_lock_for(UnsafeMutableRawPointer(partition).assumingMemoryBound(to: UInt32.self), microseconds) != 0
    }

    /// Gives the lock back, from the thread that took it.
    @inline(__always)
    public static func unlock(_ partition: UnsafeMutablePointer<Partition>) {
        if _slowPath(partition.pointee.hasOpenRecord) { commit(partition) }
        cs_unlock(UnsafeMutableRawPointer(partition).assumingMemoryBound(to: UInt32.self))
    }
}

extension Partition {
    /// Changes that another thread may see as soon as the lock is free are in the log before.
    @inline(never)
    private static func commit(_ partition: UnsafeMutablePointer<Partition>) {
        partition.pointee.hasOpenRecord = false
        partition.pointee.shared.pointee.commit()
    }

    /// Hands a mutation to the sink.
    @inline(never)
    static func record(_ partition: UnsafeMutablePointer<Partition>, _ mutation: Mutation) {
        if partition.pointee.isMuted { return }
        partition.pointee.hasOpenRecord = true
        partition.pointee.shared.pointee.sinkReference?._withUnsafeGuaranteedRef { $0.record(mutation) }
    }

    /// A key got this deadline.
    mutating func noteDeadline(_ deadline: Int64) {
        if deadline < earliestDeadline { setEarliestDeadline(deadline) }
    }

    mutating func setEarliestDeadline(_ deadline: Int64) {
        cs_store_u64(&earliestDeadline, UInt64(bitPattern: deadline))
    }

    /// A lower bound of all deadlines in the partition, ms since 1970. Needs no lock.
    static func earliestDeadline(_ partition: PartitionPointer) -> Int64 {
        let offset = MemoryLayout<Partition>.offset(of: \.earliestDeadline).unsafelyUnwrapped
        return Int64(bitPattern: cs_load_u64(UnsafeRawPointer(partition) + offset))
    }
}

/// A partition where it is as long as the key space lives.
public typealias PartitionPointer = UnsafeMutablePointer<Partition>

/// One database's share of a partition.
public struct PartitionDatabase {
    /// All keys.
    public var entries = Table()
    /// The entries that have a deadline (the same blocks of memory as in `entries`).
    public var expiring = Table()
    /// No deadline in `expiring` is earlier than this.
    var earliestDeadline = Int64.max
    /// Where the next slice of active expiry goes on.
    var expiryCursor: UInt64 = 0
    /// The earliest deadline met since the cursor was last at its start.
    var earliestMet = Int64.max
    /// What the tree has not got. Goes with the tables when databases are exchanged, as `space` does.
    var unsavedPlace: UnsafeMutablePointer<UnsavedKeys>?
    /// Under which number the tree has these keys: another one once the database has been emptied, so that all it
    /// had is gone at once.
    var space: UInt64
    /// Values that are away (`Entry.isAway`). The struct fills two cache lines: what a lookup reads is in one.
    var awayCount = 0

    init(space: UInt64) {
        self.space = space
    }

    /// `unsavedPlace`, made when it is first needed: most databases are never used.
    var unsaved: UnsafeMutablePointer<UnsavedKeys> {
        mutating get {
            if let place = unsavedPlace { return place }
            let place = UnsafeMutablePointer<UnsavedKeys>.allocate(capacity: 1)
            place.initialize(to: UnsavedKeys())
            unsavedPlace = place
            return place
        }
    }

    /// There is nothing to be saved.
    mutating func forgetUnsaved() {
        unsavedPlace?.deinitialize(count: 1)
        unsavedPlace?.deallocate()
        unsavedPlace = nil
    }
}

/// A partition's share of every database. The shares of all partitions lie side by side, database by
/// database, so that the hot ones (database 0's) take up few pages and are found from the key alone.
public struct PartitionDatabases {
    /// The share of database 0.
    let first: UnsafeMutablePointer<PartitionDatabase>

    @inline(__always)
    public static func + (
        databases: PartitionDatabases, database: Int
    ) -> UnsafeMutablePointer<PartitionDatabase> { databases.first + database &* Limits.partitions }

    /// Which database's share this is.
    func index(of tables: UnsafeMutablePointer<PartitionDatabase>) -> Int { (tables - first) / Limits.partitions }

    @inline(__always)
    public subscript(database: Int) -> PartitionDatabase {
        unsafeAddress { UnsafePointer(self + database) }
        nonmutating unsafeMutableAddress { self + database }
    }
}

/// A slot's counters.
public struct SlotCounters {
    /// Writes this node has coordinated: the counter of the slot's latest dot. Dense, deletes included.
    public var writes: UInt64 = 0
    /// Keys of database 0.
    public var keys: UInt64 = 0
}

/// What all partitions share. Changed while no command runs, or by relaxed atomics.
public struct KeyspaceShared {
    public var databaseCount: Int
    /// The node is one of a cluster's, where there is database 0 only. Set before the loops run.
    public var isClustered = false
    /// How many nodes have each key. Set before the loops run.
    public var replicas = 1
    public let reclaimer: Reclaimer
    public let disposer: Disposer
    /// Index of this node's actor in `actors` (`Keyspace.write(as:)`).
    public internal(set) var actor: UInt64 = 1
    public let actors: ActorRegistry
    /// All dots of actors that have been dropped (`ActorTable.dropped`).
    var dropped = VersionVector()
    /// What clients' contexts are made and checked with. Set before any command runs.
    public var contexts = ContextToken(cluster: ByteView(""), secret: ByteView(""))
    /// See `Keyspace.contextEntriesMax`. Relaxed atomic.
    var contextEntriesWord: UInt64 = 10
    /// What of unsettled keys there is, for INFO. Relaxed atomics.
    public let siblingFigures = SiblingFigures()
    /// Who gets the mutations; nil: they are not even made.
    public var sink: MutationSink? {
        didSet {
            sinkReference = sink.map(Unmanaged.passUnretained)
            savesChanges = sink?.savesChanges ?? false
        }
    }
    /// What changes is noted, to be saved.
    private(set) var savesChanges = false
    /// The same, without counting references: writing commands come here.
    private(set) var sinkReference: Unmanaged<MutationSink>?
    /// The classes of events that `events` wants to hear of (`KeyEvents`, raw). Relaxed atomic.
    public var eventMask: UInt32 = 0
    /// See `lazyFreeing`. Relaxed atomic.
    var lazyFreeingBits = LazyFreeing.unlink.rawValue
    /// Who hears of events; set before the loops run.
    public var events: KeyEventSink?
    public let packing = PackingLimits()
    /// `frequencyRules`. Relaxed atomic.
    var frequencyWord = FrequencyRules.initial
    /// Keys in all partitions' `readers`, and readers of all of them. Relaxed atomics.
    var readKeyCount: UInt64 = 0
    var readerCount: UInt64 = 0
    /// While set (CLIENT PAUSE), deadlines hide keys but remove none.
    public var keepsExpired: UInt32 = 0
    /// Values that are away, in all databases. Relaxed atomic.
    var awayCount: UInt64 = 0
    /// Who brings them back; set before the first may go.
    public var loader: ValueLoader?
    /// The round of saving that is under way (`SaveRound`). Relaxed atomic.
    var roundWord: UInt32 = 0
    /// Relaxed atomic; see `takesAnyChecksum`.
    var ignoresChecksums: UInt32 = 0

    /// Tells the sink that what this thread has recorded is complete.
    @inline(__always)
    public func commit() { sinkReference?._withUnsafeGuaranteedRef { $0.commit() } }
}

/// A key that a transaction watches.
struct WatchedKey {
    /// It is there, past its deadline, and was so (or absent) at WATCH: its removal changes nothing.
    var isStale = false
    var database: Int
    var key: [UInt8]
    var flag: WatchFlag
}

/// Tells a client that one of its watched keys changed. Set under any watched key's partition lock.
public final class WatchFlag: @unchecked Sendable {
    private let word: UnsafeMutablePointer<UInt32>

    public init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// Whether a watched key has changed. From any thread.
    public var isSet: Bool { cs_load_acquire_u32(word) != 0 }
    public func set() { cs_store_release_u32(word, 1) }
    public func clear() { cs_store_release_u32(word, 0) }
}
