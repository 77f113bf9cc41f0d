import Base
import CSystem
import Glibc
import Keyspace
import Node
import Reactor
import Storage

/// The process: listens, runs one loop per thread, waits for a signal or SHUTDOWN, and takes leave.
final class Server: @unchecked Sendable {
    private let settings: Settings
    private let configuration: Configuration
    private let log: LogFile
    private let stopDescriptor: Int32
    private var port: Int32

    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        try takeUp(configuration)
        settings = configuration.settings
        port = Int32(settings.port)
        stopDescriptor = cs_eventfd()
        log = try LogFile(path: settings.logFile, configuration)
    }

    func run() throws {
        if settings.cluster.isEnabled { _ = try ClusterSockets.port(settings) }
        if settings.daemonize {
            let failure = cs_daemonize()
            if failure < 0 { throw StartError(text: "cannot go into the background: \(errorText(-failure))") }
        }
        // Without it the first requests are slower, no more.
        _ = cs_map_code()
        let signals = cs_signal_descriptor()
        let disposer = ThreadedDisposer()
        let node = makeNode(disposer)
        // Nobody else keeps the directory: it is given back when logging ends.
        let loader = Loader(node, log, try openDirectory(node))
        doubtSavePoints()
        let loops = node.executors.map { [configuration] executor in
            let loop = EventLoop(handler: executor) { configuration.settings.tcpKeepalive }
            executor.connect(wake: { loop.wake() })
            return loop
        }
        let sockets = TCPSockets(loops, backlog: settings.tcpBacklog)
        port = Int32(try sockets.open(settings.bind, port: settings.port))
        try listenUnix(loops)
        node.port = Int(port)
        let gossip = settings.cluster.isEnabled ? try joinCluster(node, loops) : nil
        configuration.onChange = { [log] old, new in
            if let refusal = node.refuseClusterChange(old, new) { return refusal }
            if let refusal = changeDirectory(old, new) ?? raiseClientLimit(old, new) { return refusal }
            let refusal = sockets.follow(old, new, node, log) ?? node.followPersistence(old, new)
            if refusal != nil { _ = changeDirectory(new, old) }
            return refusal
        }
        for warning in configuration.warnings { log.write(.warning, warning) }
        writePIDFile()
        announce(loops.count)
        if settings.daemonize { cs_close_standard_streams() }
        loader.start { [log, port] in
            node.startPersisting()
            log.write(.notice, "Ready to accept connections on port \(port)")
        }
        let threads = loops.enumerated().map { i, loop in start(loop, i, of: loops.count) }
        LargePages.start()
        gossip?.start()
        waitForEnd(signals, node)
        log.write(.notice, "Leaving: closing connections")
        for loop in loops { loop.stop() }
        for thread in threads { pthread_join(thread, nil) }
        node.saveAtEnd()
        node.closePersistence()
        if !settings.pidFile.isEmpty { unlink(settings.pidFile) }
        if !settings.unixSocket.isEmpty { unlink(settings.unixSocket) }
        log.write(.notice, "Martlet is now ready to exit, bye bye...")
        exit(0)
    }

    private func makeNode(_ disposer: Disposer) -> Node {
        let stop = stopDescriptor
        let log = log
        var doors = Doors(
            disposer: disposer, log: { log.write($0, $1) }, shutDown: { cs_eventfd_signal(stop) },
            sleep: { usleep(UInt32($0)) })
        doors.process = processFigures
        doors.exchange = { PeerConnection.exchange($0, $1) }
        doors.spawn = { BackgroundThread.start($0, $1, $2) }
        doors.snapshots = SnapshotDoors(
            files: RealFileSystem(), processID: getpid(), fork: { ChildProcess.start($0, $1) },
            kill: { Glibc.kill($0, ChildEnd.endSignal) })
        return Node(
            configuration: configuration, doors: doors, wall: cs_wall_us() / 1000, seed: UInt64.random(in: 0 ... .max))
    }

    // MARK: the disk

    /// The data directory, if there is to be one.
    private func openDirectory(_ node: Node) throws -> DataDirectory? {
        do {
            let directory = try node.openDirectory()
            // Sets and hashes are cut into pieces by hashes of their members: pieces that were saved fit again. Nobody has
            // hashed anything yet.
            if let directory { cs_hash_derive_secrets(directory.identity) }
            return directory
        } catch {
            throw StartError(text: "cannot start from the data directory: \(error)")
        }
    }

    /// Where nothing can be saved, nothing is, unless somebody has asked for it: a write would soon be refused.
    private func doubtSavePoints() {
        if configuration.hasOwnSavePoints || settings.savePoints.isEmpty || access(settings.directory, W_OK) == 0 {
            return
        }
        "save".withView { name in "".withView { _ = configuration.set([(name: name, value: $0)]) } }
        configuration.warn("\(settings.directory) cannot be written to: nothing is saved (save \"\")")
    }

    // MARK: the cluster

    private func joinCluster(_ node: Node, _ loops: [EventLoop]) throws -> GossipThread {
        let sockets = try ClusterSockets(settings)
        do {
            try node.openCluster(sockets.address, now: Int64(cs_monotonic_ns() / 1_000_000))
        } catch {
            throw StartError(text: "\(error)")
        }
        try sockets.listen(loops, backlog: settings.tcpBacklog)
        let shown = sockets.address
        log.write(
            .notice,
            "Cluster: this is node \(node.cluster!.id) of \(settings.cluster.name), for others at "
                + "\(shown.host):\(shown.clientPort)@\(shown.peerPort)")
        return GossipThread(node.cluster!, sockets.datagrams)
    }

    // MARK: listening

    private func listenUnix(_ loops: [EventLoop]) throws {
        let path = settings.unixSocket
        if path.isEmpty { return }
        let descriptor = cs_listen_unix(path, Int32(settings.tcpBacklog), settings.unixSocketPermissions)
        if descriptor < 0 { throw StartError(text: "cannot listen on \(path): \(errorText(-descriptor))") }
        // Every loop waits on the one socket; whoever is free first takes the connection.
        for loop in loops { loop.add(EventLoop.Listener(descriptor: descriptor, isTCP: false)) }
    }

    private func writePIDFile() {
        if settings.pidFile.isEmpty { return }
        guard let file = fopen(settings.pidFile, "w") else {
            return log.write(.warning, "cannot write \(settings.pidFile): \(errorText(errno))")
        }
        fputs("\(getpid())\n", file)
        fclose(file)
    }

    private func announce(_ loops: Int) {
        log.write(.notice, "Martlet \(Version.martlet), pid \(getpid()), \(loops) loop\(loops == 1 ? "" : "s")")
        if settings.port == 0 {
            // Somebody who asked for any port has to be told which.
            writeText(1, "port: \(port)\n")
        }
    }

    // MARK: threads

    private final class Start {
        let loop: EventLoop
        let index: Int
        let pins: Bool

        init(_ loop: EventLoop, _ index: Int, pins: Bool) {
            self.loop = loop
            self.index = index
            self.pins = pins
        }
    }

    private func start(_ loop: EventLoop, _ index: Int, of count: Int) -> pthread_t {
        // Pinning helps as long as every loop has a core of its own.
        let pins = count > 1 && count <= Int(cs_available_cpus())
        let start = Unmanaged.passRetained(Start(loop, index, pins: pins))
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { raw in
                let start = Unmanaged<Start>.fromOpaque(raw!).takeRetainedValue()
                cs_begin_thread("loop-\(start.index)")
                cs_make_thread_prompt()
                cs_use_own_arena()
                if start.pins { cs_pin_thread(cs_nth_available_cpu(Int32(start.index))) }
                start.loop.run()
                return nil
            }, start.toOpaque())
        precondition(failure == 0, "cannot start a thread")
        return thread
    }

    /// Sleeps until SHUTDOWN, or until SIGTERM or SIGINT has been granted. A second SIGINT need not be.
    private func waitForEnd(_ signals: Int32, _ node: Node) {
        var waiting = [
            pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stopDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        var interrupts = 0
        while true {
            if poll(&waiting, 2, -1) < 0 { continue }
            if waiting[1].revents != 0 { return log.write(.notice, "User requested shutdown...") }
            let signal = cs_read_signal(signals)
            if signal != SIGTERM && signal != SIGINT { continue }
            interrupts += signal == SIGINT ? 1 : 0
            if interrupts > 1 { return log.write(.warning, "You insist... exiting now.") }
            log.write(.warning, "Received \(signal == SIGTERM ? "SIGTERM" : "SIGINT"), scheduling shutdown...")
            node.askToLeave(isInterrupt: signal == SIGINT)
        }
    }
}

func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }
