import Base
import Commands
import Keyspace
import RESP
import Replication

/// What the node knows of one client. Owned by its loop's Executor, which alone touches it; other loops
/// (CLIENT LIST) read its card, and, under the executor's roster lock, what never changes and the names.
struct Session {
    let link: LinkPointer
    let id: UInt64
    var mode: SessionMode = []
    var parser = RequestParser()
    var rules = RequestParser.Rules()
    /// 2 or 3.
    var version: UInt8 = 2
    var database: Int = 0
    /// CLIENT NO-TOUCH.
    var noTouch = false
    /// Milliseconds since 1970.
    let createdAt: Int64
    var activeAt: Int64
    /// Index of the last command in the table, -1 before the first.
    var lastCommand: Int32 = -1
    /// Commands in MULTI's queue and the bytes they take.
    var queuedCount = 0
    var queuedBytes = 0
    /// End of the bytes parsed in this turn (what comes after has not been parsed).
    var parsedEnd: UnsafeMutablePointer<UInt8>?
    /// Everything that most clients never use.
    let details: SessionDetails
    let card = SessionCard()
    /// In a cluster: replies that wait for other nodes, and those behind them.
    var replies = ReplyQueue()
    /// Writes of this client that wait for other nodes.
    var writesUnderWay = 0
    /// What the client wants of replicas; nil: what the configuration says (CONSISTENCY).
    var consistency: Consistency?
    /// Position in the executor's roster.
    var rosterIndex: Int
}

typealias SessionPointer = UnsafeMutablePointer<Session>

/// States that take a client off the straight path.
struct SessionMode: OptionSet {
    let rawValue: UInt32

    /// Inside MULTI: commands are queued.
    static let multi = SessionMode(rawValue: 1)
    /// Waiting: for a timeout, for the end of a pause. Its further commands wait with it.
    static let suspended = SessionMode(rawValue: 2)
    /// While suspended, unexecuted requests have been put back into the input.
    static let pushedBack = SessionMode(rawValue: 4)
    /// A password is set and this client has not given it.
    static let unauthenticated = SessionMode(rawValue: 8)
    /// CLIENT REPLY OFF: no replies; SKIP: none to the next command, and then to the one that runs now.
    static let replyOff = SessionMode(rawValue: 16)
    static let replySkipNext = SessionMode(rawValue: 32)
    static let replySkip = SessionMode(rawValue: 64)
    /// Being disconnected: nothing runs any more.
    static let closing = SessionMode(rawValue: 128)
    /// A queued command was refused: EXEC will abort.
    static let transactionRefused = SessionMode(rawValue: 256)
    /// Its user may not do everything: each request is checked (`Executor.permits`).
    static let restricted = SessionMode(rawValue: 1 << 20)

    /// Listens to channels or patterns.
    static let subscribed = SessionMode(rawValue: 512)
    /// Messages wait for the end of the command that it runs.
    static let hasDeferred = SessionMode(rawValue: 1024)

    /// MONITOR: sees what others do.
    static let monitor = SessionMode(rawValue: 2048)
    /// CLIENT TRACKING: what it reads is remembered.
    static let tracking = SessionMode(rawValue: 4096)

    /// Replies to earlier requests wait for other nodes (`Session.replies`).
    static let owed = SessionMode(rawValue: 1 << 21)
    /// Some replies can be sent, others are awaited (`Coordinator.partlyAnswered`).
    static let partlyAnswered = SessionMode(rawValue: 1 << 22)

    /// Modes that the hot path must leave to the slow one.
    static let special = SessionMode(rawValue: 0x1fff | 3 << 20)

    /// CLIENT TRACKING in BCAST mode: it hears of changes.
    static let broadcast = SessionMode(rawValue: 1 << 24)
    /// The client to which it redirects what it should hear is gone.
    static let brokenRedirection = SessionMode(rawValue: 1 << 25)
}

/// The cold part of a session.
final class SessionDetails {
    let descriptor: Int32
    let address: String
    let localAddress: String
    var isUnixSocket = false
    var name: [UInt8] = []
    var libraryName: [UInt8] = []
    var libraryVersion: [UInt8] = []
    /// Changed by its loop, under the roster lock.
    var user: User
    /// The user's, as the loop last saw them.
    var permissions: Permissions
    /// It has shown a password, or none was needed when it came.
    var isAuthenticated = false
    var noEvict = false
    /// `maxmemory-clients` has it closed: counted in `Node.evictedClients` until it is.
    var isEvicted = false
    /// MULTI's queue.
    var queue: [QueuedCommand] = []
    var queueFlags: CommandFlags = []
    /// WATCH: raised when a watched key changes; the keys, to find their partitions again.
    private(set) var watchFlag = WatchFlag()
    var watchedKeys: [WatchedName] = []
    /// What it listens to; nil: nothing. Changed by its loop, under the roster lock.
    var subscriptions: Subscriptions?
    /// What CLIENT TRACKING said; nil: it is off.
    var tracking: ClientTracking?
    /// Messages that came while it ran a command.
    var deferred: [UInt8] = []
    /// Why it is suspended. Changed by its loop under the roster lock.
    var block: Block?
    /// Counted as disconnected. Under the roster lock.
    private(set) var isGone = false
    /// When the output passed the soft limit, ms since 1970; 0: it is below.
    var softLimitSince: Int64 = 0
    /// In a cluster: what WATCH has found.
    var watchedVersions: [WatchedVersions] = []
    /// Set in a session that waits in place of another node's client.
    var guest: Guest?
    /// The largest unparsed input since the last look.
    var inputPeak = 0

    init(descriptor: Int32, address: String, localAddress: String, user: User, permissions: Permissions) {
        self.user = user
        self.permissions = permissions
        self.descriptor = descriptor
        self.address = address
        self.localAddress = localAddress
    }

    /// Forgets what is watched without taking the flag from the keys; answers both.
    func abandonWatch() -> (WatchFlag, [WatchedName]) {
        defer {
            watchFlag = WatchFlag()
            watchedKeys = []
        }
        return (watchFlag, watchedKeys)
    }

    /// Answers true the first time. Nobody serves the client any more, if it waits.
    func leave() -> Bool {
        if case .waiting(let waiter) = block { _ = waiter.cancel() }
        defer { isGone = true }
        return !isGone
    }

    struct WatchedName {
        var database: Int
        var key: [UInt8]
    }

    /// Why a session is suspended.
    enum Block {
        /// CLIENT PAUSE: its next request runs when the pause ends.
        case paused
        /// Values that its next request wants are being read from disk.
        case reading
        /// Its next request needs memory, and room is being made.
        case waitingForRoom
        /// A blocking command, or WAIT.
        case waiting(Waiter)
        /// A blocking command that another node of the cluster runs: the operation's id.
        case elsewhere(UInt64)
        /// A blocking command, once the client has its replies to all before it.
        case behindReplies
    }
}

/// A command waiting in MULTI's queue, with its words copied.
struct QueuedCommand {
    let command: CommandPointer
    let arguments: UnsafeMutablePointer<ByteView>
    let count: Int
    let bytes: Int

    init(_ command: CommandPointer, _ words: UnsafeMutablePointer<ByteView>, _ count: Int) {
        self.command = command
        self.count = count
        var total = 0
        for i in 0..<count { total += words[i].count }
        let viewBytes = count * MemoryLayout<ByteView>.stride
        bytes = total + viewBytes
        // The views, and behind them what they show.
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, bytes), alignment: MemoryLayout<ByteView>.alignment)
        arguments = block.bindMemory(to: ByteView.self, capacity: count)
        var at = (block + viewBytes).bindMemory(to: UInt8.self, capacity: total)
        for i in 0..<count {
            at.update(from: words[i].start, count: words[i].count)
            (arguments + i).initialize(to: ByteView(UnsafePointer(at), words[i].count))
            at += words[i].count
        }
    }

    func free() { UnsafeMutableRawPointer(arguments).deallocate() }
}
