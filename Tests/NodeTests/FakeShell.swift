import Base
import CSystem
import Commands
import Keyspace
import Synchronization

@testable import Node

/// A shell without sockets: does to a node's executors, in one thread and on a clock that stands still unless
/// moved, what the event loops do. Received bytes lie in an arena that is spoilt after every turn, so that
/// whoever keeps a pointer into it is found out.
final class FakeShell {
    private static let secrets = Mutex<UInt64>(0)

    private static func nextSecret() -> UInt64 {
        secrets.withLock { last in
            last += 1
            return last
        }
    }

    let node: Node
    /// ms since 1970.
    var now: Int64 = 1_800_000_000_000
    private let arena = UnsafeMutablePointer<UInt8>.allocate(capacity: Limits.arenaBytes)
    private var clients: [FakeClient] = []

    init(
        loops: Int = 1, options: [String] = [], families: [[Command]] = Node.families,
        files: (any FileSystem)? = nil
    ) throws {
        let configuration = try Configuration.load(
            ["--protected-mode", "no", "--io-threads", "\(loops)"] + options)
        let stops = Counter()
        var doors = Doors(
            disposer: Disposer(), log: { _, text in stops.lines.append(text) }, shutDown: { stops.count += 1 },
            sleep: { stops.sleep($0) })
        // What ends by itself does so at once; threads that go on are played by tests (readers by `settle`).
        doors.spawn = { name, _, body in
            if name == "backup" { return body() }
            if !name.hasPrefix("read-") { stops.threads.append((name, body)) }
        }
        if let files {
            doors.files = files
            // A directory's identity is what its filters are seeded with.
            doors.randomNumber = { 0x5eed }
        }
        // Nobody is two actors' namesake, and later ones come behind earlier ones.
        doors.secretBytes = { count in
            let number = FakeShell.nextSecret()
            var bytes = [UInt8](repeating: 7, count: count)
            for i in 0..<min(count, 8) { bytes[i] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * i)) }
            return bytes
        }
        node = Node(configuration: configuration, doors: doors, wall: now, seed: 1, families: families)
        self.stops = stops
        configuration.onChange = { [unowned node] old, new in node.followPersistence(old, new) }
    }

    deinit {
        for client in clients where client.isOpen { close(client) }
        arena.deallocate()
    }

    private final class Counter: @unchecked Sendable {
        var count = 0
        var whileAsleep: () -> Void = {}
        var lines: [String] = []
        var threads: [(name: String, body: @Sendable () -> Void)] = []

        func sleep(_ microseconds: Int) {
            whileAsleep()
            if microseconds == 1000 { endThreads() }
        }

        /// The node waits for threads to end, each of which does so at once, since it was told to: those of the tree
        /// first.
        private func endThreads() {
            let ending = threads.filter { $0.name != "log" }
            for thread in ending.isEmpty ? threads : ending { thread.body() }
            threads.removeAll { ending.isEmpty || $0.name != "log" }
        }
    }
    private let stops: Counter

    var stopCount: Int { stops.count }

    /// What the log was told.
    var lines: [String] {
        get { stops.lines }
        set { stops.lines = newValue }
    }

    /// What happens while the node blocks a thread of its own.
    var whileAsleep: () -> Void {
        get { stops.whileAsleep }
        set { stops.whileAsleep = newValue }
    }

    func connect(loop: Int = 0) -> FakeClient {
        let executor = node.executors[loop]
        let client = FakeClient(executor)
        begin(executor)
        executor.opened(client.link)
        finish(executor)
        clients.append(client)
        return client
    }

    /// Runs turns on all loops, one client's read per turn and loop, until nothing is left to read; then two
    /// more for the mail that loops send each other.
    func settle() {
        repeat {
            for executor in node.executors { turn(executor) }
            node.persistence?.readers?.catchUp()
            writeLog()
        } while clients.contains {
            $0.mayBeRead
        }
        for _ in 0..<2 { for executor in node.executors { turn(executor) } }
        writeLog()
    }

    /// Whether the log's writer gets a turn whenever replies wait for it.
    var writesLog = true

    private func writeLog() {
        if !writesLog || !clients.contains(where: { !$0.held.isEmpty }) { return }
        node.persistence?.step()
        release()
    }

    /// Sends replies that were held back until the log is durable.
    func release() {
        for client in clients where client.isOpen {
            while let first = client.held.first {
                let standing = client.executor.standing(of: first.number)
                if standing == .pending { break }
                client.held.removeFirst()
                if standing == .lost { close(client) } else { client.received += first.bytes }
            }
            if client.isOpen && client.held.isEmpty && client.closesAfterHeld { close(client) }
        }
    }

    /// Sends raw bytes and answers all that came back.
    func exchange(_ client: FakeClient, _ text: String) -> String {
        client.unread += Array(text.utf8)
        settle()
        return client.take()
    }

    /// One turn: every client of the loop that has sent something is read once.
    func turn(_ executor: Executor) {
        begin(executor)
        var used = 0
        for client in clients where client.executor === executor && client.mayBeRead {
            used += read(client, arena + used)
        }
        executor.execute()
        (arena).update(repeating: 0x5a, count: used)
        finish(executor)
    }

    private func begin(_ executor: Executor) {
        executor.turnBegan(wall: now * 1000, monotonic: UInt64(now) * 1_000_000)
        executor.takeMail()
    }

    private func read(_ client: FakeClient, _ place: UnsafeMutablePointer<UInt8>) -> Int {
        let link = client.link
        let count = min(client.unread.count, Limits.readBytes)
        let own = !link.pointee.input.isEmpty
        let target = own ? link.pointee.input.prepare(count).start : place
        client.unread.prefix(count).withContiguousStorageIfAvailable {
            target.update(from: $0.baseAddress!, count: count)
        }
        client.unread.removeFirst(count)
        if own { link.pointee.input.filled(count) }
        client.executor.received(link, target, count, own: own)
        return own ? 0 : (count + 63) & ~63
    }

    /// What happens between a turn's commands and its replies.
    var beforeReplies: () -> Void = {}

    private func finish(_ executor: Executor) {
        beforeReplies()
        let number = executor.repliesWaitFor()
        var i = 0
        while i < executor.dirty.count {
            let link = executor.dirty[i]
            link.pointee.state.remove(.dirty)
            if let client = clients.first(where: { $0.isOpen && $0.link == link }) { flush(client, number) }
            i += 1
        }
        executor.dirty.removeAll()
        _ = executor.turnEnded(monotonic: UInt64(now) * 1_000_000)
    }

    private func flush(_ client: FakeClient, _ number: UInt64) {
        let link = client.link
        if link.pointee.state.contains(.close) { return close(client) }
        var bytes: [UInt8] = []
        while let run = link.pointee.output.unsent {
            bytes += run.bytes
            link.pointee.output.consume(run.count)
        }
        if number == 0 && client.held.isEmpty {
            client.received += bytes
        } else if !bytes.isEmpty {
            client.held.append((number, bytes))
        }
        guard link.pointee.state.contains(.closeAfterFlush), !link.pointee.state.contains(.owing) else { return }
        if client.held.isEmpty { close(client) } else { client.closesAfterHeld = true }
    }

    private func close(_ client: FakeClient) {
        client.executor.closed(client.link)
        Link.free(client.link)
        client.held = []
        client.isOpen = false
    }
}

final class FakeClient {
    let link: LinkPointer
    let executor: Executor
    var unread: [UInt8] = []
    var received: [UInt8] = []
    /// Replies that wait until the log is durable, and which of its records they wait for.
    var held: [(number: UInt64, bytes: [UInt8])] = []
    var closesAfterHeld = false
    var isOpen = true

    init(_ executor: Executor) {
        self.executor = executor
        link = .allocate(capacity: 1)
        link.initialize(to: Link(descriptor: -1, registration: 1))
    }

    var id: UInt64 { link.pointee.session!.assumingMemoryBound(to: Session.self).pointee.id }

    /// It has sent something, is not slowed down, and none of its replies waits.
    var mayBeRead: Bool {
        isOpen && !unread.isEmpty && held.isEmpty && !link.pointee.state.contains(.slowed)
    }

    func take() -> String {
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }
}
