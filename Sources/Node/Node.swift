import Base
import CSystem
import Causality
import Commands
import Keyspace
import Replication
import Scripting
import Synchronization

/// A whole server without its sockets: the key space, the loops' executors, and what they share.
///
/// The shell makes it, connects each executor to a loop, and carries out what it
/// asks through `Doors`.
public final class Node: @unchecked Sendable {
    public let configuration: Configuration
    public let commands: CommandTable
    public let keyspace: Keyspace
    public let reclaimer: Reclaimer
    /// One for each loop, in the loops' order.
    public private(set) var executors: [Executor] = []
    public let doors: Doors
    /// The address of what logs changes; 0: nothing does.
    let persistencePlace: UnsafeMutablePointer<UInt64>
    /// All there have been: a loop may still be looking at one that is over.
    var keptPersistence: [Persistence] = []
    let snapshots: Snapshots
    /// The data is to be saved once no loop runs any more.
    let savesAtEnd = Switch(on: false)
    let loading = LoadingProgress()
    public let pause = Pause()
    public let slowlog = Slowlog()
    public let latency = LatencyMonitor()
    public let errors = ErrorCounters()
    let users: Users
    let accessLog = AccessLog()
    let memory = MemoryGauge()
    /// Clients that `maxmemory-clients` has closed and that are not yet.
    let evictedClients = ClientCount()
    /// Who listens to which channels.
    let broker: Broker
    /// Clients with CLIENT TRACKING on, and what those in BCAST mode want to hear of.
    let trackingClients = ClientCount()
    let redirections = Redirections()
    let prefixes: Prefixes
    /// Clients in MONITOR.
    let monitorCount: UnsafeMutablePointer<UInt64>
    /// 40 hexadecimal digits, new at every start.
    public let runID: String
    /// ms since 1970.
    public let startedAt: Int64
    /// The port that is listened on; the shell sets it when it knows.
    public var port = 0
    /// Nil outside a cluster; set before the loops run (`openCluster`).
    public internal(set) var cluster: ClusterKeeper?

    /// DEBUG SET-ACTIVE-EXPIRE: whether keys past their deadline are removed without being asked for.
    let activeExpiry = Switch(on: true)

    /// Who waits for keys, partition by partition.
    let rooms = (0..<Limits.partitions).map { _ in WaitingRoom() }
    /// Scripts of all loops.
    let scripts = ScriptStore()
    let libraries = LibraryStore()
    let busy = BusyScripts()
    /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may run commands that are not meant for them.
    let allowsAllInScripts = Switch(on: false)

    /// In a cluster: this node has seen what other replicas had when it started, and may answer for its slots.
    let isCaughtUp = Switch(on: false)
    /// Who lacks which of the keys that this node keeps for others. Taken under partitions' locks, and for moments only.
    let hints = Mutex(HintTable())
    /// In a cluster: all members can be reached, and nothing that one has is missing here since it came back. Otherwise
    /// writes ask a quorum first.
    let isSettled = Switch(on: false)

    /// DEBUG PAUSE-CRON: whether ticks do what has no other occasion.
    let cron = Switch(on: true)

    let forgeryLog = MinuteGate()
    /// Under whom this process writes, unless its directory has another one.
    let firstActor: ActorID
    private let counters: UnsafeMutablePointer<UInt64>

    public convenience init(configuration: Configuration, doors: Doors, wall: Int64, seed: UInt64) {
        self.init(configuration: configuration, doors: doors, wall: wall, seed: seed, families: Node.families)
    }

    /// With other commands than the server's.
    init(configuration: Configuration, doors: Doors, wall: Int64, seed: UInt64, families: [[Command]]) {
        self.configuration = configuration
        self.doors = doors
        startedAt = wall
        snapshots = Snapshots(startedAt: wall)
        let settings = configuration.settings
        commands = CommandTable(families: families)
        users = Users(RuleCommands(commands))
        for (old, new) in configuration.renamedCommands { _ = commands.rename(old, to: new) }
        // One reader more than loops: tests and tools that look in from outside.
        reclaimer = Reclaimer(readers: settings.loops + 1)
        firstActor = doors.newActor()
        keyspace = Keyspace(
            databases: settings.databases, reclaimer: reclaimer, disposer: doors.disposer, actor: firstActor)
        keyspace.shared.pointee.events = KeyEventsSink()
        // Good for this process, unless it has a directory or a cluster.
        let secret = doors.secretBytes(32)
        keyspace.shared.pointee.contexts = secret.withView { ContextToken(cluster: ByteView(""), secret: $0) }
        broker = Broker(loops: settings.loops)
        prefixes = Prefixes(loops: settings.loops)
        persistencePlace = .allocate(capacity: 1)
        persistencePlace.initialize(to: 0)
        monitorCount = .allocate(capacity: 1)
        monitorCount.initialize(to: 0)
        counters = .allocate(capacity: 2)
        counters.initialize(repeating: 0, count: 2)
        var random = PRNG(seed: seed)
        runID = Node.hexDigits(40, &random)
        loadUsers()
        executors = (0..<settings.loops).map { Executor(node: self, index: $0, seed: random.next()) }
    }

    deinit {
        broker.free()
        monitorCount.deallocate()
        persistencePlace.deallocate()
        counters.deallocate()
    }

    private static func hexDigits(_ count: Int, _ random: inout PRNG) -> String {
        let digits = Array("0123456789abcdef")
        return String((0..<count).map { _ in digits[Int(random.below(16))] })
    }

    /// Client ids: never used twice.
    func nextClientID() -> UInt64 { cs_add_u64(counters, 1) + 1 }

    /// Clients connected, of all loops.
    public var clientCount: Int { Int(cs_load_u64(counters + 1)) }

    func clientConnected() -> Int { Int(cs_add_u64(counters + 1, 1)) + 1 }
    func clientDisconnected() { _ = cs_add_u64(counters + 1, UInt64.max) }

    /// Runs `work` on every loop, the caller's own included (through its mailbox).
    func broadcast(_ work: @escaping @Sendable (Executor) -> Void) {
        for executor in executors { executor.mailbox.post(work) }
    }

    /// CONFIG RESETSTAT. `forEachPartition` is the running command's, which knows what EXEC has locked.
    func resetStatistics(_ forEachPartition: ((PartitionPointer) -> Void) -> Void) {
        for executor in executors { executor.statistics.reset() }
        forEachPartition { partition in
            partition.pointee.hits = 0
            partition.pointee.misses = 0
            partition.pointee.expired = 0
        }
        errors.reset()
        doors.disposer.resetStatistics()
        keyspace.siblingFigures.resetCounts()
        hints.withLock { $0.resetCounts() }
    }

    /// A counter summed over all loops.
    func total(_ counter: Statistics.Counter) -> UInt64 {
        executors.reduce(0) { $0 &+ $1.statistics[counter] }
    }

    /// A counter's maximum over all loops.
    func maximum(_ counter: Statistics.Counter) -> UInt64 {
        executors.map { $0.statistics[counter] }.max() ?? 0
    }
}

extension Doors {
    /// An id that no other actor has.
    func newActor() -> ActorID {
        let bytes = secretBytes(ActorID.byteCount)
        func word(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return ActorID(high: word(bytes.prefix(8)), low: word(bytes.dropFirst(8)))
    }
}

/// How the node reaches the outside other than through links.
public struct Doors: Sendable {
    /// Frees what is large.
    public var disposer: Disposer
    /// Writes a line to the log.
    public var log: @Sendable (LogLevel, String) -> Void
    /// Ends the process (SHUTDOWN).
    public var shutDown: @Sendable () -> Void
    /// So many bytes that nobody can guess (ACL GENPASS).
    public var secretBytes: @Sendable (Int) -> [UInt8] = { SecretBytes.make($0) }
    /// Blocks the calling thread, microseconds (DEBUG SLEEP).
    public var sleep: @Sendable (Int) -> Void
    /// The way to the disk.
    public var files: any FileSystem = RealFileSystem()
    /// Not 0, and nobody has had it before.
    public var randomNumber: @Sendable () -> UInt64 = { UInt64.random(in: 1 ... .max) }
    /// Runs something on a thread of this name, until it ends by itself.
    public var spawn: @Sendable (String, ThreadPriority, @escaping @Sendable () -> Void) -> Void = { _, _, _ in }
    /// Sends a request to another server and hands its answer on, on any thread (MIGRATE).
    public var exchange: @Sendable (PeerRequest, @escaping @Sendable (PeerReply) -> Void) -> Void = { _, done in
        done(PeerReply(failure: .connecting))
    }
    /// False in a simulation: nothing is cut short because it takes too long.
    public var hasRealTime = true
    /// Nil: there is no disk to save to.
    public var snapshots: SnapshotDoors?
    /// What the operating system says of the process.
    public var process: @Sendable () -> ProcessFigures = { ProcessFigures() }

    public init(
        disposer: Disposer, log: @escaping @Sendable (LogLevel, String) -> Void,
        shutDown: @escaping @Sendable () -> Void, sleep: @escaping @Sendable (Int) -> Void
    ) {
        self.disposer = disposer
        self.log = log
        self.shutDown = shutDown
        self.sleep = sleep
    }
}

/// How much a thread matters.
public enum ThreadPriority: Sendable {
    case usual
    /// Somebody may be waiting for it, but what clients want of the loops comes first.
    case low
    /// Only when nobody else wants the processor.
    case idle
}

/// Something that all loops have on or off. Read by relaxed atomics.
public final class Switch: @unchecked Sendable {
    private let word: UnsafeMutablePointer<UInt32>

    init(on: Bool) {
        word = .allocate(capacity: 1)
        word.initialize(to: on ? 1 : 0)
    }

    deinit { word.deallocate() }

    public var isOn: Bool {
        get { cs_load_u32(word) != 0 }
        set { cs_store_u32(word, newValue ? 1 : 0) }
    }
}

/// CLIENT PAUSE, for all loops. Read by relaxed atomics on every batch; changed under a lock.
public final class Pause: @unchecked Sendable {
    private let lock = SpinLock()
    private let words: UnsafeMutablePointer<UInt64>

    init() {
        words = .allocate(capacity: 2)
        words.initialize(repeating: 0, count: 2)
    }

    deinit { words.deallocate() }

    /// When it ends, ms since 1970; 0: no pause.
    var until: Int64 { Int64(truncatingIfNeeded: cs_load_u64(words)) }
    /// Only commands that write wait.
    var onlyWrites: Bool { cs_load_u64(words + 1) != 0 }

    /// `changed` is called, under the lock, if a pause is in force afterwards.
    func set(until wanted: Int64, onlyWrites writes: Bool, now: Int64, changed: (Bool) -> Void) {
        lock.withLock {
            let inForce = until > now
            let end = inForce ? max(until, wanted) : wanted
            if end <= now { return }
            cs_store_u64(words + 1, writes && (!inForce || onlyWrites) ? 1 : 0)
            cs_store_release_u64(words, UInt64(bitPattern: end))
            changed(true)
        }
    }

    /// Ends the pause, if its time has come (nil: in any case); then calls `ended` under the lock.
    func end(ifDueAt now: Int64?, ended: () -> Void) {
        lock.withLock {
            if let now, until > now { return }
            cs_store_release_u64(words, 0)
            ended()
        }
    }
}

/// Replies that were errors, by code.
public final class ErrorCounters: @unchecked Sendable {
    private let lock = SpinLock()
    private var counts: [String: UInt64] = [:]

    func count(_ code: String) { lock.withLock { counts[code, default: 0] += 1 } }
    func reset() { lock.withLock { counts = [:] } }
    var all: [(String, UInt64)] { lock.withLock { counts.sorted { $0.key < $1.key } } }
}
