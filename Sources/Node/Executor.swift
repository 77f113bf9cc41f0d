import Base
import CSystem
import Cluster
import Commands
import Keyspace
import RESP

/// One loop's share of the node: parses its clients' requests into a batch, prefetches, executes.
///
/// Everything runs on the loop's own thread, except what says otherwise.
public final class Executor: LinkHandler, @unchecked Sendable {
    /// The node owns its executors and outlives them; the hot path must not count references.
    unowned(unsafe) let node: Node
    /// What the hot path needs of the node, without the way there.
    let commandIndex: CommandIndex
    let keyspace: Keyspace
    let busy: BusyScripts
    let partitions: UnsafeMutablePointer<Partition>
    /// Whether another thread works on the key space. While there is one loop only, and no thread that flushes
    /// or repairs, a lock would keep nobody out; the hot path then spares itself two atomic instructions.
    var sharesKeyspace: Bool
    /// A command of the batch names an element that is worth fetching (`Command.element`).
    var wantsElements = false
    let tables: UnsafeMutablePointer<PartitionDatabase>
    let guesses: BucketGuesses
    let slotCounters: UnsafeMutablePointer<SlotCounters>
    let index: Int
    let mailbox = Mailbox()
    let inbox = Inbox()
    let broker: Broker
    var pushes = Pushes()
    /// This loop's clients in MONITOR, and how many: for other loops to see.
    var monitors: [SessionPointer] = []
    let ownMonitorCount: UnsafeMutablePointer<UInt64>
    /// All loops'.
    let monitorCount: UnsafeMutablePointer<UInt64>
    var broadcasts = Broadcasts()
    /// Clients of this loop that have been looked for by id.
    var knownClients: [UInt64: SessionPointer] = [:]
    /// How often in a row `limitRememberedKeys` has not come to an end.
    var trackingEffort = 0
    let statistics: Statistics
    /// Guards `roster` against other loops' readers (CLIENT LIST, INFO).
    let rosterLock = SpinLock()
    var roster: [SessionPointer] = []

    var state: UnsafeMutablePointer<CallState>
    private(set) var settings: Settings
    private var settingsVersion: UInt64
    /// The users as the sessions know them, and where to see whether they have changed.
    var usersVersion: UInt64
    let usersVersionNow: UnsafePointer<UInt64>

    /// Requests parsed and not run yet.
    var batch: UnsafeMutablePointer<Request>
    var batchCount = 0
    /// The one that runs.
    var batchIndex = 0
    var arguments: UnsafeMutablePointer<ByteView>
    var argumentsUsed = 0
    /// The client whose bytes are being parsed.
    var parsing: SessionPointer?
    /// Other clients are looked after while a command runs (Executor+Busy.swift), with this in place of the above.
    var isAttending = false
    var spare: Storage?
    /// Ticks at the end of the last command.
    var lastTicks: UInt64 = 0
    /// Commands slower than this many ticks go to the slow log or the latency monitor.
    var slowTicks = UInt64.max
    /// Clients waiting for a pause's end.
    var paused: [SessionPointer] = []
    /// Waits that end by themselves.
    var deadlines = WaitDeadlines()
    /// Keys that the running command has made ready for clients that wait, in that order.
    var ready: [WaitQueue] = []
    /// Clients of this loop that have been served, and their replies.
    var served: [(Waiter, [UInt8])] = []
    let servedOutput: UnsafeMutablePointer<OutputBuffer>
    var timers = ExecutorTimers()
    var expiry: ActiveExpiry
    /// `timers.nextExpiry`, for other loops to see.
    let knownExpiry: UnsafeMutablePointer<UInt64>
    var turnStarted: UInt64 = 0 { didSet { peers.turnStarted = turnStarted } }
    /// The wall clock at the start of the turn, microseconds since 1970.
    var wallMicroseconds: Int64 = 0
    /// CLIENT PAUSE is in force, or memory is short: the straight path is closed for this batch.
    var pausing = false
    /// More memory is in use than `maxmemory`: what may use more is refused.
    var isOverMemory = false
    var eviction: Eviction
    /// What the thread had allocated in its life when it last asked for the memory in use.
    var allocatedAtLook: UInt64 = 0
    /// There is more to evict than the time allowed.
    var isMakingRoom = false
    /// This loop's scripts.
    private(set) var scripts: ScriptRunner!
    let recentPeaks = RecentPeaks()
    /// What the running command has changed, encoded, until it is logged.
    var openRecord = ByteBuffer()
    /// The running request has changed something that is logged.
    var hasLogged = false
    /// Clients that are not read for a while, because compaction is behind.
    var slowed: [SlowedClient] = []
    /// Nil while nothing is logged.
    @inline(__always)
    var persistence: Persistence? { Node.persistence(persistencePlace) }
    private let persistencePlace: UnsafeMutablePointer<UInt64>
    /// `Persistence.refusals` when the turn began.
    private var refusalsAtTurn: UInt32 = 0
    /// Wakes the loop. From any thread.
    private(set) var wake: @Sendable () -> Void = {}
    /// Of each command, whether it may do without values.
    let valueless: [Bool]
    var valueBuffer = ValueBuffer()
    /// What the running command has been lent.
    var loan: Loan?
    var recentLoans = RecentLoans()
    /// Little is left of `maxmemory`, when it was looked at last.
    var isNearlyFull = false
    var clientEviction = ClientEviction()
    /// Clients that wait until there is room in memory.
    var waitingForRoom: [SessionPointer] = []
    /// What is on disk is being read: commands are answered LOADING.
    var isLoading = false
    /// The node's, which outlives its executors.
    unowned(unsafe) let snapshots: Snapshots
    /// What is known of the cluster, as of this turn; nil outside one.
    private(set) var cluster: ClusterView?
    /// `ClusterKeeper.version` of it; 0 outside a cluster.
    private(set) var clusterVersion: UInt64 = 0
    private var clusterKeeper: ClusterKeeper?
    let peers = Peers()
    /// What this loop has under way with other nodes.
    var coordinator = Coordinator()
    /// These two are about more than their keys.
    let execCommand: CommandPointer?
    let watchCommand: CommandPointer?
    let scanCommand: CommandPointer?
    /// Of each command, where the options begin with which it says itself what it wants of replicas; 0: there are none.
    let versionOptions: [UInt8]
    /// Stands where a request has no key.
    let noKey = Key()

    init(node: Node, index: Int, seed: UInt64) {
        self.node = node
        self.index = index
        keyspace = node.keyspace
        busy = node.busy
        commandIndex = node.commands.index
        broker = node.broker
        valueless = Executor.valueless(node.commands)
        snapshots = node.snapshots
        monitorCount = node.monitorCount
        persistencePlace = node.persistencePlace
        ownMonitorCount = .allocate(capacity: 1)
        ownMonitorCount.initialize(to: 0)
        partitions = keyspace.partitions
        sharesKeyspace = node.configuration.settings.loops > 1
        tables = keyspace.tables
        guesses = BucketGuesses(keyspace)
        slotCounters = keyspace.slotCounters
        eviction = Eviction(keyspace)
        expiry = ActiveExpiry(keyspace, loop: index, of: node.configuration.settings.loops)
        expiry.hasTimeLimits = node.doors.hasRealTime
        statistics = Statistics(commandCount: node.commands.commands.count)
        settingsVersion = node.configuration.version
        settings = node.configuration.settings
        usersVersion = node.users.version
        usersVersionNow = node.users.versionWord
        knownExpiry = .allocate(capacity: 1)
        knownExpiry.initialize(to: UInt64(bitPattern: .max))
        batch = .allocate(capacity: Limits.batchCommands)
        arguments = .allocate(capacity: Limits.batchArguments)
        state = .allocate(capacity: 1)
        servedOutput = .allocate(capacity: 1)
        servedOutput.initialize(to: OutputBuffer())
        execCommand = commandIndex.find(ByteView("exec"))
        watchCommand = commandIndex.find(ByteView("watch"))
        scanCommand = commandIndex.find(ByteView("scan"))
        var versionOptions = [UInt8](repeating: 0, count: node.commands.commands.count)
        for (name, options) in [("vget", 2), ("vset", 3), ("vdel", 2)] as [(String, UInt8)] {
            if let command = name.withView({ node.commands.index.find($0) }) {
                versionOptions[Int(command.pointee.index)] = options
            }
        }
        self.versionOptions = versionOptions
        super.init()
        state.initialize(to: CallState(keyspace: keyspace, seed: seed))
        scripts = ScriptRunner(self)
        peers.belong(to: self)
        prepareState(state)
        apply()
    }

    /// Tells a CallState whose it is, and what only the node can do.
    func prepareState(_ state: UnsafeMutablePointer<CallState>) {
        state.pointee.executor = Unmanaged.passUnretained(self).toOpaque()
        state.pointee.wait = { state, wait in
            let call = Call(state)
            call.executor.wait(call, wait.assumingMemoryBound(to: Wait.self).pointee)
        }
        state.pointee.readsAnyKey = { Call($0).sessionMayReadAnyKey }
        state.pointee.stall = { Call($0).executor.attendRunning() }
    }

    /// Has the loop woken when mail arrives. The shell calls it before the loop runs.
    public func connect(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
        mailbox.connect(wake)
        inbox.connect(wake)
    }

    // MARK: turns

    public override func turnBegan(wall: Int64, monotonic: UInt64) {
        turnStarted = monotonic
        wallMicroseconds = wall
        node.reclaimer.enter(index)
        cs_set_thread_value(state.pointee.executor)
        refusalsAtTurn = persistence?.refusals ?? 0
        let now = wall / 1000
        state.pointee.moment = Moment(
            wall: now, stamp: AccessStamp.fresh(frequency: state.pointee.countsFrequency, now: now))
        if _slowPath(node.configuration.version != settingsVersion) { refresh() }
        if _slowPath(clusterVersion != 0), let clusterKeeper, clusterKeeper.version != clusterVersion {
            adoptCluster(clusterKeeper)
        }
    }

    /// The node is one of a cluster's. Before the loop runs.
    func join(_ keeper: ClusterKeeper, seed: UInt64) {
        clusterKeeper = keeper
        keeper.connect(wake: { [unowned(unsafe) self] in wake() })
        peers.join(keeper, seed: seed)
        adoptCluster(keeper)
    }

    private func adoptCluster(_ keeper: ClusterKeeper) {
        clusterVersion = keeper.version
        let view = keeper.view
        if view.isFounded && view.version != cluster?.version { node.standIn(view) }
        cluster = view
        peers.adopt(view)
        endMisplacedWaits(view)
    }

    public override func takeMail() {
        let now = state.pointee.moment.wall
        if _slowPath(clusterVersion != 0) { lookAfterCluster() }
        if _slowPath(inbox.hasLetters) { takeLetters() }
        for work in mailbox.take() { work(self) }
        if _slowPath(pushes.areUnfinished) { finishPushes() }
        if _slowPath(node.pause.until != 0) { node.endPause(ifDueAt: now) }
        if _slowPath(!served.isEmpty) { resumeServed() }
        if _slowPath(!deadlines.isEmpty) { endDueWaits(now) }
        if _slowPath(!paused.isEmpty) { resumePaused(now) }
        if _slowPath(!waitingForRoom.isEmpty) { resumeWaitingForRoom() }
        if _slowPath(isMakingRoom) { goOnMakingRoom() }
        if _slowPath(!slowed.isEmpty) { releaseSlowed(now) }
        if turnStarted >= timers.next { tick(monotonic: turnStarted) }
    }

    public override func turnEnded(monotonic: UInt64) -> Int32 {
        // Between turns nobody's is the turn: in a simulation the thread goes on to do other servers' work, and their start.
        defer { cs_set_thread_value(nil) }
        statistics.add(.turns)
        statistics.raise(.longestTurn, to: monotonic &- turnStarted)
        node.reclaimer.leave(index)
        var sleep = sleepTime(monotonic)
        if _slowPath(clusterVersion != 0) {
            let wait = min(peers.sleepTime(monotonic), coordinatorSleep(monotonic))
            if wait != .max { sleep = sleep < 0 ? Int32(clamping: wait) : min(sleep, Int32(clamping: wait)) }
        }
        if _slowPath(broadcasts.arePending) { sendBroadcasts() }
        if _slowPath(pushes.areUnfinished) { finishPushes() }
        if _slowPath(clientEviction.limit > 0), let wait = lookAtClientMemory(monotonic) {
            sleep = sleep < 0 ? wait : min(sleep, wait)
        }
        // Expired keys may have given clients something to read.
        if !dirty.isEmpty || isMakingRoom { return 0 }
        return _slowPath(pushes.areUnfinished) ? 1 : sleep
    }

    /// Takes over settings that have changed. CONFIG SET calls it for its own loop: the very next command
    /// (and the slow log's entry of CONFIG SET itself) already goes by them.
    func refresh() {
        settingsVersion = node.configuration.version
        settings = node.configuration.settings
        apply()
        recheckMemory()
    }

    /// Other threads look into the partitions from now on (to save what has changed): even the only loop locks them.
    func sharesPartitions() { sharesKeyspace = true }

    /// Takes over what the hot path reads of the settings.
    private func apply() {
        state.pointee.bulkBytesMax = settings.bulkBytesMax
        cs_store_u32(&keyspace.shared.pointee.eventMask, settings.keyspaceEvents.announced.rawValue)
        keyspace.shared.pointee.lazyFreeing = settings.lazyFreeing
        state.pointee.countsFrequency = settings.countsFrequency
        let now = state.pointee.moment.wall
        state.pointee.moment.stamp = AccessStamp.fresh(frequency: settings.countsFrequency, now: now)
        keyspace.shared.pointee.packing.adopt(settings)
        keyspace.contextEntriesMax = settings.contextEntriesMax
        keyspace.shared.pointee.frequencyRules = FrequencyRules(
            logFactor: settings.lfuLogFactor, decayMinutes: settings.lfuDecayMinutes)
        scripts.setLimit(settings.luaMemoryLimit)
        slowTicks = slowThreshold
        adoptClientMemoryLimit()
        persistence?.policy = settings.syncPolicy
        persistence?.flushBytes = settings.flushLogBytes
        persistence?.keeper?.adopt(settings)
        statistics.histogramStep = settings.latencyTracking ? 1 : 0
        for session in roster {
            session.pointee.rules.bulkBytesMax = settings.bulkBytesMax
            session.pointee.link.pointee.output.hardLimit = outputLimit(session)
        }
    }

    private var slowThreshold: UInt64 {
        var microseconds = settings.slowlogMicroseconds < 0 ? Int.max : settings.slowlogMicroseconds
        if settings.latencyThresholdMilliseconds > 0 {
            microseconds = min(microseconds, settings.latencyThresholdMilliseconds * 1000)
        }
        if microseconds >= Int.max / 1000 { return .max }
        return UInt64(Double(microseconds * 1000) / cs_nanoseconds_per_tick())
    }

    func outputLimit(_ session: SessionPointer) -> Int {
        if session.pointee.mode.contains(.unauthenticated) { return Executor.unauthenticatedOutputBytes }
        return settings.outputLimits[outputClass(session)].hard
    }

    /// Which of the limits of `client-output-buffer-limit` applies to a client.
    func outputClass(_ session: SessionPointer) -> ClientClass {
        session.pointee.mode.contains(.subscribed) ? .pubsub : .normal
    }

    /// A client that has not authenticated may not let replies pile up (CVE-2025-21605).
    static let unauthenticatedOutputBytes = 17 * 1024

    // MARK: clients

    public override func received(
        _ link: LinkPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, own: Bool
    ) {
        if _slowPath(link.pointee.state.contains(.peer)) {
            return peers.received(link, ByteView(UnsafePointer(bytes), count))
        }
        parse(link, bytes, count, own: own)
    }

    public override func connected(_ link: LinkPointer) { peers.connected(link) }

    /// A turn's part in the cluster: what has come of peers, and what is due.
    private func lookAfterCluster() {
        peers.turnBegan()
        if peers.handler !== self { return }
        sendPartlyAnswered()
        resumeAnswered()
        lookAfterOperations()
        if index == 0, let cluster, cluster.isFounded {
            if coordinator.nextCatchUp <= monotonicMilliseconds { lookAfterCatchUp(cluster) }
            if coordinator.handOver.next <= monotonicMilliseconds { lookAfterHints(cluster) }
        }
        sendCaptured()
    }

    public override func execute() {
        runBatch()
        if _slowPath(!served.isEmpty) { resumeServed() }
        if _slowPath(broadcasts.arePending) { sendBroadcasts() }
    }

    public override func repliesWaitFor() -> UInt64 {
        var number: UInt64 = 0
        if let persistence {
            commitRecord()
            number = persistence.turnEnded(clients: dirty.count, refusals: refusalsAtTurn)
            #if CANARIES
                if Canary.active == .acknowledgeBeforeWriting { number = 0 }
            #endif
        }
        if _slowPath(clusterVersion != 0) { peers.turnEnds(waitingFor: number) }
        return number
    }

    /// A reply of this turn tells of what was changed in an earlier one, or on another loop: it waits for the log even
    /// while writes are refused.
    func tellsOfChange() { refusalsAtTurn = 0 }

    /// Other nodes wait for what the log makes durable.
    public var peersWaitForLog: Bool { peers.hasWaiting }

    public override func standing(of number: UInt64) -> WaitStanding {
        persistence?.standing(of: number) ?? .reached
    }

    /// Logs what has been changed without a lock, while no other loop is there. Not inside a script.
    @inline(never)
    func commitRecord() {
        if !isAttending { keyspace.shared.pointee.commit() }
    }

    public override func sent(_ link: LinkPointer, _ count: Int) {
        if _slowPath(link.pointee.state.contains(.peer)) { return peers.sent(link) }
        statistics.add(.writes)
        statistics.add(.outputBytes, count)
        if let session = session(link) { publish(session) }
    }

    public override func opened(_ link: LinkPointer) {
        if link.pointee.state.contains(.peer) { return peers.accepted(link) }
        statistics.add(.connectionsReceived)
        if node.clientConnected() > settings.maxClients {
            node.clientDisconnected()
            return refuse(link, "-ERR max number of clients reached\r\n")
        }
        if settings.protectedMode && node.users.defaultNeedsNoPassword && cs_peer_is_local(link.pointee.descriptor) == 0
        {
            node.clientDisconnected()
            return refuse(link, Executor.protectedText)
        }
        let session = SessionPointer.allocate(capacity: 1)
        let details = SessionDetails(
            descriptor: link.pointee.descriptor, address: Executor.address(link, peer: true),
            localAddress: Executor.address(link, peer: false), user: node.users.open,
            permissions: node.users.permissions(of: node.users.open))
        details.isUnixSocket = details.address.hasPrefix("/")
        let now = state.pointee.moment.wall
        session.initialize(
            to: Session(
                link: link, id: node.nextClientID(), createdAt: now, activeAt: now, details: details,
                rosterIndex: roster.count))
        session.pointee.rules.bulkBytesMax = settings.bulkBytesMax
        beNobody(session)
        link.pointee.session = UnsafeMutableRawPointer(session)
        publish(session)
        rosterLock.withLock { roster.append(session) }
    }

    private static let protectedText: StaticString = """
        -DENIED Martlet is in protected mode: no password is set, so only connections from this machine are \
        accepted. Set a password (requirepass), or set protected-mode to no if the network is trusted.\r\n
        """

    private func refuse(_ link: LinkPointer, _ text: StaticString) {
        statistics.add(.connectionsRejected)
        link.pointee.output.append(text)
        link.pointee.state.insert(.closeAfterFlush)
        markDirty(link)
    }

    private static func address(_ link: LinkPointer, peer: Bool) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 160) { text in
            let count = Int(cs_address_text(link.pointee.descriptor, peer ? 1 : 0, text.baseAddress!, 160))
            return ByteView(raw: UnsafeRawPointer(text.baseAddress!), min(count, 159)).text
        }
    }

    public override func closed(_ link: LinkPointer) {
        if link.pointee.state.contains(.peer) { return peers.closed(link) }
        forgetSlowed(link)
        guard let session = session(link) else { return }
        leave(session)
        abandonReplies(session)
        unwatchAll(session)
        discardQueue(session)
        unsubscribeAll(session)
        stopMonitoring(session)
        stopTracking(session)
        knownClients[session.pointee.id] = nil
        if session.pointee.mode.contains(.suspended) { dropWait(session) }
        dropPushes(session)
        rosterLock.withLock {
            let last = roster.removeLast()
            if last != session {
                roster[session.pointee.rosterIndex] = last
                last.pointee.rosterIndex = session.pointee.rosterIndex
            }
        }
        if session.pointee.details.isEvicted { node.evictedClients.change(by: -1) }
        free(session)
        link.pointee.session = nil
    }

    /// Nobody refers to it any more.
    func free(_ session: SessionPointer) {
        session.pointee.parser.reset()
        session.pointee.card.free()
        session.deinitialize(count: 1)
        session.deallocate()
    }

    @inline(__always)
    func session(_ link: LinkPointer) -> SessionPointer? {
        link.pointee.session.map { $0.assumingMemoryBound(to: Session.self) }
    }

    /// Takes the client out of the count of connected ones, once: when it starts to be disconnected,
    /// or before that when another loop has decided so (CLIENT KILL).
    func leave(_ session: SessionPointer) {
        guard rosterLock.withLock({ session.pointee.details.leave() }) else { return }
        node.clientDisconnected()
        node.redirections.targetLeaves(session.pointee.id)
    }

    /// Disconnects the client at the end of the turn, its replies so far dropped or sent.
    func close(_ session: SessionPointer, afterReplies: Bool) {
        leave(session)
        session.pointee.mode.insert(.closing)
        session.pointee.link.pointee.state.insert(afterReplies ? .closeAfterFlush : .close)
        markDirty(session.pointee.link)
    }
}

/// A parsed request, until it has run.
struct Request {
    var session: SessionPointer
    /// nil: unknown, or `error` says what is wrong.
    var command: CommandPointer?
    var arguments: UnsafeMutablePointer<ByteView>
    var count: Int
    /// The first key, if the command locks by keys and has one.
    var key: Key
    /// The request's first byte.
    var start: UnsafeMutablePointer<UInt8>
    var error: ProtocolError?

    @inline(__always)
    var hasKey: Bool { key.slot >= 0 }
}
