import Base
import Cluster
import Keyspace
import Node
import Simulation

/// Whole servers on a simulated network: virtual time, one thread, everything from one seed. What the servers do is the
/// real node's code; this is its shell, once for each.
public final class SimulatedCluster {
    enum Happening {
        case turn(SimulatedLoop)
        case gossip(server: Int)
        case datagram([UInt8], from: Int, to: Int)
        /// Somebody's connection arrives at a server.
        case arrival(SimulatedStream, port: Int)
        /// The other side has accepted.
        case accepted(StreamEnd)
        case bytes([UInt8], StreamEnd)
        case end(StreamEnd)
        case write(server: Int, life: Int)
        case action(() -> Void)
    }

    /// Microseconds.
    public private(set) var now: Int64 = 1_000_000
    public var faults = NetworkFaults()
    public private(set) var servers: [SimulatedServer] = []
    /// Of everything that happened, in order: two runs of one seed have the same.
    public private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    private var queue = EventQueue<Happening>()
    private var random: PRNG
    private var cuts: Set<Int> = []
    /// Keeps ends that refer to each other.
    private var streams: [SimulatedStream] = []
    private let options: [String]
    private let ownOptions: (Int) -> [String]
    private let loopCount: Int
    private static let serversMax = 1 << 16

    /// - Parameters:
    ///   - options: of every server, as on the command line.
    ///   - ownOptions: further ones of one server, by its index.
    public init(
        seed: UInt64, servers count: Int, loops: Int = 1, options: [String] = [],
        ownOptions: @escaping (Int) -> [String] = { _ in [] }
    ) throws {
        random = PRNG(seed: seed)
        self.ownOptions = ownOptions
        loopCount = loops
        let seeds = (0..<count).map { "10.0.\($0 / 250).\($0 % 250 + 1):\(SimulatedServer.clientPort)" }
        self.options =
            [
                "--protected-mode", "no", "--io-threads", "\(loops)", "--dir", "/tmp", "--save", "",
                "--cluster-enabled", "yes", "--cluster-name", "simulated", "--cluster-secret", "known to all",
                "--node-weight", "1",
                "--cluster-seeds", seeds.joined(separator: ","),
            ] + options
        for index in 0..<count {
            let files = SimulatedFileSystem(seed: random.next(), directories: ["/tmp"])
            servers.append(SimulatedServer(index, files: files))
        }
        for index in 0..<count { try start(index) }
    }

    /// Runs until the cluster has been founded on all servers.
    public func found(limit milliseconds: Int64 = 20_000) -> Bool {
        run(limit: milliseconds) { servers.allSatisfy { $0.view.isFounded } } != nil
    }

    // MARK: servers

    /// A server, with what its disk has.
    /// - Parameter more: further options.
    public func start(_ index: Int, _ more: [String] = []) throws {
        let server = servers[index]
        precondition(!server.isRunning)
        server.log.threads = []
        server.log.whileAsleep = {}
        server.isWriteDue = false
        server.log.random = PRNG(seed: random.next())
        let configuration = try Configuration.load(options + ownOptions(index) + more)
        let node = Node(
            configuration: configuration, doors: doors(of: server), wall: clock(index).wall / 1000,
            seed: random.next())
        _ = try node.openPersistence()
        node.startPersisting()
        let address = ClusterAddress(
            host: server.host, clientPort: SimulatedServer.clientPort, peerPort: SimulatedServer.peerPort)
        try node.openCluster(address, now: now / 1000)
        configuration.onChange = { [unowned node] old, new in node.refuseClusterChange(old, new) }
        server.node = node
        server.log.whileAsleep = { [unowned node] in node.persistence?.step() }
        server.life += 1
        server.loops = node.executors.map { SimulatedLoop(self, server: index, $0) }
        for loop in server.loops {
            let waker = Waker(self, loop)
            loop.executor.connect(wake: { waker.wake() })
            wake(loop)
        }
        server.keeper.send = { [unowned(unsafe) self] bytes, address in send(bytes.bytes, from: index, to: address) }
        scheduleGossip(server)
    }

    private func doors(of server: SimulatedServer) -> Doors {
        let log = server.log
        var doors = Doors(
            disposer: Disposer(), log: { _, text in log.lines.append(text) }, shutDown: {},
            sleep: { log.sleep($0) })
        doors.spawn = { name, _, body in log.threads.append((name, body)) }
        doors.files = server.files
        doors.hasRealTime = false
        doors.randomNumber = { log.random.next() | 1 }
        doors.secretBytes = { count in (0..<count).map { _ in UInt8(truncatingIfNeeded: log.random.next()) } }
        return doors
    }

    /// Woken from wherever, which is this thread.
    private final class Waker: @unchecked Sendable {
        unowned(unsafe) let world: SimulatedCluster
        unowned(unsafe) let loop: SimulatedLoop
        init(_ world: SimulatedCluster, _ loop: SimulatedLoop) { (self.world, self.loop) = (world, loop) }
        func wake() { world.wake(loop) }
    }

    /// As SIGTERM: it ends in order, with everything synced.
    public func stop(_ index: Int) {
        let server = servers[index]
        server.node?.closePersistence()
        kill(index)
    }

    /// As kill -9: what was written to its disk is there.
    public func kill(_ index: Int) {
        let server = servers[index]
        end(server)
        server.files = server.files.kill()
    }

    /// As a loss of power: what was not synced may be gone.
    public func crash(_ index: Int, keeping: Keeping = .nothing) {
        let server = servers[index]
        let files = server.files.crash(keeping: keeping)
        end(server)
        server.files = files
    }

    /// As SIGSTOP: it does nothing, its clocks go on, and what is sent to it waits.
    public func pause(_ index: Int) { servers[index].isPaused = true }

    /// It looks at the clock before it looks at what has come: the worse order.
    public func resume(_ index: Int) {
        let server = servers[index]
        if !server.isPaused { return }
        server.isPaused = false
        if !server.isRunning { return }
        for loop in server.loops { wake(loop) }
        server.keeper.tick(now: now / 1000)
        let held = server.held
        server.held = []
        for datagram in held { deliver(datagram.bytes, datagram.from, index) }
        scheduleGossip(server)
    }

    private func end(_ server: SimulatedServer) {
        server.isPaused = false
        server.held = []
        let node = server.node
        server.node = nil
        for loop in server.loops { loop.crash() }
        graveyard.append((node, server.loops))
        server.loops = []
        server.gossipAt = .max
    }
    /// What happens may still speak of them.
    private var graveyard: [(Node?, [SimulatedLoop])] = []

    /// What a server's clocks say: wall in microseconds since 1970, monotonic in nanoseconds.
    func clock(_ server: Int) -> (wall: Int64, monotonic: UInt64) {
        (1_800_000_000_000_000 + now + servers[server].skew, UInt64(now) * 1000)
    }

    // MARK: time

    public func run(milliseconds: Int64) { run(until: now + milliseconds * 1000) }

    private func run(until end: Int64) {
        while let (time, happening) = queue.next(upTo: end) {
            now = time
            handle(happening)
        }
        now = end
    }

    /// Runs until the condition holds, which is looked at every millisecond; answers after how many, nil if it does not
    /// in time.
    public func run(limit milliseconds: Int64, until condition: () -> Bool) -> Int64? {
        let start = now
        while !condition() {
            if now - start >= milliseconds * 1000 { return nil }
            run(milliseconds: 1)
        }
        return (now - start) / 1000
    }

    /// Does something later.
    public func after(milliseconds: Int64, _ action: @escaping () -> Void) {
        queue.add(.action(action), at: now + milliseconds * 1000)
    }

    func wake(_ loop: SimulatedLoop) { schedule(loop, at: now + Int64(random.below(20))) }

    private func schedule(_ loop: SimulatedLoop, at time: Int64) {
        if loop.turnAt <= time { return }
        loop.turnAt = time
        queue.add(.turn(loop), at: time)
    }

    private func handle(_ happening: Happening) {
        switch happening {
        case .turn(let loop): turn(loop)
        case .gossip(let index): gossip(servers[index])
        case .datagram(let bytes, let from, let to): deliver(bytes, from, to)
        case .arrival(let stream, let port): arrive(stream, port)
        case .accepted(let end):
            if case .link(let loop, _) = end.owner { loop.connected(end) }
        case .bytes(let bytes, let end):
            if !end.isOpen { return }
            note(bytes.count)
            end.arrived += bytes
            attend(end)
        case .end(let end):
            if !end.isOpen { return }
            end.isEnded = true
            attend(end)
        case .write(let index, let life):
            let server = servers[index]
            if server.life != life { return }
            server.isWriteDue = false
            if server.isPaused { return }
            server.node?.persistence?.step()
            // As long as somebody waits: the disk may have refused.
            if server.loops.contains(where: \.isWaiting) { scheduleWrite(server, at: now + 200_000) }
        case .action(let action): action()
        }
    }

    private func note(_ what: Int) { trace = (trace ^ UInt64(what) ^ UInt64(now) << 20) &* 0x100_0000_01b3 }

    private func attend(_ end: StreamEnd) {
        switch end.owner {
        case .link(let loop, _): wake(loop)
        case .client(let client): client.arrived()
        case .nobody: break
        }
    }

    private func turn(_ loop: SimulatedLoop) {
        if loop.turnAt != now || !servers[loop.server].loops.contains(where: { $0 === loop }) { return }
        loop.turnAt = .max
        if servers[loop.server].isPaused { return }
        note(loop.server << 8)
        let next = loop.turn()
        if let next { schedule(loop, at: now + next) }
        if loop.isWaiting { scheduleWrite(servers[loop.server], at: now + 100 + Int64(random.below(900))) }
    }

    /// Its log is written, unless it is to be anyway.
    private func scheduleWrite(_ server: SimulatedServer, at time: Int64) {
        if server.isWriteDue { return }
        server.isWriteDue = true
        queue.add(.write(server: server.index, life: server.life), at: time)
    }

    // MARK: datagrams

    private func gossip(_ server: SimulatedServer) {
        if server.gossipAt != now || !server.isRunning { return }
        server.gossipAt = .max
        if server.isPaused { return }
        server.keeper.tick(now: now / 1000)
        scheduleGossip(server)
    }

    private func scheduleGossip(_ server: SimulatedServer) {
        let time = max(server.keeper.nextDeadline * 1000, now)
        if time >= server.gossipAt { return }
        server.gossipAt = time
        queue.add(.gossip(server: server.index), at: time)
    }

    private func deliver(_ bytes: [UInt8], _ from: Int, _ to: Int) {
        guard servers[to].isRunning else { return }
        if servers[to].isPaused {
            if servers[to].held.count < SimulatedServer.heldMax { servers[to].held.append((from, bytes)) }
            return
        }
        note(bytes.count << 16 | to)
        let address = NodeAddress(host: servers[from].host, port: UInt16(SimulatedServer.peerPort))
        bytes.withView { servers[to].keeper.received($0, from: address, now: now / 1000) }
        scheduleGossip(servers[to])
    }

    private func send(_ bytes: [UInt8], from: Int, to address: NodeAddress) {
        guard let to = servers.firstIndex(where: { $0.host == address.host }), !isCut(from, to), !chance(faults.loss)
        else { return }
        for _ in 0..<(chance(faults.duplication) ? 2 : 1) {
            queue.add(.datagram(bytes, from: from, to: to), at: now + delay())
        }
    }

    private func delay() -> Int64 { faults.delay.lowerBound + Int64(random.below(UInt64(faults.delay.count))) }

    private func chance(_ part: Double) -> Bool {
        part > 0 && Double(random.below(1 << 32)) < part * Double(1 << 32)
    }

    // MARK: cuts

    /// From now on nothing gets from one server to another. Streams keep what is sent until it does again.
    public func cut(_ from: Int, _ to: Int) { cuts.insert(from * Self.serversMax + to) }

    /// The two groups do not hear of each other any more.
    public func split(_ some: [Int], _ others: [Int]) {
        for a in some {
            for b in others {
                cut(a, b)
                cut(b, a)
            }
        }
    }

    public func heal() {
        cuts.removeAll()
        for stream in streams { for end in [stream.a, stream.b] { deliverHeld(end) } }
    }

    /// From now on what one server sends gets to another again, what has been held first.
    public func mend(_ from: Int, _ to: Int) {
        cuts.remove(from * Self.serversMax + to)
        for stream in streams {
            for end in [stream.a, stream.b] where end.server == to && end.other.server == from { deliverHeld(end) }
        }
    }

    public func isCut(_ from: Int, _ to: Int) -> Bool { cuts.contains(from * Self.serversMax + to) }

    private func isCut(_ from: StreamEnd) -> Bool {
        guard let a = from.server, let b = from.other.server else { return false }
        return isCut(a, b)
    }

    private func deliverHeld(_ end: StreamEnd) {
        let (held, holdsEnd) = (end.held, end.holdsEnd)
        (end.held, end.holdsEnd) = ([], false)
        for bytes in held { send(bytes, from: end.other) }
        if holdsEnd { sendEnd(to: end) }
    }

    // MARK: streams

    /// A client of a server, on one of its loops; at the port for nodes, somebody who says that it is one.
    public func client(of server: Int, port: Int = SimulatedServer.clientPort) -> SimulatedClient {
        let stream = SimulatedStream(from: nil, to: server)
        keep(stream)
        let client = SimulatedClient(self, stream.a)
        stream.a.owner = .client(client)
        queue.add(.arrival(stream, port: port), at: now + delay())
        stream.b.lastArrival = now + faults.delay.upperBound
        return client
    }

    /// Sends a command and answers its reply once that is there, or what has come of it in time.
    public func exchange(_ client: SimulatedClient, _ line: String, limit milliseconds: Int64 = 10_000) -> String {
        client.send(Array((line + "\r\n").utf8))
        _ = run(limit: milliseconds) { client.hasReply || !client.isOpen }
        return client.take()
    }

    func connect(from server: Int, _ host: String, _ port: UInt16) -> SimulatedStream {
        let target = servers.firstIndex { $0.host == host } ?? server
        let stream = SimulatedStream(from: server, to: target)
        keep(stream)
        // Nobody hears of it where the network is cut.
        if isCut(server, target) || isCut(target, server) { return stream }
        queue.add(.arrival(stream, port: Int(port)), at: now + delay())
        return stream
    }

    private func keep(_ stream: SimulatedStream) {
        if streams.count > 1000 { streams.removeAll { !$0.a.isOpen && !$0.b.isOpen } }
        streams.append(stream)
    }

    private func arrive(_ stream: SimulatedStream, _ port: Int) {
        let server = servers[stream.b.server!]
        if !stream.a.isOpen { return }
        stream.b.isForPeers = port == SimulatedServer.peerPort
        guard server.isRunning else { return sendEnd(to: stream.a) }
        server.loops[Int(random.below(UInt64(server.loops.count)))].accept(stream.b)
        if stream.a.server != nil { queue.add(.accepted(stream.a), at: now + delay()) }
    }

    func send(_ bytes: [UInt8], from end: StreamEnd) {
        let target: StreamEnd = end.other
        if !end.isOpen || !target.isOpen || end.isBroken { return }
        if isCut(end) { return hold(bytes, from: end) }
        var rest = bytes[...]
        for left in stride(from: max(1, faults.pieces), to: 0, by: -1) where !rest.isEmpty {
            let count = left == 1 ? rest.count : Int(random.below(UInt64(rest.count + 1)))
            if count == 0 { continue }
            target.lastArrival = max(target.lastArrival, now + delay())
            queue.add(.bytes(Array(rest.prefix(count)), target), at: target.lastArrival)
            rest = rest.dropFirst(count)
            if end.server != nil && target.server != nil && chance(faults.breaks) { return breakUp(end) }
        }
    }

    /// What nobody confirms for so long ends the connection.
    private static let patience: Int64 = 6_000_000

    private func hold(_ bytes: [UInt8], from end: StreamEnd) {
        let target: StreamEnd = end.other
        if target.held.isEmpty {
            after(milliseconds: Self.patience / 1000) { [unowned self] in
                if end.isOpen && !target.held.isEmpty {
                    target.held = []
                    end.isBroken = true
                    sendEnd(to: end)
                }
            }
        }
        target.held.append(bytes)
    }

    /// The connection is gone, for both.
    private func breakUp(_ end: StreamEnd) {
        for end: StreamEnd in [end, end.other] {
            end.isBroken = true
            sendEnd(to: end)
        }
    }

    /// This end is closed; the other one learns of it after what was sent before.
    func close(_ end: StreamEnd) {
        if !end.isOpen { return }
        end.isOpen = false
        if isCut(end) { end.other.holdsEnd = true } else { sendEnd(to: end.other) }
    }

    private func sendEnd(to end: StreamEnd) {
        end.lastArrival = max(end.lastArrival, now + delay())
        queue.add(.end(end), at: end.lastArrival)
    }
}
